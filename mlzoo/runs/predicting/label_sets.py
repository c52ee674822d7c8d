"""Predicted label sets, by the thresholds that a run keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlzoo.runs.results import Predictions

if TYPE_CHECKING:
    import numpy as np


def named(
    names: list[str],
    outputs: np.ndarray,
    labels: Sequence[str],
    metrics: Mapping[str, Any],
    warnings: tuple[str, ...],
) -> Predictions:
    """Return predictions of label sets.

    Args:
        names: what the n samples are called.
        outputs: (n, k) probabilities.
        labels: names of the k labels.
        metrics: `metrics.json` of the run, with the threshold of each label where it has scores.
        warnings: what was odd about the samples.
    """
    from mlzoo.data.tables.label_sets import of_row
    from mlzoo.statistics.calibration.thresholds import HALF

    rows = metrics.get("test", {}).get("metrics", {}).get("per_label", ())
    thresholds = [row["threshold"] for row in rows] or [HALF] * len(labels)
    probabilities = outputs.astype("float64")
    chosen = [of_row(row, labels) for row in (probabilities >= thresholds).astype(float)]
    return Predictions(names, chosen, probabilities, warnings)
