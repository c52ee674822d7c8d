"""Equations as text: the grammar of expressions, with derivatives by underscore."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from mlzoo.core.errors import UsageError
from mlzoo.core.expressions import CONSTANTS, FUNCTIONS, Node, parse
from mlzoo.core.registry import unknown
from mlzoo.data.problems.problem import HIGHEST_ORDER, Equation, names_of_derivatives

EXAMPLE = "u_t = 0.1*u_xx"


@dataclass(frozen=True)
class Grammar:
    """Names that the expressions of a problem may have, and how they are read.

    Attributes:
        unknowns: functions, whose derivatives are u_x, u_xt and so on.
        coordinates: a letter each.
        parameters: names of numbers.
        fitted: those of them that are not known, which an exact solution can't name.
        known: functions that are given, which have derivatives too.
    """

    unknowns: tuple[str, ...]
    coordinates: tuple[str, ...]
    parameters: tuple[str, ...]
    fitted: Collection[str] = ()
    known: tuple[str, ...] = ()

    def expression(self, text: str) -> Node:
        """Return an expression of coordinates and known parameters.

        Raises:
            UsageError: it is none; the message names the character.
        """
        known = (name for name in self.parameters if name not in self.fitted)
        return parse(text, (*self.coordinates, *known), EXAMPLE, self._explain)

    def equation(self, text: str) -> Equation:
        """Return an equation of unknowns, derivatives, coordinates and parameters.

        Raises:
            UsageError: it is none.
        """
        functions = (*self.unknowns, *self.known)
        names = tuple(names_of_derivatives(functions, self.coordinates))
        sides = text.split("=")
        if len(sides) != 2:
            raise UsageError(f"an equation has one '=', as in {EXAMPLE!r} (got {text!r})")
        variables = (*names, *self.coordinates, *self.parameters)
        left, right = (parse(side, variables, EXAMPLE, self._explain) for side in sides)
        is_zero = right.kind == "number" and right.value == 0
        residual = left if is_zero else Node("-", (left, right))
        if not residual.variables & set(names_of_derivatives(self.unknowns, self.coordinates)):
            raise UsageError(f"{text!r} names no unknown; there are {', '.join(self.unknowns)}")
        return Equation(text.strip(), residual)

    def _explain(self, name: str) -> str:
        """Say what is wrong with a name that is not known here."""
        if name in self.fitted:
            return f"{name!r} is fitted, so the exact solution has its true number in its place"
        base, _, letters = name.partition("_")
        if base not in (*self.unknowns, *self.known) or not letters:
            known = (*self.unknowns, *self.known, *self.coordinates, *self.parameters)
            slope = f"{self.unknowns[0]}_{self.coordinates[0]}"
            names = ", ".join((*known, f"derivatives such as {slope}", *CONSTANTS, *FUNCTIONS))
            return f"{unknown('name', name, (*known, *FUNCTIONS))}; known are {names}"
        other = [letter for letter in letters if letter not in self.coordinates]
        if other:
            return (
                f"{name!r}: {other[0]!r} is no coordinate; there are {', '.join(self.coordinates)}"
            )
        if len(letters) <= HIGHEST_ORDER:
            return f"{name!r} is an unknown, which has no place in this expression"
        return (
            f"{name!r} is a derivative of order {len(letters)}, and {HIGHEST_ORDER} is the highest "
            f"here; make a system of it, with an unknown for {base}_{letters[:2]}"
        )
