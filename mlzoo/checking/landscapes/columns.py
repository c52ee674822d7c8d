"""The loss over two weights of one dense layer, with everything constant computed once.

Three facts make it fast, and none is an approximation. What stands before the layer is the same
everywhere, so it is computed once. A dense layer's outputs are linear in its weights, so they need
one sum in place of a matrix product. And they change in one or two units only, so what a dense
layer behind them (past activations) gives changes by as many columns of its kernel. Many points of
the plane go through the rest of the model as one batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from mlzoo.checking.backend import compiled
from mlzoo.checking.landscapes.losses import LossOf, put
from mlzoo.checking.landscapes.planes import Plane

_NUMBERS = 2**19
"""Outputs of the last cut layer that are worked on at once: 2 MiB, few enough for a cache."""
_LOOP = 64
"""Groups of points a call; calling costs more than going round a compiled loop."""
_PASSES = ("Dropout", "AlphaDropout", "GaussianNoise", "GaussianDropout", "Identity")


@dataclass(frozen=True)
class _Cut:
    """Where the model is cut: the changed layer, those that act on each unit alone, the next."""

    changed: keras.layers.Dense
    between: list[Any]
    following: keras.layers.Dense | None


def fast_surface(loss: LossOf, plane: Plane) -> Any:
    """Return a function from points (k, 2) to losses (k,); None if the plane does not allow it."""
    cut = _cut(loss, plane)
    if cut is None:
        return None
    last = cut.following or cut.changed
    try:
        before = keras.Model(loss.model.inputs, cut.changed.input)
        ends = last.output is loss.model.output
        behind = None if ends else keras.Model(last.output, loss.model.output)
    except ValueError:  # something skips past the cut
        return None
    return _Surface(loss, plane, cut, before, behind)


def _cut(loss: LossOf, plane: Plane) -> _Cut | None:
    variables = [loss.variables[which] for which, _ in plane.weights]
    if len(variables) != 2:
        return None
    for layer in loss.model.layers:
        if isinstance(layer, keras.layers.Dense) and len(layer.input.shape) == 2:
            layer_variables = {id(variable) for variable in layer.trainable_variables}
            if all(id(variable) in layer_variables for variable in variables):
                return _followed(loss.model, layer)
    return None


def _followed(model: keras.Model, layer: keras.layers.Dense) -> _Cut:
    between: list[Any] = []
    activation = _by_unit(layer)
    if activation is None:
        return _Cut(layer, [], None)
    between.append(activation)
    tensor = layer.output
    while True:
        users = [each for each in model.layers if _uses(each, tensor)]
        if len(users) != 1 or tensor is model.output:
            return _Cut(layer, [], None)
        if isinstance(users[0], keras.layers.Dense):
            return _Cut(layer, between, users[0])
        activation = _by_unit(users[0])
        if activation is None:
            return _Cut(layer, [], None)
        between.append(activation)
        tensor = users[0].output


def _uses(layer: keras.layers.Layer, tensor: Any) -> bool:
    if isinstance(layer, keras.layers.InputLayer):
        return False
    return any(each is tensor for each in keras.tree.flatten(layer.input))


def _by_unit(layer: Any) -> Any:
    """Return a layer's function of each unit alone in inference; None if it mixes units."""
    if type(layer).__name__ in _PASSES:
        return _same
    if isinstance(layer, keras.layers.Dense | keras.layers.Activation):
        softmax = getattr(layer.activation, "__name__", "") in ("softmax", "log_softmax")
        plain = getattr(layer.activation, "__module__", "").startswith("keras.")
        return None if softmax or not plain else layer.activation
    if isinstance(layer, keras.layers.ReLU | keras.layers.LeakyReLU | keras.layers.ELU):
        return layer
    return None


def _same(x: Any) -> Any:
    return x


