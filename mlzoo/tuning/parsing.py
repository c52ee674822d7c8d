"""Dimensions from text: `learning_rate=log:1e-4..1e-1`, `units=16..256`, `activation=relu,tanh`.

A range `low..high` may begin with `log:` and end in `/step`; it is of whole numbers if both ends
are. Anything else is a list of choices, written as YAML: `hidden=[64],[64,
32]` has two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from mlzoo.core.spaces import Dimension

_RANGE = re.compile(
    r"(?P<log>log:)?\s*(?P<low>\S+?)\s*\.\.\s*(?P<high>[^/\s]+)\s*(/\s*(?P<step>\S+))?"
)


def parse_line(line: str) -> Dimension:
    """Parse a dimension from `name=SPEC`.

    Raises:
        ValueError: what is wrong with it, as a sentence without the name.
    """
    name, equals, text = line.partition("=")
    if not equals or not name.strip() or not text.strip():
        raise ValueError("write name=low..high, name=log:low..high or name=a,b,c")
    return parse(name.strip(), text.strip())


def parse(name: str, content: Any) -> Dimension:
    """Parse a dimension from a text as on the command line, or from a value of a YAML file.

    A mapping has `values` (such a text, or a list) and `when`: {other dimension: values}.

    Raises:
        ValueError: what is wrong with it, as a sentence without the name.
    """
    if isinstance(content, Mapping):
        unknown = set(content) - {"values", "when"}
        if unknown or "values" not in content:
            raise ValueError("a mapping has `values`, and `when` if it depends on others")
        when = content.get("when") or {}
        if not isinstance(when, Mapping):
            raise ValueError("`when` holds `name: value` or `name: [values]` lines")
        conditions = {str(n): _tuple(v if isinstance(v, list) else [v]) for n, v in when.items()}
        dimension = parse(name, content["values"])
        return Dimension(**{**dimension.__dict__, "when": conditions})
    if isinstance(content, list):
        return _choice(name, content)
    matched = _RANGE.fullmatch(content) if isinstance(content, str) else None
    if matched:
        return _range(name, **matched.groupdict())
    if isinstance(content, str):
        try:
            content = yaml.safe_load(f"[{content}]")
        except yaml.YAMLError:
            raise ValueError(f"can't be read (got {content!r})") from None
        return _choice(name, [_number(value) for value in content])
    return _choice(name, [content])


def _choice(name: str, values: list[Any]) -> Dimension:
    values = [_number(value) for value in values]
    if not values:
        raise ValueError("has no values")
    if len({repr(value) for value in values}) < len(values):
        raise ValueError(f"has a value twice (got {', '.join(map(str, values))})")
    return Dimension(name, "choice", choices=_tuple(values))


def _number(value: Any) -> Any:
    """Convert text such as 1e-3, which YAML does not read as a number."""
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", value):
        return float(value)
    return value


def _tuple(values: list[Any]) -> tuple[Any, ...]:
    # Lists as tuples of tuples, so that dimensions can be compared; JSON writes both alike.
    return tuple(_tuple(value) if isinstance(value, list) else value for value in values)


def _range(name: str, log: str | None, low: str, high: str, step: str | None) -> Dimension:
    try:
        ends = [_finite(low), _finite(high)]
        size = None if step is None else _finite(step)
    except ValueError:
        raise ValueError(f"is no range of numbers (got {low}..{high})") from None
    whole = all(isinstance(end, int) for end in (*ends, size or 1))
    return make_range(name, ends[0], ends[1], log=bool(log), step=size, whole=whole)


def make_range(
    name: str,
    low: float,
    high: float,
    *,
    log: bool = False,
    step: float | None = None,
    whole: bool | None = None,
) -> Dimension:
    """Return a dimension of numbers.

    Args:
        name: of the dimension.
        low: lowest value.
        high: highest value.
        log: sample on a logarithmic scale; `low` must be positive.
        step: distance between values; None: 1 for whole numbers, otherwise continuous.
        whole: whether values are whole numbers; None: if both ends are.

    Raises:
        ValueError: the range is empty, or holds numbers that have no logarithm.
    """
    if whole is None:
        whole = isinstance(low, int) and isinstance(high, int)
    if low > high:
        raise ValueError(f"is empty: {low:g} is more than {high:g}")
    if log and low <= 0:
        raise ValueError(f"has a logarithm only above 0 (got {low:g}..{high:g})")
    if step is not None and not 0 < step <= max(high - low, step if low == high else 0):
        raise ValueError(f"has steps of {step:g}, which do not fit into {low:g}..{high:g}")
    if whole:
        step = int(step or 1)
        return Dimension(name, "int", int(low), int(high), log, step)
    return Dimension(name, "float", float(low), float(high), log, step)


def _finite(text: str) -> float:
    number = int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
    if number - number != 0:
        raise ValueError
    return number
