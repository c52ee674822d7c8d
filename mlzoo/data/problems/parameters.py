"""Parameters of a problem: numbers, numbers to be fitted, and ranges that are inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan
from typing import Any


@dataclass
class Parameters:
    """Parameters as they are read.

    Attributes:
        fixed: numbers.
        fitted: intervals in which numbers are fitted to measurements.
        ranges: intervals of those that are inputs of the network.
    """

    fixed: dict[str, float]
    fitted: dict[str, tuple[float, float]]
    ranges: dict[str, tuple[float, float]]

    @property
    def names(self) -> tuple[str, ...]:
        """Return all names."""
        return (*self.fixed, *self.fitted, *self.ranges)

    def add(self, name: str, value: Any, number: Callable[[Any], float | None]) -> str:
        """Add a parameter; return what is wrong with it, or "".

        Args:
            name: of the parameter.
            value: the entry.
            number: reads numbers.
        """
        if isinstance(value, dict) and len(value) == 1 and set(value) <= {"fit", "range"}:
            [(kind, ends)] = value.items()
            given = [number(end) for end in ends] if isinstance(ends, list) else []
            numbers = [end for end in given if end is not None]
            if len(numbers) != 2 or len(given) != 2 or not numbers[0] < numbers[1]:
                return f"{kind} of {name} has two numbers, the lower first (got {ends!r})"
            kept = self.fitted if kind == "fit" else self.ranges
            kept[name] = (numbers[0], numbers[1])
            return ""
        fixed = number(value)
        if fixed is None:
            return (
                f"parameter {name} is a number, as in {name}: 0.1, or {{fit: [0.01, 1]}} or "
                f"{{range: [0.01, 1]}} (got {value!r})"
            )
        self.fixed[name] = fixed
        return ""


@dataclass(frozen=True)
class Estimate:
    """A parameter that was fitted.

    Attributes:
        name: of the parameter.
        value: fitted.
        low: lower end of its 95 % interval; NaN where none can be given.
        high: upper end.
    """

    name: str
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if isnan(self.low):
            return f"{self.name} = {self.value:.5g}, without an interval"
        return f"{self.name} = {self.value:.5g} (95 % interval {self.low:.5g} to {self.high:.5g})"
