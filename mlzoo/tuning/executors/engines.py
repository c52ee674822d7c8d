"""What does the fits: this process, one after another. `pool` has one with several processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mlzoo.tuning.trials.trial import Unit

Fit = Callable[[Unit], dict[str, Any]]
"""From a unit to the journal's record of it."""
Fits = Callable[[Sequence[Unit]], list[dict[str, Any]]]
"""From units of one group to their records."""


@dataclass(frozen=True)
class Together:
    """Which units are done at once.

    Attributes:
        group: equal for those that can be; None for one that is done alone.
        most: how many there are of a group.
    """

    group: Callable[[Unit], str | None]
    most: int


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


class GroupEngine(Engine, Protocol):
    """An engine that can do units of a group at once."""

    def start_group(self, units: Sequence[Unit]) -> None:
        """Begin units that are done together."""
        ...


class Serial:
    """This process: units are done when they are waited for.

    Args:
        fit: does one.
        fit_all: does several at once; None: they are done one by one.
    """

    def __init__(self, fit: Fit, fit_all: Fits | None = None) -> None:
        self._fit_all = fit_all or (lambda units: [fit(unit) for unit in units])
        self._units: Sequence[Unit] = ()
        self._records: deque[dict[str, Any]] = deque()

    @property
    def free(self) -> bool:
        """Whether other units can be started."""
        return not self.busy

    @property
    def busy(self) -> bool:
        """Whether a unit is waiting to be done, or a record to be fetched."""
        return bool(self._units or self._records)

    def start(self, unit: Unit) -> None:
        """Remember a unit."""
        self._units = [unit]

    def start_group(self, units: Sequence[Unit]) -> None:
        """Remember units."""
        self._units = units

    def wait(self) -> dict[str, Any]:
        """Do the units; their records one by one."""
        if not self._records:
            self._records.extend(self._fit_all(self._units))
            self._units = ()
        return self._records.popleft()

    def close(self) -> None:
        """Nothing was started."""
