"""Input positions, and their counterparts at a model's entry.

A position is a pixel, a step of a sequence, or a column of a table, which may have become several
numbers there: the channels of a pixel, the codes of a category, the embedding of a token.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mlzoo.introspection import resampling
from mlzoo.introspection.opened import Opened


class InputPositions(Opened):
    """A model whose input positions can be hidden, grouped and attributed to."""

    def positions(self, values: np.ndarray, largest: bool = False) -> np.ndarray:
        """Return attributions at the entry (n, *self.shape) by input position.

        Pixels sum over their channels, columns of a table over the locations of their categories,
        tokens over their embedding. Steps keep their channels.

        Args:
            values: attributions, signed.
            largest: the largest absolute value instead of the sum.
        """
        groups = columns(self._entry)
        if groups is not None:
            parts = [values[:, group] for group in groups]
            return np.stack([_together(part, largest) for part in parts], axis=1)
        if len(self.shape) == 1:
            return values
        inputs = len(self._x.shape) - 1
        if len(self.shape) == 3 or len(self.shape) > inputs:
            return _together(values, largest)
        if self.shape[-1:] != tuple(self._x.shape)[-1:]:  # codes, one-hot
            return _together(values, largest)[..., None]
        return values

    def spread(self, masks: np.ndarray) -> np.ndarray:
        """Return masks over an input's positions (m, *positions) as masks for `masked`."""
        groups = columns(self._entry)
        if groups is None:
            return masks
        spread_masks = np.zeros((len(masks), *self.shape), "float32")
        for column, group in enumerate(groups):
            spread_masks[:, group] = masks[:, column, None]
        return spread_masks

    def upsample(self, maps: np.ndarray) -> np.ndarray:
        """Return maps over the layer's cells resized to the input, (n, height, width)."""
        upsampled = resampling.upsample(maps, self.frame)
        if self.depth:
            height, width = self.shape[0] // self.depth, self.shape[1]
            return upsampled[:, :, :height, :width].reshape(len(maps), *self.shape[:2])
        return upsampled[(slice(None), *(slice(side) for side in self.shape[:-1]))]

    def patches(self, share: float, overlap: int) -> np.ndarray:
        """Return masks (m, *positions) that cover an input: 1 within a patch, 0 outside.

        Squares of an image that overlap, blocks of a volume, single steps of a sequence, or a
        table's columns.
        """
        if self.depth:
            plane = squares((self.shape[0] // self.depth, self.shape[1]), share, overlap)
            slab = max(1, round(share * self.depth))
            number = np.arange(self.depth) // slab
            chosen = (number == np.arange(number[-1] + 1)[:, None]).astype("float32")
            blocks = chosen[:, None, :, None, None] * plane[None, :, None]
            return blocks.reshape(-1, *self.shape[:2])
        if len(self.shape) == 3:
            return squares(self.shape[:2], share, overlap)
        groups = columns(self._entry)
        if groups is not None:
            masks = np.zeros((len(groups), *self.shape), "float32")
            for mask, group in zip(masks, groups, strict=True):
                mask[group] = 1
            return masks
        return np.eye(self.shape[0], dtype="float32")

    def random_parts(
        self, rng: np.random.Generator, count: int, cells: int, shown: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return random masks for `masked`, and the same over the input's positions.

        Of images cells of a grid, enlarged smoothly and shifted by up to a cell; else steps or
        columns. See `designed` for what is balanced about them.

        Args:
            rng: random generator.
            count: number of masks.
            cells: cells along each side of the grid.
            shown: share of positions that a mask shows, in (0, 1).
        """
        if len(self.shape) < 3:
            groups = columns(self._entry)
            drawn, _ = designed(rng, count, self.shape[0] if groups is None else len(groups), shown)
            return self.spread(drawn), drawn
        height, width = self.shape[0] // (self.depth or 1), self.shape[1]
        deep = min(self.depth, cells)
        sides = (*((deep,) if deep else ()), cells + 1, cells + 1)
        grid, group = designed(rng, count, math.prod(sides), shown)
        step = -(-height // cells), -(-width // cells)
        plane = (step[0] * (cells + 1), step[1] * (cells + 1))
        large = resampling.upsample(
            grid.reshape(count, *sides), (self.depth, *plane) if deep else plane
        )
        # Balanced masks are only so among those of one shift.
        shifts = np.repeat(rng.integers(0, step, (-(-count // group), 2)), group, axis=0)[:count]
        moved = [
            mask[..., down : down + height, right : right + width]
            for mask, (down, right) in zip(large, shifts, strict=True)
        ]
        masks = np.stack(moved).reshape(count, *self.shape[:2])
        return masks, masks


def designed(
    rng: np.random.Generator, count: int, locations: int, shown: float
) -> tuple[np.ndarray, int]:
    """Return masks (count, places) of 0 and 1, and the size of their balanced groups.

    Where half is shown and `count` allows, they are columns of a Hadamard matrix (Plackett and
    Burman, "The Design of Optimum Multifactorial Experiments", 1946), drawn at random: among those
    of a group each position is shown in half of the masks and each pair of them in a quarter, so
    that the effects of two positions are not confounded. Else every position is drawn alone.

    Args:
        rng: random generator.
        count: number of masks.
        locations: number of positions.
        shown: share of positions that a mask shows, in (0, 1).
    """
    from scipy.linalg import hadamard

    order = 1 << locations.bit_length()
    if shown != 0.5 or order > count:
        return (rng.random((count, locations)) < shown).astype("float32"), 1
    matrix, groups = hadamard(order, dtype=np.int8), []
    for _ in range(-(-count // order)):
        chosen = 1 + rng.permutation(order - 1)[:locations]
        sign = rng.choice(np.array([-1, 1], np.int8), locations)
        groups.append(matrix[rng.permutation(order)][:, chosen] * sign > 0)
    return np.concatenate(groups)[:count].astype("float32"), order


def squares(size: tuple[int, ...], share: float, overlap: int) -> np.ndarray:
    """Return squares (m, height, width) over an image, each of a share of its shorter side.

    Args:
        size: (height, width).
        share: side of a square over the image's shorter side.
        overlap: how many squares cover each pixel in each direction.
    """
    side = max(1, round(share * min(size)))
    step = max(1, side // overlap)
    starts = [range(step - side, length, step) for length in size]
    masks = np.zeros((len(starts[0]) * len(starts[1]), *size), "float32")
    corners = ((top, left) for top in starts[0] for left in starts[1])
    for mask, (top, left) in zip(masks, corners, strict=True):
        mask[max(top, 0) : top + side, max(left, 0) : left + side] = 1
    return masks


def columns(entry: Any) -> list[list[int]] | None:
    """Return the features that each table column became; None if inputs are no table."""
    if type(entry).__name__ != "TableScaling":
        return None
    locations: dict[int, list[int]] = {column: [i] for i, column in enumerate(entry.numeric)}
    taken = len(entry.numeric)
    for column, codes in enumerate(entry.categories):
        if codes is not None:
            locations[column] = list(range(taken, taken + len(codes)))
            taken += len(codes)
    return [locations[column] for column in sorted(locations)]


def _together(values: np.ndarray, largest: bool) -> np.ndarray:
    if not values.shape[-1]:
        return np.zeros(values.shape[:-1], "float32")
    return np.abs(values).max(axis=-1) if largest else values.sum(axis=-1)
