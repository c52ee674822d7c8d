"""Formatting of numbers and names in Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from mlzoo.core.messages import over


def number(value: Any) -> str:
    """Return a number with up to four significant digits; a dash if it is undefined."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return escape(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def interval(ends: Sequence[float] | None) -> str:
    """Return `low to high`; a dash if there is no interval."""
    return f"{number(ends[0])} to {number(ends[1])}" if ends else "–"


def interval_title(count: int | None, unit: str | None) -> str:
    """Return the heading of a column of intervals: `95 % interval (359 samples)`."""
    units = over(count, unit)
    return f"95 % interval ({units})" if units else "95 % interval"


def escape(value: Any) -> str:
    r"""Escape text for Markdown, also within table cells: `a|b` becomes `a\|b`."""
    text = " ".join(str(value).split())
    text = re.sub(r"([\\`*_\[\]|~#$])", r"\\\1", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
