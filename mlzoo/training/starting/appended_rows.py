"""Rows that follow others: those of a source, which may stay on disk, and an array."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlzoo.data.samples import Rows


class AppendedRows:
    """Rows of a source with an array of more behind them.

    Args:
        first: (n, *shape).
        added: (m, *shape) of the same type.
    """

    def __init__(self, first: Rows, added: np.ndarray) -> None:
        self.first, self.added = first, added

    @property
    def shape(self) -> tuple[int, ...]:
        """Return (n + m, *shape)."""
        return (len(self), *self.first.shape[1:])

    @property
    def dtype(self) -> Any:
        """Return the type of what reading gives."""
        return self.first.dtype

    def __len__(self) -> int:
        return len(self.first) + len(self.added)

    def __getitem__(self, indices: Any) -> np.ndarray:
        if not isinstance(indices, slice) and np.ndim(indices) == 0:
            count = len(self.first)
            own = indices < count
            row: np.ndarray = self.first[indices] if own else self.added[indices - count]
            return row
        at = np.arange(len(self))[indices]
        own = at < len(self.first)
        rows = np.empty((len(at), *self.first.shape[1:]), self.dtype)
        if own.any():
            rows[own] = self.first[at[own]]
        rows[~own] = self.added[at[~own] - len(self.first)]
        return rows

    def only(self, indices: np.ndarray) -> np.ndarray:
        """Return the rows at some positions, which are read."""
        return self[indices]
