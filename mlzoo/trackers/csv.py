"""A table that grows with each epoch: `trackers/epochs.csv`, one line a value.

`history.csv` has the epochs of a finished training side by side; this one is there from the first
epoch on, for all trainings of the run (folds, seeds), with the time of each.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from mlzoo.data.contracts import RunInfo, Tracker

PATH = Path("trackers") / "epochs.csv"
_HEADER = ("training", "epoch", "name", "value", "time")


class EpochTable:
    """Writer of the table.

    Args:
        folder: the run folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / PATH
        self._begun: set[str] = set()
        if not self._path.is_file():
            self._path.parent.mkdir(exist_ok=True)
            self._write("w", [_HEADER])

    def epoch(self, training: str, epoch: int, values: Mapping[str, float]) -> None:
        """Add an epoch; lines of a resumed training from this epoch on are replaced."""
        if training not in self._begun:
            self._begun.add(training)
            self._cut(training, epoch)
        now = f"{time.time():.3f}"
        lines = [(training, epoch, name, repr(value), now) for name, value in values.items()]
        self._write("a", lines)

    def finish(self, folder: Path, metrics: Mapping[str, float]) -> None:
        """Add the scores on the test split, with epoch 0."""
        self._cut("test", 0)
        now = f"{time.time():.3f}"
        self._write("a", [("test", 0, name, repr(value), now) for name, value in metrics.items()])

    def close(self) -> None:
        """Do nothing: the file is closed after each epoch."""

    def _cut(self, training: str, epoch: int) -> None:
        with self._path.open(encoding="utf-8", newline="") as file:
            header, *lines = list(csv.reader(file))
        kept = [line for line in lines if line[0] != training or int(line[1]) < epoch]
        if len(kept) < len(lines):
            self._write("w", [header, *kept])

    def _write(self, mode: str, lines: Iterable[Iterable[object]]) -> None:
        with self._path.open(mode, encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(lines)


def track(run: RunInfo) -> Tracker:
    """Return the writer of a run's table.

    Args:
        run: the run that is reported.
    """
    return EpochTable(run.folder)
