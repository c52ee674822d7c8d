"""Confidence intervals of metrics.

Student's t on the jackknife's standard error (Tukey, Bias and confidence in not-quite large
samples, 1958): every unit is left out once, and the spread of the metric gives its standard error,
on a scale where the metric has no bounds (logit, logarithm). A unit is a sample; where samples come
in groups (patches of one photograph) it is a group: samples of a group are not independent, and
intervals over single ones are too narrow. From fewer than `FEWEST` units a difference has no
interval at all, and the standard error of a metric is at least that of its single samples: of 2
groups that happen to agree the jackknife says that nothing is uncertain.
`benchmarks/coverage.py` measures how often the intervals hold the truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from mlzoo.core import registry
from mlzoo.statistics import metrics
from mlzoo.statistics.metrics import number
from mlzoo.statistics.scorers import Array, Scorer

LEVEL = 0.95
"""Confidence level of the interval of a metric."""
DIFFERENCE_LEVEL = 0.99
"""Confidence level of a paired difference: equal models are called different in 1 % of comparisons,
and in at most 3 % where errors have heavy tails or go together in time."""
FEWEST = 6
"""Smallest number of units for the interval of a difference, and so for a verdict."""
PARTS = 1000
"""With more units than this, random groups of them are left out instead of single ones."""
HEAVY_TAILS = 1.5
"""From `FEWEST` units on, intervals of errors are widened by 1 + HEAVY_TAILS / sqrt(units): the few
largest errors decide the standard error, and a small sample seldom holds them (calibrated on
Student's t with 5 degrees of freedom, see `benchmarks/coverage.py`)."""
_CELLS = 2_000_000  # weights held at a time: 16 MB

Interval = list[float]


def intervals(
    scorers: Mapping[str, Scorer],
    samples: int,
    groups: Array | None = None,
    seed: int = 0,
    *,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    fewest: int = 2,
) -> dict[str, Interval | None]:
    """Return the 95 % interval [low, high] of each metric.

    Args:
        scorers: metrics as functions of sample weights (`metrics.scorers`), by name.
        samples: n, the number of samples they score.
        groups: (n,) a label a sample; whole groups are left out. None: single samples are.
        seed: decides the parts that more than `PARTS` units are left out in.
        bounds: the lowest and the highest value of each; by default those of the metrics.
        fewest: units that an interval needs; 2 or more.

    Returns:
        An interval a metric; None where there is none: fewer than `fewest` units, a metric that
        is undefined without one of them, or one that no unit changes. A metric that is `BINOMIAL`
        gets the exact interval where all units are right or all wrong (Clopper and Pearson, 1934).
    """
    units = count_units(samples, groups)
    if units < fewest:
        return dict.fromkeys(scorers)
    errors = _standard_errors(scorers, samples, groups, seed)
    uniform_weights = np.ones((1, samples))
    by_metric: dict[str, Interval | None] = {}
    for name, scorer in scorers.items():
        value, error = float(scorer(uniform_weights)[0]), errors[name]
        ends = metrics.bounds(name) if bounds is None else bounds[name]
        declared = registry.constants("metric", name)
        plain = bool(declared.get("SYMMETRIC"))
        by_metric[name] = _between(value, error, units, *ends, plain) if error else None
        if by_metric[name] is None and declared.get("BINOMIAL"):
            by_metric[name] = _all_alike(value, units)
    return by_metric


def series_intervals(
    scorers: Mapping[str, Scorer], samples: int, blocks: Array | None, seed: int = 0
) -> dict[str, Interval | None]:
    """Return the 95 % interval [low, high] of each metric over blocks of time of a series.

    Fewer than `FEWEST` blocks are too few for a jackknife, and how long they must be can't be
    estimated well from so short a series. Then an error (a metric from 0 without a highest value)
    gets the interval of a standard deviation, by chi-square with a degree of freedom a block: wide,
    but it holds the true error. Other metrics get none.

    Args:
        scorers: metrics as functions of sample weights (`metrics.scorers`), by name.
        samples: n, the number of windows they score.
        blocks: (n,) label of the block of time of each window; None: windows are independent.
        seed: decides the parts that more than `PARTS` units are left out in.
    """
    from scipy.stats import chi2

    count = count_units(samples, blocks)
    if blocks is None or count >= FEWEST:
        return intervals(scorers, samples, blocks, seed)
    factors = (count / chi2.ppf([(1 + LEVEL) / 2, (1 - LEVEL) / 2], count)) ** 0.5
    by_metric: dict[str, Interval | None] = {}
    for name, scorer in scorers.items():
        value = float(scorer(np.ones((1, samples)))[0])
        error = metrics.bounds(name) == (0, np.inf) and 0 < value < np.inf
        by_metric[name] = [float(value * factor) for factor in factors] if error else None
    return by_metric


def difference(
    first: Scorer,
    second: Scorer,
    samples: int,
    groups: Array | None = None,
    seed: int = 0,
    *,
    level: float = DIFFERENCE_LEVEL,
) -> tuple[float | None, Interval | None]:
    """Return a metric's difference, first minus second, on the same samples, and its interval.

    The same units are left out of both, so that what makes a sample hard for both cancels.

    Args:
        first: a metric of one model as a function of sample weights.
        second: the same metric of the other model.
        samples: n, the number of samples they score.
        groups: (n,) a label a sample; whole groups are left out. None: single samples are.
        seed: decides the parts that more than `PARTS` units are left out in.
        level: how often the interval is to hold the true difference.

    Returns:
        The difference, None where it is undefined; and its interval, None where there are fewer
        than `FEWEST` units or it is undefined without one of them: then nothing can be said of
        which is better. The interval is [d, d] where no unit changes the difference.
    """

    def gap(weights: Array) -> Array:
        return first(weights) - second(weights)

    units = count_units(samples, groups)
    value = number(gap(np.ones((1, samples)))[0])
    error = standard_error(_left_out({"": gap}, samples, groups, seed)[""])
    if value is None or error is None or units < FEWEST:
        return value, None
    half = student(units, level) * error
    return value, [value - half, value + half]


def unit(groups: Array | None) -> str:
    """Return the unit of the jackknife: `samples` or `groups`."""
    return "samples" if groups is None else "groups"


def count_units(samples: int, groups: Array | None) -> int:
    """Return the number of independent units: groups, or samples without groups."""
    return samples if groups is None else len(np.unique(groups))


def student(units: int, level: float = LEVEL) -> float:
    """Return the half-width of an interval in standard errors, by Student's t."""
    from scipy.special import stdtrit

    return -float(stdtrit(units - 1, (1 - level) / 2))


def mean_interval(
    values: Array | Sequence[float],
    bounds: tuple[float, float] = (-np.inf, np.inf),
    held_out: float | None = None,
    level: float = LEVEL,
) -> Interval | None:
    """Return the interval of a mean over trainings, by Student's t.

    Args:
        values: (k,) a score of each training.
        bounds: the lowest and the highest value of the score; the interval is cut to them.
        held_out: held-out samples over training samples, n_test / n_train, where the trainings
            drew both from the same data. Trainings that share samples are not independent: the
            variance of the mean is then s² (1/k + n_test / n_train) instead of s² / k (Nadeau and
            Bengio, Inference for the Generalization Error, 2003). None: they are independent.
        level: how often the interval is to hold the true mean.

    Returns:
        [low, high], or None for a single training.
    """
    values = np.asarray(values, "float64")
    count = len(values)
    if count < 2:
        return None
    scale = (1 / count + (held_out or 0.0)) ** 0.5
    half = student(count, level) * float(np.std(values, ddof=1)) * scale
    mean = float(np.mean(values))
    return [max(bounds[0], mean - half), min(bounds[1], mean + half)]


def standard_error(values: Array) -> float | None:
    """Return the jackknife's standard error of a metric.

    Args:
        values: (m,) the metric without each of m units.

    Returns:
        None where there are fewer than 2 or some are undefined. Rounding alone counts as 0.
    """
    count = len(values)
    if count < 2 or not np.isfinite(values).all():
        return None
    apart = values - values.mean()
    if np.ptp(values) <= 1e-12 * np.abs(values).max():
        return 0.0
    return float(((count - 1) / count * (apart**2).sum()) ** 0.5)


def leave_out(samples: int, groups: Array | None, seed: int) -> Iterator[Array]:
    """Yield leave-one-out weights (b, n) in batches; each row lacks one unit and sums to n.

    Args:
        samples: n, the number of samples.
        groups: (n,) label of the group of each sample; None: single samples are units.
        seed: decides the random groups that more than `PARTS` units are left out in.
    """
    units = count_units(samples, groups)
    unit_of = np.arange(samples)
    if groups is not None:
        unit_of = np.unique(groups, return_inverse=True)[1].reshape(samples)
    parts = min(units, PARTS)
    part_of = np.arange(units)
    if units > PARTS:
        part_of = np.random.default_rng([seed, 0xB007]).permutation(units) % parts
    step = max(1, _CELLS // max(samples, 1))
    for start in range(0, parts, step):
        left = np.arange(start, min(start + step, parts))
        weights = (part_of[unit_of] != left[:, None]).astype("float64")
        yield weights * (samples / np.maximum(weights.sum(axis=1, keepdims=True), 1))


def _left_out(
    scorers: Mapping[str, Scorer], samples: int, groups: Array | None, seed: int
) -> dict[str, Array]:
    """Return the metrics (m,) without each of the m units."""
    values: dict[str, list[Array]] = {name: [] for name in scorers}
    for weights in leave_out(samples, groups, seed):
        for name, scorer in scorers.items():
            values[name].append(scorer(weights))
    return {name: np.concatenate(each) for name, each in values.items()}


def _standard_errors(
    scorers: Mapping[str, Scorer], samples: int, groups: Array | None, seed: int
) -> dict[str, float | None]:
    """Return each metric's standard error; of few groups, at least that of the single samples."""
    values = _left_out(scorers, samples, groups, seed)
    errors = {name: standard_error(each) for name, each in values.items()}
    if groups is None or count_units(samples, groups) >= FEWEST:
        return errors
    single = _left_out(scorers, samples, None, seed)
    for name, error in errors.items():
        if error is not None:
            errors[name] = max(error, standard_error(single[name]) or 0.0)
    return errors


def _between(
    value: float, error: float, units: int, low: float, high: float, plain: bool = False
) -> Interval | None:
    """Return Student's t interval on an unbounded scale, with the delta method's standard error.

    On the metric's own scale, cut to its bounds, where it is `plain`, and where it has one bound
    and 2 units: Student's t of 1 degree of freedom is too wide for an exponential.
    """
    from scipy.special import expit, logit

    if plain:
        half = student(units) * error
        return [max(low, value - half), min(high, value + half)]
    if not low < value < high:
        return None
    half = student(units) * error
    if np.isinf([low, high]).all() or (units < 3 and np.isinf([low, high]).any()):
        return [max(low, value - half), min(high, value + half)]
    if np.isfinite([low, high]).all():
        share = (value - low) / (high - low)
        half /= (high - low) * share * (1 - share)
        ends = expit(logit(share) + np.array([-half, half]))
        return [float(low + (high - low) * end) for end in ends]
    distance = value - low if np.isfinite(low) else high - value
    tails = HEAVY_TAILS / units**0.5 if units >= FEWEST else 0.0
    factor = float(np.exp(half * (1 + tails) / distance))
    if np.isfinite(low):
        return [low + distance / factor, low + distance * factor]
    return [high - distance * factor, high - distance / factor]


def _all_alike(right: float, units: int) -> Interval | None:
    """Return the Clopper-Pearson interval where all of `units` are right (1) or wrong (0)."""
    if units < 2 or right not in (0.0, 1.0):
        return None
    edge = ((1 - LEVEL) / 2) ** (1 / units)
    return [edge, 1.0] if right == 1 else [0.0, 1 - edge]
