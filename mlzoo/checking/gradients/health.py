"""Health of a model's layers: finite numbers, dead units, gradients by depth, consistency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

import keras
import numpy as np

from mlzoo.checking.backend import with_gradients
from mlzoo.checking.gradients.gradients import stateless
from mlzoo.checking.gradients.precise import Call

_RANDOM = ("Dropout", "AlphaDropout", "SpatialDropout", "GaussianNoise", "GaussianDropout")


class LayerOutputs(TypedDict):
    """Outputs of a call of a layer.

    Attributes:
        layer: its name.
        type: its class.
        finite: none is NaN or infinite.
        mean, std: of all of them.
        dead: share of units (of the last axis) that give the same for every sample and place; None
            for layers without an activation.
        saturated: share beyond 0.99 of a tanh's or a sigmoid's range; None for other layers.
    """

    layer: str
    type: str
    finite: bool
    mean: float
    std: float
    dead: float | None
    saturated: float | None


class WeightGradient(TypedDict):
    """Root mean square of the gradient in a weight matrix, and that over the largest of all."""

    weight: str
    gradient: float
    share: float


class Consistency(TypedDict):
    """Largest differences of outputs over their spread.

    Attributes:
        batch_of_one: between a sample in a batch and alone.
        again: between two calls.
        training: between training and inference.
        random: names of layers that are meant to make training differ (dropout, batch
            normalization).
    """

    batch_of_one: float
    again: float
    training: float
    random: list[str]


def activations(calls: Sequence[Call]) -> list[LayerOutputs]:
    """Return a row per call: finiteness, mean and spread of outputs, dead and saturated units."""
    return [_activation(call) for call in calls]


def _activation(call: Call) -> LayerOutputs:
    values = np.concatenate(
        [_flat(each) for each in keras.tree.flatten(call.output) if each is not None], axis=None
    )
    # Beyond the end of a sequence NaN stands for what is not there.
    inputs = keras.tree.flatten((call.args, call.kwargs))
    raw = any(np.isnan(_array(each)).any() for each in inputs if _is_float(each))
    known = values[~np.isnan(values)] if raw else values
    name = _activation_name(call.layer)
    ends = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}.get(name)
    saturated = None
    if ends is not None:
        middle, half = (ends[0] + ends[1]) / 2, (ends[1] - ends[0]) / 2
        saturated = float((np.abs(known - middle) > 0.99 * half).mean())
    return {
        "layer": call.layer.name,
        "type": type(call.layer).__name__,
        "finite": bool(np.isfinite(known).all()),
        "mean": float(known.mean()) if known.size else 0.0,
        "std": float(known.std()) if known.size else 0.0,
        "dead": _dead(call) if name not in ("", "linear", "softmax") else None,
        "saturated": saturated,
    }


def _activation_name(layer: keras.layers.Layer) -> str:
    if isinstance(layer, keras.layers.ReLU | keras.layers.LeakyReLU):
        return "relu"
    return str(getattr(getattr(layer, "activation", None), "__name__", ""))


def _dead(call: Call) -> float:
    output = _array(keras.tree.flatten(call.output)[0])
    units = output.reshape(-1, output.shape[-1])
    return float((np.ptp(units, axis=0) == 0).mean())


def by_depth(model: keras.Model, x: Any, seed: int) -> list[WeightGradient]:
    """Return the size of the gradient in each weight matrix, in order of depth.

    It is that of a random combination of the outputs.

    Args:
        model: in float64.
        x: (n, *shape), inputs.
        seed: of the random combination.
    """
    variables = model.trainable_variables
    generator = np.random.default_rng(seed)
    weights: list[Any] = []

    def function(arrays: Sequence[Any]) -> Any:
        outputs, _ = stateless(model, variables, arrays, x)
        if not weights:
            weights.append(generator.normal(size=tuple(outputs.shape)))
        return keras.ops.sum(keras.ops.cast(outputs, "float64") * weights[0])

    _, gradients = with_gradients(function)([v.value for v in variables])
    sizes = [
        (v.path, float(np.sqrt((_array(g) ** 2).mean())))
        for v, g in zip(variables, gradients, strict=True)
        if len(v.shape) > 1
    ]
    largest = max((size for _, size in sizes), default=0.0) or 1.0
    return [{"weight": w, "gradient": size, "share": size / largest} for w, size in sizes]


def consistency(model: keras.Model, x: Any) -> Consistency:
    """Return how far outputs change with the batch, between calls and in training."""
    whole = _outputs(model, x, False)
    spread = float(np.ptp(whole)) or 1.0
    alone = np.concatenate([_outputs(model, x[i : i + 1], False) for i in range(len(whole))])
    return {
        "batch_of_one": float(np.abs(alone - whole).max() / spread),
        "again": float(np.abs(_outputs(model, x, False) - whole).max() / spread),
        "training": float(np.abs(_outputs(model, x, True) - whole).max() / spread),
        "random": [
            layer.name
            for layer in model._flatten_layers(include_self=False)
            if type(layer).__name__.startswith(_RANDOM)
            or isinstance(layer, keras.layers.BatchNormalization)
            or any(getattr(layer, n, 0) for n in ("dropout", "recurrent_dropout"))
        ],
    }


def _outputs(model: keras.Model, x: Any, training: bool) -> np.ndarray:
    with keras.StatelessScope():
        return _array(model(x, training=training))


def _array(value: Any) -> np.ndarray:
    return np.array(keras.ops.convert_to_numpy(value), "float64")


def _flat(value: Any) -> np.ndarray:
    return _array(value).ravel()


def _is_float(leaf: Any) -> bool:
    return keras.ops.is_tensor(leaf) and "float" in str(keras.backend.standardize_dtype(leaf.dtype))
