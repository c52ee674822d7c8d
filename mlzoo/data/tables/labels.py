"""From raw targets to a task, class names and checked numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlzoo.core import registry
from mlzoo.core.errors import DataError, UsageError
from mlzoo.data.specs import target_of
from mlzoo.data.tables.label_sets import SEPARATOR, are_indicators, label_sets

CLASSES, NUMBERS, LABELS = "classification", "regression", "multilabel"
"""Tasks that targets of a sample are taken for, unless one is chosen."""
MOST_NUMBER_CLASSES = 20
"""A whole-number target with more distinct values than this is a quantity, not a class."""


@dataclass(frozen=True)
class Labels:
    """Targets as numbers: `values` as in `Samples.targets`, and what they mean."""

    task: str
    values: np.ndarray
    class_names: tuple[str, ...] = ()
    note: str = ""


def label(
    values: np.ndarray,
    task: str | None,
    what: str = "target",
    order: Sequence[str] = (),
    columns: Sequence[str] = (),
) -> Labels:
    """Turn raw targets into class positions, labels or numbers, after `task` or their looks.

    Args:
        values: (n,) text or numbers, or (n, k) numbers for k regression outputs; labels are cells
            such as `dog|cat`, or (n, k) zeros and ones.
        task: a task with one target a sample, or None to infer it.
        what: how messages call the target.
        order: names of ordered classes, the lowest first; by default numbers in their order.
        columns: names of the k columns, where they have some.

    Raises:
        DataError: regression on text, NaN or infinite numbers, or a single class; an order that
            does not name the classes.
        UsageError: a task or an order that has no effect on such targets.
    """
    values, one_hot = _flatten(np.asarray(values), task)
    inferred, reason = (CLASSES, "one-hot rows") if one_hot else _infer(values)
    chosen = task or inferred
    if target_of(chosen).per != "sample" or target_of(chosen).is_input:
        raise UsageError(
            f"--task {chosen}: these data have one target a sample; choose "
            f"{' or '.join(sample_tasks())}"
        )
    note = f"{what}: {reason}, so {inferred} (--task)" if task is None else ""
    if target_of(chosen).sample_numbers:
        return Labels(chosen, _numbers(values, what), note=note)
    if target_of(chosen).is_label_set:
        names, matrix = label_sets(values, what)
        return Labels(chosen, matrix, tuple(columns) or names, note)
    names, positions = classes(values, what)
    if one_hot and columns:
        names = tuple(columns)
    if target_of(chosen).values == "ordered":
        names, positions = ordered(names, positions, order, what)
        note = f"{what}: {' < '.join(names)} (--class-order)"
    elif order:
        raise UsageError(f"--class-order: has no effect on {chosen}; add --task ordinal")
    return Labels(chosen, positions, names, note)


def ordered(
    names: tuple[str, ...], positions: np.ndarray, order: Sequence[str], what: str
) -> tuple[tuple[str, ...], np.ndarray]:
    """Return names and positions of classes in their order.

    Args:
        names: of the classes, in any order.
        positions: (n,) of each sample's class among them.
        order: the names from the lowest to the highest; none: they are numbers.
        what: how messages call the target.

    Raises:
        DataError: names that are no numbers without an order, or an order of other classes.
    """
    if not order and all(map(_is_number, names)):
        order = sorted(names, key=float)
    if not order:
        raise DataError(
            f"{what} holds the classes {', '.join(names)}, and nothing says which is higher; name "
            f"them from the lowest to the highest: --class-order {','.join(names)}"
        )
    if sorted(order) != sorted(names):
        raise DataError(
            f"--class-order {','.join(order)}: must name each class of the {what} once; they are "
            f"{', '.join(names)}"
        )
    place = np.array([list(order).index(name) for name in names], dtype=np.int32)
    return tuple(order), place[positions]


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def sample_tasks() -> list[str]:
    """Return the names of the tasks with one target a sample."""
    targets = {name: target_of(name) for name in registry.names("task")}
    return [n for n, each in targets.items() if each.per == "sample" and not each.is_input]


def classes(values: np.ndarray, what: str) -> tuple[tuple[str, ...], np.ndarray]:
    """The sorted class names of raw labels, and each label's position among them."""
    if values.dtype.kind == "f":
        _numbers(values, what)
    distinct, positions = np.unique(values, return_inverse=True)
    names = tuple(class_name(value) for value in distinct)
    if len(names) < 2:
        raise DataError(
            f"{what} has one class only ({', '.join(names) or 'none'}); "
            "a classifier needs at least two"
        )
    if values.ndim > 1:
        raise DataError(f"{what} has shape {values.shape}; classes need one label a sample")
    return names, positions.reshape(-1).astype(np.int32)


def class_name(value: object) -> str:
    """Return the name of a raw label: whole numbers without a decimal point."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _flatten(values: np.ndarray, task: str | None) -> tuple[np.ndarray, bool]:
    if values.ndim == 2 and values.shape[1] == 1:
        return values[:, 0], False
    if (
        values.ndim == 2
        and (task is None or target_of(task).is_class)
        and values.dtype.kind in "biuf"
    ):
        is_one_hot = ((values == 0) | (values == 1)).all() and (values.sum(axis=1) == 1).all()
        if is_one_hot:
            return values.argmax(axis=1), True
    return values, False


def _infer(values: np.ndarray) -> tuple[str, str]:
    if values.dtype.kind not in "iufb":
        labels = any(SEPARATOR in cell for cell in values.astype(str).flat)
        return (LABELS, f"cells with {SEPARATOR}") if labels else (CLASSES, "text")
    if values.ndim > 1:
        if are_indicators(values):
            return LABELS, f"{values.shape[1]} columns of zeros and ones"
        return NUMBERS, f"{values.shape[1]} numbers a sample"
    if values.dtype.kind == "b":
        return CLASSES, "true or false"
    distinct = np.unique(values)
    count = len(distinct)
    whole = np.isfinite(distinct).all() and (distinct == np.round(distinct)).all()
    if not whole:
        return NUMBERS, "numbers with decimals"
    few = values.dtype.kind in "iu" or count <= MOST_NUMBER_CLASSES
    if count <= 2 or (few and count * 10 <= len(values)):
        return CLASSES, f"whole numbers with {count} distinct values"
    return NUMBERS, f"whole numbers with {count} distinct values"


def _numbers(values: np.ndarray, what: str) -> np.ndarray:
    if values.dtype.kind not in "biuf":
        raise DataError(
            f"{what} holds text such as {str(values.flat[0])!r}, which can't be a number to "
            "predict; use --task classification or another --target"
        )
    numbers = values.astype(np.float32)
    bad = ~np.isfinite(numbers)
    if bad.any():
        row = int(np.argwhere(bad)[0][0])
        others = int(bad.sum()) - 1
        more = f" and {others} more" if others else ""
        raise DataError(
            f"{what} is {values[row]} in row {row + 1}{more}; targets must be finite numbers"
        )
    return numbers
