"""Network whose weights are given in a file, not trained: gates, XOR, examples worked by hand.

McCulloch and Pitts, "A logical calculus of the ideas immanent in nervous activity" (1943), built
networks of given weights; theirs had thresholds in place of activations. `--weights FILE` reads
the layers. Inputs are taken raw, unlike those of other models. Hidden layer i is `hidden{i}`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import Field, FiniteFloat, model_validator

from mlzoo.core.configs import Settings
from mlzoo.core.errors import UsageError
from mlzoo.core.messages import over
from mlzoo.data.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras
    import numpy as np

    from mlzoo.data.samples import Data

TARGETS = ("classes per sample", "numbers per sample")


class FixedLayer(Settings):
    """One layer of given weights."""

    weights: tuple[tuple[FiniteFloat, ...], ...] = Field(min_length=1)
    """A row a unit, with a number an input."""
    biases: tuple[FiniteFloat, ...]
    """A number a unit."""
    activation: Literal["linear", "relu", "elu", "selu", "tanh", "sigmoid", "softmax"] = "linear"
    """Activation of the layer."""


class Config(Settings):
    """Settings of fixed."""

    layers: tuple[FixedLayer, ...] = ()
    """Layers from the inputs on, each with weights (a row a unit), biases and an activation; the
    last is softmax, or one sigmoid unit, for classes."""
    classes: tuple[str, ...] = ()
    """Names of the classes in the order of the last layer's units."""

    @model_validator(mode="after")
    def _chained(self) -> Config:
        for number, layer in enumerate(self.layers, 1):
            _check_layer(number, layer)
        for number, (before, layer) in enumerate(
            zip(self.layers, self.layers[1:], strict=False), 1
        ):
            units, numbers = len(before.weights), len(layer.weights[0])
            if numbers != units:
                raise ValueError(
                    f"layer {number} has {over(units, 'units')}, but a row of weights of layer "
                    f"{number + 1} has {over(numbers, 'numbers')}"
                )
            if before.activation == "softmax":
                raise ValueError(f"layer {number} is softmax, which only the last may be")
        if self.classes and len(self.classes) != self.class_count:
            raise ValueError(
                f"the last layer gives {self.class_count or 'no'} classes, but classes names "
                f"{len(self.classes)}"
            )
        return self

    @property
    def class_count(self) -> int:
        """Return the number of classes; 0 of a network that predicts numbers."""
        if not self.layers:
            return 0
        units, activation = len(self.layers[-1].weights), self.layers[-1].activation
        if activation == "softmax":
            return units
        return 2 if activation == "sigmoid" and units == 1 else 0


def _check_layer(number: int, layer: FixedLayer) -> None:
    """Raise ValueError unless the weights of a layer are a matrix with a bias a row."""
    widths = sorted({len(row) for row in layer.weights})
    if len(widths) > 1 or not widths[0]:
        raise ValueError(
            f"rows of weights of layer {number} have {' and '.join(map(str, widths))} numbers; "
            "write one row a unit, each with a number an input"
        )
    if len(layer.biases) != len(layer.weights):
        raise ValueError(
            f"layer {number} has {over(len(layer.weights), 'rows')} of weights but "
            f"{over(len(layer.biases), 'biases') or 'no biases'}; write one of each a unit"
        )
    if layer.activation == "softmax" and len(layer.weights) < 2:
        raise ValueError(f"layer {number} is softmax of one unit, which is always 1; use sigmoid")


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from raw (batch, *inputs.shape) to (batch, outputs.units).

    Args:
        config: the model's settings; without layers it has an output layer alone.
        inputs: specification of the samples.
        outputs: specification of the predictions.

    Raises:
        UsageError: the layers do not fit the inputs or the outputs.
    """
    import keras

    from mlzoo.layers.blocks import flat

    tensor = keras.Input(inputs.shape, dtype=inputs.dtype, name="input")
    x = flat(keras.layers.Rescaling(1.0, name="scaling")(tensor))
    if not outputs.target.is_class:
        outputs = replace(outputs, mean=(), std=())  # The last layer gives the numbers themselves.
    if not config.layers:
        return keras.Model(tensor, outputs.head(x), name="fixed")
    _check_fit(config, x.shape[-1], outputs)
    *hidden, last = config.layers
    for number, layer in enumerate(hidden, 1):
        x = keras.layers.Dense(len(layer.weights), layer.activation, name=f"hidden{number}")(x)
    logits = outputs.logits(x)
    if not outputs.target.is_class:
        logits = keras.layers.Activation(last.activation, name="activation")(logits)
    model = keras.Model(tensor, outputs.finish(logits), name="fixed")
    for number, layer in enumerate(hidden, 1):
        model.get_layer(f"hidden{number}").set_weights(_arrays(layer))
    kernel, bias = _arrays(last)
    if outputs.units == 1 and bias.shape[0] == 2:
        # One output stands for two classes: softmax of a and b is sigmoid of b - a.
        kernel, bias = kernel[:, 1:] - kernel[:, :1], bias[1:] - bias[:1]
    model.get_layer("head").set_weights([kernel, bias])
    model.plain_only = True  # Compiled fits of a search would draw the weights themselves.
    model.classes = config.classes
    return model


def initialize(model: keras.Model, data: Data) -> None:
    """Mark the model as one that needs no training.

    Raises:
        UsageError: no weights were given, or the data have other classes.
    """
    classes: tuple[str, ...] | None = getattr(model, "classes", None)
    if classes is None:
        raise UsageError("fixed: no weights are given; name a file of layers with --weights FILE")
    known = data.samples.class_names
    if classes and classes != tuple(known):
        raise UsageError(
            f"fixed: the weights are for classes {', '.join(classes)}, but the data have "
            f"{', '.join(known)}; put the rows of the last layer into the order of the data"
        )
    model.solved = "weights given, not trained"


def _check_fit(config: Config, features: int, outputs: Outputs) -> None:
    """Raise UsageError unless layers take so many features and give the outputs."""
    first = len(config.layers[0].weights[0])
    if first != features:
        raise UsageError(
            f"fixed: layer 1 has {over(first, 'weights')} a unit, but a sample has "
            f"{over(features, 'numbers')}"
        )
    classes = config.class_count
    if outputs.target.is_class:
        owed = max(outputs.units, 2)
        if classes != owed:
            given = f"{classes} classes" if classes else "numbers, since it is no softmax"
            raise UsageError(
                f"fixed: the data have {owed} classes, but the last layer gives {given}"
            )
        return
    units = len(config.layers[-1].weights)
    if units != outputs.units:
        raise UsageError(
            f"fixed: the data have {over(outputs.units, 'numbers')} to predict, but the last layer "
            f"has {over(units, 'units')}"
        )


def _arrays(layer: FixedLayer) -> list[np.ndarray]:
    """Return kernel (inputs, units) and biases (units,) of a layer."""
    import numpy as np

    return [np.array(layer.weights, "float32").T, np.array(layer.biases, "float32")]
