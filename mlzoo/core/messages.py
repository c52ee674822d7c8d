"""Sentences for people: lists of names, mistakes that pydantic finds in settings, Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mlzoo.core.registry import closest

if TYPE_CHECKING:
    from pydantic import ValidationError

_SENTENCES = {
    "int": "must be a whole number",
    "float": "must be a number",
    "finite_number": "must be a finite number",
    "bool": "must be true or false",
    "string": "must be text",
    "list": "must be a list",
    "tuple": "must be a list",
    "dict": "must be `name: value` lines",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "literal_error": "must be {expected}",
}
_MOST = 60
STEERS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters but for tab and line end, marks that turn the direction of writing, separators
of lines, and halves of characters."""


def printable(text: str) -> str:
    """A text that can't steer a terminal: such characters are escaped as Python writes them."""
    return STEERS.sub(lambda match: ascii(match[0])[1:-1], text)


def one_line(text: str) -> str:
    """`printable`, line ends and tabs escaped too: a name that a line of text holds."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def few(names: Iterable[Any], most: int = 12) -> str:
    """Names with commas; the first few of many, and how many more there are."""
    names = [one_line(str(name)) for name in names]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def series(names: Sequence[str], word: str) -> str:
    """Return names as a list in a sentence: `a, b and c`, with `and` or another word."""
    return f" {word} ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def over(count: int | None, unit: str | None) -> str:
    """Return what intervals are taken over, `359 samples`; "" where it is not known."""
    if not count or not unit:
        return ""
    first, *rest = unit.split(" ", 1)
    return " ".join([f"{count:,}", first.removesuffix("s") if count == 1 else first, *rest])


def sentence(item: Any) -> str:
    """Return the problem with one value, what was received and the closest right choice."""
    kind = item["type"]
    template = _SENTENCES.get(kind) or _SENTENCES.get(kind.partition("_")[0])
    if template is None:
        text = item["msg"].removeprefix("Value error, ")
        text = text[0].lower() + text[1:]
    else:
        limits = item.get("ctx", {})
        text = template.format(**{name: _plain(limit) for name, limit in limits.items()})
    if not item["loc"]:
        return text
    received = repr(item["input"])
    received = received if len(received) <= _MOST else received[:_MOST] + "..."
    choices = re.findall(r"'([^']*)'", text) if kind == "literal_error" else []
    close = closest(str(item["input"]), choices)
    return f"{text} (got {received}" + (f"; did you mean {close!r}?)" if close else ")")


def _plain(limit: Any) -> Any:
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit


def sentences(error: ValidationError) -> dict[str, str]:
    """One sentence for each setting with a mistake, under its name; "" for all of them together.

    Several mistakes in one setting (a list, a type with alternatives) are told in one sentence.
    """
    texts: dict[str, str] = {}
    for item in error.errors():
        name = str(item["loc"][0]) if item["loc"] else ""
        text = sentence(item)
        if name and name in texts and texts[name] != text:
            first, got, received = texts[name].rpartition(" (got")
            other = text.rpartition(" (got")[0].removeprefix("must be ")
            text = texts[name] if other in first else f"{first} or {other}{got}{received}"
        elif name == "" and name in texts:
            text = f"{texts[name]}; {text}"
        texts[name] = text
    return texts


def flag_lines(error: ValidationError) -> list[str]:
    """Return a line for each option with a mistake, `--epochs: must be at least 1 (got '0')`."""
    problems = sentences(error).items()
    return [f"--{name.replace('_', '-')}: {text}" if name else text for name, text in problems]


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
