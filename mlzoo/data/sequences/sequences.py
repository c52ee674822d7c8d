"""Rows of different lengths: sequences, and windows of long series, without copies of either."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mlzoo.data.specs import IGNORED

if TYPE_CHECKING:
    from mlzoo.data.sequences.axes.times import TimeAxis


class Sequences:
    """Stretches of steps as rows, padded to the longest of those that are read together.

    What pads is no value that data can have: NaN among numbers, `IGNORED` among classes. Stretches
    may overlap, as windows of one series do; the steps are held once.

    Args:
        values: (steps, *shape of one step) float32, or uint8 class positions.
        starts: (n,) the first step of each.
        lengths: (n,) steps of each, 1 or more.
    """

    def __init__(self, values: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> None:
        self.values = values
        self.starts = np.asarray(starts, dtype=np.int64)
        self.lengths = np.asarray(lengths, dtype=np.int64)

    @classmethod
    def of(cls, arrays: list[np.ndarray]) -> Sequences:
        """Sequences from one array each."""
        lengths = np.array([len(array) for array in arrays], dtype=np.int64)
        return cls(np.concatenate(arrays), np.cumsum(lengths) - lengths, lengths)

    @property
    def longest(self) -> int:
        """Steps of the longest."""
        return int(self.lengths.max(initial=0))

    @property
    def uneven(self) -> bool:
        """Return whether there are several lengths."""
        return bool(len(self.lengths)) and int(self.lengths.min()) != self.longest

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, steps of the longest, *shape of one step)."""
        return (len(self), self.longest, *self.values.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy type of what reading gives."""
        return self.values.dtype

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, indices: Any) -> np.ndarray:
        """The rows at an index, a slice, a mask or an array of positions."""
        wanted = np.arange(len(self))[indices]
        if wanted.ndim == 0:
            return self.own(int(wanted))
        return self.padded(wanted, int(self.lengths[wanted].max(initial=0)))

    def padded(self, indices: np.ndarray, length: int) -> np.ndarray:
        """The rows at positions, (n, length, ...); none may be longer."""
        steps = np.arange(length)
        inside = steps < self.lengths[indices, None]
        where = np.where(inside, self.starts[indices, None] + steps, 0)
        rows = self.values[where]
        if not inside.all():
            rows[~inside] = padding(self.dtype)
        return rows

    def own(self, index: int) -> np.ndarray:
        """One row without padding."""
        start = self.starts[index]
        return self.values[start : start + self.lengths[index]]

    def only(self, indices: np.ndarray) -> Sequences:
        """The rows at some positions; no step is copied."""
        return Sequences(self.values, self.starts[indices], self.lengths[indices])

    def digests(self) -> np.ndarray:
        """One digest a row, equal exactly where the steps are; padding does not count."""
        digests = []
        for index in range(len(self)):
            row = self.own(index)
            row = row + 0.0 if row.dtype.kind == "f" else row  # -0.0 and 0.0 are one value
            digests.append(hashlib.sha256(np.ascontiguousarray(row).tobytes()).hexdigest()[:32])
        return np.array(digests)


def padding(dtype: np.dtype[Any]) -> Any:
    """Value beyond a sequence's end."""
    return np.nan if dtype.kind == "f" else IGNORED


@dataclass(frozen=True)
class Series:
    """One series: `values` (steps, channels) float32, targets first, then all other channels.

    `missing` (steps, channels) is True where a value was missing, whether it could be filled or
    not; None: nowhere. `following` (horizon, channels) holds what is known of the steps that
    follow, else NaN; None: nothing is.
    """

    name: str
    values: np.ndarray
    times: TimeAxis | None
    missing: np.ndarray | None = None
    following: np.ndarray | None = None

    def shifted(self, places: Sequence[int], horizon: int) -> Series:
        """The series with some channels `horizon` steps later at each step, NaN where unknown."""
        if not places:
            return self
        channels, steps = list(places), len(self.values)
        assert self.following is not None
        values, missing = self.values.copy(), self.missing
        later = np.concatenate([values[:, channels], self.following[:horizon, channels]])
        values[:, channels] = later[horizon : horizon + steps]
        if missing is not None:
            missing = missing.copy()
            none = np.zeros((horizon, len(channels)), bool)
            missing[:, channels] = np.concatenate([missing[horizon:, channels], none])[:steps]
        return replace(self, values=values, missing=missing)

    def truth(self, targets: int) -> np.ndarray:
        """The targets (steps, targets), NaN where the value was missing."""
        target_values = self.values[:, :targets]
        return (
            target_values
            if self.missing is None
            else np.where(self.missing[:, :targets], np.nan, target_values)
        )

    @property
    def breaks(self) -> np.ndarray:
        """Positions of steps that do not follow on the one before."""
        return np.arange(0) if self.times is None else self.times.breaks

    def label(self, step: int) -> str:
        """The time of a step as text."""
        return f"step {step + 1}" if self.times is None else self.times.text(step)


def shared_axis(all_series: Sequence[Series]) -> tuple[list[np.ndarray], np.ndarray]:
    """The position of each step of each series on a time axis that all share, and its labels."""
    if any(series.times is None for series in all_series):
        longest = max(all_series, key=lambda series: len(series.values))
        labels = np.array([longest.label(i) for i in range(len(longest.values))], dtype=object)
        return [np.arange(len(series.values)) for series in all_series], labels
    stamps = [series.times.stamps for series in all_series if series.times is not None]
    union, where = np.unique(np.concatenate(stamps), return_inverse=True)
    first = all_series[0].times
    assert first is not None
    labels = np.array([first.written(stamp) for stamp in union], dtype=object)
    cuts = np.cumsum([len(series_stamps) for series_stamps in stamps])[:-1]
    return np.split(where, cuts), labels
