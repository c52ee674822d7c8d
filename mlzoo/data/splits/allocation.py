"""Rules that share units out among parts: in proportion, by group, or by hash."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlzoo.core.errors import DataError

_TRIES = 16
_MANY_GROUPS = 2000
_FEWEST_OF_SET = 10


def stratified(
    strata: np.ndarray,
    sizes: np.ndarray,
    shares: Sequence[float],
    rng: np.random.Generator,
    least: int | Sequence[int] = 1,
) -> np.ndarray:
    """A part for each unit: totals exact, each class within two of its share and in every part.

    `least` is how many samples of a class a part has at least, where the class is large enough.

    Units of several copies are placed first, by chance in proportion to the room that is left;
    single samples then fill the parts up exactly.
    """
    chosen = np.empty(len(strata), dtype=int)
    _, members = np.unique(strata, return_inverse=True)
    goal = class_quotas(np.bincount(members, weights=sizes).astype(int), shares, least)
    for unit in rng.permutation(np.flatnonzero(sizes > 1)):
        room = np.maximum(goal[members[unit]], 0)
        part = int(rng.choice(len(room), p=room / room.sum()))
        part = part if room[part] >= sizes[unit] else int(room.argmax())
        chosen[unit] = part
        goal[members[unit], part] -= sizes[unit]
    for label, quota in enumerate(goal):
        single = rng.permutation(np.flatnonzero((members == label) & (sizes == 1)))
        chosen[single] = np.repeat(np.arange(len(shares)), _fitted(quota, len(single)))
    return chosen


def _fitted(quota: np.ndarray, count: int) -> np.ndarray:
    """A quota without negative entries that sums to `count`."""
    quota = np.maximum(quota, 0)
    while quota.sum() > count:
        quota[quota.argmax()] -= 1
    return quota


def class_quotas(
    sizes: np.ndarray, shares: Sequence[float], least: int | Sequence[int] = 1
) -> np.ndarray:
    """Whole numbers (classes, parts): rows sum to the sizes, columns to the shares of their total.

    A class that is large enough for it has at least `least` samples in each part.
    """
    fewest = np.broadcast_to(least, len(shares))
    goal = _whole(sizes.sum() * np.array(shares))
    exact = sizes[:, None] * np.array(shares)
    quotas = np.floor(exact + 1e-9).astype(int)
    enough = sizes[:, None] >= fewest.sum()
    quotas = np.where(enough, np.maximum(quotas, fewest), quotas)
    for row, size in zip(quotas, sizes, strict=True):
        while row.sum() > size:
            row[row.argmax()] -= 1
    for index in np.argsort(-sizes, kind="stable"):
        row = quotas[index]
        for _ in range(sizes[index] - row.sum()):
            behind = (goal - quotas.sum(axis=0)) + (exact[index] - row) * 1e-3
            row[behind.argmax()] += 1
    return quotas


def _whole(exact: np.ndarray) -> np.ndarray:
    """Whole numbers of the same sum, the largest remainders rounded up."""
    floors = np.floor(exact + 1e-9).astype(int)
    rest = round(exact.sum()) - floors.sum()
    order = np.argsort(-(exact - floors), kind="stable")
    floors[order[:rest]] += 1
    return floors


def greedy(counts: np.ndarray, shares: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """A part for each group: the best of several random orders, each group where it lacks most.

    Taking the largest groups first would come closer still, but then nearly every seed would
    give the same split and a spread over seeds would say nothing about the choice of groups.
    """
    if len(counts) < len(shares):
        raise DataError(
            f"{len(counts)} groups can't fill {len(shares)} splits; use another --group-by, or "
            "--fractions 80/0/20"
        )
    weights = 1 / np.maximum(counts.sum(axis=0), 1)
    goal = np.outer(shares, counts.sum(axis=0))
    best, best_error = np.zeros(len(counts), dtype=int), np.inf
    for _ in range(_TRIES if len(counts) <= _MANY_GROUPS else 1):
        order = rng.permutation(len(counts))
        chosen, filled = _fill(counts, order, goal, weights)
        error = float((((filled - goal) * weights) ** 2).sum())
        if error < best_error:
            best, best_error = chosen, error
    return best


def _fill(
    counts: np.ndarray, order: np.ndarray, goal: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    filled = np.zeros_like(goal)
    chosen = np.zeros(len(counts), dtype=int)
    for done, unit in enumerate(order):
        lacking = (goal - filled) @ (weights * counts[unit])
        empty = filled.sum(axis=1) == 0
        if empty.sum() >= len(order) - done:
            lacking[~empty] = -np.inf
        chosen[unit] = lacking.argmax()
        filled[chosen[unit]] += counts[unit]
    return chosen, filled


def label_set_strata(labels: np.ndarray) -> np.ndarray:
    """Return a stratum for each sample, (n,): its label set, or its rarest label.

    A set that fewer than `_FEWEST_OF_SET` samples have says too little: they are stratified by
    their rarest label instead, as in iterative stratification (Sechidis, Tsoumakas and Vlahavas,
    "On the stratification of multi-label data", 2011).

    Args:
        labels: (n, k) zeros and ones.
    """
    has = labels > 0
    sets, members, sizes = np.unique(has, axis=0, return_inverse=True, return_counts=True)
    members = members.reshape(-1)
    counts = np.where(has.any(axis=0), has.sum(axis=0), len(has) + 1)
    rarest = np.where(has, counts, len(has) + 1).argmin(axis=1)
    alone = np.where(has.any(axis=1), rarest, labels.shape[1])
    strata = np.where(sizes[members] < _FEWEST_OF_SET, len(sets) + alone, members)
    return np.unique(strata, return_inverse=True)[1].reshape(-1)


def by_hash(keys: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """A part for each key in [0, 1): where it falls among the cumulated shares."""
    return np.searchsorted(np.cumsum(shares)[:-1], keys, side="right")
