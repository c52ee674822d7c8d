"""Nested cross-validation: the optimism of the score that selected the winner.

The best of many scores is partly luck. Each outer fold is held out in turn: the whole search is
repeated on the rest, and its winner, trained on all of the rest, is scored on the held-out fold.
After Varma and Simon, "Bias in error estimation when using cross-validation for model selection"
(2006), and Cawley and Talbot (2010).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypedDict

from mlzoo.core import files
from mlzoo.statistics.intervals import mean_interval
from mlzoo.statistics.metrics import bounds
from mlzoo.tuning.executors.engines import Engine
from mlzoo.tuning.search import Search
from mlzoo.tuning.trials.folds import inner, outer
from mlzoo.tuning.trials.journal import Journal
from mlzoo.tuning.trials.trial import FitJob, FitRecord, TrialResult, as_loss, mean


class OuterFold(TypedDict):
    """An outer fold: its winner, the mean score that chose it, and that on unseen samples."""

    trial: int
    values: Mapping[str, object]
    chosen: float
    held_out: float


@dataclass(frozen=True)
class Nested:
    """Result of nested cross-validation.

    Attributes:
        metric: the score.
        folds: the winners of the outer folds and their scores.
        score: the mean of `held_out`.
        interval: its 95 % interval, cut to the values that the metric can have: Student's t over
            outer folds, with the variance of folds that share training samples (Nadeau and
            Bengio, 2003); None for a single fold.
        gap: the mean of how much better `chosen` is than `held_out`; positive: too good.
        gap_interval: its 95 % interval, cut in the same way.
    """

    metric: str
    folds: list[OuterFold]
    score: float
    interval: list[float] | None
    gap: float
    gap_interval: list[float] | None


class OffsetEngine:
    """Engine that adds an offset to the folds of its jobs."""

    def __init__(self, engine: Engine, first: int) -> None:
        self._engine, self._first = engine, first

    @property
    def free(self) -> bool:
        """Return whether another job can be started."""
        return self._engine.free

    @property
    def busy(self) -> bool:
        """Return whether a job is running."""
        return self._engine.busy

    def start(self, job: FitJob) -> None:
        """Start a job."""
        self._engine.start(replace(job, fold=job.fold + self._first))

    def wait(self) -> FitRecord:
        """Wait for the next finished job, and return its record."""
        record = self._engine.wait()
        return {**record, "fold": record["fold"] - self._first}

    def close(self) -> None:
        """Do nothing: the owner of the engine closes it."""


def run_nested(search: Search, engine: Engine, folder: Path) -> Nested | None:
    """Search within each outer fold, resuming where possible, and write `nested.json`.

    Args:
        search: the finished search; its plan, metric, listener and stop are taken over.
        engine: runs the fits.
        folder: of the search; journals are in its `nested` folder.

    Returns:
        The result; None if it was stopped, or no outer fold has a winner.
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
    result = summarize(rows, search.metric)
    files.write_json(folder / "nested.json", asdict(result))
    return result


def summarize(rows: Sequence[OuterFold], metric: str) -> Nested:
    """Return means and intervals over outer folds."""
    scores = [row["held_out"] for row in rows]
    gaps = [as_loss(row["held_out"], metric) - as_loss(row["chosen"], metric) for row in rows]
    low, high = limits = bounds(metric)
    shared = 1 / max(len(rows) - 1, 1)
    interval = mean_interval(scores, limits, shared)
    gap = mean_interval(gaps, (low - high, high - low), shared)
    return Nested(metric, list(rows), mean(scores), interval, mean(gaps), gap)


def _one(search: Search, engine: Engine, folder: Path, number: int) -> OuterFold | None:
    """Search within an outer fold, and score the winner on the fold."""
    plan = replace(search.plan, proposals=search.plan.seed + 1 + number)
    folder.mkdir(exist_ok=True)
    with Journal(folder / f"{number}.jsonl") as journal:
        inner_search = Search(plan, search.metric, journal, stop=search.stop)
        inner_search.run(OffsetEngine(engine, inner(plan.search.folds, number)))
        best = inner_search.best
        if search.stop.signal or best is None or best.mean is None:
            return None
        place = outer(plan.search.folds, plan.search.nested, number)
        scores = _held_out(best, journal, engine, place, plan.run.repeats)
    if not scores:
        return None
    return {
        "trial": best.number,
        "values": best.values,
        "chosen": best.mean,
        "held_out": mean(scores),
    }


def _held_out(
    best: TrialResult, journal: Journal, engine: Engine, place: int, repeats: int
) -> list[float]:
    """Return the scores of a winner on an outer fold, from the journal where possible.

    Empty if it failed.
    """
    known = {
        record["repeat"]: record
        for record in journal.records
        if record["kind"] == "outer" and record["trial"] == best.number
    }
    for repeat in (repeat for repeat in range(repeats) if repeat not in known):
        epochs = best.epochs_done
        engine.start(FitJob(best.number, place, repeat, best.values, epochs, final=True))
        known[repeat] = {**engine.wait(), "kind": "outer"}
        journal.append(known[repeat])
    if any(record["error"] for record in known.values()):
        return []
    return [known[repeat]["score"] for repeat in range(repeats)]


def spoken(nested: Nested) -> str:
    """Return the gap as a sentence."""
    between = nested.gap_interval
    text = f", 95 % interval {between[0]:.4g} to {between[1]:.4g}" if between else ""
    way = "too good" if nested.gap >= 0 else "too modest"
    certain = "" if between and (between[0] > 0 or between[1] < 0) else " (not told from none)"
    return (
        f"nested: {nested.metric} {nested.score:.4g} where nothing was chosen; the score that "
        f"chooses is {way} by {abs(nested.gap):.2g}{text}{certain}"
    )
