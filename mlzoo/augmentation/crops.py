"""Inputs of networks for every pixel: whole images or crops, augmented along with their targets."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from threading import Lock

import numpy as np

from mlzoo.augmentation.augmenter import Augmenter
from mlzoo.data.images.decoding import mirrored
from mlzoo.data.images.degradation import DegradedImages, degradation_of, degrade_views
from mlzoo.data.images.images import CACHE_BYTES, LazyFiles
from mlzoo.data.images.tiles import Tiling
from mlzoo.data.policies import Policy
from mlzoo.data.samples import Part
from mlzoo.data.specs import IGNORED

CENTERED = 1 / 3
"""Share of the crops that are centered on a rarer class, where classes are balanced."""


class Views:
    """The images of a part as they are fed: whole, or as crops of one size.

    An image of h x w pixels gives ceil(h / side) * ceil(w / side) crops an epoch. Where each lies
    and how it is changed is drawn from (seed, epoch, crop), so any of them can be made alone.
    Files of large images are read once an epoch: crops are shuffled among a few images at a time.

    Args:
        part: the samples.
        tiling: size of the crops; None: images are taken whole.
        policy: how images and masks are changed.
        seed: decides order, places and changes.
        balanced: center a third of the crops on a pixel of a class other than the most common one,
            each class as often (Isensee et al., "nnU-Net", 2021).
    """

    slow = True

    def __init__(
        self,
        part: Part,
        tiling: Tiling | None,
        policy: Policy,
        seed: int,
        balanced: bool = False,
    ) -> None:
        self._part, self._tiling, self._seed = part, tiling, seed
        self._common = _most_common(part) if balanced else None
        self._degradation = degradation_of(part.samples)
        counts = [self._crops(position) for position in range(len(part))]
        self.samples = np.repeat(np.arange(len(part)), counts)
        """The position in the part that each view is made of."""
        inputs = part.samples.inputs
        one = int(np.prod(inputs.shape[1:])) * np.dtype(inputs.dtype).itemsize
        files = inputs.clean.rows if isinstance(inputs, DegradedImages) else inputs
        on_disk = isinstance(files, LazyFiles) and not files.cached
        self._window = max(1, CACHE_BYTES // one) if on_disk and tiling is not None else len(part)
        self._reading = Lock()
        self.augmenter = Augmenter(policy, part, seed, self.shape)
        self.alone = not policy.mixes
        self._recent: OrderedDict[int, tuple[np.ndarray, np.ndarray]] = OrderedDict()

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def shape(self) -> tuple[int, ...]:
        """(height, width, channels) of what is fed."""
        height, width, channels = self._part.samples.inputs.shape[1:]
        if self._tiling is not None:
            height = width = self._tiling.side
        return height, width, channels

    def order(self, epoch: int) -> np.ndarray:
        """The views of an epoch, shuffled."""
        random = np.random.default_rng([self._seed, epoch])
        if self._window >= len(self._part):
            return random.permutation(len(self))
        images = random.permutation(len(self._part))
        first = np.searchsorted(self.samples, np.arange(len(self._part) + 1))
        shuffled = []
        for start in range(0, len(images), self._window):
            few = images[start : start + self._window]
            views = np.concatenate([np.arange(first[i], first[i + 1]) for i in few])
            shuffled.append(random.permutation(views))
        return np.concatenate(shuffled)

    def batch(self, views: np.ndarray, epoch: int) -> tuple[np.ndarray, np.ndarray, None]:
        """Inputs (n, height, width, channels) and targets of some views, without weights.

        Where clean images are degraded, that is drawn anew in each epoch, after other changes.
        """
        if self._tiling is None:
            positions = self.samples[views]
            targets = self._part.targets_at(positions)
            inputs = targets if self._degradation else self._part.inputs(positions)
        else:
            pairs = [self._crop(int(view), epoch, self._tiling.side) for view in views]
            inputs, targets = (np.stack(each) for each in zip(*pairs, strict=True))
        if self._degradation is not None:
            clean, _ = self.augmenter.change(inputs, None, views, epoch)
            seeds = [(self._seed, epoch, int(view)) for view in views]
            return degrade_views(clean, self._degradation, seeds), clean, None
        if self._part.samples.target.pixel_class:
            inputs, moved = self.augmenter.change(inputs, targets, views, epoch)
            assert moved is not None
            targets = moved
        else:
            inputs, _ = self.augmenter.change(inputs, None, views, epoch)
        inputs, targets, _ = self.augmenter.mix(inputs, targets, None, views, epoch)
        return inputs, targets, None

    def _crop(self, view: int, epoch: int, side: int) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng([self._seed, epoch, view])
        image, target = self._image(int(self.samples[view]))
        top, left = (int(random.integers(max(1, n - side + 1))) for n in image.shape[:2])
        if self._common is not None and random.random() < CENTERED:
            top, left = _centered(target, self._common, side, random) or (top, left)
        return cut(image, target, top, left, side)

    def _crops(self, position: int) -> int:
        if self._tiling is None:
            return 1
        height, width = self._part.size(position)
        return -(-height // self._tiling.side) * -(-width // self._tiling.side)

    def _image(self, position: int) -> tuple[np.ndarray, np.ndarray]:
        """An image and its target without padding; those of a window are kept."""
        with self._reading:  # by one of the threads that make batches
            if position not in self._recent:
                while len(self._recent) >= self._window:
                    self._recent.popitem(last=False)
                target = self._part.target(position)
                image = target if self._degradation else self._part.image(position)
                self._recent[position] = image, target
            return self._recent[position]


def _most_common(part: Part) -> int:
    """Return the class with most pixels in a split of images with masks."""
    assert part.samples.pixels is not None
    return int(part.samples.pixels[part.indices].sum(axis=0).argmax())


def _centered(
    target: np.ndarray, common: int, side: int, random: np.random.Generator
) -> tuple[int, int] | None:
    """Return top and left of a crop around a pixel of a rarer class; None without such a class.

    Args:
        target: (height, width) class positions.
        common: the class that is not drawn.
        side: of the crop, which stays within the image where the image is as large.
        random: draws the class, then the pixel.
    """
    classes = np.setdiff1d(np.unique(target), (common, IGNORED))
    if not len(classes):
        return None
    places = np.argwhere(target == random.choice(classes))
    center = places[random.integers(len(places))]
    limits = np.maximum(np.array(target.shape[:2]) - side, 0)
    top, left = np.clip(center - side // 2, 0, limits)
    return int(top), int(left)


def cut(
    image: np.ndarray, target: np.ndarray, top: int, left: int, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """A square crop; beyond the image's end its mirror image, whose targets don't count."""
    image = image[top : top + side, left : left + side]
    target = target[top : top + side, left : left + side]
    height, width = image.shape[:2]
    if (height, width) != (side, side):
        nothing = IGNORED if target.dtype == np.uint8 else np.nan
        whole = np.full((side, side, *target.shape[2:]), nothing, target.dtype)
        whole[:height, :width] = target
        image, target = mirrored(image, side, side), whole
    return image, target


def grid(part: Part, tiling: Tiling) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Every image of a part in crops that touch and don't overlap: (input, target) each."""
    for position in range(len(part)):
        image, target = part.image(position), part.target(position)
        for top in range(0, image.shape[0], tiling.side):
            for left in range(0, image.shape[1], tiling.side):
                yield cut(image, target, top, left, tiling.side)
