"""Widths of intervals of fields that miss at most a given share of an image's values.

Conformal risk control (Angelopoulos, Bates, Fisch, Lei and Schuster, 2024), as of masks
(`risk.py`): values of one image go together, so that images are what is counted. An interval is as
wide as the error that is to be expected at its pixel, by a scale (`error_scale.py`) of the
prediction, the place, the channels of the image and how fast both change there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.statistics.calibration.error_scale import ErrorScale
from mlzoo.statistics.scorers import Array

LEVELS = 401
"""Widths that are compared: quantiles of the errors, at evenly spaced levels."""
CHANNELS = 8
"""Channels of an image that a scale may depend on, the first ones."""


@dataclass(frozen=True)
class FieldWidths:
    """Shares of an image's values that intervals of some widths miss, of k fields.

    Attributes:
        images: held-out images that the shares are the mean of.
        widths: (LEVELS, k) half widths, ascending, in units of the scale.
        rates: (LEVELS, k) shares that each misses.
        scale: of the errors; None: it is 1 everywhere.
    """

    images: int
    widths: Array
    rates: Array
    scale: ErrorScale | None = None

    def half(self, most: float) -> Array:
        """Return the smallest half widths (k,) whose share of missed values is controlled.

        Args:
            most: expected share of missed values in a new image; infinity where it is too small.
        """
        controlled = (self.images * self.rates + 1) / (self.images + 1) <= most + 1e-9
        first = controlled.argmax(axis=0)
        each = self.widths[first, np.arange(self.widths.shape[1])]
        return np.where(controlled.any(axis=0), each, np.inf)

    def ends(self, image: Array, predicted: Array, most: float) -> tuple[Array, Array]:
        """Return the ends (height, width, k) of the intervals of an image, float32.

        Args:
            image: (height, width, channels), as the model takes it.
            predicted: (height, width, k).
            most: expected share of missed values.
        """
        half = self.half(most) * scales(self.scale, image, predicted)
        return (predicted - half).astype("float32"), (predicted + half).astype("float32")

    def record(self) -> dict[str, object]:
        """Return JSON-able values."""
        return {
            "images": self.images,
            "widths": self.widths.tolist(),
            "rates": self.rates.tolist(),
            "scale": None if self.scale is None else self.scale.record(),
        }

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> FieldWidths:
        """Restore what `record` returned.

        Raises:
            KeyError, TypeError, ValueError: it is damaged.
        """
        widths, rates = (np.array(record[name], "float64") for name in ("widths", "rates"))
        if widths.ndim != 2 or len(widths) != LEVELS or rates.shape != widths.shape:
            raise ValueError(f"widths have shape {widths.shape} and rates {rates.shape}")
        scale = ErrorScale.of(record["scale"]) if record["scale"] else None
        return cls(int(record["images"]), widths, rates, scale)


def field_widths(ratios: list[Array], scale: ErrorScale | None) -> FieldWidths:
    """Return widths and the shares that they miss.

    Args:
        ratios: of each image the absolute errors over the scale (m, k), NaN where a value is
            ignored; at least one is known.
        scale: of the errors.
    """
    # An image without a known value says nothing of the share that is missed.
    ratios = [each for each in ratios if not np.isnan(each).all()]
    levels = np.linspace(0, 1, LEVELS)
    widths = np.nanquantile(np.concatenate(ratios), levels, axis=0)
    rates = np.zeros(widths.shape)
    for each in ratios:
        for k in range(widths.shape[1]):
            known = np.sort(each[~np.isnan(each[:, k]), k])
            if len(known):
                below = np.searchsorted(known, widths[:, k], side="right")
                rates[:, k] += 1 - below / len(known)
    return FieldWidths(len(ratios), widths, rates / len(ratios), scale)


def scales(
    scale: ErrorScale | None, image: Array, predicted: Array, member: int | None = None
) -> Array:
    """Return the scale of the errors at each pixel, (height, width, k); 1 without a scale.

    Args:
        scale: of one model, or of several members.
        image: (height, width, channels).
        predicted: (height, width, k).
        member: whose scale, from 0; None: the geometric mean of all.
    """
    if scale is None:
        return np.ones(predicted.shape)
    features = pixel_features(image, predicted).reshape(-1, len(scale.center))
    flat = predicted.reshape(len(features), 1, -1).astype("float64")
    each = scale(features, flat)
    one = np.exp(np.log(each).mean(axis=1)) if member is None else each[:, member]
    return np.asarray(one).reshape(predicted.shape)


def pixel_features(image: Array, predicted: Array) -> Array:
    """Return what the size of errors may depend on at each pixel, (height, width, w).

    They are the place, from -1 to 1, the image, and how fast it and the prediction change.

    Args:
        image: (height, width, channels); missing values count as 0.
        predicted: (height, width, k).
    """
    channels = np.nan_to_num(image[..., :CHANNELS].astype("float64"))
    fields = predicted.astype("float64")
    sides = [np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in predicted.shape[:2]]
    place = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1)
    return np.concatenate([place, channels, _slopes(channels), _slopes(fields)], axis=-1)


def _slopes(values: Array) -> Array:
    """Return the size of the gradient of each channel, in its units a pixel."""
    axes = [axis for axis in (0, 1) if values.shape[axis] > 1]
    squares = [np.gradient(values, axis=axis) ** 2 for axis in axes]
    return np.sqrt(np.sum(squares, axis=0)) if squares else np.zeros(values.shape)
