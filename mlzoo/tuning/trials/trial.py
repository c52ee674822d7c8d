"""Trials, restored from the records of the journal, and their scores."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NotRequired, TypedDict

from mlzoo.core.spaces import Trial, Values
from mlzoo.statistics.metrics import mode
from mlzoo.tuning.plan import as_tuples

Key = tuple[int, int]
"""Fold and repeat of a fit, both from 0."""
State = Literal["running", "done", "failed", "dropped"]


@dataclass(frozen=True)
class FitJob:
    """One fit to run, by any process.

    `final` trains as the winner is trained: for its epochs, without early stopping.
    """

    trial: int
    fold: int
    repeat: int
    values: Values
    epochs: int | None = None
    continues: int | None = None
    final: bool = False

    @property
    def key(self) -> Key:
        """Return fold and repeat."""
        return self.fold, self.repeat


class FitRecord(TypedDict):
    """The journal's record of a fit.

    Attributes:
        kind: `fit`.
        trial, fold, repeat: of its job.
        score: None where it failed.
        epochs: number of epochs trained.
        seconds, cpu: its share of the time.
        error: what went wrong, or None; `traceback` says where.
        paired: `UnitScores.record`, or None.
        fallback: why a plain fit took the place of a compiled one.
        worker: number of the process that ran it, from 0.
        at: time at which it was recorded, in seconds since 1970.
    """

    kind: str
    trial: int
    fold: int
    repeat: int
    score: float | None
    epochs: int
    seconds: float
    cpu: float
    error: str | None
    traceback: str | None
    paired: NotRequired[Mapping[str, Any] | None]
    fallback: NotRequired[str]
    worker: NotRequired[int]
    at: NotRequired[float]


@dataclass
class TrialResult:
    """One trial and the records of its finished fits."""

    number: int
    values: Values
    fits_needed: Sequence[Key]
    epochs: int | None = None
    continues: int | None = None
    fits: dict[Key, FitRecord] = field(default_factory=dict)
    dropped: bool = False

    @property
    def state(self) -> State:
        """Return the state of the trial."""
        if any(fit["error"] for fit in self.fits.values()):
            return "failed"
        if self.dropped:
            return "dropped"
        return "done" if len(self.fits) == len(self.fits_needed) else "running"

    @property
    def scores(self) -> list[float]:
        """Return the scores of the finished fits, in order of fold and repeat."""
        done = [self.fits[key] for key in self.fits_needed if key in self.fits]
        return [fit["score"] for fit in done if fit["score"] is not None]

    @property
    def fold_scores(self) -> list[float]:
        """Return the mean over repeats of each completed fold."""
        fold_means = []
        for fold in dict.fromkeys(fold for fold, _ in self.fits_needed):
            keys = [key for key in self.fits_needed if key[0] == fold]
            scores = [self.fits[key]["score"] for key in keys if key in self.fits]
            done = [score for score in scores if score is not None]
            if len(done) == len(keys):
                fold_means.append(mean(done))
        return fold_means

    @property
    def mean(self) -> float | None:
        """Return the mean of the scores; None without any."""
        return mean(self.scores) if self.scores else None

    @property
    def error(self) -> float | None:
        """Return the standard error of the mean; None for a single score."""
        return standard_error(self.scores)

    @property
    def failure(self) -> FitRecord | None:
        """Return the record of its first failed fit."""
        return next((self.fits[k] for k in sorted(self.fits) if self.fits[k]["error"]), None)

    @property
    def epochs_done(self) -> int:
        """Return the median number of epochs over the fits, rounded up."""
        counts = sorted(fit["epochs"] for fit in self.fits.values())
        return counts[len(counts) // 2] if counts else 0

    def seen(self, known: bool, metric: str) -> Trial:
        """Return the trial as a strategy sees it; as running if its score is not `known` yet."""
        state = self.state if known else "running"
        if state == "dropped":
            state = "done"  # a pruned trial still has a score
        loss = as_loss(self.mean, metric) if state == "done" and self.mean is not None else None
        return Trial(self.number, self.values, self.epochs, self.continues, state, loss)


def mean(values: Sequence[float]) -> float:
    """Return the mean, with a single rounding."""
    return math.fsum(values) / len(values)


def standard_error(values: Sequence[float]) -> float | None:
    """Return the standard error of the mean; None for fewer than two values."""
    if len(values) < 2:
        return None
    center = mean(values)
    squares = math.fsum((value - center) ** 2 for value in values)
    return math.sqrt(squares / (len(values) - 1) / len(values))


def as_loss(score: float, metric: str) -> float:
    """Convert a score to a loss, where lower is better."""
    return -score if mode(metric) == "max" else score


def paid(trials: Sequence[Any], epochs: int) -> float:
    """Return the epochs that trials or proposals cost; resumed training costs the difference.

    Args:
        trials: with `epochs` and `continues`, all by number.
        epochs: epochs of a trial without its own.
    """
    total = 0
    for trial in trials:
        total += trial.epochs or epochs
        if trial.continues is not None:
            total -= trials[trial.continues].epochs or epochs
    return total


def best(trials: Iterable[TrialResult], metric: str) -> TrialResult | None:
    """Return the trial with the best mean score, the first of equals; None if none is done."""
    done = [trial for trial in trials if trial.state == "done"]
    return min(done, key=lambda trial: as_loss(mean(trial.scores), metric), default=None)


def ranked(trials: Iterable[TrialResult], metric: str) -> list[TrialResult]:
    """Return the trials that are done, the best first; of equals the first."""
    done = [trial for trial in trials if trial.state == "done"]
    return sorted(done, key=lambda trial: as_loss(mean(trial.scores), metric))


def from_records(records: Iterable[Mapping[str, Any]], keys: Sequence[Key]) -> list[TrialResult]:
    """Restore the trials from the records of a journal."""
    trials: list[TrialResult] = []
    for record in records:
        if record["kind"] == "trial":
            values = {name: as_tuples(value) for name, value in record["values"].items()}
            trials.append(
                TrialResult(record["trial"], values, keys, record["epochs"], record["continues"])
            )
        elif record["kind"] == "fit":
            trials[record["trial"]].fits[record["fold"], record["repeat"]] = record
        elif record["kind"] == "dropped":
            trials[record["trial"]].dropped = True
    return trials
