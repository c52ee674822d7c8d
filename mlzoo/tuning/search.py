"""The search: proposals, fits and the journal, so that a kill at any moment costs nothing done.

What a proposal knows depends on its number alone: the outcomes of all trials but the newest few
(`Plan.ahead`), which count as running even where they are done. So the same seed gives the same
trials however many processes work, and a search that goes on ends as one that was never stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

from mlzoo.core.progress import Listener
from mlzoo.core.spaces import Proposal
from mlzoo.training.signals import Stop
from mlzoo.tuning.executors.engines import Engine, GroupEngine, Together
from mlzoo.tuning.plan import Plan
from mlzoo.tuning.trials.journal import Journal
from mlzoo.tuning.trials.pruning import RACE_AHEAD, trails
from mlzoo.tuning.trials.trial import Tried, Unit, best, from_records, paid

_FIRST_FAILURES = 10
_WAITING = 4
"""Times as many fits as a group has are looked at for those that go together."""


@dataclass(frozen=True)
class Ended:
    """Why a search ended; `complete` unless there was more to try."""

    reason: str
    complete: bool


class SearchListener(Listener):
    """Hears of a search's progress; this one ignores it."""

    def fitted(self, record: dict[str, Any], trial: Tried, best_trial: Tried | None) -> None:
        """A fit is done; `trial` is what it belongs to, `best_trial` the best so far."""

    def proposed(self, trial: Tried) -> None:
        """A trial was opened."""


class Search:
    """A search in progress: everything it knows is what the journal holds.

    Args:
        plan: what to do.
        metric: the score to choose by.
        journal: open; its records are taken up.
        listener: hears of progress.
        stop: asks to end after the fits that run.
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
        folds, repeats = plan.search.folds, plan.run.repeats
        self.keys = [(fold, repeat) for fold in range(folds) for repeat in range(repeats)]
        self.trials = from_records(journal.records, self.keys)
        self.exhausted = False
        self.spend: float | None = None
        """Epochs that trials may cost in all; None: any number."""
        self._waiting: list[Unit] = []
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
    ) -> Ended:
        """Work until the trials are done, the space is exhausted, or a limit is reached.

        Args:
            engine: does the fits; one that has `start_group` where `together` is given.
            clock: seconds.
            together: which units are done at once; None: each alone.
        """
        began = clock()
        try:
            while True:
                ended = self._ended(clock() - began)
                while not ended and engine.free and (units := self._next_units(together)):
                    _start(engine, units)
                    ended = self._ended(clock() - began)
                if engine.busy:
                    if not ended:
                        self._think()
                    self._take(engine.wait())
                elif ended:
                    return ended
                elif self._proposing is not None:
                    self._proposing.exception()  # waits
                elif not self._open():
                    return Ended(self._done(), True)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    @property
    def best(self) -> Tried | None:
        """The best trial so far."""
        return best(self.trials, self.metric)

    def _done(self) -> str:
        if self.exhausted and len(self.trials) < self.plan.trials:
            return f"the space is exhausted after {len(self.trials)} trials"
        return f"all {len(self.trials)} trials done"

    def _ended(self, elapsed: float) -> Ended | None:
        """Why no further fit may begin, or None."""
        search = self.plan.search
        if self.stop.signal:
            return Ended("stopped", False)
        if search.budget is not None and elapsed >= search.budget:
            return Ended("the time budget is used up", False)
        failed = sum(trial.state == "failed" for trial in self.trials)
        most = search.max_failures
        if most is None and failed >= _FIRST_FAILURES and failed == self._finished:
            most = _FIRST_FAILURES
        if most is not None and failed >= most:
            return Ended(f"{failed} trials failed (--max-failures)", False)
        return None

    @property
    def _finished(self) -> int:
        return sum(trial.state != "running" for trial in self.trials)

    def _take(self, record: dict[str, Any]) -> None:
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

    def _next_units(self, together: Together | None) -> list[Unit]:
        """What can begin: one fit, or several of a group; those that wait for others stay."""
        waiting = [unit for unit in self._waiting if self.trials[unit.trial].state == "running"]
        most = 1 if together is None else _WAITING * together.most
        while len(waiting) < most and (unit := self._next_unit()):
            self._started.add((unit.trial, *unit.key))
            waiting.append(unit)
        if not waiting or together is None:
            return waiting
        for unit in waiting:  # folds and repeats of a trial are of one group
            if unit.trial not in self._groups:
                self._groups[unit.trial] = together.group(unit)
        first = self._groups[waiting[0].trial]
        alike = [unit for unit in waiting if self._groups[unit.trial] == first]
        group = alike[: 1 if first is None else together.most]
        self._waiting = [unit for unit in waiting if unit not in group]
        return group

    def _next_unit(self) -> Unit | None:
        """The first fit that can begin: of the oldest trial that lacks one, or of a new trial."""
        while True:
            for unit in self._units():
                return unit
            if not self._open():
                return None

    def _units(self) -> Iterator[Unit]:
        for trial in self.trials:
            if trial.state != "running":
                continue
            for key in self.keys:
                if key in trial.fits or (trial.number, *key) in self._started:
                    continue
                if key[0] == 2 and key[1] == 0 and self.plan.search.race and self._race(trial):
                    break
                if trial.state != "running":
                    break
                yield Unit(trial.number, *key, trial.values, trial.epochs, trial.continues)

    def _race(self, trial: Tried) -> bool:
        """Whether a trial can't go on to its third fold: dropped, or others must end first."""
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
        return trial.dropped

    def _open(self) -> bool:
        """Add the next trial, or begin to think of it; False where there is none (yet)."""
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

    def _think(self) -> None:
        """Let the next proposal be made while fits run, so that nobody waits for it."""
        if not self._quick and not any(True for _ in self._units()):
            self._open()

    @property
    def _quick(self) -> bool:
        """Whether a proposal is worth waiting for while nothing else is to be done."""
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
        self._visible += 1  # the strategy has to know more
        return self._open()

    def _too_dear(self, proposal: Proposal) -> bool:
        if self.spend is None:
            return False
        return paid([*self.trials, proposal], self.plan.run.epochs) > self.spend

    def _add(self, proposal: Proposal) -> None:
        if self._too_dear(proposal):
            self.exhausted = True
            return
        values = self.plan.space.active(proposal.values)
        trial = Tried(len(self.trials), values, self.keys, proposal.epochs, proposal.continues)
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


def _start(engine: Engine, units: list[Unit]) -> None:
    if len(units) == 1:
        engine.start(units[0])
    else:
        cast(GroupEngine, engine).start_group(units)
