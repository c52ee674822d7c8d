"""Trials as the journal tells them: which fits are done, and what a trial's score is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mlzoo.core.spaces import Trial, Values
from mlzoo.statistics.metrics import MODES
from mlzoo.tuning.plan import as_tuples

Key = tuple[int, int]
"""A fit's fold and repeat, both from 0."""
State = Literal["running", "done", "failed", "dropped"]


@dataclass(frozen=True)
class Unit:
    """One fit that is to be done: a piece of work that any process can do.

    `final` trains as a winner is trained: for its epochs, without early stopping.
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
        """Fold and repeat."""
        return self.fold, self.repeat


@dataclass
class Tried:
    """One trial and the fits of it that are done: `fits` holds the journal's records."""

    number: int
    values: Values
    fits_needed: Sequence[Key]
    epochs: int | None = None
    continues: int | None = None
    fits: dict[Key, dict[str, Any]] = field(default_factory=dict)
    dropped: bool = False

    @property
    def state(self) -> State:
        """What has become of it."""
        if any(fit["error"] for fit in self.fits.values()):
            return "failed"
        if self.dropped:
            return "dropped"
        return "done" if len(self.fits) == len(self.fits_needed) else "running"

    @property
    def scores(self) -> list[float]:
        """Those of the fits that are done, in order of fold and repeat."""
        done = [self.fits[key] for key in self.fits_needed if key in self.fits]
        return [fit["score"] for fit in done if fit["error"] is None]

    @property
    def fold_scores(self) -> list[float]:
        """The mean of the repeats of each fold that is wholly done."""
        found = []
        for fold in dict.fromkeys(fold for fold, _ in self.fits_needed):
            keys = [key for key in self.fits_needed if key[0] == fold]
            if all(key in self.fits and self.fits[key]["error"] is None for key in keys):
                found.append(mean([self.fits[key]["score"] for key in keys]))
        return found

    @property
    def mean(self) -> float | None:
        """The mean of the scores; None where there are none."""
        return mean(self.scores) if self.scores else None

    @property
    def error(self) -> float | None:
        """The standard error of the mean; None for a single score."""
        return standard_error(self.scores)

    @property
    def failure(self) -> dict[str, Any] | None:
        """The record of its first fit that failed."""
        return next((self.fits[k] for k in sorted(self.fits) if self.fits[k]["error"]), None)

    @property
    def epochs_done(self) -> int:
        """The median number of epochs over the fits, rounded up."""
        counts = sorted(fit["epochs"] for fit in self.fits.values())
        return counts[len(counts) // 2] if counts else 0

    def seen(self, known: bool, metric: str) -> Trial:
        """What a strategy sees; a trial that is not to be known yet is running."""
        state = self.state if known else "running"
        if state == "dropped":
            state = "done"  # it trails: a score all the same
        loss = as_loss(self.mean, metric) if state == "done" and self.mean is not None else None
        return Trial(self.number, self.values, self.epochs, self.continues, state, loss)


def mean(values: Sequence[float]) -> float:
    """The mean, rounded only once."""
    return math.fsum(values) / len(values)


def standard_error(values: Sequence[float]) -> float | None:
    """Of the mean; None for fewer than two values."""
    if len(values) < 2:
        return None
    centre = mean(values)
    squares = math.fsum((value - centre) ** 2 for value in values)
    return math.sqrt(squares / (len(values) - 1) / len(values))


def as_loss(score: float, metric: str) -> float:
    """A score as something that is better the lower it is."""
    return -score if MODES[metric] == "max" else score


def paid(trials: Sequence[Any], epochs: int) -> float:
    """Epochs that trials or proposals cost; going on with another's training, the difference.

    Args:
        trials: with `epochs` and `continues`, all by number.
        epochs: those of a trial that names none.
    """
    total = 0
    for trial in trials:
        total += trial.epochs or epochs
        if trial.continues is not None:
            total -= trials[trial.continues].epochs or epochs
    return total


def best(trials: Iterable[Tried], metric: str) -> Tried | None:
    """The trial with the best mean score, the first of equals; None where none is done."""
    done = [trial for trial in trials if trial.state == "done"]
    return min(done, key=lambda trial: as_loss(mean(trial.scores), metric), default=None)


def ranked(trials: Iterable[Tried], metric: str) -> list[Tried]:
    """Return the trials that are done, the best first; of equals the first."""
    done = [trial for trial in trials if trial.state == "done"]
    return sorted(done, key=lambda trial: as_loss(mean(trial.scores), metric))


def from_records(records: Iterable[dict[str, Any]], keys: Sequence[Key]) -> list[Tried]:
    """The trials that a journal's records tell of."""
    trials: list[Tried] = []
    for record in records:
        if record["kind"] == "trial":
            values = {name: as_tuples(value) for name, value in record["values"].items()}
            trials.append(
                Tried(record["trial"], values, keys, record["epochs"], record["continues"])
            )
        elif record["kind"] == "fit":
            trials[record["trial"]].fits[record["fold"], record["repeat"]] = record
        elif record["kind"] == "dropped":
            trials[record["trial"]].dropped = True
    return trials
