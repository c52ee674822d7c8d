"""Logistic regression on each pixel's neighborhood, a baseline of segmentation.

The features are a subset of those of trainable pixel classifiers (Arganda-Carreras et al.,
Trainable Weka Segmentation, Bioinformatics 33, 2017): a pixel's channels, Gaussian means around
it at four scales, and gradient magnitudes at three. Images are read one at a time and processed
in strips of rows, so that memory does not grow with their number or size.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np

from mlzoo.data.specs import IGNORED
from mlzoo.data.volumes.slices import slices_of
from mlzoo.statistics.pixels import confusion_of, mean_iou

BLURS = (1, 2, 4, 8)
"""Standard deviations in pixels of the Gaussian means."""
GRADIENTS = (1, 2, 4)
"""Standard deviations of the blurs whose gradient magnitude is a feature."""
PIXELS = 20_000
"""Approximate number of pixels that the classifier is fitted on."""
ITERATIONS = 100
_REACH = 4  # standard deviations at which a Gaussian is cut off
_HALO = _REACH * max(BLURS) + 1  # rows around a strip that its features depend on
_STRIP = 1 << 20  # pixels whose features are held at a time


class PixelBaseline(NamedTuple):
    """A fitted classifier of pixels."""

    predict: Callable[[np.ndarray], np.ndarray]
    """From an image (height, width, channels) to class positions (height, width) uint8."""
    note: str
    """Note on its training data."""


def pixel_features(image: np.ndarray, maximum: float) -> np.ndarray:
    """Return features of each pixel, (height * width, 5 * channels + 3) float32, row by row.

    Args:
        image: (height, width, channels) numbers; borders are reflected.
        maximum: the value that becomes 1.

    Returns:
        Columns: the channels; for each of `BLURS` the blurred channels; for each of `GRADIENTS`
        the gradient magnitude of the blurred channels' mean, per pixel.
    """
    scaled = image.astype("float32") / np.float32(maximum)
    blurred = {sigma: _blur(scaled, sigma) for sigma in BLURS}
    slopes = [_slope(blurred[sigma].mean(axis=2)) for sigma in GRADIENTS]
    columns = [scaled, *blurred.values(), *(slope[..., None] for slope in slopes)]
    return np.concatenate(columns, axis=2).reshape(image.shape[0] * image.shape[1], -1)


def slice_features(image: np.ndarray, maximum: float, depth: int) -> np.ndarray:
    """Return `pixel_features` of each slice of a volume on its own, one after the other.

    Args:
        image: (depth * height, width, channels), the slices one below the other.
        maximum: the value that becomes 1.
        depth: number of slices; 1: an image.
    """
    return np.concatenate([pixel_features(each, maximum) for each in slices_of(image, depth)])


def fit_pixels(
    images: Iterable[np.ndarray],
    masks: Iterable[np.ndarray],
    classes: int,
    maximum: float,
    seed: int = 0,
    pixels: int = PIXELS,
    make: Callable[[str | None], Any] | None = None,
    depth: int = 1,
) -> PixelBaseline:
    """Fit a classifier on pixels drawn from all images in equal numbers.

    It is fitted with equal and with balanced class weights, and the one with the better mean IoU
    on the drawn pixels is kept (on a fifth of them that is held out, where `make` is given):
    without weights a rare class may never be predicted, with them it may be predicted too often.
    If all drawn pixels are of one class, that class is
    predicted everywhere.

    Args:
        images: (height, width, channels) each, in any sizes; read once, one at a time.
        masks: (height, width) uint8 class positions each; 255 where a pixel is ignored.
        classes: k, the number of classes.
        maximum: the largest value that a pixel can have.
        seed: of the draw of pixels.
        pixels: number of pixels to draw in all; at least one from each image that has one.
        make: returns a scikit-learn classifier for class weights (None or `balanced`); by
            default logistic regression.
        depth: slices of a volume, held one below the other; 1: of an image.

    Raises:
        ValueError: no image has a pixel that counts.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    features, labels, drawn_from = _draw(images, masks, maximum, seed, pixels, depth)
    if not len(labels):
        raise ValueError("no image has a pixel that counts")
    plural = "image" if drawn_from == 1 else "images"
    fitted = f"fitted on {len(labels)} pixels of {drawn_from} {plural}"
    if len(np.unique(labels)) == 1:
        return PixelBaseline(_constant(labels[0]), f"{fitted}, all of one class")
    with threadpool_limits(1):  # equal bits on any number of cores
        model, note = _fit(features, labels, classes, make)
    return PixelBaseline(_classifier(model, maximum, depth), f"{fitted}, {note}")


def _blur(image: np.ndarray, sigma: float) -> np.ndarray:
    size = 2 * round(_REACH * sigma) + 1
    channels = [
        cv2.GaussianBlur(
            np.ascontiguousarray(image[..., i]), (size, size), sigma, borderType=cv2.BORDER_REFLECT
        )
        for i in range(image.shape[2])
    ]
    return np.stack(channels, axis=2)