class _Surface:
    """Holds what does not change; called with points it gives their losses."""

    def __init__(
        self, loss: LossOf, plane: Plane, cut: _Cut, before: keras.Model, behind: Any
    ) -> None:
        self._loss, self._cut, self._behind = loss, cut, behind
        layer = cut.changed
        kernel = np.asarray(keras.ops.convert_to_numpy(layer.kernel))
        bias = np.zeros(kernel.shape[1], "float32")
        if layer.use_bias:
            bias = np.asarray(keras.ops.convert_to_numpy(layer.bias))
        units = sorted({position[-1] for _, position in plane.weights})
        self._chunks = []
        for x, y in loss.parts:
            inputs = np.asarray(keras.ops.convert_to_numpy(before(x, training=False)))
            changes = [
                inputs[:, position[0]] if len(position) == 2 else np.ones(len(inputs), "float32")
                for _, position in plane.weights
            ]
            if cut.following is None:
                wide = list(range(kernel.shape[1]))
                start, rest = inputs @ kernel + bias, None
            else:
                wide = units
                start = inputs @ kernel[:, units] + bias[units]
                rest = self._rest(inputs @ kernel + bias, units)
            places = [wide.index(position[-1]) for _, position in plane.weights]
            moved = np.zeros((2, *start.shape), "float32")
            for number, (place, change) in enumerate(zip(places, changes, strict=True)):
                moved[number, :, place] = change
            self._chunks.append((put(start), put(moved), None if rest is None else put(rest), y))
        if cut.following is not None:
            following = np.asarray(keras.ops.convert_to_numpy(cut.following.kernel))
            self._columns = put(following[units])
        self._run = compiled(self._all)

    def _rest(self, outputs: np.ndarray, units: list[int]) -> np.ndarray:
        """Return the part of the next dense layer's output that the unchanged units give."""
        following = self._cut.following
        assert following is not None
        values = put(outputs)
        for activation in self._cut.between:
            values = activation(values)
        activations = np.array(keras.ops.convert_to_numpy(values))
        activations[:, units] = 0.0
        total = activations @ keras.ops.convert_to_numpy(following.kernel)
        return total + keras.ops.convert_to_numpy(following.bias) if following.use_bias else total

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Return losses (k,) at points (k, 2)."""
        total = np.zeros(len(points))
        count = sum(len(start) for start, *_ in self._chunks)
        for start, moved, rest, y in self._chunks:
            width = (start if rest is None else rest).shape[-1]
            group = max(1, _NUMBERS // (len(start) * width))
            group = min(group, len(points))
            loops = min(_LOOP, -(-len(points) // group))
            for first in range(0, len(points), group * loops):
                few = np.asarray(points[first : first + group * loops], "float32")
                # Filled up, since a program is compiled for one shape.
                full = np.resize(few, (loops, group, 2))
                losses = self._run(put(full), start, moved, y, *([] if rest is None else [rest]))
                total[first : first + len(few)] += np.asarray(losses).ravel()[: len(few)]
        return total / count

    def _all(self, groups: Any, start: Any, moved: Any, y: Any, rest: Any = None) -> Any:
        return keras.ops.map(lambda few: self._losses(few, start, moved, y, rest), groups)

    def _losses(self, points: Any, start: Any, moved: Any, y: Any, rest: Any) -> Any:
        """Return sums over samples of the losses at points (k, 2)."""
        ops = keras.ops
        count, samples = points.shape[0], start.shape[0]
        # (points, samples, units that change)
        values = start + ops.tensordot(points, moved, axes=1)
        if rest is None:
            activation = getattr(self._cut.changed, "activation", None)
            values = activation(values) if activation is not None else values
        else:
            for activation in self._cut.between:
                values = activation(values)
            shifted = rest + ops.matmul(values, self._columns)
            following = self._cut.following
            assert following is not None
            values = following.activation(shifted) if following.activation else shifted
        flat = ops.reshape(values, (count * samples, values.shape[-1]))
        outputs = flat if self._behind is None else self._behind(flat, training=False)
        targets = ops.tile(y, (count, *(1 for _ in y.shape[1:])))
        losses = self._loss.loss.call(targets, outputs)
        return ops.sum(ops.mean(ops.reshape(losses, (count, samples, -1)), axis=-1), axis=-1)
