"""Rows of a file of the cache, by position."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class StoredRows:
    """Rows (n, *shape) that lie in an `.npy` file, in any order.

    The file is mapped for the time of one reading alone, so that memory does not grow with what was
    read, and so that the rows can go to other processes.

    Attributes:
        path: the file.
        slots: (n,) position of each row in it.
    """

    path: Path
    slots: np.ndarray

    def read(self, positions: np.ndarray) -> np.ndarray | None:
        """Return the rows at some positions; None where the file is no longer there."""
        try:
            mapped = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except OSError:
            return None
        return np.take(np.asarray(mapped), self.slots[positions], axis=0)

    def only(self, indices: np.ndarray) -> StoredRows:
        """Return the rows at some positions."""
        return replace(self, slots=self.slots[indices])
