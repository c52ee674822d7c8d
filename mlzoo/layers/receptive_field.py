"""How far a network for every pixel sees, which decides how many pixels tiles must share.

Each layer alone is fed random numbers twice, of which only the columns that hang on what lies
beyond a cut differ; the columns of its outputs that then differ are those that hang on it too.
This needs to know no kind of layer, takes what can be seen for what is seen, whatever the
weights, and loses nothing to rounding on the way through many layers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np

EDGE = 32
"""Pixels beyond either cut; also the height of what is fed. No network halves its map oftener."""
SPAN = 1024
"""Pixels between the cuts. Networks that see half of it far count as seeing everything."""
FAINT = 1e-3
"""Differences of less than this share of the largest one are rounding."""


@dataclass(frozen=True)
class _Map:
    """What a layer gives: its shape without the batch axis, its type, and what hangs on the cuts.

    `hangs` is a truth value for each place along the axis that is cut, or one for a whole that
    has no such axis.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    hangs: np.ndarray


def reach(model: keras.Model) -> float:
    """How many pixels from a cut through an image a network's outputs still hang on what was cut.

    Infinite where every pixel hangs on the whole image, as through a mean over it, and for
    networks that take images of one size only.
    """
    if any(side is not None for side in model.input_shape[1:3]):
        return math.inf
    return max(_reach(model, axis) for axis in (0, 1))


def _reach(model: keras.Model, axis: int) -> float:
    """The same along rows (axis 0) or columns (1) alone."""
    shape = [EDGE, EDGE, model.input_shape[-1]]
    shape[axis] = EDGE + SPAN + EDGE
    hangs = np.ones(shape[axis], bool)
    hangs[EDGE:-EDGE] = False
    start = _Map(tuple(shape), np.dtype(model.inputs[0].dtype), hangs)
    random = np.random.default_rng(0)
    # Models of other kinds become functional by this.
    graph = keras.Model(model.inputs, model.outputs)
    (end,) = graph._run_through_graph([start], lambda layer: partial(_follow, layer, axis, random))
    if end.hangs.shape != hangs.shape:
        return math.inf
    inside = end.hangs[EDGE:-EDGE]
    far = [
        int(half.nonzero()[0].max(initial=-1)) + 1
        for half in (inside[: SPAN // 2], inside[::-1][: SPAN // 2])
    ]
    return max(far) if max(far) < SPAN // 2 else math.inf


def _follow(layer: Any, axis: int, random: np.random.Generator, *args: Any, **kwargs: Any) -> Any:
    """What a layer gives for maps."""

    def feed(value: Any) -> Any:
        return _two(value, axis, random) if isinstance(value, _Map) else value

    args, kwargs = keras.tree.map_structure(feed, (args, kwargs))
    return keras.tree.map_structure(partial(_compare, axis=axis), layer(*args, **kwargs))


def _two(given: _Map, axis: int, random: np.random.Generator) -> np.ndarray:
    """Random numbers (2, *shape), of which the second ones differ where they hang on the cuts."""
    first = _draw(given, random)
    # Of another mean and spread, which layers that normalize over the image let through.
    other = (2 * _draw(given, random) + 1).astype(given.dtype)
    hangs = given.hangs
    if hangs.ndim:
        hangs = hangs.reshape([-1 if place == axis else 1 for place in range(len(given.shape))])
    return np.stack([first, np.where(hangs, other, first)])


def _draw(given: _Map, random: np.random.Generator) -> np.ndarray:
    if given.dtype.kind in "iu":
        return random.integers(0, 128, given.shape).astype(given.dtype)
    numbers = random.standard_normal(given.shape, np.float32)
    return numbers > 0 if given.dtype.kind == "b" else numbers.astype(given.dtype)


def _compare(outputs: Any, axis: int) -> _Map:
    """The map of outputs (2, *shape) for the two inputs of `_two`."""
    array = keras.ops.convert_to_numpy(outputs)
    first, second = array.astype(np.float32)
    difference = np.nan_to_num(np.abs(second - first))
    across = (1 - axis, 2) if difference.ndim == 3 else None
    difference = difference.max(axis=across)
    hangs = np.asarray(difference > FAINT * difference.max())
    return _Map(array.shape[1:], array.dtype, hangs)
