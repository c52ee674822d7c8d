"""Constraints as a user types them: an equation or an inequality of two expressions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlzoo.core.errors import UsageError
from mlzoo.core.expressions import Node, parse

_SIGN = re.compile(r"<=|>=|==|=|<|>")
_EXAMPLE = "x + y = 1, or x^2 + y^2 <= 4"


@dataclass(frozen=True)
class Constraint:
    """A constraint in standard form: `left` = 0, or `left` <= 0 of an inequality.

    `text` is what was typed, `term` the left side as it stands in a Lagrange function.
    """

    text: str
    term: str
    left: Node
    equality: bool


def parse_constraint(text: str) -> Constraint:
    """Parse a constraint of x and y with one of the signs =, <= and >=.

    Raises:
        UsageError: it has no such sign or several, no variable, or a side is no expression.
    """
    signs = _SIGN.findall(text)
    if len(signs) != 1:
        count = "no" if not signs else "more than one"
        raise UsageError(f"a constraint has {count} sign (got {text!r}); write as in {_EXAMPLE}")
    (sign,) = signs
    if sign in "<>":
        raise UsageError(
            f"a constraint holds on its border too (got {text!r}); write {sign}= in place of {sign}"
        )
    sides = [part.strip() for part in text.split(sign)]
    if sign == ">=":
        sides.reverse()
    left, right = (parse(side, example=_EXAMPLE) for side in sides)
    if not left.variables | right.variables:
        raise UsageError(f"a constraint needs x or y (got {text!r}); write as in {_EXAMPLE}")
    subtracted = sides[1] if re.fullmatch(r"[\w.]+", sides[1]) else f"({sides[1]})"
    term = f"({sides[0]} - {subtracted})"
    return Constraint(text, term, Node("-", (left, right)), sign in ("=", "=="))
