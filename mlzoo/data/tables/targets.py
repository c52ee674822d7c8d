"""The target of a table: which column, and what is done to its values."""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.core.registry import closest
from mlzoo.data.specs import target_of
from mlzoo.data.tables.columns import numbers
from mlzoo.data.tables.labels import CLASSES, Labels, label
from mlzoo.data.tables.reader import TargetColumn
from mlzoo.data.tables.tables import Table, known_cells

_OPERATORS = {
    ">=": (operator.ge, "<"),
    "<=": (operator.le, ">"),
    "==": (operator.eq, "!="),
    ">": (operator.gt, "<="),
    "<": (operator.lt, ">="),
}
_EXPRESSION = re.compile(r"\s*(.+?)\s*(>=|<=|==|>|<)\s*(.+?)\s*")


def compared_names(target: TargetColumn) -> tuple[str, str]:
    """Return the two classes of a comparison: where it is false, where it is true."""
    opposite = _OPERATORS[target.comparison][1]
    return (
        f"{target.column}{opposite}{target.value}",
        f"{target.column}{target.comparison}{target.value}",
    )


def find_target(text: str | None, table: Table) -> TargetColumn:
    """Return the target that `text` names: a column, or a comparison as `quality>=6`.

    Without a text it is the last column.

    Raises:
        DataError: the table has no such column.
    """
    names = list(table.columns)
    if text is None:
        return TargetColumn(names[-1])
    if text in names:
        return TargetColumn(text)
    match = _EXPRESSION.fullmatch(text)
    wanted = match[1] if match else text
    if wanted not in names:
        close = closest(wanted, names)
        hint = f" (did you mean {close!r}?)" if close else ""
        raise DataError(f"no column {wanted!r} to predict{hint}; there are {', '.join(names)}")
    return TargetColumn(wanted, match[2], match[3]) if match else TargetColumn(wanted)


def column_name(text: str) -> str:
    """The column of a target such as `quality>=6`."""
    match = _EXPRESSION.fullmatch(text)
    return match[1] if match else text


def with_target(table: Table, name: str) -> tuple[Table, list[str]]:
    """The rows whose target is there, and a note on the others."""
    known, notes = labeled_rows(table, name)
    return (table.only(known) if notes else table), notes


def labeled_rows(table: Table, name: str) -> tuple[np.ndarray, list[str]]:
    """Return which rows have a target, (n,) bool, and a note on the others.

    Raises:
        DataError: no row has one.
    """
    known = known_cells(table.columns[name])
    if not known.any():
        raise DataError(f"column {name!r}, the target, has no value in any row")
    missing = len(table) - int(known.sum())
    left_out = f"rows left out: {missing} of {len(table)}, whose {name!r} is missing"
    return known, [left_out] if missing else []


def target_labels(
    table: Table, target: TargetColumn, task: str | None, order: Sequence[str] = ()
) -> Labels:
    """Return the target's values as classes or numbers.

    Raises:
        DataError: a comparison with text, or one that leaves one class empty; a task that
            the values do not allow.
    """
    parsed = numbers(table, target.column)
    values = table.columns[target.column] if parsed is None else parsed
    if not target.comparison:
        raw = values.astype(str) if parsed is None else parsed
        return label(raw, task, f"target {target.column!r}", order)
    if task is not None and target_of(task).sample_numbers:
        raise DataError(
            f"--target {target.column}{target.comparison}{target.value} makes two classes, "
            f"which --task {task} can't predict; leave one of them out"
        )
    true = compare(values, target, text=parsed is None)
    if true.all() or not true.any():
        name = compared_names(target)[int(true.all())]
        raise DataError(
            f"{name} holds in all {len(true)} rows, so there is one class only; "
            f"{target.column!r} runs from {values.min()} to {values.max()}"
        )
    counts = f"{int((~true).sum())} and {int(true.sum())}"
    class_names = compared_names(target)
    note = f"target: {class_names[1]} makes two classes, of {counts} rows (--target)"
    return Labels(task or CLASSES, true.astype(np.int32), class_names, note)


def compare(values: np.ndarray, target: TargetColumn, text: bool) -> np.ndarray:
    """Which values (all text, or all numbers) the target's comparison holds for."""
    if text and target.comparison != "==":
        raise DataError(
            f"column {target.column!r} holds text such as {values[0]!r}, which can't be compared "
            f"by {target.comparison}; use =="
        )
    try:
        bound = target.value if text else float(target.value)
    except ValueError:
        raise DataError(
            f"column {target.column!r} holds numbers, which can't be compared with {target.value!r}"
        ) from None
    return np.asarray(_OPERATORS[target.comparison][0](values, bound), dtype=bool)
