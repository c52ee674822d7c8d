"""Statistical claims: when a method is better than a control or another method, and wording.

The mean of the paired differences must be at least `SMALLEST` and differ from 0 over independent
units, with Holm's correction ("A Simple Sequentially Rejective Multiple Test Procedure", 1979) over
all methods and controls. Units are samples, or the means of groups.

Beside random maps: a meaningless map is one more of them, and any of a sample's maps could as well
have been the method's. The t-statistic is compared with those of maps drawn so
(`against_random_maps`), which holds the level exactly however the scores are distributed.

Beside one other map: Student's t, which holds whatever the sizes of groups (Ibragimov and Müller,
"t-Statistic Based Correlation and Heterogeneity Robust Inference", 2010). Where differences are
skewed to the left, t claims too often: a claim must also hold with Hall's transformation of t,
which takes the skewness off ("On the Removal of Skewness by Transformation", 1992).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, TypedDict

import numpy as np

CONTROLS = {"random": "a random map", "edges": "an edge detector that knows no model"}
"""Maps that know no model, in words: random cells, and an edge detector, of images."""
RANDOM_MAPS = 8
"""Random maps of a sample, whose scores are averaged."""
PERMUTATIONS = 10_000
"""Draws of maps that a method is compared with."""
EXCEEDING = 20
"""Once so many draws are as good as the method, more would change nothing (Besag and Clifford,
"Sequential Monte Carlo p-values", 1991)."""
LEVEL = 0.02
"""Level of all verdicts together. It is low because the skewness of few differences to a single map
is hardly known; `benchmarks/explain.py --part claims` prints how often meaningless maps are called
better."""
SMALLEST = 0.05
"""Smallest difference in gain or pointing, both of which are at most 1, that matters."""
FEWEST = 6
"""Samples or groups that a comparison needs."""
ENOUGH = 32
"""Samples that a ranking of methods should rest on."""


class PairedDifference(TypedDict):
    """Paired comparison of two scores.

    Attributes:
        difference: mean over units of the first less the second; None without units.
        interval: 95 %, by Student's t; None below `FEWEST` units.
        p: two-sided by `paired`, one-sided by `against_random_maps`.
        units: number of them.
    """

    difference: float | None
    interval: list[float] | None
    p: float
    units: int


class JudgedDifference(PairedDifference):
    """A comparison with `p` corrected for the number of comparisons, and what may be claimed."""

    verdict: str
    better: bool


class RankedMethod(TypedDict):
    """A method's place; see `ranking`."""

    method: str
    rank: int
    mean: float
    behind: float | None
    interval: list[float] | None
    tied: bool


@dataclass(frozen=True)
class IndependentUnits:
    """Independent units among samples: the samples themselves or their groups.

    Attributes:
        groups: (n,) a label a sample; None: every sample is a unit of its own.
        word: `samples` or `groups`.
    """

    groups: np.ndarray | None = None
    word: str = "samples"

    def means(self, values: np.ndarray) -> np.ndarray:
        """Return the mean of each unit's finite values (n,), without units that have none."""
        finite = np.isfinite(values)
        if self.groups is None:
            return values[finite]
        labels = np.unique(self.groups[finite], return_inverse=True)[1]
        return np.bincount(labels, values[finite]) / np.bincount(labels)


def paired(first: np.ndarray, second: np.ndarray, units: IndependentUnits) -> PairedDifference:
    """Compare paired scores (n,) by Student's t over units.

    Args:
        first: scores (n,).
        second: scores (n,) of the same samples.
        units: the independent units.

    Returns:
        The comparison, whose `p` is the larger of Student's and that without skewness; below
        `FEWEST` units the interval is None and `p` is 1.
    """
    from scipy.special import stdtr, stdtrit

    gaps = units.means(first - second)
    count = len(gaps)
    difference = float(gaps.mean()) if count else None
    result: PairedDifference = {
        "difference": difference,
        "interval": None,
        "p": 1.0,
        "units": count,
    }
    if difference is None or count < FEWEST:
        return result
    error = float(gaps.std(ddof=1)) / count**0.5
    if error == 0:  # t is not defined
        return {**result, "interval": [difference] * 2, "p": float(difference == 0)}
    half = float(stdtrit(count - 1, 0.975)) * error
    ratios = (difference / error, _without_skewness(gaps))
    # A ratio of the other sign says nothing of the difference.
    p = max(2 * float(stdtr(count - 1, -max(0.0, np.sign(difference) * t))) for t in ratios)
    return {**result, "interval": [difference - half, difference + half], "p": p}


