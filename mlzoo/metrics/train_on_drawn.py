"""Accuracy on real samples of a classifier that learned from drawn ones of classes asked for.

Esteban, Hyland and Raetsch, "Real-valued (medical) time series generation with recurrent
conditional GANs" (2017), who train on synthetic samples and test on real ones. Beside real samples
it is that of a classifier that learned from as many samples of the training split.
"""

from __future__ import annotations

from mlzoo.statistics.scorers import Scorer
from mlzoo.statistics.unlabeled.draws import Draws

TARGETS = ("inputs per draw",)
DIRECTION = "max"
BOUNDS = (0.0, 1.0)


def score(predictions: Draws) -> Scorer | None:
    """Return the metric as a function of weights over samples; None where no class was asked."""
    return predictions.train_on_drawn()
