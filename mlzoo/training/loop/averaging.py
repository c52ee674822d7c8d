"""Averages of the weights over steps, which are validated, kept and saved in their place.

With `--ema-momentum` after each step a <- d a + (1 - d) w, beginning with the weights after the
first step (Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992, with
weights that fall). With `--swa-share` the mean of the weights after each step of the end of the
training, before it the weights themselves (Izmailov et al., "Averaging weights leads to wider
optima and better generalization", 2018, who average once an epoch and anew compute the statistics
of batch normalization).
Keras' optimizers hold the averages beside their other variables, so that checkpoints do. The
statistics of batch normalization are averages already, and are left as they are. Where a step is
divided into micro-batches, Keras averages after each of them, so that the average is nearly, not
exactly, that of whole steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from mlzoo.training import checkpoints


@contextmanager
def averaged(model: keras.Model) -> Iterator[None]:
    """Give a model the averages of its weights, and afterwards its own weights again.

    Args:
        model: compiled with an optimizer that has averages, its variables being those of the last
            step.
    """
    own = checkpoints.values(model.trainable_variables)
    finish(model)
    try:
        yield
    finally:
        checkpoints.assign(model.trainable_variables, own)


def finish(model: keras.Model) -> None:
    """Give a model the averages of its weights in their place; see `averaged`."""
    variables = model.trainable_variables
    model.optimizer.finalize_variable_values(variables)
    # On JAX they are the averages' own arrays now, which a step on the model gives away.
    checkpoints.assign(variables, checkpoints.values(variables))
