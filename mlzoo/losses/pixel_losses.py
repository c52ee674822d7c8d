"""Losses of semantic segmentation: a class for each pixel, some pixels without one.

Each compares y_true (batch, height, width), whole numbers, the positions of the classes, with
y_pred (batch, height, width, classes), probabilities that sum to 1 over 2 to 255 classes. The
steps of a sequence are pixels of one column: (batch, steps) and (batch, steps, classes). Pixels
where y_true is `IGNORED` don't count: what is predicted there changes nothing. Computed in
float32, one loss a sample: (batch,), 0 for a sample without any pixel that counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from mlzoo.core.errors import UsageError
from mlzoo.data.specs import IGNORED
from mlzoo.losses.losses import focal_crossentropy

SMOOTH = 1.0
"""What training adds to the overlap of each class. With less, a class that an image lacks costs
almost all of its share under any softmax, without a gradient to follow."""


def is_mixed(y_true: Any, y_pred: Any) -> bool:
    """Whether truths are shares of classes, one-hot or mixed, in place of positions."""
    return len(y_true.shape) == len(y_pred.shape) == 4


def as_pixels(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Classes of steps, (batch, steps) and (batch, steps, classes), as images of one column."""
    if len(y_pred.shape) == 3:
        return ops.expand_dims(y_true, 2), ops.expand_dims(y_pred, 2)
    return y_true, y_pred


class _PixelLoss(keras.losses.Loss):
    """Base of the losses: brings truth and predictions to one form."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each sample, (batch,); see the module for the shapes."""
        y_true, p = as_pixels(y_true, ops.convert_to_tensor(y_pred, "float32"))
        if is_mixed(y_true, p):
            truth = ops.cast(y_true, "float32")
            counts = ops.cast(ops.sum(truth, axis=-1) > 0, "float32")
            return self._compare(truth, p, counts, hard=False)
        labels = ops.cast(y_true, "int32")
        counts = ops.cast(ops.not_equal(labels, IGNORED), "float32")
        # An ignored pixel is of no class: 255 is beyond the last one.
        truth = ops.one_hot(labels, p.shape[-1], dtype="float32")
        return self._compare(truth, p, counts, hard=True)

    def _compare(self, truth: Any, p: Any, counts: Any, hard: bool) -> Any:
        """Loss of each sample.

        Args:
            truth: (batch, height, width, classes), one-hot, all 0 at ignored pixels.
            p: probabilities of the same shape.
            counts: (batch, height, width), 1 where a pixel counts, else 0.
            hard: whether each pixel is of one class alone.
        """
        raise NotImplementedError


