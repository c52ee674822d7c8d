"""Trainings that a run with repeats has finished: their scores, and the files of the first one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mlzoo.core import files
from mlzoo.core.errors import DataError
from mlzoo.core.progress import Listener
from mlzoo.runs.run_folder import REPEATS

if TYPE_CHECKING:
    from mlzoo.runs.contents.metrics import TrainingRecord

_FILES = (
    *("model.keras", "networks/*.keras", "layers.json", "history.csv", "predictions.csv"),
    *("members.csv", "out_of_fold.*", "calibration.json", "decision.json", "novelty.npz"),
)
"""Files that the first training writes, and that no later one changes."""


def write_finished(folder: Path, records: list[TrainingRecord]) -> None:
    """Write `repeats.json`: the records of trainings, and checksums of the first one's files."""
    digests = {str(path.relative_to(folder)): files.sha256_of(path) for path in _files(folder)}
    files.write_sealed(folder / REPEATS, {"trainings": records, "files": digests})


def read_finished(folder: Path, listener: Listener) -> list[TrainingRecord]:
    """Return the records of the trainings that are done; none where a file of theirs is damaged."""
    if not (folder / REPEATS).exists():
        return []
    try:
        content = files.read_sealed(folder / REPEATS)
        if isinstance(content, list):  # of earlier versions
            return content
        for name, digest in content["files"].items():
            path = folder / name
            if not path.is_file() or files.sha256_of(path) != digest:
                raise files.damaged(path, "is missing or damaged: it does not match its checksum")
    except DataError as error:
        listener.warn(f"{error}: what it held is trained again")
        return []
    records: list[TrainingRecord] = content["trainings"]
    return records


def _files(folder: Path) -> Iterator[Path]:
    return (path for pattern in _FILES for path in sorted(folder.glob(pattern)))
