"""A table, one sample a row: .csv, .tsv or .txt (also .gz, .zst), .parquet, .feather, .xlsx, ...

JSON lines (.jsonl), Arrow, ARFF and SQLite databases (.db, .sqlite) are read as well. Where two
columns of text hardly repeat, the first is turned into the second, character by character.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from mlzoo.core.configs import Settings
from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.files import expand
from mlzoo.core.registry import unknown
from mlzoo.core.setting_types import Delimiter, Header, TaskName, WordList, as_list

if TYPE_CHECKING:
    from pathlib import Path

    from mlzoo.data.samples import Samples
    from mlzoo.data.tables.labels import Labels
    from mlzoo.data.tables.reader import TargetColumn
    from mlzoo.data.tables.tables import Table

UNLABELED = True


class Config(Settings):
    """Settings of the source table."""

    data: str
    """The file."""
    target: str | None = None
    """Column to predict; 'column>=6' makes two classes of a number, 'y1,y2' names several columns
    of numbers, or of zeros and ones of a label each; by default the last column."""
    task: TaskName | None = None
    """Kind of the target: classification, ordinal, multilabel, regression or, of two columns of
    text, translation; inferred by default."""
    class_order: WordList = Field(default_factory=list)
    """Classes of --task ordinal from the lowest to the highest; numbers are in order."""
    drop: Annotated[list[str], BeforeValidator(as_list)] = Field(default_factory=list)
    """Columns to leave out, comma-separated."""
    raw_columns: bool = False
    """Refuse free text and identifiers, and take dates as they are; by default words are hashed,
    identifiers left out and dates read as year, month, day and weekday."""
    group_by: str | None = None
    """Column whose rows of one value stay in one split; it is then no input."""
    weight_column: str | None = None
    """Column of how much each row counts in the loss; it is then no input."""
    delimiter: Delimiter = None
    """Separator of the columns: a character, or tab, comma, semicolon, space; recognized."""
    header: Header = "auto"
    """Take the first line as names of the columns; recognized by default."""
    sheet: str | None = None
    """Sheet of a spreadsheet; by default the first."""
    query: str | None = None
    """SQL that selects the rows of a database, which is only read; by default its only table."""


def recognizes(path: str) -> bool:
    """Return whether the name ends like a table's, and it holds no series, prose or file names."""
    from mlzoo.data.images.layouts import looks_like_prose, looks_like_series
    from mlzoo.data.label_files.recognizing import names_images
    from mlzoo.data.tables.formats import is_table

    file = expand(path)
    if not is_table(path):
        return False
    return not (looks_like_series(file) or looks_like_prose(file) or names_images(file))


def load(config: Config, progress: Any = None) -> Samples:
    """Read the table, choose target and inputs, and check every column."""
    from dataclasses import replace

    import numpy as np

    from mlzoo.data.large_tables.files import large_table
    from mlzoo.data.large_tables.rows import RowNames, TableRows, row_keys
    from mlzoo.data.quality.digests import row_digests
    from mlzoo.data.samples import Samples
    from mlzoo.data.sequences.steps import time_of_rows
    from mlzoo.data.specs import target_of
    from mlzoo.data.tables.columns import encode
    from mlzoo.data.tables.reader import TableReader
    from mlzoo.data.tables.tables import read_table
    from mlzoo.data.tables.targets import (
        column_names,
        find_target,
        mean_one,
        target_labels,
        weighted_rows,
        with_target,
    )
    from mlzoo.data.text.pairs import table_samples

    path = expand(config.data)
    facts = [name for name in (config.group_by, config.weight_column) if name is not None]
    named = [*config.drop, *facts]
    named += [] if config.target is None else column_names(config.target)
    part = _part(config, path)
    given = path, config.delimiter, config.header, named
    table = large_table(*given, progress) or read_table(*given, part)
    _check_names(config, list(table.columns))
    if _holds_pairs(config, table):
        kept = {name: v for name, v in table.columns.items() if name not in config.drop}
        table = replace(table, columns=kept)
        return table_samples(table, config.target, config.delimiter, config.header)
    table, weight_note = weighted_rows(table, config.weight_column)
    target: TargetColumn | None = None
    labels: Labels | None = None
    left_out: list[str] = []
    unlabeled = config.task is not None and target_of(config.task).is_input
    if unlabeled and config.weight_column is not None:
        raise UsageError("--weight-column has no effect on models without labels: leave it out")
    if config.target is not None or not unlabeled:
        target = find_target(config.target, table)
        _check_weights(config, target)
        task = None if unlabeled else config.task
        table, left_out = with_target(table, target, task)
        labels = target_labels(table, target, task, config.class_order)
        if dropped := {*target.columns} & {*config.drop}:
            raise UsageError(f"--drop: {min(dropped)!r} is the target, which is no input anyway")
    unused = {*(target.columns if target else ()), *named}
    inputs = [name for name in table.columns if name not in unused]
    if not inputs:
        raise DataError(
            f"{config.data}: no column is left for the inputs; it has {', '.join(table.columns)}"
        )
    encoded = encode(table, inputs, config.drop, config.raw_columns)
    rows = encoded.matrix
    warnings = _time_warning(time_of_rows(table), config)
    groups = None
    if config.group_by is not None:
        groups = np.array([str(value) for value in table.columns[config.group_by]])
    notes = [*table.notes, *_target_notes(config, target, labels), *left_out, weight_note]
    notes += encoded.notes
    if config.data.lower().endswith(".txt") and all(c.categories for c in encoded.columns):
        notes.append("a .txt file of words, read as a table; to learn its text: --source text")
    return Samples(
        inputs=rows,
        targets=rows if labels is None else labels.values,
        task=str(config.task) if labels is None else labels.task,
        kind="table",
        class_names=() if labels is None else labels.class_names,
        target_names=(
            tuple(column.name for column in encoded.columns) if target is None else target.columns
        ),
        columns=encoded.columns,
        names=RowNames(table.rows) if isinstance(rows, TableRows) else table.row_names(),
        groups=groups,
        weights=mean_one(table, config.weight_column),
        hashes=row_keys(rows) if isinstance(rows, TableRows) else row_digests(rows),
        reader=TableReader(
            columns=encoded.columns,
            raw_columns=config.raw_columns,
            target=target,
            delimiter=config.delimiter,
            header=config.header,
            sheet=config.sheet,
            query=config.query,
        ),
        notes=tuple(note for note in notes if note),
        warnings=(*encoded.warnings, *warnings),
    )


