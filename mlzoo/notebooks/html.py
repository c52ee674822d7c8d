"""Cards: a title, lines of text and tables as HTML; all text is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

MOST = 10
"""Rows of a table that are shown."""
_CELL = "text-align:left;padding:.15em .9em .15em 0"
_LONGEST = 80


def card(title: str, lines: Sequence[str] = (), tables: Sequence[str] = ()) -> str:
    """Return a title, lines and tables.

    Args:
        title: plain text.
        lines: plain text, a paragraph each; empty ones are left out.
        tables: HTML of `table`.
    """
    paragraphs = "".join(f"<div>{_text(line)}</div>" for line in lines if line)
    return f"<div><strong>{_text(title)}</strong>{paragraphs}{''.join(tables)}</div>"


def table(rows: Sequence[Mapping[str, Any]], most: int = MOST) -> str:
    """Return rows as a table with the names of the first as its header; "" without any.

    Args:
        rows: value by column.
        most: rows to show; how many are left out is said below.
    """
    if not rows:
        return ""
    names = list(rows[0])
    head = "".join(f'<th scope="col" style="{_CELL}">{_text(name)}</th>' for name in names)
    lines = "".join(
        "<tr>"
        + "".join(f'<td style="{_CELL}">{_text(shown(row.get(name)))}</td>' for name in names)
        + "</tr>"
        for row in rows[:most]
    )
    more = len(rows) - most
    rest = f"<div>and {more:,} more</div>" if more > 0 else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>{rest}"


def shown(value: Any) -> str:
    """Return a value as text: four digits of numbers, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {shown(each)}" for name, each in value.items())
    return str(value)


def _text(text: str) -> str:
    text = str(text)
    return escape(text if len(text) <= _LONGEST * 3 else f"{text[: _LONGEST * 3]}…")