@keras.saving.register_keras_serializable(package="mlzoo")
class PixelCrossentropy(_PixelLoss):
    """Cross-entropy of pixels, -w (1 - p)^gamma log p with p the true class's probability.

    A mean over the pixels that count. With gamma over 0 it is the focal loss (Lin et al., "Focal
    Loss for Dense Object Detection", 2017). With share under 1 it is the mean over each sample's
    pixels of largest loss alone: top-k loss (Fan et al., "Learning with Average Top-k Loss",
    2017), as online bootstrapping of pixels (Wu et al., "Bridging Category-level and
    Instance-level Semantic Image Segmentation", 2016).

    Probabilities under 1e-7 count as 1e-7, as in Keras; they get no gradient.

    Args:
        gamma: focusing exponent, at least 0.
        weights: one a class, at least 0. As in Keras, the mean divides by the number of pixels,
            not by their weights: twice the weights are twice the loss.
        share: part of the counting pixels of each sample to take the mean over, in (0, 1];
            rounded up to a whole number of pixels.
    """

    def __init__(
        self,
        gamma: float = 0.0,
        weights: Sequence[float] | None = None,
        share: float = 1.0,
        name: str = "pixel_crossentropy",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if not 0 < share <= 1:
            raise ValueError(f"share must be over 0 and at most 1, but got {share}")
        self.gamma = gamma
        self.weights = None if weights is None else tuple(float(w) for w in weights)
        self.share = share

    def _compare(self, truth: Any, p: Any, counts: Any, hard: bool) -> Any:
        weighted = truth
        if self.weights is not None:
            if len(self.weights) != p.shape[-1]:
                raise ValueError(
                    f"{len(self.weights)} class weights for {p.shape[-1]} classes: give one a class"
                )
            weighted = truth * ops.cast(self.weights, "float32")
        if hard:  # one logarithm a pixel, not one a class
            losses = focal_crossentropy(ops.sum(truth * p, axis=-1), self.gamma)
            if self.weights is not None:
                losses = losses * ops.sum(weighted, axis=-1)
        else:
            losses = ops.sum(weighted * focal_crossentropy(p, self.gamma), axis=-1)
        number = ops.sum(counts, axis=(1, 2))
        if self.share < 1:
            return self._mean_of_largest(losses, counts, number)
        return ops.sum(losses * counts, axis=(1, 2)) / ops.maximum(number, 1.0)

    def _mean_of_largest(self, losses: Any, counts: Any, number: Any) -> Any:
        # No loss is negative, so that ignored pixels come last.
        losses = ops.where(counts > 0, losses, -1.0)
        ranked = -ops.sort(ops.reshape(-losses, (ops.shape(losses)[0], -1)), axis=-1)
        # In float32 a whole product of the two may come out a little too large.
        picked = ops.ceil(self.share * (1 - 1e-6) * number)
        ranks = ops.cast(ops.arange(ops.shape(ranked)[-1]), "float32")
        among = ops.cast(ranks < picked[:, None], "float32")
        return ops.sum(ranked * among, axis=-1) / ops.maximum(picked, 1.0)

    def get_config(self) -> dict[str, Any]:
        """Arguments that rebuild the loss."""
        return {
            **super().get_config(),
            "gamma": self.gamma,
            "weights": self.weights,
            "share": self.share,
        }


class _Overlap(_PixelLoss):
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

    def get_config(self) -> dict[str, Any]:
        """Arguments that rebuild the loss."""
        return {**super().get_config(), "smooth": self.smooth}


@keras.saving.register_keras_serializable(package="mlzoo")
class Dice(_Overlap):
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
class IoU(_Overlap):
    """Jaccard loss 1 - |A and B| / |A or B| of masks, a mean over the classes of each sample.

    Rahman and Wang, "Optimizing Intersection-Over-Union" (2016). It is 0 for equal masks, 1 for
    disjoint ones, and 0 for a class that neither mask holds.

    Args:
        smooth: number of true positives added to each class, as in `Dice`.
    """


@keras.saving.register_keras_serializable(package="mlzoo")
class Tversky(_Overlap):
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

    def get_config(self) -> dict[str, Any]:
        """Arguments that rebuild the loss."""
        return {**super().get_config(), "beta": self.beta}


@keras.saving.register_keras_serializable(package="mlzoo")
class Lovasz(_PixelLoss):
    """Lovász-softmax: what stands for 1 - IoU between hard masks, extended to probabilities.

    Berman, Triki and Blaschko, "The Lovász-Softmax loss: a tractable surrogate for the
    optimization of the intersection-over-union measure in neural networks" (2018): for each image,
    a mean over the classes that are present in its truth.
    """

    def __init__(self, name: str = "lovasz", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def _compare(self, truth: Any, p: Any, counts: Any, hard: bool) -> Any:
        # Ignored pixels get the least error and so come last, where they weigh nothing.
        errors = ops.where(counts[..., None] > 0, ops.abs(truth - p), -1.0)
        errors, truth = _class_rows(errors), _class_rows(truth)
        order = ops.argsort(ops.stop_gradient(-errors), axis=-1)
        errors = ops.take_along_axis(errors, order, axis=-1)
        steps = _jaccard_steps(ops.take_along_axis(truth, order, axis=-1))
        losses = ops.sum(ops.maximum(errors, 0.0) * ops.stop_gradient(steps), axis=-1)
        present = ops.max(truth, axis=-1)
        return ops.sum(losses * present, axis=-1) / ops.maximum(ops.sum(present, axis=-1), 1.0)


def _class_rows(maps: Any) -> Any:
    """(batch, height, width, classes) as (batch, classes, pixels)."""
    batch, height, width, classes = ops.shape(maps)
    return ops.reshape(ops.transpose(maps, (0, 3, 1, 2)), (batch, classes, height * width))


def _jaccard_steps(truth: Any) -> Any:
    """By how much 1 - IoU grows with each pixel of a row that becomes wrong, from the left.

    The differences of the paper's algorithm 1, each as one fraction: taken between two numbers near
    1 they would lose their digits in large images.
    """
    left = ops.sum(truth, axis=-1, keepdims=True) - ops.cumsum(truth, axis=-1)
    union = left + ops.cumsum(ops.ones_like(truth), axis=-1)
    return ops.where(truth > 0, 1.0 / union, left / (union * ops.maximum(union - 1.0, 1.0)))


@keras.saving.register_keras_serializable(package="mlzoo")
class Boundary(_PixelLoss):
    """Boundary loss: a mean of phi (p - g) over classes and pixels, from 0 to 1.

    phi is the signed distance from a pixel's centre to the boundary of the true mask g of a class,
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

        The boundary is half a pixel nearer than the centre of the mask's first pixel.
        """
        return ops.minimum(self.radius - times + 0.5, self.radius) / self.radius

    def get_config(self) -> dict[str, Any]:
        """Arguments that rebuild the loss."""
        return {**super().get_config(), "radius": self.radius}


@keras.saving.register_keras_serializable(package="mlzoo")
class LossSum(keras.losses.Loss):
    """Weighted sum of losses.

    Args:
        losses: losses of this module.
        weights: one a loss.
    """

    def __init__(
        self,
        losses: Sequence[keras.losses.Loss],
        weights: Sequence[float],
        name: str = "loss_sum",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.losses = list(losses)
        self.weights = [float(weight) for weight in weights]
        if len(self.losses) != len(self.weights):
            raise ValueError(f"{len(self.weights)} weights for {len(self.losses)} losses")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each sample, (batch,)."""
        pairs = zip(self.weights, self.losses, strict=True)
        return sum(weight * loss.call(y_true, y_pred) for weight, loss in pairs)

    def get_config(self) -> dict[str, Any]:
        """Arguments that rebuild the loss."""
        return {
            **super().get_config(),
            "losses": [keras.losses.serialize(loss) for loss in self.losses],
            "weights": self.weights,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LossSum:
        """The loss from its own `get_config`."""
        losses = [keras.losses.deserialize(loss) for loss in config["losses"]]
        return cls(**{**config, "losses": losses})


def pixel_loss(
    names: Sequence[tuple[float, str]],
    *,
    class_weights: Sequence[float] | None = None,
    focal_gamma: float = 2.0,
    tversky_beta: float = 0.7,
    top_share: float = 0.1,
) -> keras.Loss:
    """One loss, or a weighted sum of several.

    Args:
        names: weights and names: `crossentropy`, `focal`, `topk`, `dice`, `iou`, `tversky`,
            `lovasz`, `boundary`.
        class_weights: one a class, for `crossentropy`, `focal` and `topk`.
        focal_gamma: exponent of `focal`.
        tversky_beta: cost of a false negative of `tversky`.
        top_share: part of the pixels that `topk` counts.

    Raises:
        UsageError: for an unknown name, or none.
    """
    known: dict[str, Callable[[], keras.Loss]] = {
        "crossentropy": lambda: PixelCrossentropy(weights=class_weights),
        "focal": lambda: PixelCrossentropy(focal_gamma, class_weights, name="focal"),
        "topk": lambda: PixelCrossentropy(weights=class_weights, share=top_share, name="topk"),
        "dice": lambda: Dice(SMOOTH),
        "iou": lambda: IoU(SMOOTH),
        "tversky": lambda: Tversky(tversky_beta, SMOOTH),
        "lovasz": Lovasz,
        "boundary": Boundary,
    }
    unknown = [name for _, name in names if name not in known]
    if unknown or not names:
        received = f"there is no loss {unknown[0]!r}" if unknown else "no loss is named"
        raise UsageError(f"{received} for segmentation; choose from {', '.join(known)}")
    losses = [known[name]() for _, name in names]
    weights = [weight for weight, _ in names]
    return losses[0] if weights == [1] else LossSum(losses, weights)
