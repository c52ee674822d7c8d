"""Engines that run fits; `Serial` runs them in this process, one after another."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from mlzoo.tuning.trials.trial import FitJob, FitRecord

Fit = Callable[[FitJob], FitRecord]
"""Function from a job to its record for the journal."""
Fits = Callable[[Sequence[FitJob]], list[FitRecord]]
"""Function from jobs of one group to their records."""


@dataclass(frozen=True)
class Together:
    """Grouping of jobs that run at once.

    Attributes:
        group: from a job to a key, equal for jobs that can run at once; None: it runs alone.
        most: largest number of jobs of a group.
    """

    group: Callable[[FitJob], str | None]
    most: int


class Engine(Protocol):
    """Runs jobs, possibly several in parallel."""

    @property
    def free(self) -> bool:
        """Return whether another job can be started."""
        ...

    @property
    def busy(self) -> bool:
        """Return whether a job is running."""
        ...

    def start(self, job: FitJob) -> None:
        """Start a job."""
        ...

    def wait(self) -> FitRecord:
        """Wait for the next finished job, and return its record."""
        ...

    def close(self) -> None:
        """Stop all workers."""
        ...


class GroupEngine(Engine, Protocol):
    """Engine that can run the jobs of a group at once."""

    def start_group(self, jobs: Sequence[FitJob]) -> None:
        """Start jobs that run at once."""
        ...


class Serial:
    """Engine in this process; jobs run when they are waited for.

    Args:
        fit: runs one job.
        fit_all: runs several at once; None: one by one.
    """

    def __init__(self, fit: Fit, fit_all: Fits | None = None) -> None:
        self._fit_all = fit_all or (lambda jobs: [fit(job) for job in jobs])
        self._jobs: Sequence[FitJob] = ()
        self._records: deque[FitRecord] = deque()

    @property
    def free(self) -> bool:
        """Return whether other jobs can be started."""
        return not self.busy

    @property
    def busy(self) -> bool:
        """Return whether a job is waiting, or a record was not fetched yet."""
        return bool(self._jobs or self._records)

    def start(self, job: FitJob) -> None:
        """Queue a job."""
        self._jobs = [job]

    def start_group(self, jobs: Sequence[FitJob]) -> None:
        """Queue jobs."""
        self._jobs = jobs

    def wait(self) -> FitRecord:
        """Run the queued jobs, and return their records one by one."""
        if not self._records:
            self._records.extend(self._fit_all(self._jobs))
            self._jobs = ()
        return self._records.popleft()

    def close(self) -> None:
        """Do nothing: there are no workers."""
