"""Augmentation of the batches of a training split: of each sample, then of whole batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mlzoo.augmentation import catalogue
from mlzoo.augmentation.changes import RowChanges, SequenceChanges, built, change_all, drawn
from mlzoo.augmentation.images import AugmentedForm, FilmChanges, ImageChanges, VolumeChanges
from mlzoo.data.label_files.joined import JoinedRows, bare
from mlzoo.data.policies import Policy, Step
from mlzoo.data.specs import IGNORED

if TYPE_CHECKING:
    from mlzoo.augmentation.workers import Workers
    from mlzoo.data.samples import Part, Samples

_STREAM = 1_000_003
"""Parts the numbers drawn here from those that place crops with the same seed."""


def kind_of(samples: Samples) -> str:
    """`images`, `sequences` or `tables`: whose transforms fit the samples; films are images."""
    axes = len(samples.inputs.shape)
    if samples.kind == "image" or axes in (4, 5):
        return "images"
    return "sequences" if samples.kind == "sequence" or axes == 3 else "tables"


def are_films(samples: Samples) -> bool:
    """Return whether a sample is a sequence of images (frames, height, width, channels)."""
    return len(samples.inputs.shape) == 5


def image_form(samples: Samples, shape: Sequence[int]) -> AugmentedForm:
    """The form of images, or slices, of a shape (..., height, width, channels) among samples."""
    height, width, channels = shape[-3:]
    height //= samples.reader.depth or 1
    return AugmentedForm(
        (height, width, channels), str(np.dtype(samples.inputs.dtype)), samples.maximum
    )


def spread(part: Part) -> np.ndarray:
    """Mean and standard deviation (2, channels) of each channel or column, of 4,096 samples."""
    some = np.unique(np.linspace(0, len(part) - 1, 4096).astype(int))
    values = part.inputs(some)
    flat = values.reshape(-1, values.shape[-1]).astype(np.float64)
    known = np.maximum(np.isfinite(flat).sum(axis=0), 1)
    mean = np.nansum(flat, axis=0) / known
    return np.stack([mean, np.sqrt(np.nansum((flat - mean) ** 2, axis=0) / known)])


class Augmenter:
    """A policy as a function of batches. What it draws depends on (seed, epoch, item) alone.

    Args:
        policy: resolved, see `choosing.choose`.
        part: the training samples.
        seed: decides all that is random.
        shape: of one image as it is fed, where it is not the samples'.

    Raises:
        UsageError: a transform does not fit the images.
    """

    def __init__(
        self, policy: Policy, part: Part, seed: int, shape: Sequence[int] | None = None
    ) -> None:
        self._rows = part.samples.inputs
        samples = bare(part.samples)
        self._seed, self._samples = seed, samples
        self.kind = kind_of(samples)
        self._each, whole = _parted(policy.steps)
        self._whole = built(self.kind, whole)
        self.workers: Workers | None = None
        self.form: AugmentedForm | None = None  # of single images, which other processes can change
        self.steps = self._each
        self.one: ImageChanges | FilmChanges | VolumeChanges | SequenceChanges | RowChanges
        """The changes of a single sample."""
        if are_films(samples):
            self.one = FilmChanges(self._each, image_form(samples, samples.inputs.shape))
        elif samples.reader.depth:
            form = image_form(samples, samples.inputs.shape)
            self.one = VolumeChanges(self._each, form, samples.reader.depth)
        elif self.kind == "images":
            self.form = image_form(samples, shape or samples.inputs.shape[1:])
            self.one = ImageChanges(self._each, self.form)
        elif self.kind == "sequences":
            self.one = SequenceChanges(self._each, spread(part))
        else:
            self.one = RowChanges(self._each, spread(part), self._numeric())

    def change(
        self, inputs: np.ndarray, targets: np.ndarray | None, items: np.ndarray, epoch: int
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Each sample changed, with what stands at its pixels or steps.

        Args:
            inputs: (n, ...) of some items.
            targets: masks (n, height, width), labels (n, steps) or None.
            items: the n items' numbers.
            epoch: from 0.
        """
        if not self._each:
            return inputs, targets
        if isinstance(self._rows, JoinedRows):
            alone = inputs[:, : self._rows.height].astype(self._rows.images.dtype)
            return self._rows.with_images(inputs, self._changed(alone, None, items, epoch)[0]), None
        return self._changed(inputs, targets, items, epoch)

    def _changed(
        self, inputs: np.ndarray, targets: np.ndarray | None, items: np.ndarray, epoch: int
    ) -> tuple[np.ndarray, np.ndarray | None]:
        seeds = [self.seed_of(int(item), epoch) for item in items]
        if self.workers is not None:
            return self.workers.change(inputs, targets, seeds)
        return change_all(self.one, inputs, targets, seeds)

    def seed_of(self, item: int, epoch: int) -> list[int]:
        """Return the seed of all that is random about an item in an epoch."""
        return [self._seed, epoch, item, _STREAM]

    def _numeric(self) -> np.ndarray:
        columns = self._samples.columns
        if not columns:
            return np.ones(self._samples.inputs.shape[1], dtype=bool)
        return np.array([not column.categories for column in columns])

    def mix(
        self,
        inputs: np.ndarray,
        targets: np.ndarray,
        weights: np.ndarray | None,
        items: np.ndarray,
        epoch: int,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Samples of a batch mixed in pairs; labels become shares where the policy says so.

        Args:
            inputs: (n, ...).
            targets: (n,) positions of classes or numbers, labels (n, k), or masks (n, height,
                width).
            weights: (n,) or None.
            items: the n items' numbers.
            epoch: from 0.

        Returns:
            Inputs, targets as shares (n, ..., classes) or numbers, and weights.
        """
        if not self._whole:
            return inputs, targets, weights
        rng = np.random.default_rng([self._seed, epoch, _STREAM, *map(int, items)])
        shares, scale = targets, np.ones(len(inputs)) if weights is None else weights
        if self._samples.target.is_class:
            shares = one_hot(targets, len(self._samples.class_names))
        shares = shares * scale.reshape(-1, *[1] * (shares.ndim - 1))
        for _, own_share in drawn(self._whole, rng):
            partner = rng.permutation(len(inputs))
            own = own_share(inputs.shape, rng)
            mixed_inputs = _mixed(inputs, partner, own)
            if self.kind == "tables":
                mixed_inputs = np.where(self._numeric(), mixed_inputs, inputs)
            inputs = mixed_inputs
            kept = own.mean(axis=(1, 2)) if own.ndim > 1 else own
            if own.ndim > 1 and shares.ndim == 4:
                shares = np.where(own[..., None], shares, shares[partner])
            else:
                weight = kept.reshape(-1, *[1] * (shares.ndim - 1))
                shares = weight * shares + (1 - weight) * shares[partner]
            scale = kept * scale + (1 - kept) * scale[partner]
        if weights is not None:
            shares = shares / scale.reshape(-1, *[1] * (shares.ndim - 1))
        mixed = shares.astype(np.float32)
        return inputs, mixed, None if weights is None else scale.astype(np.float32)

    def close(self) -> None:
        """Let the worker processes end."""
        if self.workers is not None:
            self.workers.close()
            self.workers = None


def one_hot(targets: np.ndarray, classes: int) -> np.ndarray:
    """Positions (n, ...) as float64 (n, ..., classes); `IGNORED` is of no class."""
    if targets.dtype == np.uint8:
        return (targets[..., None] == np.arange(classes)) & (targets != IGNORED)[..., None]
    return (targets[..., None] == np.arange(classes)).astype(np.float64)


def _mixed(inputs: np.ndarray, partner: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return inputs mixed with their partners', of the same type.

    Args:
        inputs: (n, ...).
        partner: (n,) position of the other sample.
        own: the share (n,) of each sample itself, or where its own pixels stay (n, height, width).
    """
    weight = own.reshape(*own.shape, *[1] * (inputs.ndim - own.ndim))
    if own.ndim > 1:
        return np.where(weight, inputs, inputs[partner])
    weight = weight.astype(np.float32)
    mixed = weight * inputs + (1 - weight) * inputs[partner]
    return (np.rint(mixed) if inputs.dtype.kind in "iu" else mixed).astype(inputs.dtype)


def _parted(steps: Sequence[Step]) -> tuple[list[Step], list[Step]]:
    """The steps of single samples, and those of whole batches."""
    whole = [step for step in steps if catalogue.is_marked(next(iter(step)), "MIXES")]
    return [step for step in steps if step not in whole], whole