def _slope(gray: np.ndarray) -> np.ndarray:
    """Return the gradient magnitude per pixel by Sobel's differences, whose weights sum to 8."""
    across, down = (
        cv2.Sobel(gray, cv2.CV_32F, *axis, scale=1 / 8, borderType=cv2.BORDER_REFLECT)
        for axis in ((1, 0), (0, 1))
    )
    # cv2.magnitude is not reproducible: its last bits depend on memory alignment.
    return np.sqrt(across * across + down * down)


def _strips(image: np.ndarray, maximum: float, depth: int) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield strips of rows: first pixel, pixel after the last, and features in between.

    No strip or neighborhood reaches from one of `depth` slices into the next.
    """
    for number, part in enumerate(slices_of(image, depth)):
        height, width = part.shape[:2]
        before = number * height
        rows = max(1, _STRIP // width)
        for start in range(0, height, rows):
            stop = min(start + rows, height)
            top = max(0, start - _HALO)
            features = pixel_features(part[top : stop + _HALO], maximum)
            inner = slice((start - top) * width, (stop - top) * width)
            yield (before + start) * width, (before + stop) * width, features[inner]


def _draw(
    images: Iterable[np.ndarray],
    masks: Iterable[np.ndarray],
    maximum: float,
    seed: int,
    pixels: int,
    depth: int = 1,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return features (m, d) and labels (m,) of drawn pixels, and their number of images.

    The number of images is known only after the last one. So each gives its share as if it were
    the last, in random order, and the excess is dropped at the end.
    """
    rng = np.random.default_rng([seed, 0x91CE])
    drawn: list[tuple[np.ndarray, np.ndarray]] = []
    for image, mask in zip(images, masks, strict=True):
        if mask.shape != image.shape[:2]:
            raise ValueError(f"a mask of shape {mask.shape} for an image of {image.shape}")
        counting = np.flatnonzero(mask.ravel() != IGNORED)
        share = min(len(counting), max(1, pixels // (len(drawn) + 1)))
        if share:
            positions = rng.choice(counting, share, replace=False)
            features = _features_at(image, positions, maximum, depth)
            drawn.append((features, mask.ravel()[positions]))
    if not drawn:
        return np.empty((0, 0), "float32"), np.empty(0, "uint8"), 0
    share = max(1, pixels // len(drawn))
    features = np.concatenate([f[:share] for f, _ in drawn])
    return features, np.concatenate([labels[:share] for _, labels in drawn]), len(drawn)


def _features_at(
    image: np.ndarray, positions: np.ndarray, maximum: float, depth: int = 1
) -> np.ndarray:
    """Return features (m, d) of the pixels at positions (m,) of the image, row by row."""
    selected = np.empty((len(positions), 5 * image.shape[2] + 3), "float32")
    for start, stop, features in _strips(image, maximum, depth):
        inside = (positions >= start) & (positions < stop)
        selected[inside] = features[positions[inside] - start]
    return selected


def _fit(
    features: np.ndarray,
    labels: np.ndarray,
    classes: int,
    make: Callable[[str | None], Any] | None,
) -> tuple[Any, str]:
    """Return the better of two models, and a note on it."""
    from sklearn.exceptions import ConvergenceWarning

    fitted = []
    # Other models than logistic regression may overfit, so they are compared on held-out pixels.
    train, judged = slice(None), slice(None)
    if make is not None and len(np.unique(labels[: len(labels) // 5 * 4])) > 1:
        train, judged = slice(0, len(labels) // 5 * 4), slice(len(labels) // 5 * 4, None)
    for weighting, note in (
        (None, "without class weights"),
        ("balanced", "with balanced class weights"),
    ):
        model = (make or _logistic)(weighting)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(features[train], labels[train])
        predicted = model.predict(features[judged])
        confusion = confusion_of(labels[judged][None], predicted[None], classes)
        stopped = "" if make is not None else _stopped(model)
        fitted.append((mean_iou(confusion[None])[0], model, note + stopped))
    return max(fitted, key=lambda one: one[0])[1:]


def _stopped(model: Any) -> str:
    steps = int(model[-1].n_iter_.max())
    return f", stopped after {steps} iterations" if steps >= ITERATIONS else ""


def _logistic(weighting: str | None) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = LogisticRegression(C=1.0, max_iter=ITERATIONS, class_weight=weighting)
    return make_pipeline(StandardScaler(), model)


def _classifier(model: Any, maximum: float, depth: int) -> Callable[[np.ndarray], np.ndarray]:
    def predict(image: np.ndarray) -> np.ndarray:
        labels = np.empty(image.shape[0] * image.shape[1], "uint8")
        for start, stop, features in _strips(image, maximum, depth):
            labels[start:stop] = model.predict(features)
        return labels.reshape(image.shape[:2])

    return predict


def _constant(position: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda image: np.full(image.shape[:2], position, "uint8")
