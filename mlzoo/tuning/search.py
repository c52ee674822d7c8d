"""The search loop: proposals, fits and the journal, which keeps all finished fits if killed.

A proposal depends only on its number: it sees the scores of all trials but the newest few
(`Plan.ahead`), which count as running even if they are done. So the same seed gives the same trials
for any number of workers, and a resumed search ends as one that was never stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

from mlzoo.core.progress import Listener
from mlzoo.core.spaces import Proposal
from mlzoo.training.signals import Stop
from mlzoo.tuning.executors.engines import Engine, GroupEngine, Together
from mlzoo.tuning.plan import Plan
from mlzoo.tuning.trials.journal import Journal
from mlzoo.tuning.trials.pruning import RACE_AHEAD, trails
from mlzoo.tuning.trials.trial import FitJob, FitRecord, TrialResult, best, from_records, paid

_FIRST_FAILURES = 10
_WAITING = 4
"""Fits to look ahead for a group that can run at once, in multiples of its size."""


@dataclass(frozen=True)
class SearchEnd:
    """End of a search: its reason, and whether there was nothing left to try."""

    reason: str
    complete: bool


class SearchListener(Listener):
    """Progress callback of a search that does nothing."""

    def fitted(self, record: FitRecord, trial: TrialResult, best_trial: TrialResult | None) -> None:
        """Handle a finished fit.

        Args:
            record: its record in the journal.
            trial: the trial that it belongs to.
            best_trial: the best trial so far; None without one.
        """

    def proposed(self, trial: TrialResult) -> None:
        """Handle a new trial."""


class Search:
    """A search in progress; its whole state is in the journal.

    Args:
        plan: of the search.
        metric: name of the score that ranks the trials.
        journal: open; the search resumes from its records.
        listener: receives progress.
        stop: requests to stop after the running fits.
    """

    def __init__(
        self,
        plan: Plan,
        metric: str,
        journal: Journal,
        listener: SearchListener | None = None,
        stop: Stop | None = None,
    ) -> None:
        self.plan, self.metric, self.journal = plan, metric, journal
        self.listener, self.stop = listener or SearchListener(), stop or Stop()
        self.ended: Callable[[TrialResult], None] = lambda trial: None
        """Called with each trial that is over."""
        folds, repeats = plan.search.folds, plan.run.repeats
        self.keys = [(fold, repeat) for fold in range(folds) for repeat in range(repeats)]
        self.trials = from_records(journal.records, self.keys)
        self.exhausted = False
        self.spend: float | None = None
        """Budget of all trials in epochs; None: unlimited."""
        self._waiting: list[FitJob] = []
        self._groups: dict[int, str | None] = {}
        self._started: set[tuple[int, int, int]] = set()
        self._visible: int | None = None
        self._proposing: Future[list[Proposal]] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._fell_back = False

    def run(
        self,
        engine: Engine,
        clock: Callable[[], float] = time.monotonic,
        together: Together | None = None,
    ) -> SearchEnd:
        """Run until all trials are done, the space is exhausted, or a limit is reached.

        Args:
            engine: runs the fits; it needs `start_group` if `together` is given.
            clock: returns the time in seconds.
            together: which jobs run at once; None: each alone.
        """
        began = clock()
        try:
            while True:
                ended = self._ended(clock() - began)
                while not ended and engine.free and (jobs := self._next_jobs(together)):
                    _start(engine, jobs)
                    ended = self._ended(clock() - began)
                if engine.busy:
                    if not ended:
                        self._propose_ahead()
                    self._take(engine.wait())
                elif ended:
                    return ended
                elif self._proposing is not None:
                    self._proposing.exception()  # waits
                elif not self._open():
                    return SearchEnd(self._done(), True)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    @property
    def best(self) -> TrialResult | None:
        """Return the best trial so far."""
        return best(self.trials, self.metric)

    def _done(self) -> str:
        if self.exhausted and len(self.trials) < self.plan.trials:
            return f"the space is exhausted after {len(self.trials)} trials"
        return f"all {len(self.trials)} trials done"

    def _ended(self, elapsed: float) -> SearchEnd | None:
        """Return why no further fit may start, or None."""
        search = self.plan.search
        if self.stop.signal:
            return SearchEnd("stopped", False)
        if search.budget is not None and elapsed >= search.budget:
            return SearchEnd("the time budget is used up", False)
        failed = sum(trial.state == "failed" for trial in self.trials)
        most = search.max_failures
        if most is None and failed >= _FIRST_FAILURES and failed == self._finished:
            most = _FIRST_FAILURES
        if most is not None and failed >= most:
            return SearchEnd(f"{failed} trials failed (--max-failures)", False)
        return None

    @property
    def _finished(self) -> int:
        return sum(trial.state != "running" for trial in self.trials)

    def _take(self, record: FitRecord) -> None:
        record = {**record, "at": round(time.time(), 3)}
        self.journal.append(record)
        trial = self.trials[record["trial"]]
        trial.fits[record["fold"], record["repeat"]] = record
        if record.get("fallback") and not self._fell_back:
            self._fell_back = True
            self.listener.note(
                f"compiled fits failed in trial {trial.number} ({record['fallback']}); each fit in "
                "which they fail is done by the code of `mlzoo train` (--fast off: all fits are)"
            )
        self.listener.fitted(record, trial, self.best)
        if trial.state != "running":
            self.ended(trial)

    def _next_jobs(self, together: Together | None) -> list[FitJob]:
        """Return the jobs to start: one, or several of a group; the others keep waiting."""
        waiting = [job for job in self._waiting if self.trials[job.trial].state == "running"]
        most = 1 if together is None else _WAITING * together.most
        while len(waiting) < most and (job := self._next_job()):
            self._started.add((job.trial, *job.key))
            waiting.append(job)
        if not waiting or together is None:
            return waiting
        for job in waiting:  # folds and repeats of a trial share a group
            if job.trial not in self._groups:
                self._groups[job.trial] = together.group(job)
        first = self._groups[waiting[0].trial]
        alike = [job for job in waiting if self._groups[job.trial] == first]
        group = alike[: 1 if first is None else together.most]
        self._waiting = [job for job in waiting if job not in group]
        return group

    def _next_job(self) -> FitJob | None:
        """Return the next job: of the oldest trial that lacks a fit, or of a new trial."""
        while True:
            for job in self._jobs():
                return job
            if not self._open():
                return None

    def _jobs(self) -> Iterator[FitJob]:
        for trial in self.trials:
            if trial.state != "running":
                continue
            for key in self.keys:
                if key in trial.fits or (trial.number, *key) in self._started:
                    continue
                if key[0] == 2 and key[1] == 0 and self.plan.search.race and self._hold_back(trial):
                    break
                if trial.state != "running":
                    break
                yield FitJob(trial.number, *key, trial.values, trial.epochs, trial.continues)

    def _hold_back(self, trial: TrialResult) -> bool:
        """Return whether to hold back the third fold: it is pruned, or others must end first."""
        visible = max(0, trial.number - RACE_AHEAD)
        two = [key for key in self.keys if key[0] < 2]
        if any(t.state == "running" for t in self.trials[:visible]) or not (
            set(two) <= set(trial.fits)
        ):
            return True
        if trails(trial, self.trials[:visible], self.metric):
            trial.dropped = True
            self.journal.append({"kind": "dropped", "trial": trial.number})
            self.listener.fitted(trial.fits[two[-1]], trial, self.best)
            self.ended(trial)
        return trial.dropped

    def _open(self) -> bool:
        """Add the next trial, or start to compute its proposal; False if there is none (yet)."""
        number = len(self.trials)
        if self.exhausted or number >= self.plan.trials:
            return False
        if self._proposing is None:
            visible = self._visible
            if visible is None:
                visible = max(0, number - self.plan.ahead)
            if any(trial.state == "running" for trial in self.trials[:visible]):
                return False
            self._visible = visible
            history = [t.seen(t.number < visible, self.metric) for t in self.trials]
            self._proposing = self._thread.submit(
                self.plan.strategy.propose,
                self.plan.settings,
                self.plan.space,
                history,
                1,
                self.plan.seed,
            )
        if not self._quick and not self._proposing.done():
            return False
        return self._answered(self._proposing.result())

    def _propose_ahead(self) -> None:
        """Compute the next proposal while fits run, so that no worker waits for it."""
        if not self._quick and not any(True for _ in self._jobs()):
            self._open()

    @property
    def _quick(self) -> bool:
        """Return whether proposals are quick enough to wait for."""
        return bool(getattr(self.plan.strategy, "INDEPENDENT", False))

    def _answered(self, proposals: list[Proposal]) -> bool:
        self._proposing = None
        assert self._visible is not None
        if proposals:
            self._visible = None
            self._add(proposals[0])
            return not self.exhausted
        if self._visible >= len(self.trials) or self._quick:
            self.exhausted = True
            return False
        self._visible += 1  # the strategy needs more scores
        return self._open()

    def _exceeds_budget(self, proposal: Proposal) -> bool:
        if self.spend is None:
            return False
        return paid([*self.trials, proposal], self.plan.run.epochs) > self.spend

    def _add(self, proposal: Proposal) -> None:
        if self._exceeds_budget(proposal):
            self.exhausted = True
            return
        values = self.plan.space.active(proposal.values)
        trial = TrialResult(
            len(self.trials), values, self.keys, proposal.epochs, proposal.continues
        )
        self.journal.append(
            {
                "kind": "trial",
                "trial": trial.number,
                "values": values,
                "epochs": proposal.epochs,
                "continues": proposal.continues,
            }
        )
        self.trials.append(trial)
        self.listener.proposed(trial)


def _start(engine: Engine, jobs: list[FitJob]) -> None:
    if len(jobs) == 1:
        engine.start(jobs[0])
    else:
        cast(GroupEngine, engine).start_group(jobs)
