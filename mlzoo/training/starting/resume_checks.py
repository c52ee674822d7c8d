"""Checks that a resumed run still ends with the weights of an unbroken one."""

from __future__ import annotations

from pathlib import Path

from mlzoo.core import files
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.runs import devices
from mlzoo.runs.contents.environment import EnvironmentRecord
from mlzoo.training.distributed.group import sharing
from mlzoo.training.starting.folder import files_read, seal


def check_code(before: dict[str, str], config: RunConfig) -> None:
    """Raise UsageError where one of the files that `files_read` found has changed."""
    now = files_read(config)
    changed = [f"{path} has changed" for path, digest in before.items() if now.get(path) != digest]
    if changed:
        raise UsageError([f"{text} since this run started: put it back" for text in changed])


def check_config(path: Path) -> None:
    """Raise UsageError where a configuration was edited since `seal` made its text."""
    text, _, _ = files.read_text(path).rpartition(files.SEAL)
    if files.read_text(path) != seal(text):
        raise UsageError(
            f"{path} was edited since this run started: put it back, or start a new run with the "
            "new settings (--resume changes nothing but --epochs)"
        )


def devices_note(before: EnvironmentRecord, config: RunConfig) -> str:
    """Return a note where a batch is now shared by another number of devices, else ""."""
    names = before.get("devices", []), devices.shared(config.devices)
    processes = before.get("processes", 1), sharing().world
    counts = [max(len(n), 1) * count for n, count in zip(names, processes, strict=True)]
    if counts[0] == counts[1]:
        return ""
    return (
        f"devices that share each batch: {counts[0]} until now, {counts[1]} from here on; sums are "
        "rounded otherwise, so that weights are no longer equal to the bit (--devices, --world)"
    )


def check_machine(before: EnvironmentRecord, config: RunConfig) -> None:
    """Refuse what would make a resumed run's weights differ from those of an unbroken one."""
    now = devices.environment(config.seed, config.precision)
    pairs: list[tuple[str, str | None, str | None]] = [
        ("backend", before["backend"], now["backend"])
    ]
    pairs += [
        (name, before["versions"].get(name), now["versions"].get(name))
        for name in ("mlzoo", "keras", before["backend"], "numpy")
    ]
    changed = [f"{name} is {new}, was {old}" for name, old, new in pairs if old != new]
    if changed:
        raise UsageError(
            f"this run can't go on exactly: {', '.join(changed)}; bring that back "
            "(KERAS_BACKEND, pip install), or start a new run"
        )
