"""Evidence lower bound of real samples, of models with codes that are drawn, in nats a sample."""

from __future__ import annotations

from mlzoo.statistics.scorers import Scorer
from mlzoo.statistics.unlabeled.draws import Draws
from mlzoo.statistics.unlabeled.likelihood import elbo_of

TARGETS = ("inputs per draw",)
DIRECTION = "max"
BOUNDS = (None, None)
TITLE = "ELBO"
SYMMETRIC = True


def score(predictions: Draws) -> Scorer | None:
    """Return the metric as a function of weights over samples; None where there is no density."""
    return predictions.likelihood(elbo_of)
