"""Statistical ties with the winner, by a paired bootstrap over held-out samples.

Every fit stores the contribution of each held-out sample (or group, or stretch of time) to its
score, so that two trials can be compared on the same samples: what makes a sample hard for both
cancels. For a mean over samples (accuracy, log loss, MAE) that is the sample's own score; for any
other metric it is the jackknife's pseudo-value, the metric's linear part (Efron and Tibshirani,
An Introduction to the Bootstrap, 1993, chapter 11). Units are resampled from all folds together.

The winner is the best of many, and so partly the luckiest: the difference to it must be larger
than any that the same resamples make between trials that are equal, in 95 % of the resamples.
That bound is found step by step, trials that are worse left out (Romano and Wolf, Exact and
Approximate Stepdown Methods for Multiple Hypothesis Testing, 2005).
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlzoo.data.contracts import task
from mlzoo.tuning.trials.trial import TrialResult, as_loss, mean, ranked

if TYPE_CHECKING:
    from mlzoo.data.samples import Part
    from mlzoo.statistics.scorers import Scorer

LEAST = 6
"""Smallest number of units to compare trials."""
_MOST_UNITS = 256
"""Largest number of units stored per fit; more samples are merged at random, as in every trial."""
_STRETCHES = 10
"""Largest number of stretches of time that the held-out windows of a fold are cut into."""
_CELLS = 2_000_000
_RESAMPLES = 1000
_LEVEL = 0.95
_COMPARED = 100
"""Number of best trials that the bound on the difference is computed from."""


@dataclass(frozen=True)
class UnitScores:
    """Contributions of the held-out units of a fit to its score.

    Attributes:
        values: (units,) float32 pseudo-values; their mean, weighted by `sizes`, is the score.
        sizes: (units,) float32 number of samples of each.
        unit: name of the resampled unit: `samples`, `groups`, `images`, `stretches of time`, ...
        count: number of such units.
    """

    values: np.ndarray
    sizes: np.ndarray
    unit: str
    count: int

    def record(self) -> dict[str, object]:
        """Return plain values for the journal, whose checksum covers them."""
        arrays = np.stack([self.values, self.sizes]).astype("<f4")
        text = base64.b64encode(arrays.tobytes()).decode()
        return {"unit": self.unit, "count": self.count, "values": text}

    @classmethod
    def of(cls, record: Mapping[str, Any] | None) -> UnitScores | None:
        """Restore from a `record`; None without one."""
        if record is None:
            return None
        arrays = np.frombuffer(base64.b64decode(record["values"]), "<f4").reshape(2, -1)
        return cls(arrays[0], arrays[1], record["unit"], record["count"])


@dataclass(frozen=True)
class Ties:
    """Trials that are statistically tied with the winner.

    Attributes:
        numbers: of the trials, the winner first.
        text: the finding as a sentence; "" where there are no two trials.
    """

    numbers: list[int]
    text: str


def units_of(rows: Part) -> tuple[np.ndarray, str, int]:
    """Return the unit of each sample of a fold's validation split.

    Returns:
        (n,) indices of units, at most 256; the name of the unit; and the number of units.
    """
    samples, count = rows.samples, len(rows)
    if samples.groups is not None:
        labels = np.unique(np.asarray(samples.groups)[rows.indices], return_inverse=True)[1]
        unit = "groups"
    elif samples.windows is not None:
        ends = samples.windows.spans[rows.indices, 1]
        # Errors of neighbors in time are correlated: few stretches, at least two horizons each.
        reach = 2 * int(samples.targets.shape[1])
        stretches = min(max(int(np.ptp(ends)) // reach, 1), _STRETCHES, count)
        labels = np.empty(count, int)
        order = np.argsort(ends, kind="stable")
        labels[order] = np.arange(count) * stretches // count
        unit = "stretches of time"
    else:
        labels, unit = np.arange(count), task(samples.task).unit
    number = int(labels.max()) + 1
    if number > _MOST_UNITS:
        shuffled = np.random.default_rng(0).permutation(number)
        labels = shuffled[labels] % _MOST_UNITS
    return labels, unit, number


def unit_scores(scorer: Scorer, rows: Part) -> UnitScores | None:
    """Return the contribution of each unit of a fold's validation split to a metric.

    Args:
        scorer: the metric as a function of weights (b, n) of the split's samples.
        rows: the validation split.

    Returns:
        The contributions; None if the metric is undefined without one of the units.
    """
    labels, unit, number = units_of(rows)
    samples, units = len(labels), int(labels.max()) + 1
    whole = float(scorer(np.ones((1, samples)))[0])
    sizes = np.bincount(labels)
    values = np.array([whole])
    if units > 1:
        step = max(1, _CELLS // samples)
        parts = [np.arange(at, min(at + step, units)) for at in range(0, units, step)]
        left = [scorer((labels != part[:, None]).astype("float64")) for part in parts]
        values = whole + (whole - np.concatenate(left)) * (samples - sizes) / sizes
    if not np.isfinite(values).all():
        return None
    return UnitScores(values.astype("float32"), sizes.astype("float32"), unit, number)


def find_ties(trials: Sequence[TrialResult], metric: str) -> Ties:
    """Return the trials that are statistically tied with the winner.

    Args:
        trials: all of a search; those that are done are compared.
        metric: name of the score that ranks them.
    """
    done = ranked(trials, metric)
    if len(done) < 2:
        return Ties([trial.number for trial in done], "")
    candidates = [(trial, _of_trial(trial)) for trial in done]
    winner = candidates[0][1]
    pairs = [
        (trial, scores)
        for trial, scores in candidates
        if winner is not None and scores is not None and scores.values.shape == winner.values.shape
    ]
    if winner is None or len(pairs) < 2:
        return Ties(
            [done[0].number],
            "The trials can't be compared with the winner: no two of them hold scores of the "
            "same held-out samples.",
        )
    if winner.count < LEAST:
        text = (
            f"{winner.count} {winner.unit} are too few to separate trials ({LEAST} are needed), "
            "so that all of them count as tied with the winner; use more data or other --folds."
        )
        return Ties([trial.number for trial, _ in pairs], text)
    values = np.stack([scores.values for _, scores in pairs]).astype("float64")
    losses = np.array([as_loss(mean(trial.scores), metric) for trial, _ in pairs])
    tied = _tied(values, winner.sizes.astype("float64"), losses)
    numbers = [pairs[place][0].number for place in tied]
    return Ties(numbers, _sentence(numbers, len(pairs), len(done) - len(pairs), winner))


def _of_trial(trial: TrialResult) -> UnitScores | None:
    """Concatenate a trial's units over folds of equal weight; repeats are averaged."""
    folds: dict[int, list[UnitScores]] = {}
    for key in trial.fits_needed:
        scores = UnitScores.of(trial.fits[key].get("paired"))
        if scores is None:
            return None
        folds.setdefault(key[0], []).append(scores)
    if any(len({len(scores.values) for scores in repeats}) > 1 for repeats in folds.values()):
        return None
    firsts = [repeats[0] for repeats in folds.values()]
    values = np.concatenate(
        [np.mean([scores.values for scores in repeats], axis=0) for repeats in folds.values()]
    )
    sizes = np.concatenate([scores.sizes / scores.sizes.sum() for scores in firsts])
    return UnitScores(values, sizes, firsts[0].unit, sum(scores.count for scores in firsts))


