"""Dry run: the plan of a search and an estimate of its time, from a single fit."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlzoo.core.spaces import Dimension, Proposal, Space
from mlzoo.runs import devices
from mlzoo.runs.config_loading import Merged
from mlzoo.tuning.plan import Plan
from mlzoo.tuning.settings import shown

_SHOWN = 5
_MANY = 10**6


def rehearse(plan: Plan, merged: Merged) -> dict[str, object]:
    """Time one fit of the first candidate, and estimate the search from it; nothing is kept.

    Returns:
        A JSON-able dict: `space` (name, values and condition of each dimension), `names`, `first`
        (the first trials that would be), `trials` and `fits` (None where the strategy ends by
        itself), `seconds` (estimated), `memory` (megabytes of a worker after a fit) and `text`.

    Raises:
        MlzooError: the first candidate fails.
    """
    devices.choose(plan.run.device)
    devices.prepare(plan.run.device, plan.run.precision)
    from mlzoo.core.errors import MlzooError
    from mlzoo.tuning.trials.fitting import Evaluator
    from mlzoo.tuning.trials.trial import FitJob

    first = _first(plan)
    count = planned(plan)
    with tempfile.TemporaryDirectory(prefix="mlzoo-") as scratch:
        evaluator = Evaluator(plan, Path(scratch))
        job = FitJob(0, 0, 0, first[0].values, first[0].epochs)
        together = evaluator.fast is not None and evaluator.group(job) is not None
        several = evaluator.fast.lanes if evaluator.fast is not None and together else 1
        records = []
        for turn in range(2):  # the second reuses what the first compiled
            numbers = range(turn * several, (turn + 1) * several)
            jobs = [replace(job, repeat=number) for number in numbers]
            records.append(evaluator.fit_all(jobs)[0])
    if records[0]["error"]:
        raise MlzooError(f"the first candidate fails: {records[0]['error']}")
    once, again = (record["seconds"] for record in records)
    once = again + (once - again) * several  # fits that run at once share the time
    fits = None if count is None else count * plan.fits
    total = None if fits is None else _estimate(plan, fits, once, again)
    if fits is not None and total is not None and plan.search.nested:
        more, longer = _nested(plan, fits, again)
        fits, total = fits + more, round(total + longer, 1)
    names = plan.space.names
    return {
        "space": [[d.name, spoken(d), conditions(d)] for d in plan.space.dimensions],
        "names": names,
        "first": [[n, *(_cell(p.values.get(n_)) for n_ in names)] for n, p in enumerate(first)],
        "metric": evaluator.metric,
        "trials": count,
        "fits": fits,
        "seconds": total,
        "memory": memory(),
        "text": _text(plan, evaluator.metric, count, fits, total, again),
    }


def _first(plan: Plan) -> list[Proposal]:
    proposals: list[Proposal] = plan.strategy.propose(
        plan.settings, plan.space, [], min(_SHOWN, plan.trials), plan.run.seed
    )
    return proposals


def planned(plan: Plan) -> int | None:
    """Return the number of trials of a search; None where the strategy decides when it ends."""
    size = plan.space.size
    if plan.trials < _MANY:
        return plan.trials if size is None else min(plan.trials, size)
    if plan.search.strategy == "grid":
        return sum(1 for _ in plan.space.grid(plan.settings.points))
    return None


def _estimate(plan: Plan, fits: int, once: float, again: float) -> float:
    """Estimate the seconds: each worker compiles each architecture once and then reuses it."""
    architectures = min(_architectures(plan.space), fits)
    compiling = max(once - again, 0.0) * architectures
    return round(compiling + fits * again / plan.search.workers, 1)


def _nested(plan: Plan, fits: int, again: float) -> tuple[int, float]:
    """Return the fits that nested cross-validation adds, and their seconds.

    Each outer fold has a search of its own on the samples outside of it, with programs that are
    compiled already, and trains its winner once a repeat.
    """
    count = plan.search.nested
    searches, winners = count * fits, count * plan.run.repeats
    fewer = again * (count - 1) / count
    return searches + winners, (searches * fewer / plan.search.workers) + winners * again


def _architectures(space: Space) -> int:
    """Return the largest number of architectures, from choices and whole numbers."""
    count = 1
    for dimension in space.dimensions:
        if dimension.name not in ("learning_rate", "l1", "l2", "weight_decay", "batch_size"):
            count *= dimension.size or 8
    return count


def _text(
    plan: Plan, metric: str, count: int | None, fits: int | None, total: float | None, fit: float
) -> str:
    much = "trials until the strategy ends" if count is None else f"{count} trials"
    if fits is not None and fits != count:
        again = f", {plan.search.nested} times more within --nested" if plan.search.nested else ""
        much += f" x {plan.fits} fits{again} = {fits} fits"
    time = "" if total is None else f"; about {shown(total)}"
    budget = plan.search.budget
    searches = 1 + plan.search.nested  # each has the whole budget
    limit = "" if budget is None else f", at most {shown(searches * budget)} (--budget)"
    return (
        f"{plan.search.strategy}: {much} by {metric}{time}{limit} with {plan.search.workers} "
        f"worker{'s' if plan.search.workers > 1 else ''}; a fit takes {shown(fit)} and a worker "
        f"{memory()} MB{_too_little(plan)}"
    )


def _too_little(plan: Plan) -> str:
    most = plan.search.max_memory
    return f", more than --max-memory {most}" if most is not None and memory() > most else ""


def memory() -> int:
    """Return the memory of this process in megabytes."""
    import psutil

    return int(psutil.Process(os.getpid()).memory_info().rss / 10**6)


def spoken(dimension: Dimension) -> str:
    """Return the values of a dimension in the notation of `--vary`."""
    if dimension.kind == "choice":
        return ", ".join(str(_cell(choice)) for choice in dimension.choices)
    step = f"/{dimension.step:g}" if dimension.step not in (None, 1) else ""
    return f"{'log:' if dimension.log else ''}{dimension.low:g}..{dimension.high:g}{step}"


def conditions(dimension: Dimension) -> str:
    """Return the condition of a dimension as text; "" without one."""
    return " and ".join(
        f"{name} is {' or '.join(str(_cell(value)) for value in values)}"
        for name, values in dimension.when.items()
    )


def _cell(value: Any) -> Any:
    return ",".join(map(str, value)) if isinstance(value, tuple) else value
