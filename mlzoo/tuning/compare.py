"""Comparison of strategies on the same space, budget, folds and seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlzoo.core import registry
from mlzoo.core.messages import series
from mlzoo.statistics.intervals import mean_interval
from mlzoo.statistics.metrics import bounds
from mlzoo.tuning.executors.engines import Fit, Serial
from mlzoo.tuning.plan import Plan, check_search, with_epochs
from mlzoo.tuning.search import Search, SearchListener
from mlzoo.tuning.trials.journal import Journal
from mlzoo.tuning.trials.trial import FitJob, FitRecord, TrialResult, as_loss, mean, paid


@dataclass(frozen=True)
class Standing:
    """Result of one strategy in a comparison.

    Attributes:
        strategy: its name.
        finals: the best score within the budget, one per seed.
        mean: of these.
        interval: 95 % interval of the mean (Student's t over seeds); None for one seed.
        behind: mean of the paired differences to the winner, seed by seed; 0 for the winner,
            positive is worse.
        behind_interval: its 95 % interval; None for the winner and for one seed.
        curve: the mean best score so far, after each budget unit (a trial's worth of epochs).
        band: the 95 % interval of each of these; empty for one seed.
    """

    strategy: str
    finals: list[float]
    mean: float
    interval: list[float] | None
    behind: float
    behind_interval: list[float] | None
    curve: list[float]
    band: list[list[float]]

    @property
    def is_tied(self) -> bool:
        """Return whether several seeds leave it tied with the winner; False for the winner."""
        return self.behind_interval is not None and self.behind_interval[0] <= 0


class SharedFits:
    """Cache of fits that several searches request: equal candidates have equal scores."""

    def __init__(self, fit: Fit) -> None:
        self._fit = fit
        self._known: dict[tuple[Any, ...], FitRecord] = {}

    def __call__(self, job: FitJob) -> FitRecord:
        """Return the record of a job, from the cache if possible; resumed fits are not cached."""
        key = (repr(sorted(job.values.items())), job.fold, job.repeat)
        if job.epochs is not None:
            return self._fit(job)
        if key not in self._known:
            self._known[key] = self._fit(job)
        return {**self._known[key], "trial": job.trial}


def compare(
    plan: Plan,
    names: Sequence[str],
    budget: int,
    seeds: int,
    metric: str,
    fit: Callable[[str], Fit],
    folder: Path,
    listener: SearchListener | None = None,
) -> list[Standing]:
    """Run strategies on equal budgets.

    Args:
        plan: the search; its strategy is replaced.
        names: of the strategies.
        budget: full-length trials that each strategy may run; shorter trainings cost their share.
        seeds: number of repetitions, each with its own proposals on the same folds.
        metric: name of the score.
        fit: from the name of a search to the function that runs its fits.
        folder: folder of the journals; an interrupted comparison is resumed from it.
        listener: receives progress.

    Returns:
        The strategies, the best first.
    """
    curves: dict[str, list[list[float]]] = {name: [] for name in names}
    for name in names:
        for seed in range(seeds):
            varied = _plan(plan, name, seed, budget)
            trials = _run(varied, name, seed, budget, metric, fit, folder)
            curves[name].append(best_so_far(trials, budget, plan.run.epochs, metric))
            if listener is not None:
                listener.note(f"{name}, seed {seed}: {metric} {curves[name][-1][-1]:.5g}")
    return standings(curves, metric)


def _plan(plan: Plan, name: str, seed: int, budget: int) -> Plan:
    settings = plan.search.strategy_set if name == plan.search.strategy else {}
    if "iterations" in registry.load("strategy", name).Config.model_fields:
        settings = {"iterations": 1000, **settings}  # until the budget is spent
    values = {**plan.search.model_dump(), "strategy": name, "strategy_set": settings}
    search = with_epochs(check_search({**values, "trials": 50 * budget}), plan.run)
    return replace(plan, search=search, proposals=plan.run.seed + seed)


def _run(
    plan: Plan,
    name: str,
    seed: int,
    budget: int,
    metric: str,
    fit: Callable[[str], Fit],
    folder: Path,
) -> list[TrialResult]:
    """Run one search, and return the trials that its budget pays for."""
    search_name = f"{name}-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    with Journal(folder / f"{search_name}.jsonl") as journal:
        search = Search(plan, metric, journal)
        search.spend = budget * plan.run.epochs
        search.run(Serial(fit(search_name)))
    return search.trials


def best_so_far(
    trials: Sequence[TrialResult], budget: int, epochs: int, metric: str
) -> list[float]:
    """Return the best mean score after each budget unit.

    Args:
        trials: of one search, by number.
        budget: number of budget units, each a trial of full length.
        epochs: epochs of a trial of full length.
        metric: name of the score.

    Returns:
        (budget,) scores; the worst score of all where no trial is done yet.
    """
    done = [trial for trial in trials if trial.state == "done"]
    worst = max((as_loss(mean(t.scores), metric) for t in done), default=0.0)
    curve: list[float] = []
    best = worst
    spent = 0.0
    for trial in trials:
        spent = paid(trials[: trial.number + 1], epochs)
        while len(curve) < math.floor((spent - 1e-9) / epochs) and len(curve) < budget:
            curve.append(best)
        if trial.state == "done" and spent <= budget * epochs + 1e-9:
            best = min(best, as_loss(mean(trial.scores), metric))
    curve += [best] * (budget - len(curve))
    sign = as_loss(1.0, metric)
    return [sign * value for value in curve]


def standings(curves: dict[str, list[list[float]]], metric: str) -> list[Standing]:
    """Rank the strategies by the mean of their best scores, the best first."""
    finals = {name: [curve[-1] for curve in per_seed] for name, per_seed in curves.items()}
    order = sorted(finals, key=lambda name: as_loss(mean(finals[name]), metric))
    first, limits = finals[order[0]], bounds(metric)
    ranking = []
    for name in order:
        columns = list(zip(*curves[name], strict=True))
        behind = [
            as_loss(a, metric) - as_loss(b, metric)
            for a, b in zip(finals[name], first, strict=True)
        ]
        ranking.append(
            Standing(
                name,
                finals[name],
                mean(finals[name]),
                mean_interval(finals[name], limits),
                mean(behind),
                None if name == order[0] else mean_interval(behind),
                [mean(column) for column in columns],
                [b for column in columns if (b := mean_interval(column, limits))],
            )
        )
    return ranking


def verdict(ranking: Sequence[Standing]) -> str:
    """Return the result of the comparison as a sentence."""
    first = ranking[0]
    if len(first.finals) == 1:
        return f"{first.strategy} came first; one seed gives no verdict, so use --compare-seeds 5"
    close = [other.strategy for other in ranking if other.is_tied]
    if not close:
        return f"{first.strategy} won against all others"
    return f"{first.strategy} came first, statistically tied with {series(close, 'and')}"
