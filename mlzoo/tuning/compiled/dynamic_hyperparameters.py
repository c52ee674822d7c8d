"""Hyperparameters within a network that can change without recompilation: dropout and penalties.

They are arguments of the compiled program: while it is traced, `Scalars` holds the arguments and
the layers read them from there.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops


class Scalars:
    """Program arguments that replace a network's dropout rates and penalties.

    Attributes:
        dropout: rates, one per dropout layer, in order of the layers.
        penalties: (weights, 2): l1 and l2 of each penalized weight, in order of the weights.
    """

    def __init__(self) -> None:
        self.dropout: Any = ()
        self.penalties: Any = ()


@keras.saving.register_keras_serializable(package="mlzoo")
class AdjustableDropout(keras.layers.Layer):
    """Dropout (Srivastava et al. 2014) whose rate is an argument of the compiled program.

    It draws the same masks as `keras.layers.Dropout` with the same seed.
    """

    def __init__(self, place: int, scalars: Scalars, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.place, self._scalars = place, scalars
        self.seed_generator = keras.random.SeedGenerator()
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Drop entries at random in training, and scale up the others; inputs of any shape."""
        if not training:
            return inputs
        rate = ops.cast(self._scalars.dropout[self.place], inputs.dtype)
        drawn = keras.random.uniform(ops.shape(inputs), seed=self.seed_generator)
        # The backends differ in which end of the interval is kept.
        kept = drawn < 1 - rate if keras.backend.backend() == "jax" else drawn >= rate
        return ops.where(kept, inputs / (1 - rate), ops.zeros_like(inputs))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the inputs."""
        return input_shape


def numbers_of(model: keras.Model) -> tuple[np.ndarray, np.ndarray]:
    """Return a network's dropout rates and its penalties (weights, 2), as in `Scalars`."""
    rates = [layer.rate for layer in model.layers if type(layer) is keras.layers.Dropout]
    strengths = [
        (float(getattr(v.regularizer, "l1", 0)), float(getattr(v.regularizer, "l2", 0)))
        for v in penalized(model)
    ]
    return np.array(rates, "float32"), np.array(strengths, "float32").reshape(len(strengths), 2)


def penalized(model: keras.Model) -> list[Any]:
    """Return the weights with an l1 or l2 penalty."""
    kinds = (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)
    return [v for v in model.trainable_variables if type(v.regularizer) in kinds]


def adjustable(model: keras.Model, scalars: Scalars) -> tuple[keras.Model, list[Any]]:
    """Return the network with dropout rates from `scalars`, and its penalized weights.

    Its own penalties are removed; `penalty` adds them.
    """
    places = [layer.name for layer in model.layers if type(layer) is keras.layers.Dropout]
    if places:

        def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
            if layer.name in places:
                return AdjustableDropout(places.index(layer.name), scalars, name=layer.name)
            return layer.__class__.from_config(layer.get_config())

        model = keras.models.clone_model(model, clone_function=clone)
    weights = penalized(model)
    for variable in weights:
        variable.regularizer = None
    return model, weights


def penalty(weights: list[Any], strengths: Any) -> Any:
    """Return the sum of l1 |w| + l2 w² over penalized weights."""
    total = 0.0
    for place, weight in enumerate(weights):
        total = total + strengths[place][0] * ops.sum(ops.abs(weight))
        total = total + strengths[place][1] * ops.sum(ops.square(weight))
    return total
