"""Table columns to the numbers that a model takes: numeric ones as they are, text as categories."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlzoo.core.errors import DataError
from mlzoo.core.validation.values import join_words
from mlzoo.data.large_tables.files import LargeTable
from mlzoo.data.large_tables.rows import ColumnsOnDisk, TableRows
from mlzoo.data.sequences.axes.times import are_dates
from mlzoo.data.tables.expanding import Expanded, expand_dates, expand_texts, features
from mlzoo.data.tables.reader import Column
from mlzoo.data.tables.tables import Table, text_cells

MOST_CATEGORIES = 100
_NUMERIC_SHARE = 0.9
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")
_ID_NAME = re.compile(r"(.*[\W_])?(?i:id|uid|uuid|index)|.*[a-z0-9]I[Dd]", re.ASCII)
_FEWEST_IDS, _HEAD = 20, 1000
_SHOWN = 60
"""Characters of a cell that a message shows."""
_WORDS = 4
"""Words of a cell from which on it is a text rather than a name."""


@dataclass(frozen=True)
class Encoded:
    """Input columns as one matrix, NaN for missing numbers and -1 for missing categories."""

    matrix: np.ndarray | TableRows
    columns: tuple[Column, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def numbers(table: Table, name: str) -> np.ndarray | None:
    """A column as float64 with NaN where it is missing; None where it holds text.

    Raises:
        DataError: nine of ten values are numbers and some are not, or some are infinite.
    """
    values = table.columns[name]
    if values.dtype != object:
        parsed, missing = values, np.isnan(values)
    else:
        missing = np.array([value is None for value in values])
        parsed = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce").to_numpy(float)
        text = np.isnan(parsed) & ~missing
        if text.sum() > (1 - _NUMERIC_SHARE) * (~missing).sum():
            return None
        if text.any():
            raise DataError(_text_among_numbers(table, name, np.flatnonzero(text)))
    with np.errstate(over="ignore"):
        infinite = np.flatnonzero(np.isinf(parsed.astype(np.float32)))
    if len(infinite):
        row = int(infinite[0])
        what = "no finite number" if np.isinf(parsed[row]) else "too large for a float32 number"
        raise DataError(
            f"column {name!r}, {table.where(row)}: {values[row]} is {what} "
            f"({len(infinite)} such values); correct it or leave the cell empty"
        )
    return parsed


def _text_among_numbers(table: Table, name: str, rows: np.ndarray) -> str:
    row = int(rows[0])
    more = f", and {len(rows) - 1} more such values" if len(rows) > 1 else ""
    return (
        f"column {name!r}, {table.where(row)}: {table.columns[name][row]!r} stands among numbers"
        f"{more}; correct it or leave the cell empty"
    )


def drop_flag(names: Iterable[str], dropped: Sequence[str] = ()) -> str:
    """The option that leaves columns out, as the shell takes it, those left out already first."""
    return f"--drop {shlex.quote(join_words(dict.fromkeys([*dropped, *names])))}"


def encode(
    table: Table, names: Sequence[str], dropped: Sequence[str] = (), raw: bool = False
) -> Encoded:
    """The columns `names` as a float32 matrix, with what is notable about them.

    Args:
        table: as it was read.
        names: of the inputs.
        dropped: columns that are left out already, for the option that leaves out more.
        raw: refuse texts and identifiers, and take dates for categories or numbers; else see
            `expanding`.

    Raises:
        DataError: columns that can't be inputs, all of them at once, with the option that leaves
            them out.
    """
    columns: list[Column] = []
    on_disk = ColumnsOnDisk(len(table)) if isinstance(table, LargeTable) else None
    keep = np.asarray if on_disk is None else on_disk.keep
    values: list[np.ndarray] = []
    expanded: list[Expanded] = []
    wrong: dict[str, str] = {}
    doubts: dict[str, str] = {}
    dates = []
    for name in names:
        try:
            parsed = numbers(table, name)
            expansion = None if raw else _expanded(table, name, parsed)
            if expansion is not None:
                expanded.append(expansion)
                columns += expansion.columns
                values += map(keep, expansion.values.T)
                continue
            if parsed is None:
                categories, positions = _categories(table, name)
                columns.append(Column(name, categories))
                values.append(keep(positions))
            else:
                columns.append(Column(name))
                values.append(keep(parsed.astype(np.float32)))
                doubts |= _looks_like_id(name, parsed)
            if are_dates(table.columns[name]):
                read_as = "categories without an order" if parsed is None else "numbers"
                doubts[name] = f"column {name!r} holds dates, which are read as {read_as}"
        except DataError as error:
            wrong[name] = str(error)
            dates += [name] * are_dates(table.columns[name])
    doubts |= _useless(values, columns)
    if wrong:
        raise DataError(_all_problems(wrong, doubts, dates, dropped))
    if not columns:
        raise DataError(
            f"no column is left for the inputs: {'; '.join(each.note for each in expanded)}"
        )
    notes = [*_notes(values, columns), *(each.note for each in expanded)]
    if len(doubts) > 1:
        notes.append(
            f"columns that warnings name can be left out with {drop_flag(doubts, dropped)}"
        )
    warnings = [f"{text}; {drop_flag([name], dropped)}" for name, text in doubts.items()]
    matrix = np.stack(values, axis=1) if on_disk is None else on_disk.joined(values)
    return Encoded(matrix, tuple(columns), tuple(notes), tuple(warnings))


def _expanded(table: Table, name: str, parsed: np.ndarray | None) -> Expanded | None:
    """Return what is read of dates, texts and identifiers; None of numbers and categories."""
    values = table.columns[name]
    if (expansion := expand_dates(name, values)) is not None:
        return expansion
    if parsed is not None or not _are_too_many(*_distinct(values)):
        return None
    if _DECIMAL_COMMA.fullmatch(_distinct(values)[0][0]):
        return None  # it is refused with advice
    return expand_texts(name, values)


def _all_problems(
    wrong: dict[str, str], doubts: dict[str, str], dates: list[str], dropped: Sequence[str]
) -> str:
    """Return the problems of columns, a line each, and the options that solve them."""
    names = [*wrong, *doubts]
    lines = [*wrong.values(), *doubts.values()]
    advice = f"leave {'it' if len(names) == 1 else 'them all'} out with {drop_flag(names, dropped)}"
    if dates:
        rest = [*dropped, *(name for name in names if name not in dates)]
        others = f" {drop_flag(rest)}" if rest else ""
        advice += f", or forecast from the dates with --source series{others}"
    if len(lines) == 1:
        return f"{lines[0]}; {advice}"
    head = f"{len(wrong)} column{'s' if len(wrong) > 1 else ''} can't be used as they are"
    head = head.replace("they are", "it is") if len(wrong) == 1 else head
    return "\n".join([f"{head}:", *(f"  {line}" for line in lines), advice])


def encode_as(table: Table, columns: Sequence[Column]) -> tuple[np.ndarray, list[str]]:
    """New rows in the columns of a trained model, by name; unknown categories become -1.

    Raises:
        DataError: a column is missing, or holds text where numbers were trained on.
    """
    _require(table, list(dict.fromkeys(column.origin for column in columns)))
    matrix = np.full((len(table), len(columns)), np.nan, dtype=np.float32)
    warnings = []
    computed: dict[str, list[int]] = {}
    for index, column in enumerate(columns):
        if column.source:
            computed.setdefault(column.source, []).append(index)
            continue
        if not column.categories:
            parsed = numbers(table, column.name)
            if parsed is None:
                raise DataError(
                    f"column {column.name!r} holds text such as {_first(table, column.name)!r}, "
                    "but the model was trained on numbers there"
                )
            matrix[:, index] = parsed
            continue
        values = text_cells(table.columns[column.name])
        place = {category: i for i, category in enumerate(column.categories)}
        matrix[:, index] = [place.get(v, -1) if v is not None else -1 for v in values]
        unseen = sorted({v for v in values if v is not None and v not in place})
        if unseen:
            warnings.append(
                f"column {column.name!r}: {', '.join(map(repr, unseen[:5]))} did not occur in the "
                f"training data and count as unknown ({len(unseen)} such values)"
            )
    for source, places in computed.items():
        of_source = [columns[index] for index in places]
        matrix[:, places] = features(table.columns[source], of_source)
    return matrix, warnings


def _require(table: Table, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise DataError(
            f"the table lacks the column{'s' if len(missing) > 1 else ''} "
            f"{', '.join(map(repr, missing))} that the model takes; "
            f"it has {', '.join(map(repr, table.columns))}"
        )


def _first(table: Table, name: str) -> str | None:
    return next((value for value in table.columns[name] if value is not None), None)


def _categories(table: Table, name: str) -> tuple[tuple[str, ...], np.ndarray]:
    values = table.columns[name]
    distinct, present = _distinct(values)
    if _are_too_many(distinct, present):
        raise DataError(_too_many(name, distinct, present))
    place = {category: i for i, category in enumerate(distinct)}
    positions = [-1 if value is None else place[value] for value in values]
    return tuple(distinct), np.array(positions, dtype=np.float32)


def _distinct(values: np.ndarray) -> tuple[list[str], int]:
    """Return the different texts of a column, sorted, and how many cells have one."""
    known = [value for value in values if value is not None]
    return sorted(set(known)), len(known)


def _are_too_many(distinct: Sequence[str], present: int) -> bool:
    """Return whether a column has too many different texts for categories."""
    return len(distinct) > MOST_CATEGORIES or (len(distinct) > 10 and len(distinct) * 2 > present)


def _too_many(name: str, distinct: list[str], present: int) -> str:
    example = distinct[0]
    mean_word_count = np.mean([len(value.split()) for value in distinct])
    if are_dates(np.array(distinct, dtype=object)):
        advice = "they look like dates: turn them into numbers (a year, a day) to use them"
    elif _DECIMAL_COMMA.fullmatch(example):
        advice = "they look like numbers with a decimal comma: write them with a point"
    elif mean_word_count >= _WORDS:
        advice = "they look like free text, which a table's models do not read"
    else:
        advice = "they look like names or identifiers, which say nothing of other rows"
    example = example if len(example) <= _SHOWN else f"{example[:_SHOWN]}..."
    return (
        f"column {name!r} has {len(distinct)} different texts in {present} rows, such as "
        f"{example!r}; {advice}"
    )


def _looks_like_id(name: str, values: np.ndarray) -> dict[str, str]:
    """A doubt where a column of numbers tells rows apart."""
    fractions = (values[:_HEAD] % 1 > 0).any()  # soon seen in a long column
    if len(values) < _FEWEST_IDS or fractions or np.isnan(values).any():
        return {}
    ordered = np.sort(values)
    if ordered[0] in (0, 1) and (np.diff(ordered) == 1).all():
        return {name: f"column {name!r} counts the rows, as an identifier does"}
    if (np.diff(ordered) > 0).all() and not (values % 1).any() and _ID_NAME.fullmatch(name):
        return {name: f"column {name!r} has another number in every row, as an identifier does"}
    return {}


def _useless(matrix: Sequence[np.ndarray], columns: list[Column]) -> dict[str, str]:
    """A doubt on each column that is empty, constant, or the same as another."""
    doubts = {}
    first: dict[bytes, str] = {}
    for values, column in zip(matrix, columns, strict=True):
        if column.source:
            continue
        known = values[~np.isnan(values)]
        if len(known) == 0 or (known == known[0]).all():
            shown = "empty" if len(known) == 0 else "constant"
            doubts[column.name] = f"column {column.name!r} is {shown}"
            continue
        same = first.setdefault(hashlib.sha256(values.tobytes()).digest(), column.name)
        if same != column.name:
            doubts[column.name] = f"columns {same!r} and {column.name!r} are the same"
    return doubts


def _notes(matrix: Sequence[np.ndarray], columns: list[Column]) -> list[str]:
    as_they_are = [column for column in columns if not column.source]
    text = [column.name for column in as_they_are if column.categories]
    kinds = f"inputs: {len(as_they_are) - len(text)} numeric"
    if text:
        kinds += f" and {len(text)} categorical columns ({', '.join(text)})"
    else:
        kinds += " columns"
    notes = [f"{kinds} (--drop)"]
    incomplete = np.zeros(len(matrix[0]), dtype=bool)
    counts = []
    for values, column in zip(matrix, columns, strict=True):
        missing = values == -1 if column.categories else np.isnan(values)
        incomplete |= missing
        counts.append(int(missing.sum()))
    if any(counts):
        worst = ", ".join(
            f"{column.name} {count}" for column, count in zip(columns, counts, strict=True) if count
        )
        notes.append(
            f"missing values: {sum(counts)} in {int(incomplete.sum())} of "
            f"{len(incomplete)} rows ({worst}); numbers are filled with the training split's "
            "median, categories count as unknown"
        )
    return notes
