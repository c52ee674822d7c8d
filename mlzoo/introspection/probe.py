"""Gradients, features and outputs of an opened model, for explainers.

Explanations are computed where a model's numbers begin, its entry: behind the layer that scales raw
inputs, behind an embedding where inputs are whole numbers, else at the inputs themselves. There an
input can be blurred, mixed, disturbed and differentiated, whatever its type was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlzoo.core.errors import UsageError
from mlzoo.introspection import scores
from mlzoo.introspection.answers import Answers
from mlzoo.introspection.positions import InputPositions


class Probe(InputPositions, Answers):
    """A Keras model, opened for inputs of one shape: its outputs, gradients and layers.

    See `mlzoo.introspection.opened.Opened` for its attributes and what it is opened with.
    """

    def gradient(
        self,
        x: np.ndarray,
        target: np.ndarray,
        z: np.ndarray | None = None,
        odds: bool = False,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the target's score (n,) and its gradient at the entry (n, *self.shape).

        Args:
            x: inputs.
            target: (n, ..., k).
            z: the same inputs at the entry, disturbed.
            odds: of the log-odds, to which what raises all classes alike adds nothing.
        """

        def graph(x: Any, z: Any, target: Any) -> Any:
            logits = self._logits(x, z)
            linear = scores.linear(logits, target)
            score = scores.evidence(logits, target, self.head) if odds else linear
            return score, tf.gradients(score, z)[0]

        return tuple(
            self._mapped(("gradient", odds), graph, [*self._both(x, z), target], deep=True)
        )  # type: ignore[return-value]

    def features(
        self, x: np.ndarray, target: np.ndarray, layer: keras.layers.Layer | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return a layer's output (n, *cells, channels) and the gradient of the score there.

        The gradient goes no deeper than that layer, which is `self.layer` by default.

        Args:
            x: inputs (n, *shape).
            target: (n, ..., k).
            layer: by default `self.layer`.
        """
        if layer is None:
            self.require_layer()
        chosen: Any = layer or self.layer

        def graph(x: Any, target: Any) -> Any:
            called = self._call(x, None)
            score = scores.linear(self._logits_of(called), target)
            values = called.layers[id(chosen)]
            gradient = tf.gradients(score, values)[0]
            if gradient is None:
                raise UsageError(f"layer {chosen.name} has no effect on the output")
            return tf.cast(values, "float32"), tf.cast(gradient, "float32")

        name = ("features", id(chosen))
        return tuple(self._mapped(name, graph, [x, target]))  # type: ignore[return-value]

    def ablated(
        self, x: np.ndarray, target: np.ndarray, kept: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return `evidence` of one input with the layer's channels multiplied by `kept`.

        Args:
            x: (1, *shape), one input.
            target: (1, ..., k).
            kept: (m, channels), the factors.
        """
        self.require_layer()
        axes = len(self.cells) or len(self.shape) - 1

        def graph(kept: Any, x: Any, z: Any, target: Any) -> Any:
            count = tf.shape(kept)[0]
            values = self._call(x, z).calls[id(self.layer)]
            factor = tf.reshape(tf.cast(kept, values[0].dtype), (-1, *(1,) * axes, self.channels))
            many, changed = tf.repeat(x, count, axis=0), [each * factor for each in values]
            again = self._call(many, tf.repeat(z, count, axis=0), {id(self.layer): changed})
            logits = self._logits_of(again)
            return scores.three(logits, target, self.head)

        fixed = [*self._both(x, None), target]
        return tuple(self._mapped("ablated", graph, [kept], fixed=fixed))  # type: ignore[return-value]

    def goal(
        self, weights: np.ndarray, layer: keras.layers.Layer | None = None
    ) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """Return the objective of gradient ascent: entries (n, *self.shape) to scores, gradients.

        Args:
            weights: (1, ..., k) a target, or with `layer` the position of a channel or unit.
            layer: the mean of that channel of this layer, instead of the logits.
        """

        def graph(z: Any, weights: Any) -> Any:
            raw = tf.zeros((tf.shape(z)[0], *self._x.shape[1:]), self._x.dtype)
            called = self._call(raw, z)
            if layer is not None:
                values = tf.cast(called.layers[id(layer)], "float32")
                flat = tf.reduce_mean(values, axis=list(range(1, len(values.shape) - 1)))
                score = tf.gather(flat, tf.cast(weights, "int32"), axis=1)
                score = tf.reshape(score, (-1,))
            else:
                score = scores.linear(self._logits_of(called), weights)
            return score, tf.gradients(score, z)[0]

        def climb(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            held = np.atleast_1d(np.asarray(weights, "float32"))
            name = ("goal", id(layer))
            return tuple(self._mapped(name, graph, [z], fixed=[held], deep=True))  # type: ignore[return-value]

        return climb

    @property
    def last_features(self) -> keras.layers.Layer | None:
        """Return the layer of the last features before the outputs, dense or pooled, if any."""
        return self._vectors or self.layer

    def vectors(self, x: np.ndarray, code: bool = False) -> tuple[np.ndarray, str]:
        """Return the last features before the outputs (n, k), and the layer's name.

        Args:
            x: inputs.
            code: take those of a layer `code` where there is one.
        """
        coded = (layer for layer in self._order if code and layer.name == "code")
        layer = next(coded, self.last_features)
        if layer is None:
            return self.enter(x).reshape(len(x), -1), self.entry_name

        def graph(x: Any) -> Any:
            return (tf.cast(self._call(x, None).layers[id(layer)], "float32"),)

        features = self._mapped(("vectors", id(layer)), graph, [x])[0]
        locations = tuple(range(1, features.ndim - 1))
        return features.mean(axis=locations) if locations else features, layer.name

    def first_layer(self) -> keras.layers.Layer:
        """Return the first layer that has weights, in order of the calls."""
        return next((la for la in self._order if la.weights), self._order[-1])