def _tied(values: np.ndarray, sizes: np.ndarray, losses: np.ndarray) -> list[int]:
    """Return the rows of `values` (trials, units) that are tied with the first one."""
    units = len(sizes)
    shares = sizes / sizes.sum()
    parts = (values - (values @ shares)[:, None]) * shares
    counts = np.random.default_rng(0).multinomial(units, np.full(units, 1 / units), _RESAMPLES)
    moved = (counts - 1.0) @ parts.T
    lead = losses - losses[0]
    # Scores of equal predictions from different compiled programs differ by rounding.
    same = lead <= 1e-6 * np.abs(losses).max()
    errors = _errors(moved, moved[:, :1])[:, 0]
    tied = np.arange(len(values))
    while True:
        bound = _bound(moved[:, tied[:_COMPARED]], units)
        kept = tied[same[tied] | (lead[tied] <= bound * errors[tied])]
        if len(kept) in (1, len(tied)):
            return [int(place) for place in kept]
        tied = kept


def _errors(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return standard errors (a, b) of column differences of (resamples, a) and (resamples, b)."""
    squares = [(each**2).mean(axis=0) for each in (first, second)]
    total = squares[0][:, None] + squares[1]
    variance = total - 2 * first.T @ second / len(first)
    return np.sqrt(np.where(variance > 1e-12 * total, variance, 0.0))


def _bound(moved: np.ndarray, units: int) -> float:
    """Return the standard errors that differences of equal trials stay within in 95 % of cases.

    Few units have heavier tails than the bootstrap shows: the normal quantile becomes Student's
    (Hesterberg, What Teachers Should Know About the Bootstrap, 2015).
    """
    from scipy.special import ndtr, stdtrit

    errors = _errors(moved, moved)
    largest = np.zeros(len(moved))
    for place in range(moved.shape[1]):
        apart = np.abs(moved[:, place + 1 :] - moved[:, [place]])
        row_errors = errors[place, place + 1 :]
        if (row_errors > 0).any():
            ratios = apart[:, row_errors > 0] / row_errors[row_errors > 0]
            largest = np.maximum(largest, ratios.max(axis=1))
    quantile = float(np.quantile(largest, _LEVEL))
    return -float(stdtrit(units - 1, ndtr(-quantile))) * math.sqrt(units / (units - 1))


def _sentence(numbers: list[int], compared: int, left: int, winner: UnitScores) -> str:
    how = f"(paired bootstrap over {winner.count:,} {winner.unit})"
    others = numbers[1:]
    if not others:
        text = f"No other trial is statistically tied with the winner {how}."
    elif len(others) == compared - 1 > 1:
        text = (
            f"All {len(others)} other trials are statistically tied with the winner {how}: the "
            "held-out samples are too few to separate any of them."
        )
    else:
        are = "are" if len(others) > 1 else "is"
        text = (
            f"Trial{'s' if len(others) > 1 else ''} {listed(others)} {are} statistically tied with "
            f"the winner {how}."
        )
    if left:
        text += (
            f" {left} trial{'s' if left > 1 else ''} could not be compared: without scores of the "
            "same held-out samples."
        )
    return text


def listed(numbers: Sequence[int], most: int = 8) -> str:
    """Return numbers as in `0, 2 and 4`, or the first ones and how many more there are."""
    if len(numbers) > most:
        return f"{', '.join(map(str, numbers[:most]))} and {len(numbers) - most} more"
    *before, last = map(str, numbers)
    return f"{', '.join(before)} and {last}" if before else last
