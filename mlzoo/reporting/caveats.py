"""Caveats on a run's scores, derived from its facts: one sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlzoo.core.messages import few, over
from mlzoo.data.specs import Target, target_of
from mlzoo.reporting.facts import Facts
from mlzoo.statistics.forecasts import LEVEL
from mlzoo.statistics.intervals import FEWEST
from mlzoo.statistics.metrics import missed_class, never_predicted
from mlzoo.statistics.verdicts import BETTER, verdict_of, verdict_sentence

FEW_SAMPLES = 100
FEW_GROUPS = 20
FEW_OF_A_CLASS = 10
IMBALANCE = 3.0
"""Ratio of largest to smallest class (training samples) from which classes are imbalanced."""
_TRIVIAL = 0.3
"""Share of the solution's variation below which that of a network is a trivial solution's."""


def limits(facts: Facts) -> list[str]:
    """Return everything a reader of the scores should know before trusting them."""
    checks = (_baseline, _sample_counts, _classes, _missed, _forecasts, _settings, _training)
    return [sentence for check in checks for sentence in check(facts)]


def _baseline(facts: Facts) -> Iterator[str]:
    test = facts["metrics"]["test"]
    sentence, described, target = verdict_sentence(test), None, _target(facts)
    if sentence and test["gain"] and verdict_of(test) != BETTER:
        yield f"{sentence[0].upper()}{sentence[1:]}."
        described = test["gain"]["baseline"]  # that sentence includes its note
    for name, baseline in test.get("baselines", {}).items():
        if name == described:
            continue
        if baseline.get("note") and (target.stepwise or target.ahead or target.acts):
            yield f"The {name} baseline: {baseline['note']}."
        elif baseline.get("note"):
            yield f"The {name} baseline is bounded in cost ({baseline['note']})."


def _target(facts: Facts) -> Target:
    return target_of(facts["metrics"]["task"])


def _units(test: Mapping[str, Any]) -> str:
    return over(test.get("units"), test.get("interval_unit"))


def _sample_counts(facts: Facts) -> Iterator[str]:
    test = facts["metrics"]["test"]
    if test["samples"] < FEW_SAMPLES:
        unit = test.get("interval_unit")
        what = unit if unit in ("images", "sequences", "windows") else "samples"
        what = "windows" if str(unit).startswith("blocks") else what
        yield f"The test split has only {test['samples']} {what}."
    drawn = test.get("interval_unit", "")
    few_groups = drawn.startswith(("groups", "blocks")) and test["units"] < FEW_GROUPS
    # Where there is a sentence on the baseline, it says that units are too few for a verdict.
    if few_groups and (test["units"] >= FEWEST or not verdict_sentence(test)):
        rough = "no verdict is possible" if test["units"] < FEWEST else "intervals are rough"
        yield f"The test split has only {_units(test)}; from so few {rough}."
    if facts["data"]["parts"].get("valid", {}).get("samples") == 0:
        yield "There was no validation split, so the kept epoch was not chosen by held-out samples."


def _classes(facts: Facts) -> Iterator[str]:
    parts, target = facts["data"]["parts"], _target(facts)
    if target.causal or target.is_input:
        return
    what = "steps" if target.stepwise else "samples"
    train, test = parts["train"].get("classes", {}), parts["test"].get("classes", {})
    if not train:
        return
    if facts["metrics"]["test"].get("part") == "out_of_fold":
        valid = parts["valid"].get("classes", {})
        test = {name: train.get(name, 0) + valid.get(name, 0) for name in {**train, **valid}}
    if "pixels" in parts["train"]:
        yield from _pixels(parts["train"]["pixels"], test)
        return
    largest, smallest = max(train, key=train.__getitem__), min(train, key=train.__getitem__)
    if train[largest] >= IMBALANCE * train[smallest]:
        yield (
            f"Classes are imbalanced: {train[largest]} training {what} of {largest}, "
            f"{train[smallest]} of {smallest}; read balanced accuracy and macro F1."
        )
    scarce = [name for name, count in test.items() if count < FEW_OF_A_CLASS]
    if scarce:
        yield f"Fewer than {FEW_OF_A_CLASS} test {what}: {few(scarce)}."


def _missed(facts: Facts) -> Iterator[str]:
    """Yield classes that the model misses, which overall scores hide."""
    metrics = facts["metrics"]["test"]["metrics"]
    if row := missed_class(metrics):
        yield (
            f"Of the {row['support']:,} test samples of {row['class']} only {row['recall']:.0%} "
            "are recognized; accuracy hides that."
        )
    if names := never_predicted(metrics):
        yield f"Never predicted on the test split, so that their precision is 0: {few(names)}."


def _pixels(train: dict[str, int], test: dict[str, int]) -> Iterator[str]:
    largest, smallest = max(train, key=train.__getitem__), min(train, key=train.__getitem__)
    if train[largest] >= IMBALANCE * train[smallest]:
        total = sum(train.values())
        yield (
            f"Classes are imbalanced: {train[largest] / total:.1%} of the training pixels are "
            f"{largest}, {train[smallest] / total:.1%} {smallest}; read the table of classes, "
            "pixel accuracy says little."
        )
    scarce = [name for name, count in test.items() if count < FEW_OF_A_CLASS]
    if scarce:
        yield f"In fewer than {FEW_OF_A_CLASS} test images: {few(scarce)}."


def _forecasts(facts: Facts) -> Iterator[str]:
    """Yield limits of an evaluation on a single stretch of time."""
    if not _target(facts).ahead:
        return
    test = facts["metrics"]["test"]
    ends, level = test["intervals"].get("coverage"), LEVEL
    if ends and not ends[0] <= level <= ends[1]:
        fewer = "fewer" if ends[1] < level else "more"
        yield (
            f"The band holds {fewer} true values than it is to: {test['metrics']['coverage']:.1%} "
            f"instead of {level:.0%}."
        )
    band = test["metrics"].get("band")
    if band and band.get("beyond"):
        yield (
            "The band follows the predicted quantiles; the validation split that it is fitted to "
            "also chose the kept epoch."
        )
    elif band:
        yield (
            "The band is as wide at all times: it does not tell calm stretches from rough ones, "
            "and the validation split that it comes from also chose the kept epoch."
        )
    else:
        yield "Without a validation split forecasts have no band: how far they err is not told."
    if test.get("interval_unit") == "blocks of time":
        yield (
            "The test split is one stretch of time right after the training split: how a model "
            "that grows old fares, or how it meets what has not happened before, was not tested."
        )


def residual_sentence(correlation: Mapping[str, Any] | None) -> str:
    """Describe the autocorrelation of the residuals in words; "" without one."""
    if not correlation or not correlation["lags"]:
        return ""
    lags, bound = correlation["lags"], correlation["bound"]
    beyond = sum(abs(value) > bound for value in lags)
    stride = correlation["stride"]
    before = "one step before" if stride == 1 else f"{stride} steps before"
    sentence = (
        f"Residuals one step ahead go with those {before} at {lags[0]:+.2g}, and {beyond} "
        f"of {len(lags)} lags lie beyond ±{bound:.2g}, where white noise has 5 %"
    )
    if abs(lags[0]) > bound or beyond > 0.1 * len(lags):
        return f"{sentence}: something that could be foreseen is left in them."
    return f"{sentence}: they show nothing that could still be foreseen."


def _settings(facts: Facts) -> Iterator[str]:
    config = facts["config"]
    if config.get("allow_leakage"):
        yield (
            "Trained with --allow-leakage: scores may be too good; what the checks found stands "
            "under Data."
        )
    if (config.get("set") or {}).get("carry_state"):
        yield (
            "States were carried from window to window in training alone (carry_state): in "
            "validation, test and use every window begins without a past."
        )
    if config.get("limit") is not None:
        yield f"Only {config['limit']} samples were used (--limit)."
    if config.get("on_bad") == "skip":
        yield "Unreadable files were left out (--on-bad skip)."
    images = facts["data"].get("kind") == "image" and not _target(facts).acts
    if facts["groups"] is None and images:
        yield (
            "Samples were split one by one: if several images show the same thing, scores are "
            "too good (--group-by)."
        )


def _training(facts: Facts) -> Iterator[str]:
    metrics = facts["metrics"]
    kept, planned = metrics["kept"]["epoch"], facts["config"].get("epochs")
    for event in metrics.get("events", ()):
        yield f"While it trained: {event}."
    if kept == metrics.get("epochs") == planned:
        yield f"The kept epoch is the last of {planned}: longer training may do better."
    if not metrics.get("repeats"):
        yield "Trained once: how much scores vary with the seed is not known (--repeats)."
    if _target(facts).causal:
        yield "The scores hold for text like this; other authors or subjects were not tested."
    elif _target(facts).per == "point":
        yield "The scores hold within the domain; beyond it the solution is not known to the model."
        variation = metrics["test"]["metrics"].get("variation", 1.0)
        if variation < _TRIVIAL:
            yield (
                f"The network varies {variation:.2g} times as much as the solution does: it has "
                "collapsed to a trivial solution, constant almost everywhere, whose residual is "
                "small; try --set hard=true, --set causal=1, --set fourier=64 or more epochs."
            )
    elif _target(facts).acts:
        yield "The scores hold for this environment; with other rules or rewards it was not tested."
    elif facts["data"].get("kind") == "sequence":
        yield (
            "The scores hold for sequences recorded as these were; other sensors, sites or times "
            "were not tested."
        )
    else:
        origin = "cameras" if facts["data"].get("kind") == "image" else "sources"
        yield (
            f"The scores hold for samples drawn as these were; other {origin}, sites or times were "
            "not tested."
        )
