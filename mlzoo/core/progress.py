"""Progress of long work, told to whoever started it; the library prints nothing itself.

A run also keeps it in a table of epochs that grows while its trainings train.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple


def terminal() -> Any:
    """The stream of stderr for bars that move the cursor: the one below what escapes that."""
    return getattr(sys.stderr, "stream", sys.stderr)


class Listener:
    """Hears of progress; this one ignores it. The command line's prints it."""

    def note(self, text: str) -> None:
        """Something was inferred or done."""

    def warn(self, text: str) -> None:
        """Something is wrong but does not stop the work."""

    def progress(self, done: int, total: int, what: str) -> None:
        """Part of a countable piece of work (files checked, images predicted) is done."""

    def begun(self, folder: Path) -> None:
        """A run has begun: it can be resumed by the name of this folder."""

    def start(self, what: str, epochs: int, steps: int) -> None:
        """A training starts, or goes on; `what` tells it from others of the run."""

    def step(self, epoch: int, step: int, logs: Mapping[str, float]) -> None:
        """A training step is done; `logs` are means over the epoch so far."""

    def epoch(self, row: Mapping[str, Any]) -> None:
        """An epoch is done; `row` is its line of the history."""

    def trained(self, epoch: int, model: Any, data: Any, folder: Path) -> None:
        """An epoch's weights stand in the model; `folder` is the run's while it is written."""

    def end(self) -> None:
        """The training is over."""


_HEADER = ("training", "epoch", "name", "value", "time")


class EpochValue(NamedTuple):
    """A line of the table: one value of an epoch, and when it came (seconds since 1970)."""

    training: str
    epoch: int
    name: str
    value: float
    time: float


class EpochTable:
    """Writer of a CSV file with one line a value.

    Args:
        path: of the file. One that exists is continued: a resumed training replaces its lines from
            its first epoch on.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begun: set[str] = set()
        if not path.is_file():
            path.parent.mkdir(exist_ok=True)
            self._write("w", [_HEADER])

    def epoch(self, training: str, epoch: int, values: Mapping[str, float]) -> None:
        """Add the values of an epoch, with the present time."""
        if training not in self._begun:
            self._begun.add(training)
            kept = [v for v in read_epochs(self._path) if v.training != training or v.epoch < epoch]
            self._write("w", [_HEADER, *map(_cells, kept)])
        now = round(time.time(), 3)
        lines = [EpochValue(training, epoch, *item, now) for item in values.items()]
        self._write("a", map(_cells, lines))

    def _write(self, mode: str, lines: Iterable[Iterable[object]]) -> None:
        with self._path.open(mode, encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(lines)


def read_epochs(path: Path) -> list[EpochValue]:
    """Return the values of a table; lines that are damaged, or not whole yet, are left out.

    Raises:
        OSError: the file can't be read.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    whole = text[: text.rfind("\n") + 1].replace("\0", "")
    values = []
    for cells in csv.reader(whole.splitlines()[1:]):
        try:
            training, epoch, name, value, at = cells
            values.append(EpochValue(training, int(epoch), name, float(value), float(at)))
        except ValueError:
            continue
    return values


def _cells(line: EpochValue) -> tuple[object, ...]:
    return line.training, line.epoch, line.name, repr(line.value), f"{line.time:.3f}"
