"""Reader of tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlzoo.core.setting_types import Delimiter, Header
from mlzoo.data.reader import Reader


@dataclass(frozen=True)
class Column:
    """One input column of a table. A categorical one holds positions in `categories`."""

    name: str
    categories: tuple[str, ...] = ()


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
    others: tuple[str, ...] = ()

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
    """Whether the first line names the columns; auto: recognized."""
    sheet: str | None = None
    """Sheet of a spreadsheet; None: the first."""
    query: str | None = None
    """SQL that selects the rows of a database; None: all of its only table."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """Return the names of the input columns."""
        return tuple(column.name for column in self.columns)
