"""Expressions as a user types them, with a grammar of their own.

Nothing that is typed reaches Python or sympy as text: letters become names only where they are
functions, constants or variables of the caller, so an expression can do no more than arithmetic.
Neither sympy nor NumPy is imported here, so that a mistake is told at once.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlzoo.core.errors import UsageError
from mlzoo.core.registry import unknown

FUNCTIONS = (
    "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "exp", "log", "sqrt",
    "abs",
)  # fmt: skip
CONSTANTS = {"pi": math.pi, "e": math.e}
VARIABLES = ("x", "y")
EXAMPLE = "(1-x)^2 + 100*(y-x^2)^2"
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

    def walk(self) -> Iterator[Node]:
        """Return this node and all below it."""
        yield self
        for part in self.parts:
            yield from part.walk()

    @property
    def variables(self) -> set[str]:
        """Return the names of the variables in it."""
        return {node.name for node in self.walk() if node.kind == "variable"}


def parse(
    text: str,
    variables: Collection[str] = VARIABLES,
    example: str = EXAMPLE,
    explain: Callable[[str], str] = lambda name: "",
) -> Node:
    """Parse an expression.

    It has numbers, variables, pi and e, + - * / ^ (or **), parentheses, and `FUNCTIONS` of one
    argument; a product needs its sign. Parts without variables are worked out here.

    Args:
        text: the expression.
        variables: names that may stand in it.
        example: an expression that is right, for messages.
        explain: returns what is wrong with a name that is no variable; "" leaves that to us.

    Raises:
        UsageError: anything else, with the place; too long, too deep, or a number out of range.
    """
    if len(text) > LONGEST:
        raise UsageError(f"the expression has {len(text)} characters, more than {LONGEST}")
    return _Reader(text, variables, example, explain).whole()


_NAMED = {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}


def evaluate(node: Node, values: Mapping[str, Any], module: Any) -> Any:
    """Return the value of an expression.

    Args:
        node: from `parse`.
        values: of its variables: numbers, or arrays whose shapes go together.
        module: `numpy` or `keras.ops`, which has the functions.
    """
    if node.kind == "number":
        return node.value
    if node.kind == "variable":
        return values[node.name]
    parts = [evaluate(part, values, module) for part in node.parts]
    if all(isinstance(part, float) for part in parts):
        try:  # As Python's numbers, which take the precision of the arrays that they meet.
            return _number(node.name or node.kind, *parts)
        except _UNDEFINED:
            return math.nan
    if node.kind == "function":
        return getattr(module, _NAMED.get(node.name, node.name))(*parts)
    left, right = parts
    if node.kind == "^":
        # A whole number as such: the backends' derivatives of a power of floats are NaN at 0.
        whole = isinstance(right, float) and right.is_integer()
        return left ** (int(right) if whole else right)
    return _ARITHMETIC[node.kind](left, right)


_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_UNDEFINED = (ValueError, ZeroDivisionError, OverflowError)


def _number(name: str, *values: float) -> float:
    """Return the value of an operator or a function at numbers; it may raise one of the above."""
    operations: dict[str, Callable[..., Any]] = {**_ARITHMETIC, "^": math.pow, "abs": math.fabs}
    return float((operations.get(name) or getattr(math, name))(*values))


class _Reader:
    """Recursive descent, one token ahead."""

    def __init__(
        self,
        text: str,
        variables: Collection[str],
        example: str,
        explain: Callable[[str], str],
    ) -> None:
        self.text, self.place, self.depth = text, 0, 0
        self.variables, self.example, self.explain = variables, example, explain
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
            f"as in {self.example}"
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
        if name in self.variables:
            self.take()
            return Node("variable", name=name)
        if name in CONSTANTS:
            self.take()
            return self.number(CONSTANTS[name])
        if name not in FUNCTIONS:
            if reason := self.explain(name):
                raise self.wrong(reason)
            known = (*self.variables, *CONSTANTS, *FUNCTIONS)
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
        try:
            return _number(name, *values)
        except _UNDEFINED:
            shown = ", ".join(f"{value:g}" for value in values)
            raise self.wrong(f"{name} of {shown} is no finite number") from None

    def number(self, value: float) -> Node:
        if not abs(value) <= _LARGEST:
            raise self.wrong(f"a number is larger than {_LARGEST:g}")
        return Node("number", value=value)
