"""Augmentation of the batches of a training split: of each sample, then of whole batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlzoo.data.policies import Policy, Step
from mlzoo.data.specs import IGNORED
from mlzoo.transforms import catalogue, mixing
from mlzoo.transforms.changes import RowChanges, SequenceChanges, change_all, drawn
from mlzoo.transforms.images import AugmentedForm, FilmChanges, ImageChanges

if TYPE_CHECKING:
    from mlzoo.data.samples import Part, Samples
    from mlzoo.transforms.workers import Workers

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
    """The form of images of a shape (..., height, width, channels) among the samples."""
    height, width, channels = shape[-3:]
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
        samples = part.samples
        self._seed, self._samples = seed, samples
        self._each, self._whole = _parted(policy.steps)
        self.kind = kind_of(samples)
        self.workers: Workers | None = None
        self.form: AugmentedForm | None = None  # of single images, which other processes can change
        self.steps = self._each
        self.one: ImageChanges | FilmChanges | SequenceChanges | RowChanges
        """What changes a single sample."""
        if are_films(samples):
            self.one = FilmChanges(self._each, image_form(samples, samples.inputs.shape))
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
            targets: (n,) positions of classes or numbers, or masks (n, height, width).
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
        if classes := len(self._samples.class_names):
            shares = one_hot(targets, classes)
        shares = shares * scale.reshape(-1, *[1] * (shares.ndim - 1))
        for name, parameters in drawn(self._whole, rng):
            partner = rng.permutation(len(inputs))
            if name == "MixUp":
                numeric = self._numeric() if self.kind == "tables" else None
                inputs, kept = _mixup(inputs, partner, rng, parameters, numeric)
            else:
                where, kept = mixing.cutmix(inputs, partner, rng, **parameters)
                inputs = np.where(where[..., None], inputs, inputs[partner])
                if shares.ndim == 4:
                    shares = np.where(where[..., None], shares, shares[partner])
            if name == "MixUp" or shares.ndim != 4:
                kept = kept.reshape(-1, *[1] * (shares.ndim - 1))
                shares = kept * shares + (1 - kept) * shares[partner]
            scale = kept.ravel() * scale + (1 - kept.ravel()) * scale[partner]
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


def _mixup(
    inputs: np.ndarray,
    partner: np.ndarray,
    rng: np.random.Generator,
    given: dict[str, Any],
    numeric: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    mixed, kept = mixing.mixup(inputs, partner, rng, **given)
    return (mixed if numeric is None else np.where(numeric, mixed, inputs)), kept


def _parted(steps: Sequence[Step]) -> tuple[list[Step], list[Step]]:
    """The steps of single samples, and those of whole batches."""
    whole = [step for step in steps if next(iter(step)) in catalogue.MIXING]
    return [step for step in steps if step not in whole], whole
