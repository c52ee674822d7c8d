"""Share of the normal samples that are flagged as anomalous; 5 % are meant to be.

A sample is flagged if its p-value among the errors of the validation split is at most .05.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlzoo.statistics.scorers import Scorer

if TYPE_CHECKING:
    from mlzoo.statistics.scorers import Reconstructions

TARGETS = ("inputs per sample", "inputs per score")
DIRECTION = None
NEAR = 0.05
BOUNDS = (0.0, 1.0)


def score(predictions: Reconstructions) -> Scorer | None:
    """Return the metric as a function of weights over samples."""
    return predictions.flagged(anomalous=False)
