"""Nested cross-validation: by how much the score that chose the winner is too good.

The best of many scores is partly luck. Each outer fold is held out in turn: the whole search is
done again on the rest, and its winner, trained on all of the rest, is scored on the fold that
nothing was chosen on. After Varma and Simon, "Bias in error estimation when using cross-validation
for model selection" (2006), and Cawley and Talbot (2010).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mlzoo.core import files
from mlzoo.statistics.intervals import mean_interval
from mlzoo.statistics.metrics import BOUNDS
from mlzoo.tuning.executors.engines import Engine
from mlzoo.tuning.search import Search
from mlzoo.tuning.trials.folds import inner, outer
from mlzoo.tuning.trials.journal import Journal
from mlzoo.tuning.trials.trial import Tried, Unit, as_loss, mean


@dataclass(frozen=True)
class Nested:
    """What nested cross-validation found.

    Attributes:
        metric: the score.
        folds: a dict an outer fold: `trial` and `values` of its winner, `chosen` (the mean score
            that chose it) and `held_out` (its score on the samples that the search never saw).
        score: the mean of `held_out`.
        interval: its 95 % interval, cut to the values that the metric can have: Student's t over
            outer folds, with the variance of folds that share training samples (Nadeau and
            Bengio, 2003); None for a single fold.
        gap: the mean of how much better `chosen` is than `held_out`; positive: too good.
        gap_interval: its 95 % interval, cut in the same way.
    """

    metric: str
    folds: list[dict[str, Any]]
    score: float
    interval: list[float] | None
    gap: float
    gap_interval: list[float] | None


class Shifted:
    """An engine whose units are of other folds: those from `first` on."""

    def __init__(self, engine: Engine, first: int) -> None:
        self._engine, self._first = engine, first

    @property
    def free(self) -> bool:
        """Whether another unit can be started."""
        return self._engine.free

    @property
    def busy(self) -> bool:
        """Whether a unit is being worked on."""
        return self._engine.busy

    def start(self, unit: Unit) -> None:
        """Begin a unit."""
        self._engine.start(replace(unit, fold=unit.fold + self._first))

    def wait(self) -> dict[str, Any]:
        """The record of the next unit that is done."""
        record = self._engine.wait()
        return {**record, "fold": record["fold"] - self._first}

    def close(self) -> None:
        """The engine is another's to end."""


def run_nested(search: Search, engine: Engine, folder: Path) -> Nested | None:
    """Search within each outer fold, or go on with it; `nested.json` holds what was found.

    Args:
        search: the finished search; its plan, metric, listener and stop are taken over.
        engine: does the fits.
        folder: of the search; journals are in its `nested` folder.

    Returns:
        What was found; None where it was stopped, or no outer fold has a winner.
    """
    count = search.plan.search.nested
    rows = []
    for number in range(count):
        row = _one(search, engine, folder / "nested", number)
        if search.stop.signal:
            return None
        if row is None:
            search.listener.warn(f"nested {number + 1} of {count}: no trial succeeded")
            continue
        rows.append(row)
        search.listener.note(
            f"nested {number + 1} of {count}: chosen at {row['chosen']:.4g}, "
            f"{row['held_out']:.4g} on what it never saw"
        )
    if not rows:
        return None
    found = summarise(rows, search.metric)
    files.write_json(folder / "nested.json", asdict(found))
    return found


def summarise(rows: Sequence[dict[str, Any]], metric: str) -> Nested:
    """Means and intervals over outer folds."""
    scores = [row["held_out"] for row in rows]
    gaps = [as_loss(row["held_out"], metric) - as_loss(row["chosen"], metric) for row in rows]
    low, high = bounds = BOUNDS.get(metric, (-math.inf, math.inf))
    shared = 1 / max(len(rows) - 1, 1)
    own = mean_interval(scores, bounds, shared)
    gap = mean_interval(gaps, (low - high, high - low), shared)
    return Nested(metric, list(rows), mean(scores), own, mean(gaps), gap)


def _one(search: Search, engine: Engine, folder: Path, number: int) -> dict[str, Any] | None:
    """The search within an outer fold, and its winner on the fold."""
    plan = replace(search.plan, proposals=search.plan.seed + 1 + number)
    folder.mkdir(exist_ok=True)
    with Journal(folder / f"{number}.jsonl") as journal:
        own = Search(plan, search.metric, journal, stop=search.stop)
        own.run(Shifted(engine, inner(plan.search.folds, number)))
        best = own.best
        if search.stop.signal or best is None or best.mean is None:
            return None
        place = outer(plan.search.folds, plan.search.nested, number)
        scores = _held_out(best, journal, engine, place, plan.run.repeats)
    if not scores:
        return None
    values = {"trial": best.number, "values": best.values}
    return {**values, "chosen": best.mean, "held_out": mean(scores)}


def _held_out(
    best: Tried, journal: Journal, engine: Engine, place: int, repeats: int
) -> list[float]:
    """Scores of a winner on an outer fold, done or remembered; none where it failed."""
    known = {
        record["repeat"]: record
        for record in journal.records
        if record["kind"] == "outer" and record["trial"] == best.number
    }
    for repeat in (repeat for repeat in range(repeats) if repeat not in known):
        epochs = best.epochs_done
        engine.start(Unit(best.number, place, repeat, best.values, epochs, final=True))
        known[repeat] = {**engine.wait(), "kind": "outer"}
        journal.append(known[repeat])
    if any(record["error"] for record in known.values()):
        return []
    return [known[repeat]["score"] for repeat in range(repeats)]


def spoken(found: Nested) -> str:
    """The gap in a sentence."""
    between = found.gap_interval
    text = f", 95 % interval {between[0]:.4g} to {between[1]:.4g}" if between else ""
    way = "too good" if found.gap >= 0 else "too modest"
    certain = "" if between and (between[0] > 0 or between[1] < 0) else " (not told from none)"
    return (
        f"nested: {found.metric} {found.score:.4g} where nothing was chosen; the score that "
        f"chooses is {way} by {abs(found.gap):.2g}{text}{certain}"
    )
