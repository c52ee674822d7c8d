"""Likelihood of samples under a model with codes, from importance weights of drawn codes."""

from __future__ import annotations

import numpy as np

from mlzoo.statistics.scorers import Array

SAMPLES, CODES = 256, 64
"""Samples at most, and codes that are drawn of each."""


def elbo_of(log_weights: Array) -> Array:
    """Return the evidence lower bound (n,) of samples in nats.

    Args:
        log_weights: (n, codes) log p(x, z) - log q(z | x) of codes z drawn from q(z | x).
    """
    return np.asarray(log_weights.mean(axis=1))


def log_likelihood_of(log_weights: Array) -> Array:
    """Return the log-likelihood (n,) of samples in nats, by importance sampling.

    Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders" (2016): the logarithm of the
    mean weight, in the mean no more than the log-likelihood, and nearer to it the more codes.

    Args:
        log_weights: (n, codes); see `elbo_of`.
    """
    largest = log_weights.max(axis=1)
    return np.asarray(largest + np.log(np.exp(log_weights - largest[:, None]).mean(axis=1)))
