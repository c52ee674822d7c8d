"""A run's predictions as a CSV file that a later comparison pairs with another run's."""

from __future__ import annotations

from pathlib import Path

from mlzoo.core.files import write_rows
from mlzoo.data.contracts import Outcome
from mlzoo.data.samples import Samples


def write_predictions(path: Path, outcome: Outcome, samples: Samples) -> None:
    """Write what a model predicted of the samples of a part; the task decides on the columns."""
    columns = outcome.columns(samples)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = zip(*(column for _, column in columns), strict=True)
        write_rows(file, [name for name, _ in columns], rows)
