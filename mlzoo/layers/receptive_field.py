"""Receptive field of a dense network, which determines how far tiles must overlap.

Each layer on its own gets two random inputs that differ only in the columns that depend on pixels
beyond a cut; the output columns that differ depend on them too. This works for any kind of layer,
gives the receptive field whatever the weights, and does not lose small effects to rounding, as one
pass through many layers would.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any

import keras
import numpy as np

from mlzoo.layers.members import MemberMean, Members

EDGE = 32
"""Pixels beyond either cut; also the height of the input. 5 halvings of the map fit into it."""
SPAN = 1024
"""Pixels between the cuts. A receptive field of more than half of it counts as infinite."""
FAINT = 1e-3
"""Differences of less than this share of the largest one are rounding."""


@dataclass(frozen=True)
class _Map:
    """Output of a layer: shape without the batch axis, dtype, and dependence on the cuts.

    `depends` holds a boolean for each position along the axis that is cut, or a single one where
    that axis is gone.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    depends: np.ndarray


def reach(model: keras.Model) -> float:
    """Return the distance in pixels up to which outputs depend on pixels beyond a cut.

    Infinite where every pixel depends on the whole image, as through global pooling, and for
    networks with a fixed input size.
    """
    if any(side is not None for side in model.input_shape[1:3]):
        return math.inf
    return max(_reach(model, axis) for axis in (0, 1))


def _reach(model: keras.Model, axis: int) -> float:
    """Return the reach along rows (axis 0) or columns (1) alone."""
    shape = [EDGE, EDGE, model.input_shape[-1]]
    shape[axis] = EDGE + SPAN + EDGE
    depends = np.ones(shape[axis], bool)
    depends[EDGE:-EDGE] = False
    start = _Map(tuple(shape), np.dtype(model.inputs[0].dtype), depends)
    random = np.random.default_rng(0)
    # Turns models of other kinds into functional ones.
    graph = keras.Model(model.inputs, model.outputs)
    (end,) = graph._run_through_graph([start], lambda layer: partial(_follow, layer, axis, random))
    if end.depends.shape != depends.shape:
        return math.inf
    inside = end.depends[EDGE:-EDGE]
    far = [
        int(half.nonzero()[0].max(initial=-1)) + 1
        for half in (inside[: SPAN // 2], inside[::-1][: SPAN // 2])
    ]
    return max(far) if max(far) < SPAN // 2 else math.inf


def _follow(layer: Any, axis: int, random: np.random.Generator, *args: Any, **kwargs: Any) -> Any:
    """Return a layer's output for maps; of a model within a model, layer by layer."""
    if isinstance(layer, keras.Model) and hasattr(layer, "_run_through_graph"):
        return layer._run_through_graph(
            keras.tree.flatten(args), lambda inner: partial(_follow, inner, axis, random)
        )

    if isinstance(layer, Members):
        # Members stand for one map, which depends on what any of them depends on.
        depends = reduce(np.logical_or, [each.depends for each in args[0]])
        return replace(args[0][0], depends=depends)
    if isinstance(layer, MemberMean):
        return args[0]

    def feed(value: Any) -> Any:
        return _two(value, axis, random) if isinstance(value, _Map) else value

    args, kwargs = keras.tree.map_structure(feed, (args, kwargs))
    return keras.tree.map_structure(partial(_compare, axis=axis), layer(*args, **kwargs))


def _two(given: _Map, axis: int, random: np.random.Generator) -> np.ndarray:
    """Return random numbers (2, *shape); the second differ where they depend on the cuts."""
    first = _draw(given, random)
    # Another mean and spread, since normalization over the image would hide mere new values.
    other = (2 * _draw(given, random) + 1).astype(given.dtype)
    depends = given.depends
    if depends.ndim:
        depends = depends.reshape([-1 if place == axis else 1 for place in range(len(given.shape))])
    return np.stack([first, np.where(depends, other, first)])


def _draw(given: _Map, random: np.random.Generator) -> np.ndarray:
    if given.dtype.kind in "iu":
        return random.integers(0, 128, given.shape).astype(given.dtype)
    numbers = random.standard_normal(given.shape, np.float32)
    return numbers > 0 if given.dtype.kind == "b" else numbers.astype(given.dtype)


def _compare(outputs: Any, axis: int) -> _Map:
    """Return the map of outputs (2, *shape) for the two inputs of `_two`."""
    array = keras.ops.convert_to_numpy(outputs)
    first, second = array.astype(np.float32)
    difference = np.nan_to_num(np.abs(second - first))
    across = (1 - axis, 2) if difference.ndim == 3 else None
    difference = difference.max(axis=across)
    depends = np.asarray(difference > FAINT * difference.max())
    return _Map(array.shape[1:], array.dtype, depends)
