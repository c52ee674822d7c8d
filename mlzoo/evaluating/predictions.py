"""Predictions of a run as a CSV file, for paired comparisons with other runs."""

from __future__ import annotations

from pathlib import Path

from mlzoo.core.files import write_rows
from mlzoo.data.contracts import Outcome
from mlzoo.data.samples import Samples


def write_predictions(path: Path, outcome: Outcome, samples: Samples) -> None:
    """Write the predictions of a model on a split; the task defines the columns.

    Args:
        path: of the CSV file.
        outcome: predictions and targets.
        samples: the data they belong to.
    """
    columns = outcome.columns(samples)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = zip(*(column for _, column in columns), strict=True)
        write_rows(file, [name for name, _ in columns], rows)
