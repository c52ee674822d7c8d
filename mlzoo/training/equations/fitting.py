"""Training of a model on a problem, with estimates of the parameters that are fitted."""

from __future__ import annotations

import keras

from mlzoo.core.configs import RunConfig
from mlzoo.core.progress import Listener
from mlzoo.data.samples import Data
from mlzoo.training.equations.estimates import estimate_parameters
from mlzoo.training.equations.stepping import EquationTraining
from mlzoo.training.loop.early_stopping import Fitted
from mlzoo.training.signals import Stop


def fit(
    model: keras.Model, data: Data, config: RunConfig, seed: int, listener: Listener, stop: Stop
) -> Fitted:
    """Train a model on the problem of its data.

    Raises:
        DivergedError: the loss became NaN or infinite.
        Interrupted: a signal came.
        UsageError: a setting does not go with the problem.
    """
    training = EquationTraining(model, data, config, seed, listener, stop)
    listener.start(config.model, training.epochs, training.settings.steps)
    training.adam()
    training.lbfgs()
    training.keep_best()
    estimates = estimate_parameters(training)
    listener.end()
    for estimate in estimates:
        listener.note(f"fitted: {estimate}")
    return training.result(estimates)
