"""The leakage gate: what stands in two splits, or in inputs and target at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.data.quality.similarity import near_pairs
from mlzoo.data.samples import Part, Samples
from mlzoo.data.sequences.windows import shared_time
from mlzoo.data.splits.groups import coincide
from mlzoo.data.splits.names import PARTS

_SHOWN = 5
_CORRELATED = 0.9999


def check_leakage(samples: Samples, parts: dict[str, np.ndarray], allow: bool = False) -> list[str]:
    """Warnings about samples and facts that more than one part, or inputs and target, share.

    Args:
        samples: all samples.
        parts: sorted positions of each part.
        allow: turn every error into a warning.

    Raises:
        DataError: exact duplicates or one group in two splits, or a column that gives the target
            away.
    """
    errors = [*shared_copies(samples, parts), *shared_groups(samples, parts)]
    if samples.windows is not None:
        errors = shared_time(samples.windows, parts)
    warnings = [*near_copies(samples, parts), *contradictions(samples)]
    if samples.published:
        warnings, errors = [*errors, *warnings], []
    errors += target_copies(samples)
    if errors and not allow:
        advice = "mend the data, or train all the same with --allow-leakage:"
        raise DataError("\n".join([advice, *errors]))
    return [*errors, *warnings]


def shared_copies(samples: Samples, parts: dict[str, np.ndarray]) -> list[str]:
    """A sentence for each two splits that hold exact duplicates of one sample."""
    if samples.hashes is None or coincide(samples):
        return []
    warnings = []
    again = _repeated(samples.hashes)
    parts_again = {part: where[again[where]] for part, where in parts.items()}
    for first, second in _pairs(parts):
        pairs = _same(samples.hashes, parts_again[first], parts_again[second])
        if pairs:
            count = len({b for _, b in pairs})
            warnings.append(
                f"{count} of {len(parts[second])} {second} samples are exact duplicates of {first} "
                f"samples: {_listed(samples, pairs)}"
            )
    return warnings


def shared_groups(samples: Samples, parts: dict[str, np.ndarray]) -> list[str]:
    """A sentence for each two splits that hold samples of one group."""
    if samples.groups is None:
        return []
    warnings = []
    for first, second in _pairs(parts):
        common = np.intersect1d(samples.groups[parts[first]], samples.groups[parts[second]])
        if len(common):
            shown = ", ".join(map(repr, common[:_SHOWN].tolist()))
            warnings.append(
                f"groups in both the {first} and the {second} split: {len(common)} ({shown})"
            )
    return warnings


def near_copies(samples: Samples, parts: dict[str, np.ndarray]) -> list[str]:
    """A sentence for each two splits that hold images which look alike by their perceptual hash."""
    if samples.near_hashes is None:
        return []
    hashes = np.asarray(samples.near_hashes, dtype=np.uint64)
    warnings = []
    for first, second in _pairs(parts):
        pairs = near_pairs(hashes, parts[first], parts[second])
        if samples.hashes is not None:
            pairs = [(i, j) for i, j in pairs if samples.hashes[i] != samples.hashes[j]]
        if pairs:
            count = len({j for _, j in pairs})
            warnings.append(
                f"{count} of {len(parts[second])} {second} images look like {first} images: "
                f"{_listed(samples, pairs)}; are they taken from one picture? (--group-by)"
            )
    return warnings


def contradictions(samples: Samples) -> list[str]:
    """A sentence where copies of one sample stand in different classes."""
    if not samples.target.sample_class or samples.hashes is None or coincide(samples):
        return []
    first: dict[Any, int] = {}
    pairs = []
    again = np.flatnonzero(_repeated(samples.hashes))
    keys = samples.hashes[again].tolist()
    for position, key in zip(again.tolist(), keys, strict=True):
        before = first.setdefault(key, position)
        if samples.labels[before] != samples.labels[position]:
            pairs.append((before, position))
    if not pairs:
        return []
    verb = "sample is a duplicate" if len(pairs) == 1 else "samples are duplicates"
    return [f"{len(pairs)} {verb} of one in another class: {_listed(samples, pairs)}"]


def target_copies(samples: Samples) -> list[str]:
    """A sentence for each table column from which the target follows at once.

    Of pairs of images, one for those that are equal.
    """
    if samples.target.restores and samples.hashes is not None:
        same = np.flatnonzero(samples.hashes == samples.target_hashes).tolist()
        shown = ", ".join(samples.name_of(at) for at in same[:_SHOWN])
        more = f", and {len(same) - _SHOWN} more" if len(same) > _SHOWN else ""
        count = f"{len(same)} of {len(samples)} degraded images equal their clean ones"
        return [f"{count}: {shown}{more}"] if same else []
    if samples.kind != "table" or samples.target.is_input or samples.labels.ndim > 1:
        return []
    from mlzoo.data.tables.columns import drop_flag

    columns = zip(samples.columns, Part(samples, np.arange(len(samples))).columns(), strict=True)
    gives_away = _same_number if samples.target.sample_numbers else _same_partition
    return [
        f"column {column.name!r} gives the target {samples.target_names[0]!r} away ({reason}); "
        f"leave it out if it is a copy: {drop_flag([column.origin])}"
        for column, values in columns
        if (reason := gives_away(values, samples.labels, bool(column.categories)))
    ]


def _same_number(values: np.ndarray, targets: np.ndarray, categorical: bool) -> str:
    known = ~np.isnan(values)
    if categorical or known.sum() < 3:
        return ""
    a, b = values[known].astype(np.float64), targets[known].astype(np.float64)
    if a.std() == 0 or b.std() == 0:
        return ""
    correlation = abs(float(np.corrcoef(a, b)[0, 1]))
    return f"their correlation is {correlation:.6f}" if correlation > _CORRELATED else ""


def _same_partition(values: np.ndarray, targets: np.ndarray, categorical: bool) -> str:
    """One value a class and one class a value, with enough samples that it is no accident."""
    known = ~np.isnan(values) & ((values >= 0) if categorical else True)
    if known.sum() < 10:
        return ""
    if len(np.unique(values[known])) != len(np.unique(targets[known])):
        return ""  # which takes less time to see
    pairs = np.unique(np.stack([values[known], targets[known].astype(np.float32)]), axis=1)
    one_to_one = len(set(pairs[0])) == len(set(pairs[1])) == pairs.shape[1]
    return "each of its values stands for one class" if one_to_one and pairs.shape[1] > 1 else ""


def _pairs(parts: dict[str, np.ndarray]) -> list[tuple[str, str]]:
    return list(combinations([part for part in PARTS if len(parts.get(part, ()))], 2))


def _same(keys: np.ndarray, a: np.ndarray, b: np.ndarray) -> list[tuple[int, int]]:
    """For each position in b whose key occurs in a: the first such position, and it."""
    first = {key: int(i) for key, i in zip(keys[a][::-1].tolist(), a[::-1], strict=True)}
    return [(first[k], int(j)) for k, j in zip(keys[b].tolist(), b, strict=True) if k in first]


def _repeated(keys: np.ndarray) -> np.ndarray:
    """Return which keys (n,) occur more than once, (n,) bool."""
    ordered = np.sort(keys)
    return np.isin(keys, ordered[1:][ordered[1:] == ordered[:-1]])


def _listed(samples: Samples, pairs: Sequence[tuple[int, int]]) -> str:
    shown = [f"{samples.name_of(b)} = {samples.name_of(a)}" for a, b in pairs[:_SHOWN]]
    more = f", and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else ""
    return ", ".join(shown) + more
