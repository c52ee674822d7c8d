"""A table that grows with each epoch: `trackers/epochs.csv`, one line a value.

`history.csv` has the epochs of a finished training side by side; this one is there from the first
epoch on, for all trainings of the run (folds, seeds), with the time of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mlzoo.core.progress import EpochTable
from mlzoo.data.contracts import RunInfo, Tracker

PATH = Path("trackers") / "epochs.csv"


class TableTracker(EpochTable):
    """The table, with the scores on the test split at its end."""

    def finish(self, folder: Path, metrics: Mapping[str, float]) -> None:
        """Add the scores on the test split, with epoch 0."""
        self.epoch("test", 0, metrics)

    def close(self) -> None:
        """Do nothing: the file is closed after each epoch."""


def track(run: RunInfo) -> Tracker:
    """Return the writer of a run's table.

    Args:
        run: the run that is reported.
    """
    return TableTracker(run.folder / PATH)
