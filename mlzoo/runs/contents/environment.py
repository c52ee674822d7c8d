"""Contents of `environment.json`, as they are written and read."""

from __future__ import annotations

from typing import TypedDict


class EnvironmentRecord(TypedDict, total=False):
    """`environment.json`: where and by what a run was trained.

    Attributes:
        versions: of Python, the system, mlzoo and the packages that decide results.
        backend: of Keras.
        device: its name for people.
        devices: those that share each batch, where several do.
        processes: that share each batch, where several do.
        precision: of the run.
        seed: of the run.
        git_commit: of the working directory; None where it is no repository.
        determinism: a statement, `bitwise` or `seeded only` in its first words.
        command: the command line; None where Python code trained.
        files: {path: digest} of files that the configuration names.
    """

    versions: dict[str, str]
    backend: str
    device: str
    devices: list[str]
    processes: int
    precision: str
    seed: int
    git_commit: str | None
    determinism: str
    command: str | None
    files: dict[str, str]
