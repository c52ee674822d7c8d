"""Exact weights of a linear regression on what a model's layer `head` is given."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np

from mlzoo.data.samples import Data
from mlzoo.layers.predictive import DISTRIBUTION
from mlzoo.statistics.regression import bayesian, least_squares
from mlzoo.statistics.regression.bayesian import Posterior
from mlzoo.statistics.regression.least_squares import ReducedSystem


def solve_least_squares(model: keras.Model, data: Data, l2: float) -> None:
    """Set the weights of the layer `head` to those of the least training loss.

    Args:
        model: its trainable weights are those of a Dense layer `head`, and its output that layer's,
            restored to the targets' units where these have statistics.
        data: the training split is read once.
        l2: penalty on the squared weights, beside the mean squared error.
    """
    system = _system(model, data)
    ridge = l2 * system.count * len(system.target_mean)
    model.get_layer("head").set_weights(list(least_squares.solve(system, ridge)))


def solve_posterior(
    model: keras.Model, data: Data, noise_precision: float | None, weight_precision: float | None
) -> list[Posterior]:
    """Set the layer `head` to the posterior mean of its weights, and `distribution` beside it.

    Args:
        model: as of `solve_least_squares`, with a layer `distribution` (`LinearPosterior`).
        data: the training split is read once.
        noise_precision: of the standardized targets; None: by evidence.
        weight_precision: of the prior of the weights; None: by evidence.

    Returns:
        The posterior of each target.
    """
    system = _system(model, data)
    posteriors = [
        bayesian.posterior(system, target, noise_precision, weight_precision)
        for target in range(len(system.target_mean))
    ]
    weights = np.stack([each.mean for each in posteriors], axis=1)
    intercepts = system.target_mean - system.feature_mean @ weights
    model.get_layer("head").set_weights([weights, intercepts])
    scale = data.outputs.std or np.ones(len(posteriors))
    model.get_layer(DISTRIBUTION).set_posteriors(posteriors, scale)
    return posteriors


def _system(model: keras.Model, data: Data) -> ReducedSystem:
    """Return the regression of the standardized targets on what the layer `head` is given."""
    below = keras.Model(model.inputs, model.get_layer("head").input)
    mean = np.array(data.outputs.mean or (0.0,))
    std = np.array(data.outputs.std or (1.0,))

    def chunks() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for rows in data.train.chunks():
            inputs = data.train.inputs(rows)
            targets = np.asarray(data.train.targets_at(rows), "float64").reshape(len(inputs), -1)
            yield np.asarray(below.predict_on_batch(inputs), "float64"), (targets - mean) / std

    return least_squares.reduce(chunks())
