"""Expressions of x and y as a user types them, with a grammar of their own.

Nothing that is typed reaches Python or sympy as text: letters become names only where they stand in
the table below, so an expression can do no more than arithmetic. Neither sympy nor NumPy is
imported here, so that a mistake is told at once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from mlzoo.core.errors import UsageError
from mlzoo.core.registry import unknown

FUNCTIONS = (
    "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "exp", "log", "sqrt",
    "abs",
)  # fmt: skip
CONSTANTS = {"pi": math.pi, "e": math.e}
VARIABLES = ("x", "y")
LONGEST = 500
DEEPEST = 40
_LARGEST = 1e100
_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|(\w+)|(\*\*|.))")


@dataclass(frozen=True)
class Node:
    """A part of an expression.

    `kind` is `number` (with its `value`), `variable` or `function` (with its `name`), or one of
    the operators + - * / ^; `parts` are what it is applied to.
    """

    kind: str
    parts: tuple[Node, ...] = ()
    name: str = ""
    value: float = 0.0


def parse(text: str) -> Node:
    """Parse an expression.

    It has numbers, x, y, pi and e, + - * / ^ (or **), parentheses, and `FUNCTIONS` of one argument;
    a product needs its sign. Parts without x and y are worked out here.

    Raises:
        UsageError: anything else, with the place; too long, too deep, or a number out of range.
    """
    if len(text) > LONGEST:
        raise UsageError(f"the expression has {len(text)} characters, more than {LONGEST}")
    return _Reader(text).whole()


class _Reader:
    """Recursive descent, one token ahead."""

    def __init__(self, text: str) -> None:
        self.text, self.place, self.depth = text, 0, 0
        self.tokens = [
            (match.start(match.lastindex or 0), match.group(match.lastindex or 0), match.lastindex)
            for match in _TOKEN.finditer(text.rstrip())
        ]

    def whole(self) -> Node:
        node = self.sum()
        if self.ahead:
            raise self.wrong(f"{self.ahead!r} is not expected")
        return node

    @property
    def ahead(self) -> str:
        return self.tokens[self.place][1] if self.place < len(self.tokens) else ""

    def wrong(self, what: str) -> UsageError:
        at = self.tokens[self.place][0] + 1 if self.place < len(self.tokens) else len(self.text) + 1
        return UsageError(
            f"the expression can't be read at character {at}: {what} (got {self.text!r}); write "
            "as in (1-x)^2 + 100*(y-x^2)^2"
        )

    def take(self) -> str:
        token = self.ahead
        self.place += 1
        return token

    def sum(self) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.wrong(f"it is nested more than {DEEPEST} deep")
        node = self.product()
        while self.ahead in ("+", "-"):
            node = self.joined(self.take(), node, self.product())
        self.depth -= 1
        return node

    def product(self) -> Node:
        node = self.signed()
        while self.ahead in ("*", "/"):
            node = self.joined(self.take(), node, self.signed())
        return node

    def signed(self) -> Node:
        negative = False
        while self.ahead in ("+", "-"):
            negative ^= self.take() == "-"
        node = self.power()
        return self.joined("*", Node("number", value=-1.0), node) if negative else node

    def power(self) -> Node:
        base = self.atom()
        if self.ahead not in ("^", "**"):
            return base
        self.take()
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.wrong(f"it is nested more than {DEEPEST} deep")
        exponent = self.signed()
        self.depth -= 1
        return self.joined("^", base, exponent)

    def atom(self) -> Node:
        if not self.ahead:
            raise self.wrong("it ends too early")
        kind = self.tokens[self.place][2]
        if kind == 1:
            return self.number(float(self.take()))
        if kind == 2:
            return self.named()
        if self.ahead != "(":
            raise self.wrong(f"{self.ahead!r} is not expected")
        self.take()
        return self.closed()

    def closed(self) -> Node:
        node = self.sum()
        if self.ahead != ")":
            raise self.wrong("a parenthesis is not closed")
        self.take()
        return node

    def named(self) -> Node:
        name = self.ahead
        if name in VARIABLES:
            self.take()
            return Node("variable", name=name)
        if name in CONSTANTS:
            self.take()
            return self.number(CONSTANTS[name])
        if name not in FUNCTIONS:
            known = (*VARIABLES, *CONSTANTS, *FUNCTIONS)
            raise self.wrong(f"{unknown('name', name, known)}; known are {', '.join(known)}")
        self.take()
        if self.ahead != "(":
            raise self.wrong(f"{name} needs parentheses")
        self.take()
        inner = self.closed()
        if inner.kind == "number":
            return self.number(self.worked_out(name, inner.value))
        return Node("function", (inner,), name)

    def joined(self, sign: str, left: Node, right: Node) -> Node:
        if left.kind == right.kind == "number":
            return self.number(self.worked_out(sign, left.value, right.value))
        return Node("^" if sign == "**" else sign, (left, right))

    def worked_out(self, name: str, *values: float) -> float:
        operations: dict[str, Callable[..., float]] = {
            "+": lambda a, b: a + b,
            "-": lambda a, b: a - b,
            "*": lambda a, b: a * b,
            "/": lambda a, b: a / b,
            "^": math.pow,
            "abs": math.fabs,
        }
        try:
            return float((operations.get(name) or getattr(math, name))(*values))
        except (ValueError, ZeroDivisionError, OverflowError):
            shown = ", ".join(f"{value:g}" for value in values)
            raise self.wrong(f"{name} of {shown} is no finite number") from None

    def number(self, value: float) -> Node:
        if not abs(value) <= _LARGEST:
            raise self.wrong(f"a number is larger than {_LARGEST:g}")
        return Node("number", value=value)
