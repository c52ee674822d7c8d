"""Bootstrap intervals: how far a score would move with other samples of the same kind.

Percentile bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13),
its tails expanded for few samples (Hesterberg, What Teachers Should Know About the Bootstrap,
The American Statistician 69, 2015): without that, intervals from ten units are a fifth too narrow.
Where samples come in groups (patches of one photograph), whole groups are drawn: samples of a
group are not independent, and drawing them one by one gives intervals that are too narrow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from mlzoo.evaluation.metrics import number
from mlzoo.evaluation.scorers import Array, Scorer

RESAMPLES = 1000
LEVEL = 0.95
_CELLS = 2_000_000  # weights held at a time: 16 MB

Interval = list[float]


def intervals(
    scorers: Mapping[str, Scorer],
    samples: int,
    groups: Array | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, Interval | None]:
    """95 % percentile intervals [low, high] of metrics, all from the same resamples.

    Args:
        scorers: metrics as functions of sample weights (`metrics.scorers`).
        samples: n, the number of samples they score.
        groups: (n,) a label a sample; whole groups are drawn. None: single samples are.
        seed: decides the resamples.
        resamples: how many are drawn.

    Returns:
        An interval a metric; None where resampling says nothing: a single unit, a metric that is
        undefined in more than half of the resamples, or one that is the same in all of them.
        Accuracy, where every sample is right or every one wrong, gets the exact binomial
        interval (Clopper and Pearson, 1934) instead.
    """
    values: dict[str, list[Array]] = {name: [] for name in scorers}
    for weights in draws(samples, groups, seed, resamples):
        for name, scorer in scorers.items():
            values[name].append(scorer(weights))
    units = _units(samples, groups)
    found = {name: percentiles(np.concatenate(parts), units) for name, parts in values.items()}
    if "accuracy" in scorers and found["accuracy"] is None:
        right = scorers["accuracy"](np.ones((1, samples)))[0]
        found["accuracy"] = _all_alike(float(right), units)
    return found


def difference(
    first: Scorer,
    second: Scorer,
    samples: int,
    groups: Array | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[float | None, Interval | None]:
    """A metric's difference, first minus second, on the same samples, and its 95 % interval.

    Both are scored on the same resamples (a paired bootstrap), so that what makes a sample hard
    for both cancels. The interval is [d, d] where all resamples agree.
    """

    def gap(weights: Array) -> Array:
        return first(weights) - second(weights)

    units = _units(samples, groups)
    values = np.concatenate([gap(w) for w in draws(samples, groups, seed, resamples)])
    return number(gap(np.ones((1, samples)))[0]), percentiles(values, units, collapsed=True)


def unit(groups: Array | None) -> str:
    """What is drawn: `samples` or `groups`."""
    return "samples" if groups is None else "groups"


def draws(
    samples: int, groups: Array | None, seed: int, resamples: int = RESAMPLES
) -> Iterator[Array]:
    """Weights (b, n) of resamples drawn with replacement, a few at a time."""
    units = _units(samples, groups)
    expand = _expander(samples, groups)
    rng = np.random.default_rng([seed, 0xB007])
    step = max(1, _CELLS // max(samples, 1))
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = rng.integers(units, size=(rows, units)) + units * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units)
        yield expand(counts).astype("float64")


def percentiles(values: Array, units: int, collapsed: bool = False) -> Interval | None:
    """The central 95 % of the values that are defined; None where that means nothing.

    Args:
        values: a metric of each resample.
        units: how many samples or groups each resample draws; fewer than 2 mean nothing.
        collapsed: allow an interval of no width.
    """
    defined = values[np.isfinite(values)]
    if units < 2 or len(defined) * 2 < len(values) or not len(defined):
        return None
    share = tail(units)
    low, high = np.quantile(defined, [share, 1 - share])
    if not collapsed and defined.min() == defined.max():
        return None
    return [float(low), float(high)]


def tail(units: int) -> float:
    """The share of resamples to cut off at each end: 2.5 %, and less from few units.

    Phi(sqrt(n / (n - 1)) t), with t the 2.5 % quantile of Student's t with n - 1 degrees of
    freedom: the bootstrap's variance lacks the factor n / (n - 1), and its tails are normal.
    """
    from scipy.special import ndtr, stdtrit

    quantile = stdtrit(units - 1, (1 - LEVEL) / 2)
    return float(ndtr((units / (units - 1)) ** 0.5 * quantile))


def _units(samples: int, groups: Array | None) -> int:
    return samples if groups is None else len(np.unique(groups))


def _expander(samples: int, groups: Array | None) -> Callable[[Array], Array]:
    """From counts a unit to counts a sample."""
    if groups is None:
        return lambda counts: counts
    group_of = np.unique(groups, return_inverse=True)[1].reshape(samples)
    return lambda counts: counts[:, group_of]


def _all_alike(right: float, units: int) -> Interval | None:
    """Clopper-Pearson where all of `units` are right (1) or wrong (0)."""
    if units < 2 or right not in (0.0, 1.0):
        return None
    edge = ((1 - LEVEL) / 2) ** (1 / units)
    return [edge, 1.0] if right == 1 else [0.0, 1 - edge]