def against_random_maps(
    scores: np.ndarray, maps: np.ndarray, units: IndependentUnits
) -> PairedDifference:
    """Compare scores (n,) with those of random maps (n, k) by a randomization test.

    If a method's maps are worth as much as random ones, each unit's k + 1 scores are exchangeable.
    `p` is the share of choices of one score a unit whose t-statistic is at least the method's
    (Janssen, "Studentized permutation tests for non-i.i.d. hypotheses and the generalized
    Behrens-Fisher problem", 1997): one-sided, since maps are only ever called better than random
    ones. It is at least Student's, which holds where the method's scores scatter much more.

    Args:
        scores: scores (n,) of the method.
        maps: scores (n, k) of each of k random maps of the same samples.
        units: the independent units.

    Returns:
        As `paired` does, of the mean over the random maps.
    """
    from scipy.special import stdtr

    result = paired(scores, maps.mean(axis=1), units)
    count = result["units"]
    if count < FEWEST:
        return result
    columns = np.column_stack([scores, maps])
    columns[~np.isfinite(columns).all(axis=1)] = np.nan
    # Of each score, the difference to the mean of the others of its unit.
    gaps = np.stack([units.means(column) for column in columns.T], axis=1)
    gaps = (gaps - gaps.mean(axis=1, keepdims=True)) * gaps.shape[1] / (gaps.shape[1] - 1)
    student = float(stdtr(count - 1, -(count**0.5) * _ratios(gaps[:, 0][None])[0]))
    return {**result, "p": max(student, _exchanged(gaps))}


