"""Targets of images that tables name: their column, and one row an image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.messages import few
from mlzoo.data.label_files.listing import LabeledFiles, relative_name
from mlzoo.data.tables.columns import numbers
from mlzoo.data.tables.label_sets import SEPARATOR, are_indicators, split_cell
from mlzoo.data.tables.reader import TargetColumn
from mlzoo.data.tables.tables import Table, text_cells

LABEL_WORDS = ("label", "labels", "target", "class", "category")
"""Names of a column that is the target where there are others."""
_SHOWN = 8


def choose_target(
    labeled: LabeledFiles, what: object, others: Sequence[str | None] = ()
) -> tuple[TargetColumn, str]:
    """Return the column to predict where none was named, and a note on how it was chosen.

    Args:
        labeled: the files and their table.
        what: how messages call the table.
        others: columns that are not the target.

    Raises:
        UsageError: several columns may be meant.
        DataError: there is none.
    """
    columns = labeled.table.columns
    names = [name for name in columns if name not in (labeled.file_column, *others)]
    if len(names) == 1:
        return TargetColumn(names[0]), f"target: {names[0]!r}, the only other column (--target)"
    called = [name for name in names if name.lower() in LABEL_WORDS]
    if len(called) == 1:
        return TargetColumn(called[0]), f"target: {called[0]!r}, by its name (--target)"
    if len(names) > 1 and all(_are_indicators(labeled.table, name) for name in names):
        why = f"target: {few(names, _SHOWN)}, columns of zeros and ones (--target)"
        return TargetColumn(names[0], others=tuple(names[1:])), why
    if names:
        raise UsageError(
            f"{what} has the columns {few(names)} beside the files' names; say which of them is "
            "to be predicted, with --target"
        )
    raise DataError(
        f"{what} has no column but {labeled.file_column!r}, which names the files; add one with "
        "each image's class or value"
    )


def without_repeats(
    labeled: LabeledFiles, target: TargetColumn | None, beside: Sequence[str] = ()
) -> LabeledFiles:
    """Return the first row of each file.

    Args:
        labeled: files, some of them in several rows.
        target: the columns in which these rows must agree.
        beside: further ones, which are inputs.

    Raises:
        DataError: they do not.
    """
    counts = Counter(labeled.files)
    if len(counts) == len(labeled.files):
        return labeled
    advice = "leave one row of each in the table"
    if target is not None and not target.others:
        advice += ", or if an image has several labels, a row each, say --task multilabel"
    _check_agreement(labeled, [*(() if target is None else target.columns), *beside], advice)
    repeated = [relative_name(file, labeled.root) for file, count in counts.items() if count > 1]
    left = len(labeled.files) - len(counts)
    labeled.notes.append(f"rows left out: {left} that repeat others ({few(repeated, _SHOWN)})")
    return _first_rows(labeled)


def _check_agreement(labeled: LabeledFiles, names: Sequence[str], advice: str) -> None:
    """Raise DataError where the rows of a file have different values of some columns."""
    if not names:
        return
    values = _cells(labeled, names)
    first: dict[Path, int] = {}
    conflicts: dict[str, str] = {}
    for row, file in enumerate(labeled.files):
        before = first.setdefault(file, row)
        if values[row] != values[before]:
            where = " and ".join(
                f"{', '.join(map(repr, values[at]))} in {labeled.table.where(at)}"
                for at in (before, row)
            )
            conflicts.setdefault(relative_name(file, labeled.root), where)
    if conflicts:
        lines = [f"  {name}: {where}" for name, where in list(conflicts.items())[:_SHOWN]]
        more = [f"  and {len(conflicts) - _SHOWN} more"] * (len(conflicts) > _SHOWN)
        shown = ", ".join(map(repr, names))
        count = f"{len(conflicts)} of {len(first)} images have different values of {shown}:"
        raise DataError("\n".join([count, *lines, *more, advice]))


def _first_rows(labeled: LabeledFiles) -> LabeledFiles:
    """Return the first row of each file."""
    first = {file: row for row, file in reversed(list(enumerate(labeled.files)))}
    keep = np.zeros(len(labeled.files), dtype=bool)
    keep[list(first.values())] = True
    return labeled.only(keep)


def join_labels(
    labeled: LabeledFiles, target: TargetColumn, beside: Sequence[str] = ()
) -> LabeledFiles:
    """Return each file once, with the labels of all its rows in one cell.

    Args:
        labeled: files, some of them in several rows.
        target: the column of labels, one or several a cell.
        beside: columns that are inputs, in which these rows must agree.

    Raises:
        DataError: they do not.
    """
    if len(set(labeled.files)) == len(labeled.files):
        return labeled
    _check_agreement(labeled, beside, "give all rows of an image the same values of these columns")
    cells: dict[Path, list[str]] = {}
    column = labeled.table.columns[target.column]
    for file, cell in zip(labeled.files, text_cells(column), strict=True):
        cells.setdefault(file, []).extend(split_cell(cell or ""))
    once = _first_rows(labeled)
    texts = [SEPARATOR.join(dict.fromkeys(cells[file])) or None for file in once.files]
    columns = {**once.table.columns, target.column: np.array(texts, dtype=object)}
    note = f"labels: {len(labeled.files)} rows of {len(once.files)} images, a label or several each"
    return replace(once, table=replace(once.table, columns=columns), notes=[*once.notes, note])


def _are_indicators(table: Table, name: str) -> bool:
    """Return whether a column holds zeros and ones, some of each."""
    try:
        parsed = numbers(table, name)
    except DataError:
        return False
    return parsed is not None and are_indicators(parsed)


def _cells(labeled: LabeledFiles, names: Sequence[str]) -> list[tuple[str | None, ...]]:
    """Return the cells of some columns, a tuple a row."""
    columns = (text_cells(labeled.table.columns[name]) for name in names)
    return list(zip(*columns, strict=True))
