"""Two-sample tests of a batch: is it drawn from the distribution that a model was trained on?

Each column is tested by itself (Kolmogorov-Smirnov, of categories chi-square), and all features
together by the energy distance (Szekely and Rizzo, Testing for Equal Distributions in High
Dimension, 2004). P-values are those of permutations of the samples, adjusted for the number of
tests by the step-down minP procedure (Westfall and Young, Resampling-Based Multiple Testing, 1993),
which knows that columns depend on each other: the probability of any false alarm is the rate, where
Holm's procedure would stay below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

PERMUTATIONS = 999
FEATURES = "features"
"""Name of the test of all features together."""


@dataclass(frozen=True)
class DriftTest:
    """A test of one column, or of all features.

    Attributes:
        name: of the column, or `features`.
        test: `kolmogorov-smirnov`, `chi-square` or `energy`.
        statistic: its value.
        p: by itself, at least 1 over the number of permutations.
        adjusted: p adjusted for all tests.
    """

    name: str
    test: str
    statistic: float
    p: float
    adjusted: float


def drift_tests(
    known: tuple[np.ndarray, np.ndarray],
    new: tuple[np.ndarray, np.ndarray],
    names: Sequence[str],
    categorical: Sequence[bool],
    seed: int = 0,
    permutations: int = PERMUTATIONS,
) -> list[DriftTest]:
    """Test whether new samples are distributed as known ones; the smallest p first.

    Args:
        known: facts (r, c), NaN where missing, and features (r, q) of samples like the training
            data that were not trained on.
        new: the same of new samples, (n, c) and (n, q).
        names: of the c columns.
        categorical: for each column whether its values are categories.
        seed: of the permutations.
        permutations: how many.
    """
    r, n = len(known[0]), len(new[0])
    is_new = np.zeros((permutations + 1, r + n), "float32")
    rng = np.random.default_rng(seed)
    is_new[0, r:] = 1
    for row in is_new[1:]:
        row[rng.choice(r + n, n, replace=False)] = 1
    facts = np.concatenate([known[0], new[0]])
    features = np.concatenate([known[1], new[1]]).astype("float32")

    tests = [(FEATURES, "energy")]
    energy = _energy(features, is_new)
    statistics, scaled = [energy], [_gamma_tail(energy)]
    for column, (name, is_category) in enumerate(zip(names, categorical, strict=True)):
        values = facts[:, column]
        if is_category:
            chi_square, degrees = _chi_square(values, is_new)
            statistics.append(chi_square)
            scaled.append(stats.chi2.sf(chi_square, max(degrees, 1)))
            tests.append((name, "chi-square"))
        else:
            distance = _kolmogorov_smirnov(values, is_new)
            statistics.append(distance)
            scaled.append(stats.kstwobign.sf(distance * (r * n / (r + n)) ** 0.5))
            tests.append((name, "kolmogorov-smirnov"))
    p = np.stack(scaled, axis=1)
    adjusted = step_down(p)
    own = (p <= p[0] * (1 + 1e-9)).mean(axis=0)
    figures = np.stack([[values[0] for values in statistics], own, adjusted], axis=1)
    order = np.lexsort((p[0], adjusted))
    results = []
    for k in order.tolist():
        (name, test), (statistic, alone, all_together) = tests[k], figures[k].tolist()
        results.append(DriftTest(name, test, statistic, alone, all_together))
    return results


def step_down(p: np.ndarray) -> np.ndarray:
    """Return adjusted p-values (k,) by the step-down minP procedure.

    Args:
        p: (permutations + 1, k) p-values, or any numbers that are smaller the more a test speaks
            against its hypothesis; those of the samples as they are in the first row.
    """
    order = np.argsort(p[0], kind="stable")
    smallest = np.minimum.accumulate(p[:, order[::-1]], axis=1)[:, ::-1]
    share = (smallest <= p[0, order] * (1 + 1e-9)).mean(axis=0)
    adjusted = np.empty(p.shape[1])
    adjusted[order] = np.maximum.accumulate(share)
    return adjusted


def _energy(features: np.ndarray, is_new: np.ndarray) -> np.ndarray:
    """Return the energy distance of the two samples of each permutation."""
    squares = (features**2).sum(axis=1)
    apart = squares[:, None] + squares - 2 * features @ features.T
    apart = np.sqrt(np.maximum(apart, 0))
    np.fill_diagonal(apart, 0)
    n = is_new[0].sum()
    r = is_new.shape[1] - n
    to_new = is_new @ apart
    within_new = (to_new * is_new).sum(axis=1)
    between = to_new.sum(axis=1) - within_new
    within_known = apart.sum(dtype="float64") - 2 * between - within_new
    distance = 2 * between / (n * r) - within_new / n**2 - within_known / r**2
    return np.asarray(distance * n * r / (n + r), "float64")


def _gamma_tail(values: np.ndarray) -> np.ndarray:
    """Return upper tail probabilities by the gamma distribution of the same mean and variance."""
    mean, variance = values.mean(), max(values.var(), 1e-30)
    if mean <= 0:
        return np.ones_like(values)
    return np.asarray(stats.gamma.sf(values, mean**2 / variance, scale=variance / mean))


def _kolmogorov_smirnov(values: np.ndarray, is_new: np.ndarray) -> np.ndarray:
    """Return the largest difference of the distribution functions; missing values come first."""
    missing = np.isnan(values)
    lowest = 0.0 if missing.all() else np.nanmin(values) - 1
    filled = np.where(missing, lowest, values.astype("float64"))
    order = np.argsort(filled, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(filled[order]) > 0), len(values) - 1)
    n = is_new[0].sum()
    r = len(values) - n
    new_below = np.cumsum(is_new[:, order], axis=1)[:, ends]
    known_below = (ends + 1) - new_below
    return np.asarray(np.abs(new_below / n - known_below / r).max(axis=1), "float64")


def _chi_square(values: np.ndarray, is_new: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the chi-square statistics of categories, and their degrees of freedom."""
    categories, place = np.unique(np.where(np.isnan(values), -1, values), return_inverse=True)
    one_hot = np.eye(len(categories), dtype="float32")[place.reshape(-1)]
    totals = one_hot.sum(axis=0)
    n = is_new[0].sum()
    r = len(values) - n
    count = is_new @ one_hot
    expected = totals * n / (n + r)
    statistic = ((count - expected) ** 2 / (totals * n * r / (n + r) ** 2)).sum(axis=1)
    return np.asarray(statistic, "float64"), len(categories) - 1
