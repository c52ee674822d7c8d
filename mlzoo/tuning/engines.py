"""What does the fits: this process, one after another. `pool` has one with several processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from mlzoo.tuning.trials import Unit

Fit = Callable[[Unit], dict[str, Any]]
"""From a unit to the journal's record of it."""


class Engine(Protocol):
    """Does units of work, some at the same time."""

    @property
    def free(self) -> bool:
        """Whether another unit can be started."""
        ...

    @property
    def busy(self) -> bool:
        """Whether a unit is being worked on."""
        ...

    def start(self, unit: Unit) -> None:
        """Begin a unit."""
        ...

    def wait(self) -> dict[str, Any]:
        """The record of the next unit that is done."""
        ...

    def close(self) -> None:
        """End what it started."""
        ...


class Serial:
    """This process: a unit is done when it is waited for."""

    def __init__(self, fit: Fit) -> None:
        self._fit = fit
        self._units: deque[Unit] = deque()

    @property
    def free(self) -> bool:
        """Whether another unit can be started."""
        return not self._units

    @property
    def busy(self) -> bool:
        """Whether a unit is waiting to be done."""
        return bool(self._units)

    def start(self, unit: Unit) -> None:
        """Remember a unit."""
        self._units.append(unit)

    def wait(self) -> dict[str, Any]:
        """Do the unit."""
        record = self._fit(self._units[0])
        self._units.popleft()
        return record

    def close(self) -> None:
        """Nothing was started."""
