"""Verdicts: is a model better or worse than the best baseline, and their wording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlzoo.core.messages import over
from mlzoo.data.contracts import Gain, Judgment
from mlzoo.statistics import intervals
from mlzoo.statistics.metrics import mode, number, title
from mlzoo.statistics.scorers import Array, Scorer

BETTER, TIED, WORSE = "better", "not distinguishable", "worse"
NONE = "no verdict"

_SPLITS = {"train": "training split", "valid": "validation split", "test": "test split"}
_PHRASES = {
    BETTER: "better than",
    TIED: "not distinguishable from",
    WORSE: "clearly worse than",
}


def judge(interval: Sequence[float] | None, units: int) -> str:
    """Return the verdict on a difference, where above 0 is better.

    Args:
        interval: the difference's interval, or None where there is none.
        units: how many independent samples or groups the interval is taken from.
    """
    if interval is None or units < intervals.FEWEST:
        return NONE
    low, high = interval
    return BETTER if low > 0 else WORSE if high < 0 else TIED


def best_baseline(
    theirs: Mapping[str, Mapping[str, Scorer]], metric: str, samples: int
) -> str | None:
    """Return the best baseline in a metric; None without baselines.

    Baselines that tie, as all that predict the same class do in balanced accuracy, are ranked by
    their other metrics in the given order; the first of those that tie in all is returned.

    Args:
        theirs: {baseline: its metrics as functions of sample weights}.
        metric: name of the metric.
        samples: n, the number of samples.
    """
    uniform_weights = np.ones((1, samples))

    def quality(baseline: str, name: str) -> float:
        scorer = theirs[baseline].get(name)
        value = None if scorer is None else number(scorer(uniform_weights)[0])
        sign = 1 if mode(name) == "max" else -1
        # Equal predictions that are summed in another order differ in the last digits.
        return -np.inf if value is None else round(sign * value, 12)

    tied = list(theirs)
    for name in dict.fromkeys([metric, *(name for each in theirs.values() for name in each)]):
        if len(tied) < 2:
            break
        ranks = {each: quality(each, name) for each in tied}
        tied = [each for each in tied if ranks[each] == max(ranks.values())]
    return tied[0] if tied else None


def against_baselines(
    ours: Mapping[str, Scorer],
    theirs: Mapping[str, Mapping[str, Scorer]],
    metric: str,
    samples: int,
    groups: Array | None,
    seed: int,
    chosen: str | None = None,
) -> Judgment:
    """Compare a model with the best baseline in one metric, by their paired difference.

    The best baseline should be chosen on other samples: choosing it on these favors it.

    Args:
        ours: the model's metrics as functions of sample weights.
        theirs: {baseline: the same}.
        metric: which metric decides.
        samples: n, the number of samples that they score.
        groups: (n,) a label a sample; whole groups are left out. None: single samples are.
        seed: decides the parts that many units are left out in.
        chosen: the best baseline on the validation split; None: the best on these samples.

    """
    if not theirs:
        return {"gain": None, "verdict": None}
    sign = 1 if mode(metric) == "max" else -1
    best = chosen or best_baseline(theirs, metric, samples)
    assert best is not None
    pair = [ours[metric], theirs[best][metric]][::sign]
    value, interval = intervals.difference(pair[0], pair[1], samples, groups, seed)
    gain: Gain = {
        "baseline": best,
        "chosen_on": "valid" if chosen else "scored",
        "metric": metric,
        "value": value,
        "interval": interval,
        "level": intervals.DIFFERENCE_LEVEL,
    }
    return {"gain": gain, "verdict": judge(interval, intervals.count_units(samples, groups))}


def verdict_of(test: Mapping[str, Any]) -> str | None:
    """Return the verdict among the scores of a split; None where no baseline was scored.

    Runs of older versions hold none: theirs follows from the interval of the gain.
    """
    gain = test.get("gain")
    if "verdict" in test or not gain:
        return test.get("verdict")
    return judge(gain["interval"], test.get("units", test.get("samples", 0)))


def short_verdict(test: Mapping[str, Any]) -> str:
    """Return the verdict as a few words for a table; "" without one."""
    verdict, gain = verdict_of(test), test.get("gain")
    if verdict is None or not gain:
        return ""
    return verdict if verdict == NONE else f"{_PHRASES[verdict]} {gain['baseline']}"


def verdict_sentence(test: Mapping[str, Any]) -> str:
    """Return the verdict in words, with its numbers and what bounds the baseline.

    Args:
        test: the scores of a split, as `evaluate.evaluate` returns them.

    Returns:
        A clause without a full stop; "" where no baseline was scored.
    """
    verdict, gain = verdict_of(test), test.get("gain")
    if verdict is None or not gain:
        return ""
    rival, metric = gain["baseline"], title(gain["metric"])
    units = test.get("units", test.get("samples", 0))
    taken = over(units, test.get("interval_unit", "samples"))
    if verdict == NONE and units < intervals.FEWEST:
        split = _SPLITS.get(str(test.get("part")), "data")
        text = f"no verdict: only {taken} in the {split} ({intervals.FEWEST} are needed)"
    elif verdict == NONE:
        text = f"no verdict: the difference to the {rival} baseline in {metric} has no interval"
    elif not any(gain["interval"]):
        text = f"{_PHRASES[verdict]} the {rival} baseline in {metric}: equal on all {taken}"
    else:
        low, high = gain["interval"]
        level = gain.get("level", 0.95)  # older runs do not tell it
        text = (
            f"{_PHRASES[verdict]} the {rival} baseline in {metric}: {gain['value']:+.3g} "
            f"({100 * level:g} % interval {low:+.3g} to {high:+.3g} over {taken}; "
            "above 0 is better)"
        )
    note = ((test.get("baselines") or {}).get(rival) or {}).get("note")
    return f"{text}; the {rival} baseline: {note}" if note else text


def distribution_sentence(test: Mapping[str, Any]) -> str:
    """Return the verdict on predicted distributions in words; "" where none were compared."""
    if not (judged := test.get("distribution")):
        return ""
    sentence = verdict_sentence({**test, **judged})
    return f"the predicted distributions: {sentence}"
