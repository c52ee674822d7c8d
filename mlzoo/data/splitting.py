"""Training, validation and test parts: stratified, group-aware, copies kept together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlzoo.data.samples import PARTS, Samples
from mlzoo.data.units import Units, find_units
from mlzoo.errors import DataError

_TRIES = 16
_MANY_GROUPS = 2000


@dataclass(frozen=True)
class Split:
    """Sorted positions in the samples for each part, and what is notable about them."""

    parts: dict[str, np.ndarray]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def split(
    samples: Samples,
    fractions: tuple[float, float, float] = (0.6, 0.2, 0.2),
    method: str = "random",
    seed: int = 0,
) -> Split:
    """Share samples out among `train`, `valid` and `test`.

    Samples of one group, and exact copies of one sample, always come into the same part. Parts
    that the source gives are kept; one that it lacks is taken out of its training part.

    Args:
        samples: what to split.
        fractions: of the three parts; the second may be 0.
        method: `random`: the asked-for sizes, classes in proportion, from the seed. `hash`: each
            sample's part follows from its content or group alone, so adding others moves none.
        seed: decides a random split.

    Raises:
        DataError: too few samples, groups, or samples of a class.
    """
    shares = {part: share for part, share in zip(PARTS, fractions, strict=True) if share > 0}
    units = find_units(samples)
    if samples.given_parts is not None:
        parts, notes = _complete(samples, units, shares, method, seed)
    else:
        everything = np.arange(len(samples))
        parts = _share_out(samples, units, everything, shares, method, seed)
        notes = [_note(parts, method, samples.groups is not None)]
    parts = {part: np.sort(parts.get(part, np.array([], dtype=int))) for part in PARTS}
    warnings = _check(samples, parts, shares)
    return Split(parts, (*notes, *units.notes), tuple(warnings))


def draw(samples: Samples, count: int, seed: int) -> np.ndarray:
    """Sorted positions of `count` samples, classes (and given parts) in proportion."""
    strata = _strata(samples)
    if samples.given_parts is not None:
        _, part = np.unique(samples.given_parts, return_inverse=True)
        strata = strata * len(PARTS) + part
    rest = count / len(samples)
    chosen = _stratified(strata, (rest, 1 - rest), np.random.default_rng(seed))
    return np.flatnonzero(chosen == 0)


def _note(parts: dict[str, np.ndarray], method: str, grouped: bool) -> str:
    counts = "/".join(str(len(parts.get(part, ()))) for part in PARTS)
    return (
        f"split: {counts} samples for training, validation and test, "
        f"{'by group, ' if grouped else ''}{method} (--split, --fractions, --group-by)"
    )


def _complete(
    samples: Samples, units: Units, shares: dict[str, float], method: str, seed: int
) -> tuple[dict[str, np.ndarray], list[str]]:
    """The parts that the source gives, and those that it lacks out of its training part."""
    given = np.asarray(samples.given_parts)
    parts = {part: np.flatnonzero(given == part) for part in PARTS}
    if not len(parts["train"]):
        raise DataError("the source is already split but has no training part")
    have = [part for part in PARTS if len(parts[part])]
    lacking = [part for part in shares if part not in have]
    notes = [f"split: {' and '.join(have)} as the source gives them"]
    if lacking:
        wanted = {part: shares[part] for part in ("train", *lacking)}
        total = sum(wanted.values())
        relative = {part: share / total for part, share in wanted.items()}
        parts |= _share_out(samples, units, parts["train"], relative, method, seed)
        notes.append(
            f"split: {' and '.join(lacking)} taken out of the training part, "
            f"{', '.join(f'{relative[p]:.0%}' for p in lacking)} of it (--fractions)"
        )
    return parts, notes


def _share_out(
    samples: Samples,
    units: Units,
    indices: np.ndarray,
    shares: dict[str, float],
    method: str,
    seed: int,
) -> dict[str, np.ndarray]:
    """Split the samples at `indices`, whole units at a time."""
    strata = _strata(samples)[indices]
    unit_numbers, members = np.unique(units.of[indices], return_inverse=True)
    if method == "hash":
        chosen = _by_hash(units.keys(unit_numbers), list(shares.values()))
    else:
        _check_class_sizes(samples, indices, shares)
        rng = np.random.default_rng(seed)
        counts = np.zeros((len(unit_numbers), strata.max() + 1), dtype=int)
        np.add.at(counts, (members, strata), 1)
        if samples.groups is not None:
            chosen = _greedy(counts, list(shares.values()), rng)
        else:
            chosen = _stratified(counts.argmax(axis=1), list(shares.values()), rng)
    assigned = chosen[members]
    return {part: indices[assigned == number] for number, part in enumerate(shares)}


def _strata(samples: Samples) -> np.ndarray:
    if samples.task == "classification":
        return np.asarray(samples.targets, dtype=int)
    return np.zeros(len(samples), dtype=int)


def _stratified(
    strata: np.ndarray, shares: Sequence[float], rng: np.random.Generator
) -> np.ndarray:
    """A part for each unit: totals exact, each class within two of its share and in every part."""
    goal = _whole(len(strata) * np.array(shares))
    classes, sizes = np.unique(strata, return_counts=True)
    counts = np.floor(sizes[:, None] * np.array(shares) + 1e-9).astype(int)
    counts = np.where(sizes[:, None] >= len(shares), np.maximum(counts, 1), counts)
    for row, size in zip(counts, sizes, strict=True):
        while row.sum() > size:
            row[row.argmax()] -= 1
    for row, size in sorted(zip(counts, sizes, strict=True), key=lambda pair: -pair[1]):
        for _ in range(size - row.sum()):
            behind = (goal - counts.sum(axis=0)) + (size * np.array(shares) - row) * 1e-3
            row[behind.argmax()] += 1
    chosen = np.empty(len(strata), dtype=int)
    for label, row in zip(classes, counts, strict=True):
        where = rng.permutation(np.flatnonzero(strata == label))
        chosen[where] = np.repeat(np.arange(len(shares)), row)
    return chosen


def _whole(exact: np.ndarray) -> np.ndarray:
    """Whole numbers of the same sum, the largest remainders rounded up."""
    floors = np.floor(exact + 1e-9).astype(int)
    rest = round(exact.sum()) - floors.sum()
    order = np.argsort(-(exact - floors), kind="stable")
    floors[order[:rest]] += 1
    return floors


def _greedy(counts: np.ndarray, shares: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """A part for each group: the best of several random orders, each group where it lacks most.

    Taking the largest groups first would come closer still, but then nearly every seed would
    give the same split and a spread over seeds would say nothing about the choice of groups.
    """
    if len(counts) < len(shares):
        raise DataError(
            f"{len(counts)} groups can't fill {len(shares)} parts; use another --group-by, or "
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


def _by_hash(keys: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """A part for each key in [0, 1): where it falls among the cumulated shares."""
    return np.searchsorted(np.cumsum(shares)[:-1], keys, side="right")


def _check_class_sizes(samples: Samples, indices: np.ndarray, shares: dict[str, float]) -> None:
    if samples.task != "classification":
        if len(indices) < len(shares):
            raise DataError(f"{len(indices)} samples can't fill {len(shares)} parts")
        return
    counts = np.bincount(samples.targets[indices], minlength=len(samples.class_names))
    small = [
        f"{name!r} ({count})"
        for name, count in zip(samples.class_names, counts, strict=True)
        if count < len(shares)
    ]
    if small:
        raise DataError(
            f"too few samples for {len(shares)} parts in class{'es' if len(small) > 1 else ''} "
            f"{', '.join(small)}: each needs at least {len(shares)}; add samples, leave the class "
            "out, or use fewer parts with --fractions 80/0/20"
        )


def _check(samples: Samples, parts: dict[str, np.ndarray], shares: dict[str, float]) -> list[str]:
    empty = [part for part in shares if not len(parts[part])]
    if empty:
        raise DataError(
            f"the {' and the '.join(empty)} part would be empty with {len(samples)} samples; "
            "use more samples or other --fractions"
        )
    if samples.task != "classification":
        return []
    present = {part: set(samples.targets[where].tolist()) for part, where in parts.items()}
    unknown = (present["valid"] | present["test"]) - present["train"]
    if unknown:
        names = ", ".join(repr(samples.class_names[i]) for i in sorted(unknown))
        raise DataError(
            f"class {names} occurs in the validation or test part but not in the training part; "
            "add training samples of it or leave it out"
        )
    return [
        f"class {samples.class_names[i]!r} does not occur in the {part} part"
        for part in ("valid", "test")
        if len(parts[part])
        for i in sorted(present["train"] - present[part])
    ]
