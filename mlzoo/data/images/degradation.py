"""Degraded images and the clean ones that they are made of, as inputs and targets.

What is drawn for a row depends on the degradation's seed and the row's position alone, so that the
validation and test splits stay as they are. Training draws anew in each epoch (`degrade_views`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from mlzoo.core.errors import UsageError
from mlzoo.data.images.reader import PixelReader
from mlzoo.data.masks.reader import Degradation, DenseReader
from mlzoo.data.quality.differences import measure_arrays
from mlzoo.data.quality.digests import row_digests
from mlzoo.data.samples import Rows, Samples

SQUARE = 4
"""Side of the squares that a mask blackens, in pixels."""
_STREAM = 0xDE64
"""Keeps the numbers drawn here apart from those drawn elsewhere with the same seed."""


def degrade(image: np.ndarray, how: Degradation, rng: np.random.Generator) -> np.ndarray:
    """Return a degraded image, float32; noise is not clipped.

    Args:
        image: (height, width, channels), from 0 to 1.
        how: noise, fewer pixels (area means, enlarged again), or black squares.
        rng: decides what is drawn.
    """
    if how.kind == "noise":
        noise = rng.standard_normal(image.shape, dtype="float32")
        return (image + np.float32(how.amount) * noise).astype("float32")
    if how.kind == "scale":
        height, width = image.shape[:2]
        return enlarged(area_means(image, how.factor), how.factor)[:height, :width]
    rows, columns = (-(-side // SQUARE) for side in image.shape[:2])
    lost = rng.random((rows, columns)) < how.amount
    black = np.kron(lost, np.ones((SQUARE, SQUARE), bool))[: image.shape[0], : image.shape[1]]
    return np.where(black[..., None], np.float32(0), image).astype("float32")


def area_means(image: np.ndarray, factor: int) -> np.ndarray:
    """Return the means of squares of `factor` pixels a side; the last ones are filled up."""
    beyond = [(0, -side % factor) for side in image.shape[:2]]
    padded = np.pad(image, [*beyond, (0, 0)], mode="edge")
    rows, columns, channels = padded.shape
    cells = padded.reshape(rows // factor, factor, columns // factor, factor, channels)
    return cells.mean(axis=(1, 3), dtype="float32")


def enlarged(image: np.ndarray, factor: int) -> np.ndarray:
    """Return an image (height, width, channels) enlarged by bicubic interpolation, float32."""
    size = image.shape[1] * factor, image.shape[0] * factor
    channels = np.moveaxis(np.asarray(image, "float32"), -1, 0)
    resized = [cv2.resize(each, size, interpolation=cv2.INTER_CUBIC) for each in channels]
    return np.stack(resized, axis=-1)


def degrade_views(
    views: np.ndarray, how: Degradation, seeds: Sequence[Sequence[int]]
) -> np.ndarray:
    """Return clean images or crops (n, height, width, channels) degraded, each by its own seed."""
    rngs = [np.random.default_rng([*seed, _STREAM]) for seed in seeds]
    return np.stack([degrade(view, how, rng) for view, rng in zip(views, rngs, strict=True)])


@dataclass(frozen=True)
class CleanImages:
    """Images from 0 to 1, float32, of rows that hold them up to a maximum."""

    rows: Rows
    maximum: float

    @property
    def shape(self) -> tuple[int, ...]:
        """(samples, height, width, channels)."""
        return self.rows.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32."""
        return np.dtype("float32")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, indices: Any) -> np.ndarray:
        return np.asarray(self.rows[indices], "float32") / np.float32(self.maximum)

    def only(self, indices: np.ndarray) -> CleanImages:
        """Return the images at some positions."""
        rows: Any = self.rows
        picked = rows[indices] if isinstance(rows, np.ndarray) else rows.only(indices)
        return replace(self, rows=picked)


@dataclass(frozen=True)
class DegradedImages:
    """Clean images degraded as they are read, each always alike.

    Attributes:
        clean: what they are made of.
        how: the degradation.
        positions: (n,) of each among the samples of its source, which decides what is drawn.
    """

    clean: CleanImages
    how: Degradation
    positions: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """(samples, height, width, channels)."""
        return self.clean.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32."""
        return self.clean.dtype

    def __len__(self) -> int:
        return len(self.clean)

    def __getitem__(self, indices: Any) -> np.ndarray:
        wanted = np.arange(len(self))[indices]
        rows = self.clean[np.atleast_1d(wanted)]
        seeds = [[self.how.seed, int(at)] for at in np.atleast_1d(self.positions[wanted])]
        degraded = degrade_views(rows, self.how, seeds)
        return degraded if wanted.ndim else degraded[0]

    def only(self, indices: np.ndarray) -> DegradedImages:
        """Return the images at some positions."""
        return replace(self, clean=self.clean.only(indices), positions=self.positions[indices])


def to_restore(
    samples: Samples, task: str, how: Degradation, size: tuple[int, int] | None = None
) -> Samples:
    """Return images as pairs of a degraded and the clean one; labels and masks are left out.

    Args:
        samples: as a source gives them.
        task: the task of the pairs.
        how: the degradation.
        size: (height, width) that images were resized to, as new ones will be.

    Raises:
        UsageError: they are no images, their largest value is not known, or they are pairs
            or volumes.
    """
    if isinstance(samples.inputs, CleanImages):
        raise UsageError(
            f"--restore {how}: these data are pairs of degraded and clean images; leave it out, or "
            "name the folder of clean images alone"
        )
    known = samples.reader
    if known.depth:
        raise UsageError(
            f"--restore {how}: is for images, and these are volumes of {known.depth} slices; leave "
            "it out"
        )
    images = samples.kind == "image" and len(samples.inputs.shape) == 4
    if not images or not samples.maximum or not isinstance(known, PixelReader):
        raise UsageError(
            f"--restore {how}: needs images with a largest value, such as files of 8 or 16 bits, "
            f"but samples are of kind {samples.kind} and shape {samples.inputs.shape[1:]}"
        )
    rows, hashes, measured = samples.inputs, samples.hashes, known.images
    if isinstance(rows, np.ndarray):
        hashes = row_digests(rows) if hashes is None else hashes
        measured = measure_arrays(rows, samples.maximum)
    channels = int(rows.shape[-1])
    clean = CleanImages(rows, samples.maximum)
    return replace(
        samples,
        inputs=DegradedImages(clean, how, np.arange(len(samples))),
        targets=clean,
        task=task,
        class_names=(),
        target_names=channel_names(channels),
        maximum=1.0,
        classes=None,
        pixels=None,
        hashes=hashes,
        target_hashes=np.full(len(samples), str(how)),
        reader=DenseReader(
            kind="image",
            maximum=1.0,
            size=size,
            channels=channels,
            dtype="float32",
            max_pixels=known.max_pixels,
            images=measured,
            degradation=how,
        ),
        notes=(*samples.notes, f"targets: the clean images; inputs: degraded by {how} (--restore)"),
    )


def degradation_of(samples: Samples) -> Degradation | None:
    """Return how the inputs are made of the targets; None where both are given."""
    return samples.inputs.how if isinstance(samples.inputs, DegradedImages) else None


def channel_names(count: int) -> tuple[str, ...]:
    """Return what the channels of an image are called."""
    return tuple(f"channel {number}" for number in range(1, count + 1))
