"""The target of a table: which column, what is done to its values, and what its rows weigh."""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.core.registry import closest
from mlzoo.data.specs import target_of
from mlzoo.data.tables.columns import numbers
from mlzoo.data.tables.label_sets import SEPARATOR
from mlzoo.data.tables.labels import CLASSES, Labels, label
from mlzoo.data.tables.reader import TargetColumn
from mlzoo.data.tables.tables import Table, known_cells, text_cells

_OPERATORS = {
    ">=": (operator.ge, "<"),
    "<=": (operator.le, ">"),
    "==": (operator.eq, "!="),
    ">": (operator.gt, "<="),
    "<": (operator.lt, ">="),
}
_SHOWN = 5
"""Rows that a message names."""
_EXPRESSION = re.compile(r"\s*(.+?)\s*(>=|<=|==|>|<)\s*(.+?)\s*")


def compared_names(target: TargetColumn) -> tuple[str, str]:
    """Return the two classes of a comparison: where it is false, where it is true."""
    opposite = _OPERATORS[target.comparison][1]
    return (
        f"{target.column}{opposite}{target.value}",
        f"{target.column}{target.comparison}{target.value}",
    )


def find_target(text: str | None, table: Table) -> TargetColumn:
    """Return the target that `text` names: a column, several, or a comparison as `quality>=6`.

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
    wanted = column_names(text)
    for name in wanted:
        if name not in names:
            close = closest(name, names)
            hint = f" (did you mean {close!r}?)" if close else ""
            headerless = [note for note in table.notes if note.startswith("header: none")]
            because = f"; {headerless[0]}" if headerless else ""
            raise DataError(
                f"no column {name!r} to predict{hint}; there are {', '.join(names)}{because}"
            )
    if len(wanted) > 1:
        return TargetColumn(wanted[0], others=tuple(wanted[1:]))
    return TargetColumn(wanted[0], match[2], match[3]) if match else TargetColumn(wanted[0])


def column_names(text: str) -> list[str]:
    """Return the columns of a target such as `quality>=6` or `y1,y2`."""
    if match := _EXPRESSION.fullmatch(text):
        return [match[1]]
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip())) or [text]


def with_target(
    table: Table, target: TargetColumn, task: str | None = None
) -> tuple[Table, list[str]]:
    """The rows whose target is there, and a note on the others."""
    known, notes = labeled_rows(table, target, task)
    return (table if known.all() else table.only(known)), notes


def labeled_rows(
    table: Table, target: TargetColumn, task: str | None = None
) -> tuple[np.ndarray, list[str]]:
    """Return which rows have a target, (n,) bool, and a note on the others.

    A row without labels is one, where a column holds several a cell.

    Args:
        table: the rows.
        target: its columns.
        task: what was asked for; None: what the cells look like.

    Raises:
        DataError: no row has one.
    """
    known = np.all([known_cells(table.columns[name]) for name in target.columns], axis=0)
    if not known.any():
        raise DataError(f"column {target}, the target, has no value in any row")
    missing = len(table) - int(known.sum())
    if missing and holds_label_sets(table, target, task):
        return np.ones(len(table), dtype=bool), [f"rows without a label: {missing} of {len(table)}"]
    left_out = f"rows left out: {missing} of {len(table)}, whose {target} is missing"
    return known, [left_out] if missing else []


def holds_label_sets(table: Table, target: TargetColumn, task: str | None) -> bool:
    """Return whether a column holds label sets such as `dog|cat`, an empty cell none."""
    if target.others or target.comparison:
        return False
    if task is not None:
        return target_of(task).is_label_set
    return any(isinstance(cell, str) and SEPARATOR in cell for cell in table.columns[target.column])


def target_labels(
    table: Table, target: TargetColumn, task: str | None, order: Sequence[str] = ()
) -> Labels:
    """Return the target's values as classes, labels or numbers.

    Raises:
        DataError: a comparison with text, or one that leaves one class empty; a task that
            the values do not allow.
    """
    if target.others:
        columns = several_columns(table, target)
        return label(columns, task, f"target {target}", order, target.columns)
    if holds_label_sets(table, target, task):
        return label(cells_of(table, target), task, f"target {target}", order)
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


def cells_of(table: Table, target: TargetColumn) -> np.ndarray:
    """Return a column's cells as text, (n,); "" where there is none."""
    return np.array([cell or "" for cell in text_cells(table.columns[target.column])])


def several_columns(table: Table, target: TargetColumn) -> np.ndarray:
    """Return the numbers of several columns, (n, k).

    Raises:
        DataError: one of them holds text.
    """
    parsed = {name: numbers(table, name) for name in target.columns}
    text = [name for name, values in parsed.items() if values is None]
    if text:
        raise DataError(
            f"--target {','.join(target.columns)}: several targets are numbers, or zeros and ones "
            f"of a label each, but {', '.join(map(repr, text))} "
            f"hold{'s' if len(text) == 1 else ''} text; predict it in a run of its own: --target "
            f"{text[0]} --drop {','.join(n for n in target.columns if n != text[0])}"
        )
    return np.stack([values for values in parsed.values() if values is not None], axis=1)


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


def weighted_rows(table: Table, name: str | None) -> tuple[Table, str]:
    """Return the rows that weigh more than 0, and a note on the weights.

    Args:
        table: as it was read.
        name: the column of weights; None: there is none.

    Raises:
        DataError: a weight is missing, negative or no number, or all are 0.
    """
    if name is None:
        return table, ""
    weights = numbers(table, name)
    if weights is None:
        raise DataError(f"--weight-column: {name!r} holds text; give a column of numbers from 0 on")
    wrong = np.flatnonzero(~(weights >= 0))
    if len(wrong):
        rows = table.row_names()
        listed = ", ".join(
            f"{rows[i]}: {'missing' if np.isnan(weights[i]) else f'{weights[i]:g}'}"
            for i in wrong[:_SHOWN]
        )
        raise DataError(
            f"--weight-column: {name!r} has {len(wrong)} values that are missing or below 0 "
            f"({listed}); weights are numbers from 0 on"
        )
    used = weights > 0
    if not used.any():
        raise DataError(f"--weight-column: all values of {name!r} are 0; none is left to train on")
    note = f"weights: column {name!r} (--weight-column)"
    if used.all():
        return table, note
    return table.only(used), f"{note}; {int((~used).sum())} rows of weight 0 are left out"


def mean_one(table: Table, name: str | None) -> np.ndarray | None:
    """Return the weights (rows,) float64 of checked rows, divided by their mean; None without."""
    weights = None if name is None else numbers(table, name)
    return None if weights is None else weights / weights.mean()
