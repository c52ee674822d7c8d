"""Reader of tables."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from mlzoo.core.setting_types import Delimiter, Header
from mlzoo.data.reader import Reader

Value = TypeVar("Value")
Unwritten = Annotated[Value, Field(exclude_if=operator.not_)]
"""Field that is written only where it is set, so that records stay as they were."""
HASHED = "words"
"""Features of hashed words are called so, followed by the number of the bucket."""


@dataclass(frozen=True)
class Column:
    """One input column of a model of tables.

    Attributes:
        name: its name.
        categories: of a categorical one, whose values are positions among them.
        source: column of the table that it is computed from; empty: it is that column.
        feature: what is computed: a part of a date, or a bucket of hashed words.
        form: how dates are written that do not begin with the year.
    """

    name: str
    categories: tuple[str, ...] = ()
    source: Unwritten[str] = ""
    feature: Unwritten[str] = ""
    form: Unwritten[str] = ""

    @property
    def hashed(self) -> bool:
        """Return whether it counts hashed words."""
        return self.feature.startswith(HASHED)

    @property
    def origin(self) -> str:
        """Return the name of the column in the table."""
        return self.source or self.name


@dataclass(frozen=True)
class TargetColumn:
    """Column or columns that hold the target, and what makes two classes of it.

    Attributes:
        column: its name; of several that of the first.
        comparison: `>=`, `<=`, `==`, `>` or `<`; empty: values are the target as they are.
        value: what values are compared with.
        others: names of the other columns: numbers that are predicted too, or labels.
    """

    column: str
    comparison: str = ""
    value: str = ""
    others: Unwritten[tuple[str, ...]] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of all columns."""
        return (self.column, *self.others)

    def __str__(self) -> str:
        return ", ".join(map(repr, self.columns))


class TableReader(Reader):
    """Reader of tables, a sample a row."""

    kind: Literal["table"] = "table"
    columns: tuple[Column, ...]
    """Input columns, in the order that the model takes them."""
    target: TargetColumn | None = None
    """Column that predictions are compared with; None: there are no labels."""
    delimiter: Delimiter = None
    """Delimiter of the columns; None: recognized."""
    header: Header = "auto"
    """yes: the first line names the columns; auto: recognized."""
    sheet: str | None = None
    """Sheet of a spreadsheet; None: the first."""
    query: str | None = None
    """SQL that selects the rows of a database; None: all of its only table."""

    raw_columns: bool = True
    """True: dates and texts were read as they are; older runs do not say it."""

    @property
    def table_columns(self) -> tuple[str, ...]:
        """Return the names of the columns of a table that are read."""
        return tuple(dict.fromkeys(column.origin for column in self.columns))

    @property
    def input_names(self) -> tuple[str, ...]:
        """Return the names of the input columns."""
        return tuple(column.name for column in self.columns)
