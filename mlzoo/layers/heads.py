"""Output layer and final activation of a model, by the kind of target."""

from __future__ import annotations

from typing import Any

import keras

from mlzoo.data.specs import Outputs
from mlzoo.layers.scaling import Unstandardise
from mlzoo.layers.steps import NoMask


def logits(
    outputs: Outputs,
    features: keras.KerasTensor,
    units: int = 0,
    name: str = "head",
    **settings: Any,
) -> keras.KerasTensor:
    """Return the output layer, without an activation.

    Args:
        outputs: what the model predicts.
        features: (batch, features), (batch, steps, features) or (batch, height, width, features).
        units: number of outputs; 0: all.
        name: of the layer.
        **settings: arguments of the layer, such as a regularizer.
    """
    settings = {"name": name, "dtype": "float32", **settings}
    if outputs.target.dense:
        settings = {"kernel_size": 1, "padding": "same", **settings}
        return keras.layers.Conv2D(units or outputs.units, **settings)(features)
    if outputs.target.stepwise:
        features = NoMask(name="unmasked")(features)
    if outputs.horizon and len(features.shape) == 2:
        x = keras.layers.Dense(outputs.horizon * outputs.units, **settings)(features)
        return keras.layers.Reshape((outputs.horizon, outputs.units), name="horizon")(x)
    return keras.layers.Dense(units or outputs.units, **settings)(features)


def finish(outputs: Outputs, logits: keras.KerasTensor) -> keras.KerasTensor:
    """Return probabilities of classes, or numbers in the units of the targets."""
    if outputs.target.is_class:
        activation = "sigmoid" if outputs.units == 1 else "softmax"
        return keras.layers.Activation(activation, dtype="float32", name="output")(logits)
    if not outputs.mean:
        return keras.layers.Identity(name="output")(logits)
    return Unstandardise(outputs.mean, outputs.std, dtype="float32", name="output")(logits)
