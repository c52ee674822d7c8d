"""New tables for a trained model: their inputs by name, and their targets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.core.messages import few
from mlzoo.data.new_samples import NewInputs, finite_targets, labeled_samples, positions_of
from mlzoo.data.reader import Reader
from mlzoo.data.samples import Samples
from mlzoo.data.tables.columns import encode_as as encode_inputs
from mlzoo.data.tables.columns import numbers
from mlzoo.data.tables.formats import DATABASES, ending
from mlzoo.data.tables.label_sets import encode_as
from mlzoo.data.tables.labels import class_name
from mlzoo.data.tables.reader import TableReader, TargetColumn
from mlzoo.data.tables.tables import Table, known_cells, read_table
from mlzoo.data.tables.targets import cells_of, compare, several_columns


def read_table_inputs(location: Path, reader: TableReader) -> NewInputs:
    """Read the rows of a table without targets.

    Raises:
        DataError: a column that the model takes is missing, or holds text for numbers.
    """
    table = _table(location, reader)
    matrix, warnings = encode_inputs(table, reader.columns)
    return NewInputs(matrix, table.row_names(), tuple(warnings))


def read_labeled_table(location: Path, reader: TableReader) -> Samples:
    """Read the rows of a table with their targets, where the training data had some.

    Raises:
        DataError: as `read_table_inputs`; a row without a target.
    """
    table = _table(location, reader)
    matrix, warnings = encode_inputs(table, reader.columns)
    targets = matrix
    if reader.target is not None:
        targets = new_targets(table, reader.target, reader, location)
    samples = labeled_samples(matrix, targets, table.row_names(), reader)
    return replace(samples, warnings=tuple(warnings))


def _table(location: Path, reader: TableReader) -> Table:
    chosen = reader.query if ending(location) in DATABASES else reader.sheet
    names = list(reader.table_columns)
    return read_table(location, reader.delimiter, reader.header, names, chosen)


def new_targets(table: Table, target: TargetColumn, reader: Reader, location: Path) -> np.ndarray:
    """Return the targets of new rows as the model was trained on them.

    Args:
        table: the new rows.
        target: the column and the comparison of the training data.
        reader: of the training data, by which classes are mapped.
        location: of the table, for messages.

    Returns:
        (n,) positions of classes, (n, k) labels, or (n,) or (n, k) float32.

    Raises:
        DataError: there is no such column, a row has no value, or one that is unknown.
    """
    missing = [name for name in target.columns if name not in table.columns]
    if missing:
        raise DataError(
            f"{location} has no column {missing[0]!r} to compare predictions with; it has "
            f"{few(table.columns)}"
        )
    if reader.target_kind.is_label_set and not target.others:
        return encode_as(cells_of(table, target), reader.class_names, location)
    if target.others:
        return _several_targets(table, target, reader, location)
    parsed = numbers(table, target.column)
    raw = table.columns[target.column] if parsed is None else parsed
    known = known_cells(raw)
    if not known.all():
        row = table.where(int(known.argmin()))
        raise DataError(f"{location}, {row}: the target {target.column!r} is missing")
    if target.comparison:
        return compare(raw, target, text=parsed is None).astype(np.int32)
    if reader.target_kind.sample_numbers or reader.target_kind.per == "point":
        return finite_targets(raw, location)
    return positions_of([class_name(value) for value in raw], reader, location)


def _several_targets(
    table: Table, target: TargetColumn, reader: Reader, location: Path
) -> np.ndarray:
    """Return labels (n, k), numbers (n, k), or the class (n,) whose column holds the one."""
    columns = several_columns(table, target)
    unknown = np.isnan(columns).any(axis=1)
    if unknown.any():
        row = table.where(int(unknown.argmax()))
        raise DataError(f"{location}, {row}: the target {target} is missing")
    if reader.target_kind.is_label_set:
        return encode_as(columns, reader.class_names, location)
    if reader.target_kind.is_class:
        return columns.argmax(axis=1).astype(np.int32)
    return finite_targets(columns, location)
