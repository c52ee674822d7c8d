"""Log-likelihood of real samples by importance sampling with 64 codes, in nats a sample.

Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders" (2016).
"""

from __future__ import annotations

from mlzoo.statistics.scorers import Scorer
from mlzoo.statistics.unlabeled.draws import Draws
from mlzoo.statistics.unlabeled.likelihood import log_likelihood_of

TARGETS = ("inputs per draw",)
DIRECTION = "max"
BOUNDS = (None, None)
TITLE = "log-likelihood"
SYMMETRIC = True


def score(predictions: Draws) -> Scorer | None:
    """Return the metric as a function of weights over samples; None where there is no density."""
    return predictions.likelihood(log_likelihood_of)