def _holds_pairs(config: Config, table: Table) -> bool:
    """Return whether a table holds pairs of texts: it was said, or it looks so.

    Raises:
        UsageError: groups, weights or an order of classes were given, which pairs have not.
    """
    from mlzoo.data.specs import target_of
    from mlzoo.data.text.pairs import are_pairs

    translates = config.task is not None and target_of(config.task).translated
    flags = {
        "--group-by": config.group_by,
        "--weight-column": config.weight_column,
        "--class-order": config.class_order,
    }
    given = [flag for flag, value in flags.items() if value]
    if translates and given:
        raise UsageError(f"{given[0]}: has no effect on {config.task}")
    others = given or config.drop or config.task
    return translates or (not others and are_pairs(table))


def _check_weights(config: Config, target: TargetColumn) -> None:
    """Raise UsageError where the column of weights is the target."""
    name = config.weight_column
    if name in target.columns:
        advice = "name another with --target" if config.target is None else "choose another column"
        raise UsageError(f"--weight-column: {name!r} is the target; {advice}")


def _part(config: Config, path: Path) -> str | None:
    """Return the sheet or the query that chooses the rows of a file.

    Raises:
        UsageError: it is for a file of another format.
    """
    from mlzoo.data.tables.formats import DATABASES, ending

    suffix = ending(path)
    if config.query is not None and suffix not in DATABASES:
        raise UsageError(f"--source-set query: {path} is no database ({', '.join(DATABASES)})")
    if config.sheet is not None and suffix != ".xlsx":
        raise UsageError(f"--source-set sheet: {path} is no spreadsheet (.xlsx)")
    return config.query or config.sheet


def _target_notes(config: Config, target: TargetColumn | None, labels: Labels | None) -> list[str]:
    """Return what was inferred of the target."""
    if target is None or labels is None:
        return ["target: none, so every column is an input (--target names one that only scores)"]
    chosen = f"target: {target.column!r}, the last column (--target)"
    return [chosen if config.target is None else "", labels.note]


def _time_warning(time: str | None, config: Config) -> list[str]:
    """Return a warning that a random split of rows in order of time flatters scores."""
    if time is None or config.group_by is not None:
        return []
    return [
        f"the rows follow one another in time ({time}): a random split puts neighbors in time "
        "into the training and the test split, so scores may be better than those of later rows; "
        "to forecast, split in order of time: --source series; to keep whole periods together, "
        "name a column of them with --group-by"
    ]


def _check_names(config: Config, names: list[str]) -> None:
    named_columns = [("--drop", name) for name in config.drop]
    facts = {"--group-by": config.group_by, "--weight-column": config.weight_column}
    named_columns += [(flag, name) for flag, name in facts.items() if name is not None]
    wrong = [
        f"{flag}: {unknown('column', name, names)}"
        for flag, name in named_columns
        if name not in names
    ]
    if wrong:
        raise DataError("\n".join(wrong) + f"\nthere are {', '.join(names)}")
