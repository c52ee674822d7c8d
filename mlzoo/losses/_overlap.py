"""Losses on the overlap of masks."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from mlzoo.losses._pixels import PixelLoss

SMOOTH = 1.0
"""Added to the overlap of each class in training. With less, a class that an image lacks costs
almost all of its share under any softmax, without a gradient to follow."""


class Overlap(PixelLoss):
    """Base of the losses on the overlap of masks: a mean over the classes of each sample."""

    # What a false positive and a false negative cost, in true positives.
    costs = (1.0, 1.0)

    def __init__(self, smooth: float = 1e-6, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.smooth = smooth

    def _compare(self, truth: Any, p: Any, counts: Any, hard: bool) -> Any:
        hit = ops.sum(truth * p, axis=(1, 2))
        false_positive = ops.sum((counts[..., None] - truth) * p, axis=(1, 2))
        false_negative = ops.sum(truth * (1.0 - p), axis=(1, 2))
        missed = self.costs[0] * false_positive + self.costs[1] * false_negative
        # Equal to 1 - (hit + smooth) / (hit + missed + smooth), without its cancellation.
        return ops.mean(missed / (hit + missed + self.smooth), axis=-1)

    def get_config(self) -> dict[str, object]:
        """Arguments that rebuild the loss."""
        return {**super().get_config(), "smooth": self.smooth}


@keras.saving.register_keras_serializable(package="mlzoo")
class Dice(Overlap):
    """Dice loss 1 - 2|A and B| / (|A| + |B|) of masks, a mean over the classes of each sample.

    Milletari et al., "V-Net" (2016), with sums in place of squares. It is 0 for equal masks, 1
    for disjoint ones, and 0 for a class that neither mask holds.

    Args:
        smooth: number of true positives added to each class. A class that is in no truth costs
            almost all as soon as more than `smooth` pixels are predicted in sum, which a softmax
            never quite avoids; 1 softens that, and the loss of tiny objects.
    """

    costs = (0.5, 0.5)


@keras.saving.register_keras_serializable(package="mlzoo")
class IoU(Overlap):
    """Jaccard loss 1 - |A and B| / |A or B| of masks, a mean over the classes of each sample.

    Rahman and Wang, "Optimizing Intersection-Over-Union" (2016). It is 0 for equal masks, 1 for
    disjoint ones, and 0 for a class that neither mask holds.

    Args:
        smooth: number of true positives added to each class, as in `Dice`.
    """


@keras.saving.register_keras_serializable(package="mlzoo")
class Tversky(Overlap):
    """Tversky loss 1 - TP / (TP + (1 - beta) FP + beta FN), a mean over the classes of each sample.

    Salehi et al., "Tversky loss function for image segmentation using 3D fully convolutional deep
    networks" (2017). With beta 0.5 it is the Dice loss.

    Args:
        beta: cost of a false negative, from 0 to 1; over 0.5 what is missed costs more than what
            is found in excess.
        smooth: number of true positives added to each class, as in `Dice`.
    """

    def __init__(
        self, beta: float = 0.7, smooth: float = 1e-6, name: str = "tversky", **kwargs: Any
    ) -> None:
        super().__init__(smooth=smooth, name=name, **kwargs)
        self.beta = beta
        self.costs = (1.0 - beta, beta)

    def get_config(self) -> dict[str, object]:
        """Arguments that rebuild the loss."""
        return {**super().get_config(), "beta": self.beta}
