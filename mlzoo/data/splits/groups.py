"""Groups that a split must keep together: samples of one group, and exact duplicates."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from mlzoo.data.samples import Samples

_MOST_COPIES = 0.5
"""Above this share of repeated rows a table's rows are few-valued, not copied."""


@dataclass(frozen=True)
class Units:
    """`of` is each sample's unit, `names` each unit's stable name."""

    of: np.ndarray
    names: np.ndarray
    notes: tuple[str, ...] = ()

    def keys(self, numbers: np.ndarray) -> np.ndarray:
        """A number in [0, 1) for each unit, from its name alone."""
        digests = (hashlib.sha256(str(name).encode()).digest() for name in self.names[numbers])
        return np.array([int.from_bytes(d[:8], "big") / 2**64 for d in digests])


def find_units(samples: Samples, method: str = "random") -> Units:
    """The units of a split, with a note on duplicates where there are any.

    With the method `hash` equal rows always stay together: whether most rows repeat others may
    change with every row that is added, and a hash split must move none for that.
    """
    count = len(samples)
    hashes = samples.hashes if samples.hashes is not None else np.arange(count).astype(str)
    if method != "hash" and coincide(samples) and hashes.dtype.kind == "u":
        # As below, without a text for each: in the order that the texts would have.
        ordinals = _ordinals(hashes)
        ranks = np.argsort(np.argsort(np.arange(ordinals.max() + 1).astype(str)))
        hashes = np.argsort(np.lexsort((ranks[ordinals], hashes)))
    elif method != "hash" and coincide(samples):
        # Rows of few values repeat by nature; each is a sample of its own.
        ordinals = np.char.add(np.char.add(hashes.astype(str), "-"), _ordinals(hashes).astype(str))
        hashes = ordinals
    _, copies = np.unique(hashes, return_inverse=True)
    repeated = count - 1 - int(copies.max(initial=-1))
    notes: tuple[str, ...] = ()
    if repeated:
        duplicates = "1 exact duplicate" if repeated == 1 else f"{repeated:,} exact duplicates"
        notes = (f"{duplicates} found; duplicates are kept in the same split",)
    if samples.groups is None:
        return Units(copies, _first_names(copies, hashes), notes)
    _, groups = np.unique(samples.groups, return_inverse=True)
    of = _connect(groups, copies)
    return Units(of, _first_names(of, np.asarray(samples.groups).astype(str)), notes)


def coincide(samples: Samples) -> bool:
    """Return whether most rows repeat others, so that equal rows are no sign of copying.

    Where the source is already split its training split decides: a test split that repeats all of
    the training split is copied.
    """
    if samples.kind == "image" or samples.hashes is None:
        return False
    hashes = samples.hashes
    if samples.given_parts is not None:
        hashes = hashes[np.asarray(samples.given_parts) == "train"]
    ordered = np.sort(hashes)
    different = 1 + np.count_nonzero(ordered[1:] != ordered[:-1])
    return bool(different < (1 - _MOST_COPIES) * len(hashes))


def _ordinals(values: np.ndarray) -> np.ndarray:
    """Return how often each value occurred before."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.r_[True, ordered[1:] != ordered[:-1]]
    positions = np.arange(len(values))
    since = positions - np.maximum.accumulate(np.where(starts, positions, 0))
    result = np.empty(len(values), dtype=int)
    result[order] = since
    return result


def _connect(groups: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """Join groups that share a copy: the connected components of groups and copies."""
    offset = int(groups.max()) + 1
    size = offset + int(copies.max()) + 1
    links = coo_matrix((np.ones(len(groups)), (groups, offset + copies)), shape=(size, size))
    _, component = connected_components(links, directed=False)
    return np.unique(component[groups], return_inverse=True)[1]


def _first_names(of: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Each unit's name: the smallest of its samples' names."""
    order = np.lexsort((names, of))
    starts = np.r_[True, of[order][1:] != of[order][:-1]]
    return names[order][starts]
