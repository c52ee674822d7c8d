"""Gradients against central differences in float64, of each layer alone and the whole model.

Alone, a layer's function is s = sum(R * output) with random R, and its gradients in its weights and
in its inputs are held against (s(v + h d) - s(v - h d)) / 2h along random directions d and along
single entries. So a wrong gradient is blamed on the layer that has it, not on those before it. A
kink within h of a number (ReLU, max pooling) spoils a difference, and does so less often the
smaller h is, while rounding spoils small h: each comparison counts with its best h.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np

from mlzoo.checking.backend import compiled, with_gradients
from mlzoo.checking.gradients.precise import Call

STEPS = (1e-4, 1e-5, 1e-6, 1e-7)
WHOLE_STEPS = (1e-6, 1e-8, 1e-10)
"""Smaller ones for the whole model, where a step moves many numbers past many kinks."""
TOLERANCE = 1e-4
_JITTER = 1e-2
"""Of the inputs' spread: added to a layer's inputs, so that no two are tied and none is 0."""


@dataclass(frozen=True)
class Compared:
    """Comparison of the gradient of one array of weights or inputs with central differences.

    Attributes:
        layer: whose it is; `whole model` where the gradient went through all of it.
        parameter: the weight's name, or `input`.
        size: numbers in it.
        compared: directions and entries that were compared.
        absolute: the largest difference, by step size.
        relative: the same over the larger of the two.
        worst: the largest relative difference beyond rounding, each comparison with its best
            step size.
    """

    layer: str
    parameter: str
    size: int
    compared: int
    absolute: dict[float, float]
    relative: dict[float, float]
    worst: float

    @property
    def agrees(self) -> bool:
        """Return True if the gradient is right."""
        return self.worst <= TOLERANCE


def check_layers(
    calls: Sequence[Call], seed: int, entries: int = 4, steps: Sequence[float] = STEPS
) -> Iterator[Compared]:
    """Check every call of a layer alone: the gradients of its weights, then of its inputs.

    Args:
        calls: the layers' calls.
        seed: of everything drawn.
        entries: single entries per array that are compared.
        steps: sizes of the central differences.
    """
    generator = np.random.default_rng(seed)
    for call in calls:
        variables = call.layer.trainable_variables
        leaves = keras.tree.flatten((call.args, call.kwargs))
        places = [i for i, leaf in enumerate(leaves) if _is_float(leaf)] if call.behind else []
        if not places and not variables:
            continue
        for place in places:
            leaves[place] = _jittered(leaves[place], generator)
        function = _alone(call, leaves, places, variables, generator)
        values = [_array(leaves[place]) for place in places] + [_array(v) for v in variables]
        names = ["input"] * len(places) + [variable.name for variable in variables]
        yield from _compared(call.layer.name, names, values, function, generator, entries, steps)


def check_whole(
    model: keras.Model, x: Any, seed: int, steps: Sequence[float] = WHOLE_STEPS
) -> Iterator[Compared]:
    """Check the gradient of a random combination of the outputs in every weight.

    Args:
        model: in float64.
        x: (n, *shape), inputs.
        seed: of everything drawn.
        steps: sizes of the central differences.
    """
    generator = np.random.default_rng(seed)
    variables = model.trainable_variables
    outputs, _ = stateless(model, variables, [v.value for v in variables], x)
    weights = _random_like(outputs, generator)

    def function(arrays: Sequence[Any]) -> Any:
        shifted_outputs, _ = stateless(model, variables, arrays, x)
        return _combined(shifted_outputs, weights)

    names = [variable.path for variable in variables]
    values = [_array(variable) for variable in variables]
    quick = compiled(lambda *arrays: function(list(arrays)))
    yield from _compared(
        "whole model", names, values, function, generator, 0, steps, lambda a: quick(*a)
    )


def stateless(
    model: keras.Model, variables: Sequence[Any], values: Sequence[Any], x: Any
) -> tuple[Any, Any]:
    """Return outputs in training with other values in some variables; the model is unchanged.

    Args:
        model: left as it is.
        variables: those that are replaced.
        values: their replacements.
        x: (n, *shape), inputs.
    """
    with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))) as scope:
        return model(x, training=True), scope


def _alone(
    call: Call,
    leaves: list[Any],
    places: Sequence[int],
    variables: Sequence[Any],
    generator: np.random.Generator,
) -> Callable[[Sequence[Any]], Any]:
    weights = _random_like(call.output, generator)
    structure = (call.args, call.kwargs)

    def function(arrays: Sequence[Any]) -> Any:
        arguments = list(leaves)
        for place, array in zip(places, arrays[: len(places)], strict=True):
            arguments[place] = array
        args, kwargs = keras.tree.pack_sequence_as(structure, arguments)
        mapping = list(zip(variables, arrays[len(places) :], strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            return _combined(call.function(*args, **kwargs), weights)

    return function


def _compared(
    layer: str,
    names: Sequence[str],
    values: list[np.ndarray],
    function: Callable[[Sequence[Any]], Any],
    generator: np.random.Generator,
    entries: int,
    steps: Sequence[float],
    quick: Callable[[list[Any]], Any] | None = None,
) -> Iterator[Compared]:
    tensors = [_tensor(value) for value in values]
    _, gradient_tensors = with_gradients(function)(tensors)
    gradients = [_array(gradient) for gradient in gradient_tensors]
    evaluate = quick or function

    def shifted(place: int, change: np.ndarray) -> float:
        moved = _tensor(values[place] + change)
        return float(evaluate([*tensors[:place], moved, *tensors[place + 1 :]]))

    for place, name in enumerate(names):
        value, gradient = values[place], gradients[place]
        there = np.isfinite(value)
        gradient = np.where(there, gradient, 0.0)
        rows = []
        for direction in _directions(value, there, generator, entries):
            slope = float((gradient * direction).sum())
            size = max(abs(slope), _typical(gradient, direction))
            rows.append(_differences(partial(shifted, place), direction, slope, size, steps))
        absolute, relative, excess = (np.array(part) for part in zip(*rows, strict=True))
        best = excess.min(axis=1)
        yield Compared(
            layer,
            name,
            int(value.size),
            len(rows),
            {h: float(a) for h, a in zip(steps, absolute.max(axis=0), strict=True)},
            {h: float(r) for h, r in zip(steps, relative.max(axis=0), strict=True)},
            float(best.max()) if np.isfinite(best).all() else float("inf"),
        )


def _typical(gradient: np.ndarray, direction: np.ndarray) -> float:
    """Return a tenth of the typical slope along a direction: smaller slopes are noise."""
    scale = np.sqrt((gradient**2).mean()) if gradient.size else 0.0
    return 0.1 * float(scale * np.sqrt((direction**2).sum()))


def _differences(
    shifted: Callable[[np.ndarray], float],
    direction: np.ndarray,
    slope: float,
    size: float,
    steps: Sequence[float],
) -> tuple[list[float], list[float], list[float]]:
    """Return absolute and relative errors by step size, and relative ones less rounding.

    Args:
        shifted: the function's value with this added to the array.
        direction: random direction or single entry, in the shape of the array.
        slope: along the direction, by the gradient.
        size: smallest number that errors are relative to.
        steps: sizes of the central differences.
    """
    absolute, relative, excess = [], [], []
    for h in steps:
        ends = [shifted(sign * h * direction) for sign in (1, -1)]
        difference = (ends[0] - ends[1]) / (2 * h)
        apart = abs(difference - slope)
        # Rounding of the two ends, which no gradient can be blamed for.
        noise = 2e-15 * (abs(ends[0]) + abs(ends[1]) + 1.0) / h
        scale = max(size, abs(difference), 1e-300)
        absolute.append(apart)
        relative.append(apart / scale if apart else 0.0)
        excess.append(max(0.0, apart - noise) / scale if apart > noise else 0.0)
    return absolute, relative, excess


def _directions(
    value: np.ndarray, there: np.ndarray, generator: np.random.Generator, entries: int
) -> Iterator[np.ndarray]:
    yield generator.normal(size=value.shape) * there
    for flat in generator.permutation(np.flatnonzero(there))[:entries]:
        single = np.zeros(value.size)
        single[flat] = 1.0
        yield single.reshape(value.shape)


def _jittered(leaf: Any, generator: np.random.Generator) -> Any:
    values = _array(leaf)
    spread = float(np.nanstd(values)) or 1.0
    return _tensor(values + _JITTER * spread * generator.normal(size=values.shape))


def _random_like(outputs: Any, generator: np.random.Generator) -> list[Any]:
    tensors = keras.tree.flatten(outputs)
    return [_tensor(generator.normal(size=tuple(each.shape))) for each in tensors]


def _combined(outputs: Any, weights: list[Any]) -> Any:
    pairs = zip(keras.tree.flatten(outputs), weights, strict=True)
    return sum(keras.ops.sum(keras.ops.cast(o, "float64") * w) for o, w in pairs)


def _is_float(leaf: Any) -> bool:
    return keras.ops.is_tensor(leaf) and "float" in str(keras.backend.standardize_dtype(leaf.dtype))


def _array(value: Any) -> np.ndarray:
    return np.array(keras.ops.convert_to_numpy(getattr(value, "value", value)), "float64")


def _tensor(value: np.ndarray) -> Any:
    return keras.ops.convert_to_tensor(value, "float64")
