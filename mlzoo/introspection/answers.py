"""Model outputs for explainers: of inputs, of masked inputs, and the evidence for a target."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from mlzoo.core.errors import UsageError
from mlzoo.introspection import heads, resampling, scores
from mlzoo.introspection.opened import Opened


class Answers(Opened):
    """A model that is evaluated without gradients."""

    def baseline(self, x: np.ndarray) -> np.ndarray:
        """Return inputs without evidence, at the entry: (n, *self.shape).

        Images are blurred; anything else is 0, which is the mean if the model standardizes its
        inputs.
        """
        z = self.enter(x)
        if self.depth:  # each slice
            slices = z.reshape(-1, z.shape[1] // self.depth, *z.shape[2:])
            return resampling.blur(slices).reshape(z.shape)
        if z.ndim == 4:
            return resampling.blur(z)
        return np.zeros_like(z)

    def background_rows(self, count: int, seed: int) -> np.ndarray:
        """Return background samples of the shape of the inputs, drawn with a seed.

        Raises:
            UsageError: there are none of this shape.
        """
        rows = None if self.background is None else self.background.x
        if rows is None or rows.shape[1:] != tuple(self._x.shape)[1:] or not len(rows):
            raise UsageError(
                "this method compares with other samples of the same shape: explain a run folder, "
                "whose own training split has them"
            )
        rng = np.random.default_rng([seed, 0xBA])
        return self.inputs(rows[rng.permutation(len(rows))[:count]])

    def evidence(
        self, x: np.ndarray, target: np.ndarray, z: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return log-odds, confidence and weighted sum of logits of a target, (n,) each.

        Args:
            x: inputs.
            target: (n, ..., k), see `mlzoo.explaining.target_weights`.
            z: the same inputs at the entry, disturbed.
        """

        def graph(x: Any, z: Any, target: Any) -> Any:
            logits = self._logits(x, z)
            return scores.three(logits, target, self.head)

        return tuple(self._mapped("evidence", graph, [*self._both(x, z), target]))  # type: ignore[return-value]

    def masked(
        self, x: np.ndarray, target: np.ndarray, masks: np.ndarray, other: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the `evidence` of one input under masks that show parts of it.

        Args:
            x: (1, *shape), one input.
            target: (1, ..., k).
            masks: (m, ...) in [0, 1]: 1 shows the input, 0 what hides it. Images: (m, h, w), of
                any size, brought bilinearly to that of the image. Others: (m, *self.shape), or
                fewer axes, for all of the last ones.
            other: (1, *self.shape), what hides it.
        """
        masks = np.asarray(masks, "float32")
        spatial = len(self.shape) == 3
        masks = (
            masks[..., None]
            if spatial
            else masks.reshape(*masks.shape, *(1,) * (1 + len(self.shape) - masks.ndim))
        )

        def graph(masks: Any, x: Any, z: Any, other: Any, target: Any) -> Any:
            count = tf.shape(masks)[0]
            if spatial and tuple(masks.shape[1:3]) != self.shape[:2]:
                masks = tf.image.resize(masks, self.shape[:2])
            mixed = masks * z + (1 - masks) * other
            logits = self._logits(tf.repeat(x, count, axis=0), mixed)
            return scores.three(logits, target, self.head)

        fixed = [*self._both(x, None), other, target]
        name = ("masked", masks.shape[1:])
        return tuple(self._mapped(name, graph, [masks], fixed=fixed))  # type: ignore[return-value]

    def masked_outputs(self, x: np.ndarray, mask: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return the model's outputs (1, ..., k) for one image of which a mask shows a part.

        Args:
            x: (1, *shape).
            mask: (height, width), 1 shows the input.
            other: (1, *self.shape), what hides it.
        """
        shown = mask[None, ..., None].astype("float32")
        z = shown * self.enter(x) + (1 - shown) * other
        return heads.activate(self.logits(x, z), self.head)

    def scores(self, x: np.ndarray, target: np.ndarray, z: np.ndarray | None = None) -> np.ndarray:
        """Return the weighted sum of logits (n,) that gradients are taken of.

        Args:
            x: inputs (n, *shape).
            target: (n, ..., k).
            z: the same inputs at the entry, disturbed.
        """
        return self.evidence(x, target, z)[2]
