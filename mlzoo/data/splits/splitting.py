"""Training, validation and test splits: stratified, group-aware, duplicates kept together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.core.messages import few, series
from mlzoo.data.samples import Samples
from mlzoo.data.sequences.windows import split_by_time
from mlzoo.data.specs import IGNORED
from mlzoo.data.splits.allocation import by_hash, greedy, label_set_strata, stratified
from mlzoo.data.splits.groups import Units, find_units
from mlzoo.data.splits.names import PARTS, SPLIT_NAMES

_SHOWN = 10
_MERGED = "rare"


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
    gap: int = 0,
) -> Split:
    """Share samples out among `train`, `valid` and `test`.

    Samples of one group, and exact duplicates of one sample, always come into the same split.
    Splits that the source gives are kept; one that it lacks is taken out of its training split.

    Args:
        samples: what to split.
        fractions: of the three splits; the second may be 0.
        method: `random`: the asked-for sizes, classes in proportion, from the seed. `hash`: each
            sample's part follows from its content or group alone, so adding others moves none.
        seed: decides a random split.
        gap: steps between the parts of series, which are split in order of time.

    Raises:
        DataError: too few samples, groups, or samples of a class.
    """
    shares = {part: share for part, share in zip(PARTS, fractions, strict=True) if share > 0}
    if samples.windows is not None:
        by_time, time_notes = split_by_time(samples.windows, shares, gap)
        return Split(by_time, tuple(time_notes))
    units = find_units(samples, method)
    if samples.given_parts is not None:
        parts, notes = _complete(samples, units, shares, method, seed)
    else:
        everything = np.arange(len(samples))
        parts = _share_out(samples, units, everything, shares, method, seed)
        notes = [_note(parts, method, samples.groups is not None)]
    parts = {part: np.sort(parts.get(part, np.array([], dtype=int))) for part in PARTS}
    warnings = _check(samples, parts, shares)
    return Split(parts, (*notes, *units.notes), tuple(warnings))


def share_evenly(
    samples: Samples, indices: np.ndarray, count: int, method: str = "random", seed: int = 0
) -> list[np.ndarray]:
    """Share the samples at some positions out among folds of equal size.

    Samples of one group, and exact duplicates of one sample, always come into the same fold;
    classes are in proportion.

    Args:
        samples: what the positions are in.
        indices: which samples to share out.
        count: of folds.
        method: `random` or `hash`, as in `split`.
        seed: decides random folds.

    Returns:
        Sorted positions in the samples, an array a fold.

    Raises:
        DataError: too few samples, groups, or samples of a class.
    """
    shares = {f"fold {number}": 1 / count for number in range(1, count + 1)}
    parts = _share_out(samples, find_units(samples, method), indices, shares, method, seed)
    empty = [name for name in shares if not len(parts[name])]
    if empty:
        raise DataError(f"{', '.join(empty)} would be empty; use fewer --folds than {count}")
    return [np.sort(parts[name]) for name in shares]


def draw(samples: Samples, count: int, seed: int) -> np.ndarray:
    """Sorted positions of `count` samples, classes (and given parts) in proportion."""
    strata = _strata(samples)
    if samples.given_parts is not None:
        _, part = np.unique(samples.given_parts, return_inverse=True)
        strata = strata * len(PARTS) + part
    rest = count / len(samples)
    unit_sizes = np.ones(len(samples), dtype=int)
    rng = np.random.default_rng(seed)
    drawn = stratified(strata, unit_sizes, (rest, 1 - rest), rng, least=(1, 0)) == 0
    for _ in range(drawn.sum() - count):
        # One of each small class is more than its share; the largest class makes room.
        largest = np.bincount(strata[drawn]).argmax()
        drawn[np.flatnonzero(drawn & (strata == largest))[-1]] = False
    return np.flatnonzero(drawn)


def merge_rare(
    samples: Samples, how: str, below: int, method: str = "random"
) -> tuple[Samples, tuple[str, ...]]:
    """Merge classes with too few samples into one, or drop them.

    Where all rare classes together are still too few, the next smallest class is merged with them.

    Args:
        samples: of any task; only those with one class a sample are changed.
        how: `merge` or `drop`.
        below: different samples under which a class is rare; of a source with given splits those
            of the training split count.
        method: of the split, as in `split`.

    Returns:
        The samples, and a sentence on what was changed.

    Raises:
        DataError: fewer than two classes would be left.
    """
    if not samples.target.sample_class:
        return samples, ()
    given = samples.given_parts
    pool = np.arange(len(samples)) if given is None else np.flatnonzero(given == "train")
    counts = _class_sizes(samples, find_units(samples, method), pool)
    present = np.bincount(samples.labels, minlength=len(counts)) > 0
    few_of = present & (counts < below)
    if not few_of.any():
        return samples, ()
    small = _named(samples, counts, np.flatnonzero(few_of))
    rare = _rare(counts, present, how, below)
    if rare is None:
        raise DataError(
            f"--rare {how}: with fewer than {below} different samples each, {small} would not "
            "leave two classes; add samples, or use other --fractions, fewer --folds or a lower "
            "--rare-below"
        )
    kept = [name for name, gone in zip(samples.class_names, rare, strict=True) if not gone]
    new = np.cumsum(~rare) - 1
    what = f"classes with fewer than {below} different samples: {small}"
    if how == "drop":
        where = np.flatnonzero(~rare[samples.labels])
        left = samples.only(where)
        gone = len(samples) - len(where)
        text = f"{what}; left out, {gone} sample{'s' if gone > 1 else ''} (--rare)"
        return _relabeled(left, new, kept, {}), (text,)
    merged = _MERGED
    while merged in kept:
        merged += "_"
    new[rare] = len(kept)
    names = {samples.class_names[label]: merged for label in np.flatnonzero(rare)}
    together = _named(samples, counts, np.flatnonzero(rare))
    if together != small:
        what += ", too few even together, so that the next smallest class joins them"
    text = f"{what}; merged into the class {merged!r}: {together} (--rare)"
    return _relabeled(samples, new, [*kept, merged], names), (text,)


def _rare(counts: np.ndarray, present: np.ndarray, how: str, below: int) -> np.ndarray | None:
    """Return which classes are merged or dropped; None where fewer than two would be left.

    Args:
        counts: different samples of each class.
        present: whether a class has any samples, of whichever split.
        how: `merge` or `drop`.
        below: different samples under which a class is rare.
    """
    rare = present & (counts < below)
    if how == "merge":
        for label in np.argsort(counts, kind="stable"):
            if counts[rare].sum() >= below:
                break
            rare[label] |= present[label]
    return rare if (present & ~rare).sum() + (how == "merge") >= 2 else None


def _relabeled(
    samples: Samples, new: np.ndarray, names: list[str], merged: dict[str, str]
) -> Samples:
    """Samples whose class i is class `new[i]` of `names`."""
    reader = samples.reader.model_copy(update={"class_names": tuple(names)})
    if merged:
        reader = reader.model_copy(update={"merged": merged})
    labels = new[samples.labels].astype(samples.labels.dtype)
    return replace(samples, targets=labels, class_names=tuple(names), reader=reader)


def _note(parts: dict[str, np.ndarray], method: str, grouped: bool) -> str:
    counts = "/".join(str(len(parts.get(part, ()))) for part in PARTS)
    return (
        f"split: {counts} samples for training, validation and test, "
        f"{'by group, ' if grouped else ''}{method} (--split, --fractions, --group-by)"
    )


def _complete(
    samples: Samples, units: Units, shares: dict[str, float], method: str, seed: int
) -> tuple[dict[str, np.ndarray], list[str]]:
    """The parts that the source gives, and those that it lacks out of its training split."""
    given = np.asarray(samples.given_parts)
    parts = {part: np.flatnonzero(given == part) for part in PARTS}
    if not len(parts["train"]):
        raise DataError("the source is already split but has no training split")
    have = [part for part in PARTS if len(parts[part])]
    lacking = [part for part in shares if part not in have]
    notes = [f"split: {_called(have)} as the source has them"]
    if lacking:
        wanted = {part: shares[part] for part in ("train", *lacking)}
        total = sum(wanted.values())
        relative = {part: share / total for part, share in wanted.items()}
        parts |= _share_out(samples, units, parts["train"], relative, method, seed)
        notes.append(
            f"split: {_called(lacking)} taken out of the training split, "
            f"{', '.join(f'{relative[p]:.0%}' for p in lacking)} of it (--fractions)"
        )
    return parts, notes


def _called(parts: Sequence[str]) -> str:
    return series([SPLIT_NAMES[part] for part in parts], "and")


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
        chosen = by_hash(units.keys(unit_numbers), list(shares.values()))
    else:
        _check_class_sizes(samples, units, indices, shares)
        rng = np.random.default_rng(seed)
        counts = np.zeros((len(unit_numbers), strata.max() + 1), dtype=int)
        np.add.at(counts, (members, strata), 1)
        if samples.groups is not None:
            chosen = greedy(counts, list(shares.values()), rng)
        else:
            sizes = counts.sum(axis=1)
            chosen = stratified(counts.argmax(axis=1), sizes, list(shares.values()), rng)
    assigned = chosen[members]
    return {part: indices[assigned == number] for number, part in enumerate(shares)}


def _strata(samples: Samples) -> np.ndarray:
    if samples.target.sample_class:
        return samples.labels.astype(int)
    if samples.target.is_label_set:
        return label_set_strata(samples.labels)
    return np.zeros(len(samples), dtype=int)


def _check_class_sizes(
    samples: Samples, units: Units, indices: np.ndarray, shares: dict[str, float]
) -> None:
    if not samples.target.sample_class:
        if len(indices) < len(shares):
            raise DataError(f"{len(indices)} samples can't fill {len(shares)} splits")
        return
    counts = _class_sizes(samples, units, indices)
    small = np.flatnonzero((counts > 0) & (counts < len(shares)))
    if len(small):
        raise DataError(
            f"too few different samples for {len(shares)} splits in "
            f"class{'es' if len(small) > 1 else ''} {_named(samples, counts, small)}: each needs "
            f"at least {len(shares)}; {series(_remedies(counts, len(shares)), 'or')}"
        )


def _remedies(counts: np.ndarray, splits: int) -> list[str]:
    """Return what helps where some classes have fewer samples than there are splits."""
    present = counts > 0
    # By default a class is rare below the number of splits with a share, which are mostly three.
    below = "" if splits == 3 else f" --rare-below {splits}"
    texts = {
        "merge": f"merge rare classes with --rare merge{below}",
        "drop": f"leave rare classes out with --rare drop{below}",
    }
    helping = [t for how, t in texts.items() if _rare(counts, present, how, splits) is not None]
    if counts[present].min() > 1:
        helping.append("use fewer splits with --fractions 80/0/20 (fewer --folds in a search)")
    return ["add samples", *helping]


def _class_sizes(samples: Samples, units: Units, indices: np.ndarray) -> np.ndarray:
    """Samples of each class at some positions; without groups each duplicate counts once."""
    if samples.groups is None:
        indices = indices[np.unique(units.of[indices], return_index=True)[1]]
    return np.bincount(samples.labels[indices], minlength=len(samples.class_names))


def _named(samples: Samples, counts: np.ndarray, classes: np.ndarray) -> str:
    """Names of classes with their counts."""
    return few([f"{samples.class_names[i]!r} ({counts[i]})" for i in classes], _SHOWN)


def _check(samples: Samples, parts: dict[str, np.ndarray], shares: dict[str, float]) -> list[str]:
    empty = [part for part in shares if not len(parts[part])]
    if empty:
        raise DataError(
            f"the {' and the '.join(empty)} split would be empty with {len(samples)} samples; "
            "use more samples or other --fractions"
        )
    if samples.target.step_class:
        return _step_classes(samples, parts)
    if samples.target.is_label_set:
        return _labels(samples, parts)
    if not samples.target.sample_class:
        return []
    present = {part: set(samples.labels[where].tolist()) for part, where in parts.items()}
    unknown = (present["valid"] | present["test"]) - present["train"]
    if unknown:
        names = ", ".join(repr(samples.class_names[i]) for i in sorted(unknown))
        raise DataError(
            f"class {names} occurs in the validation or test split but not in the training split; "
            "add training samples of it or leave it out"
        )
    return [
        f"class {samples.class_names[i]!r} does not occur in the {part} split"
        for part in ("valid", "test")
        if len(parts[part])
        for i in sorted(present["train"] - present[part])
    ]


def _labels(samples: Samples, parts: dict[str, np.ndarray]) -> list[str]:
    """Return a sentence for each label that no sample of a split has."""
    return [
        f"label {name!r} does not occur in the {SPLIT_NAMES[part]}"
        for part, where in parts.items()
        if len(where)
        for name, count in zip(samples.class_names, samples.labels[where].sum(axis=0), strict=True)
        if not count
    ]


def _step_classes(samples: Samples, parts: dict[str, np.ndarray]) -> list[str]:
    """A sentence for each class of steps that two parts do not share."""
    present = {
        part: set(np.unique(samples.targets[where]).tolist()) - {IGNORED}
        for part, where in parts.items()
        if len(where)
    }
    warnings = []
    for part in ("valid", "test"):
        for i, name in enumerate(samples.class_names):
            if part in present and (i in present[part]) != (i in present["train"]):
                a, b = (part, "train") if i in present[part] else ("train", part)
                warnings.append(f"class {name!r} occurs in the {a} split but not in the {b} split")
    return warnings
