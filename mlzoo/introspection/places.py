"""The places of an input, and what stands for them where a model's numbers begin.

A place is a pixel, a step of a sequence, or a column of a table, which may have become several
numbers there: the channels of a pixel, the codes of a category, the embedding of a token.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mlzoo.introspection import resampling
from mlzoo.introspection.opened import Opened


class Places(Opened):
    """A model whose inputs' places can be hidden, grouped and drawn upon."""

    def positions(self, values: np.ndarray, largest: bool = False) -> np.ndarray:
        """Attributions at the entry (n, *self.shape) as those of the input's positions.

        Pixels sum over their channels, columns of a table over the places of their categories,
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
        """Masks over an input's positions (m, *positions) as masks for `masked`."""
        groups = columns(self._entry)
        if groups is None:
            return masks
        found = np.zeros((len(masks), *self.shape), "float32")
        for column, group in enumerate(groups):
            found[:, group] = masks[:, column, None]
        return found

    def upsample(self, maps: np.ndarray) -> np.ndarray:
        """Maps over the layer's cells brought to the input's own places, (n, height, width)."""
        found = resampling.upsample(maps, self.frame)
        return found[(slice(None), *(slice(side) for side in self.shape[:-1]))]

    def patches(self, share: float, overlap: int) -> np.ndarray:
        """Parts (m, *places) that cover an input: 1 within, 0 outside.

        Squares of an image that overlap, single steps of a sequence, or a table's columns.
        """
        if len(self.shape) == 3:
            return squares(self.shape[:2], share, overlap)
        groups = columns(self._entry)
        if groups is not None:
            found = np.zeros((len(groups), *self.shape), "float32")
            for mask, group in zip(found, groups, strict=True):
                mask[group] = 1
            return found
        return np.eye(self.shape[0], dtype="float32")

    def random_parts(
        self, rng: np.random.Generator, count: int, cells: int, shown: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Random masks for `masked`, and the same over the input's positions.

        Of images cells of a grid, enlarged smoothly and shifted by up to a cell; else steps or
        columns. See `designed` for what is balanced about them.
        """
        if len(self.shape) < 3:
            groups = columns(self._entry)
            drawn, _ = designed(rng, count, self.shape[0] if groups is None else len(groups), shown)
            return self.spread(drawn), drawn
        height, width = self.shape[:2]
        grid, group = designed(rng, count, (cells + 1) ** 2, shown)
        step = -(-height // cells), -(-width // cells)
        large = resampling.upsample(
            grid.reshape(count, cells + 1, cells + 1),
            (step[0] * (cells + 1), step[1] * (cells + 1)),
        )
        # Balanced masks are only so among those of one shift.
        shifts = np.repeat(rng.integers(0, step, (-(-count // group), 2)), group, axis=0)[:count]
        moved = [
            mask[down : down + height, right : right + width]
            for mask, (down, right) in zip(large, shifts, strict=True)
        ]
        masks = np.stack(moved)
        return masks, masks


def designed(
    rng: np.random.Generator, count: int, places: int, shown: float
) -> tuple[np.ndarray, int]:
    """Masks (count, places) of 0 and 1, and how many in a row are balanced among themselves.

    Where half is shown and `count` allows, they are columns of a Hadamard matrix (Plackett and
    Burman, "The Design of Optimum Multifactorial Experiments", 1946), drawn at random: among those
    of a group each place is shown in half of the masks and each two places together in a quarter,
    so that what one place adds is not taken for what another does. Else every place is drawn alone.
    """
    from scipy.linalg import hadamard

    order = 1 << places.bit_length()
    if shown != 0.5 or order > count:
        return (rng.random((count, places)) < shown).astype("float32"), 1
    matrix, groups = hadamard(order, dtype=np.int8), []
    for _ in range(-(-count // order)):
        chosen = 1 + rng.permutation(order - 1)[:places]
        sign = rng.choice(np.array([-1, 1], np.int8), places)
        groups.append(matrix[rng.permutation(order)][:, chosen] * sign > 0)
    return np.concatenate(groups)[:count].astype("float32"), order


def squares(size: tuple[int, ...], share: float, overlap: int) -> np.ndarray:
    """Squares (m, height, width) over an image, each of a share of its shorter side."""
    side = max(1, round(share * min(size)))
    step = max(1, side // overlap)
    starts = [range(step - side, length, step) for length in size]
    found = np.zeros((len(starts[0]) * len(starts[1]), *size), "float32")
    places = ((top, left) for top in starts[0] for left in starts[1])
    for mask, (top, left) in zip(found, places, strict=True):
        mask[max(top, 0) : top + side, max(left, 0) : left + side] = 1
    return found


def columns(entry: Any) -> list[list[int]] | None:
    """Which of a table's features each column became; None where inputs are no table."""
    if type(entry).__name__ != "TableScaling":
        return None
    places: dict[int, list[int]] = {column: [i] for i, column in enumerate(entry.numeric)}
    taken = len(entry.numeric)
    for column, codes in enumerate(entry.categories):
        if codes is not None:
            places[column] = list(range(taken, taken + len(codes)))
            taken += len(codes)
    return [places[column] for column in sorted(places)]


def _together(values: np.ndarray, largest: bool) -> np.ndarray:
    if not values.shape[-1]:
        return np.zeros(values.shape[:-1], "float32")
    return np.abs(values).max(axis=-1) if largest else values.sum(axis=-1)
