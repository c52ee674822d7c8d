"""Negative log-likelihood of normal predictive distributions, in nats a value."""

from __future__ import annotations

from mlzoo.statistics.predictive.distributions import nll_normal
from mlzoo.statistics.scorers import Predictions, Scorer, weighted_mean

TARGETS = ("numbers per sample",)
DIRECTION = "min"
BOUNDS = (None, None)
TITLE = "NLL"
SYMMETRIC = True


def score(predictions: Predictions) -> Scorer | None:
    """Return the metric as a function of weights over samples.

    None of points and of quantiles, which have no density.
    """
    given = predictions.distributions
    if given is None or given.std is None:
        return None
    scores = nll_normal(predictions.y_true, predictions.y_pred, given.std)
    return weighted_mean(scores.mean(axis=1))
