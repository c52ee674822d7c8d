"""Boundary loss of pixels."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from mlzoo.losses._pixels import PixelLoss


@keras.saving.register_keras_serializable(package="mlzoo")
class Boundary(PixelLoss):
    """Boundary loss: a mean of phi (p - g) over classes and pixels, from 0 to 1.

    phi is the signed distance from a pixel's center to the boundary of the true mask g of a class,
    negative inside. After Kervadec et al., "Boundary loss for highly unbalanced segmentation"
    (2019), with these differences: the distance is the chessboard distance and not the Euclidean
    one, it is held at `radius` pixels and divided by it, all classes count, and phi g (which no
    prediction changes) is subtracted, so that a perfect prediction costs 0. A class that is not in
    the truth has a phi of 1 everywhere. Ignored pixels are of no mask and carry no boundary.

    As in the paper it is meant to be added to a loss of regions, not to stand alone.

    Args:
        radius: greatest distance that is told apart, in pixels, at least 1. The time it takes
            grows with it.
    """

    def __init__(self, radius: int = 16, name: str = "boundary", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.radius = radius

    def _compare(self, truth: Any, p: Any, counts: Any, hard: bool) -> Any:
        reached = truth
        times = ops.zeros_like(truth)
        for _ in range(self.radius):
            reached = ops.max_pool(
                reached, 3, strides=1, padding="same", data_format="channels_last"
            )
            times = times + reached
        # The rest of the mask that a pixel is in are the other classes: the nearest of them.
        others = ops.max(times * (1.0 - truth), axis=-1, keepdims=True)
        phi = (counts[..., None] - truth) * self._distance(times) - truth * self._distance(others)
        number = ops.sum(counts, axis=(1, 2)) * p.shape[-1]
        losses = ops.stop_gradient(phi) * (p - truth)
        return ops.sum(losses, axis=(1, 2, 3)) / ops.maximum(number, 1.0)

    def _distance(self, times: Any) -> Any:
        """Distance to a mask, from 0 to 1, by how many of `radius` dilations reach a pixel.

        The boundary is half a pixel nearer than the center of the mask's first pixel.
        """
        return ops.minimum(self.radius - times + 0.5, self.radius) / self.radius

    def get_config(self) -> dict[str, object]:
        """Arguments that rebuild the loss."""
        return {**super().get_config(), "radius": self.radius}