def _exchanged(gaps: np.ndarray) -> float:
    """Return the one-sided p of the first column of gaps (units, k + 1), exchangeable in a unit."""
    rng, units = np.random.default_rng(0), np.arange(len(gaps))
    size = max(1, min(500, 2_000_000 // len(gaps)))
    least = _ratios(gaps[:, 0][None])[0] - 1e-9
    exceeding = drawn = 0
    while drawn < PERMUTATIONS and exceeding < EXCEEDING:
        choice = rng.integers(0, gaps.shape[1], (size, len(gaps)))
        exceeding += int((_ratios(gaps[units, choice]) >= least).sum())
        drawn += size
    return (exceeding + 1) / (drawn + 1)


def _ratios(gaps: np.ndarray) -> np.ndarray:
    """Return the mean over the standard deviation of each row of gaps (m, units)."""
    means, spreads = gaps.mean(axis=1), gaps.std(axis=1, ddof=1)
    return means / np.maximum(spreads, 1e-9)


def _without_skewness(gaps: np.ndarray) -> float:
    """Return Hall's transformation of the t-statistic of the mean of gaps (n,)."""
    count, spread = len(gaps), gaps.std(ddof=1)
    ratio = gaps.mean() / spread
    third = ((gaps - gaps.mean()) ** 3).mean() * count**2 / ((count - 1) * (count - 2))
    skewness = third / spread**3
    cubic = ratio + skewness * ratio**2 / 3 + skewness**2 * ratio**3 / 27
    return float(count**0.5 * (cubic + skewness / (6 * count)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number by Holm's step-down procedure."""
    values = np.asarray(p_values, "float64")
    order = np.argsort(values)
    steps = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(steps, 1)
    return adjusted.tolist()


def judge(pairs: Mapping[Any, PairedDifference], doubt: str = "") -> dict[Any, JudgedDifference]:
    """Add to comparisons their corrected `p`, a `verdict`, and whether the first is `better`."""
    adjusted = holm([pair["p"] for pair in pairs.values()])
    judged: dict[Any, JudgedDifference] = {}
    for (key, pair), p in zip(pairs.items(), adjusted, strict=True):
        difference = pair["difference"]
        if doubt:
            verdict = "no claim"
        elif difference is None or pair["units"] < FEWEST:
            verdict = "too few"
        elif p >= LEVEL or difference <= 0:
            verdict = "not shown"
        elif difference < SMALLEST:
            verdict = "too small to matter"
        else:
            verdict = "better"
        judged[key] = {**pair, "p": p, "verdict": verdict, "better": verdict == "better"}
    return judged


def sentence(
    method: str, by: str, against: Mapping[str, JudgedDifference], over: str, doubt: str = ""
) -> str:
    """Return the comparison of a method with the controls as a sentence.

    Args:
        method: name of the method.
        by: the score compared.
        against: comparison with each control, by name.
        over: number of units, in words.
        doubt: why nothing may be claimed; "" otherwise.
    """
    if not against:
        return f"{method}: nothing to compare it with"
    begin = f"{method}'s maps on this model are"
    if doubt:
        return f"{begin} no evidence of anything learned: {doubt}"
    by_verdict: dict[str, list[str]] = {}
    for control, comparison in against.items():
        by_verdict.setdefault(comparison["verdict"], []).append(CONTROLS[control])
    every = " or ".join(CONTROLS[control] for control in against)
    if "too few" in by_verdict:
        return (
            f"{begin} not shown to be better than {every}: {over} are too few to compare "
            f"(at least {FEWEST}); raise --limit or name more --data"
        )
    parts = []
    if "not shown" in by_verdict:
        parts.append(f"not shown to be better than {' or '.join(by_verdict['not shown'])}")
    if small := by_verdict.get("too small to matter"):
        gains = [f["difference"] for f in against.values() if f["verdict"] == "too small to matter"]
        sizes = " and ".join(f"{gain:+.3f}" for gain in gains)
        parts.append(f"better than {' and '.join(small)} by too little to matter ({by} {sizes})")
    if better := by_verdict.get("better"):
        parts.append(f"better than {' and '.join(better)}")
    return f"{begin} {', but '.join(parts)} (by {by}, over {over})"


def ranking(
    scores: Mapping[str, np.ndarray], units: IndependentUnits, doubt: str = ""
) -> list[RankedMethod]:
    """Return the methods by descending mean; all share a rank if a doubt forbids claims.

    `rank`: that of the best one above whose difference may be chance or too small to matter, so
    that several share it; `behind` and `interval`: the difference to that one; `tied`: whether that
    is the best of all. All pairs of methods are compared, and corrected for their number.

    Args:
        scores: scores (n,) by method.
        units: the independent units.
        doubt: why nothing may be claimed; "" otherwise.
    """
    order = sorted(scores, key=lambda name: -float(units.means(scores[name]).mean()))
    pairs = {(a, b): paired(scores[a], scores[b], units) for a, b in combinations(order, 2)}
    judged = judge(pairs, doubt)
    rows: list[RankedMethod] = []
    leader, rank = "", 0
    for place, name in enumerate(order, 1):
        if not leader or judged[leader, name]["better"]:
            leader, rank = name, place
        behind = judged.get((leader, name))
        rows.append(
            {
                "method": name,
                "rank": rank,
                "mean": float(np.nanmean(scores[name])),
                "behind": behind["difference"] if behind else 0.0,
                "interval": behind["interval"] if behind else [0.0, 0.0],
                "tied": rank == 1,
            }
        )
    return rows


def ranked(rows: list[RankedMethod], by: str, over: str, count: int) -> str:
    """Return a sentence that names the best methods and their number of samples.

    Args:
        rows: as `ranking` returns them.
        by: the score compared.
        over: number of units, in words.
        count: number of units.
    """
    tied = [row["method"] for row in rows if row["tied"]]
    chance = ", statistically tied" if len(tied) > 1 else ""
    few = "" if count >= ENOUGH else f" (over {over}; --limit {ENOUGH} tells more apart)"
    return f"best by {by}: {', '.join(tied)}{chance}{few}"
