"""Search spaces, proposals and trials: the input and output of a strategy.

Plain Python, so that a space can be checked before anything heavy is imported.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

Values = dict[str, Any]
"""One candidate: a plain Python value for each dimension that is active."""


@dataclass(frozen=True)
class Dimension:
    """One thing that is varied.

    Attributes:
        name: a setting of the model or of the run, or what a model's `Config` derives one from.
        kind: `float`, `int` (both from `low` to `high`, ends included) or `choice`.
        log: a number's logarithm is spread evenly, not the number itself.
        step: a number is `low` plus a multiple of it; None: any float, every int.
        choices: what a choice may be.
        when: it exists only where each named dimension has one of these values.
    """

    name: str
    kind: Literal["float", "int", "choice"]
    low: float = 0
    high: float = 0
    log: bool = False
    step: float | None = None
    choices: tuple[Any, ...] = ()
    when: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    @property
    def size(self) -> int | None:
        """Number of values; None: a continuum."""
        if self.kind == "choice":
            return len(self.choices)
        if self.kind == "float" and self.step is None:
            return None
        return math.floor((self.high - self.low) / self._step + 1e-9) + 1

    @property
    def _step(self) -> float:
        return self.step or 1

    def at(self, unit: float) -> Any:
        """The value at a place in [0, 1]; every value has an equal share of it."""
        unit = min(max(float(unit), 0.0), 1.0)
        if self.kind == "choice":
            return self.choices[min(int(unit * len(self.choices)), len(self.choices) - 1)]
        if self.size is None:
            return self._continuous(self.low, self.high, unit)
        if self.log:
            number = self._continuous(*self._stretched, unit)
            place = round((number - self.low) / self._step)
        else:
            place = int(unit * self.size)
        return self._nth(min(max(place, 0), self.size - 1))

    @property
    def _stretched(self) -> tuple[float, float]:
        """The ends of a logarithm that gives each of its steps the stretch nearest to it."""
        if self.size is None:
            return self.low, self.high
        half = self._step / 2
        return max(self.low - half, self.low / 2), self.high + half

    def _continuous(self, low: float, high: float, unit: float) -> float:
        if not self.log:
            return low + unit * (high - low)
        number = math.exp(math.log(low) + unit * (math.log(high) - math.log(low)))
        return min(max(number, low), high)

    def _nth(self, place: int) -> Any:
        number = self.low + place * self._step
        return int(number) if self.kind == "int" else float(f"{number:.12g}")

    def unit(self, value: Any) -> float:
        """The place in [0, 1] of a value: that which `at` turns into it again."""
        if self.kind == "choice":
            return (self.choices.index(value) + 0.5) / len(self.choices)
        if self.low == self.high:
            return 0.5
        if self.log:
            low, high = self._stretched
            share = math.log(value / low) / math.log(high / low)
            return min(max(share, 0.0), 1.0)
        if self.size is None:
            return (value - self.low) / (self.high - self.low)
        return (round((value - self.low) / self._step) + 0.5) / self.size

    def levels(self, points: int) -> list[Any]:
        """The values of a grid: all of them, or `points` of a continuum, both ends among them."""
        if self.kind == "choice":
            return list(self.choices)
        if self.size is not None:
            return [self._nth(place) for place in range(self.size)]
        if points < 2 or self.low == self.high:
            return [self._continuous(self.low, self.high, 0.5)]
        values = [self._continuous(self.low, self.high, i / (points - 1)) for i in range(points)]
        return [float(f"{value:.12g}") for value in values]

    def holds(self, value: Any) -> bool:
        """Return whether a value is one that this dimension can have, of the right type."""
        if self.kind == "choice":
            return any(value == c and type(value) is type(c) for c in self.choices)
        if type(value) is not (int if self.kind == "int" else float):
            return False
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Space:
    """Dimensions, those that others depend on first."""

    dimensions: tuple[Dimension, ...]

    @cached_property
    def names(self) -> list[str]:
        """Of all dimensions, in order."""
        return [dimension.name for dimension in self.dimensions]

    def __getitem__(self, name: str) -> Dimension:
        return self.dimensions[self.names.index(name)]

    def __len__(self) -> int:
        return len(self.dimensions)

    def is_active(self, dimension: Dimension, values: Mapping[str, Any]) -> bool:
        """Return whether a dimension exists beside the values of those before it."""
        return all(n in values and values[n] in allowed for n, allowed in dimension.when.items())

    def active(self, values: Mapping[str, Any]) -> Values:
        """The values of the dimensions that exist, in the order of the space."""
        active_values: Values = {}
        for dimension in self.dimensions:
            if dimension.name in values and self.is_active(dimension, active_values):
                active_values[dimension.name] = values[dimension.name]
        return active_values

    def at(self, units: Sequence[float]) -> Values:
        """The candidate at a point of the unit cube, one coordinate a dimension."""
        pairs = zip(self.dimensions, units, strict=True)
        return self.active({dimension.name: dimension.at(unit) for dimension, unit in pairs})

    def units(self, values: Mapping[str, Any]) -> list[float]:
        """A candidate's point in the unit cube; 0.5 where a dimension does not exist."""
        return [d.unit(values[d.name]) if d.name in values else 0.5 for d in self.dimensions]

    def key(self, values: Mapping[str, Any]) -> str:
        """Text that is equal for equal candidates, and for no others."""
        return json.dumps(self.active(values), sort_keys=True)

    def grid(self, points: int = 5) -> Iterator[Values]:
        """Every candidate once, the last dimension fastest; `points` of each continuum."""
        yield from self._grid({}, 0, points)

    def _grid(self, before: Values, place: int, points: int) -> Iterator[Values]:
        if place == len(self.dimensions):
            yield before
            return
        dimension = self.dimensions[place]
        if not self.is_active(dimension, before):
            yield from self._grid(before, place + 1, points)
            return
        for value in dimension.levels(points):
            yield from self._grid({**before, dimension.name: value}, place + 1, points)

    @cached_property
    def size(self) -> int | None:
        """Number of candidates; None: a continuum, or more than a million."""
        if any(dimension.size is None for dimension in self.dimensions):
            return None
        most = 1_000_000
        count = sum(1 for _ in itertools.islice(self.grid(), most + 1))
        return count if count <= most else None


@dataclass(frozen=True)
class Proposal:
    """Values to try next.

    Attributes:
        values: of the active dimensions, plain Python.
        epochs: to train for, in all; None: as many as the run says.
        continues: the number of the trial of the same values whose training goes on.
    """

    values: Values
    epochs: int | None = None
    continues: int | None = None


@dataclass(frozen=True)
class Trial:
    """A trial as a strategy sees it: the proposal and its result.

    Attributes:
        number: from 0, in the order of the proposals.
        values: as proposed; `epochs` and `continues` too.
        state: `running` (its outcome is not to be known yet), `done` or `failed`.
        loss: lower is better; None unless `done`. Always finite.
    """

    number: int
    values: Values
    epochs: int | None = None
    continues: int | None = None
    state: Literal["running", "done", "failed"] = "running"
    loss: float | None = None


def worst(history: Sequence[Trial]) -> float:
    """Return the loss of a failed trial: the worst finite one so far, or 0 where there is none."""
    losses = [trial.loss for trial in history if trial.loss is not None]
    return max(losses, default=0.0)
