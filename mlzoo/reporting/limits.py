"""What a run's scores do not show, derived from its facts: a sentence each."""

from __future__ import annotations

from collections.abc import Iterator

from mlzoo.evaluation.metrics import TITLES
from mlzoo.reporting.facts import Facts
from mlzoo.reporting.texts import difference, listed

FEW_SAMPLES = 100
FEW_GROUPS = 20
FEW_OF_A_CLASS = 10
IMBALANCE = 3.0
"""The largest class's training samples over the smallest's from which classes are imbalanced."""


def limits(facts: Facts) -> list[str]:
    """Everything a reader of the scores should know before trusting them."""
    checks = (_baseline, _sample_counts, _classes, _settings, _training)
    return [sentence for check in checks for sentence in check(facts)]


def _baseline(facts: Facts) -> Iterator[str]:
    test = facts["metrics"]["test"]
    gain = test.get("gain")
    if test.get("better_than_baseline") is False and gain:
        yield (
            f"Not shown to be better than the {gain['baseline']} baseline: its gain in "
            f"{TITLES[gain['metric']]} (positive is better) is "
            f"{difference(gain['value'], gain['interval'])}."
        )
    for name, baseline in test.get("baselines", {}).items():
        if baseline.get("note"):
            yield f"The {name} baseline is bounded in cost ({baseline['note']})."


def _sample_counts(facts: Facts) -> Iterator[str]:
    test = facts["metrics"]["test"]
    if test["samples"] < FEW_SAMPLES:
        what = "images" if test.get("interval_unit") == "images" else "samples"
        yield f"The test part has only {test['samples']} {what}."
    if test.get("interval_unit") == "groups" and test["units"] < FEW_GROUPS:
        yield f"The test part has only {test['units']} groups; intervals from so few are rough."
    if facts["data"]["parts"].get("valid", {}).get("samples") == 0:
        yield "There was no validation part, so the kept epoch was not chosen by held-out samples."


def _classes(facts: Facts) -> Iterator[str]:
    parts = facts["data"]["parts"]
    train, test = parts["train"].get("classes", {}), parts["test"].get("classes", {})
    if not train:
        return
    if "pixels" in parts["train"]:
        yield from _pixels(parts["train"]["pixels"], test)
        return
    largest, smallest = max(train, key=train.__getitem__), min(train, key=train.__getitem__)
    if train[largest] >= IMBALANCE * train[smallest]:
        yield (
            f"Classes are imbalanced: {train[largest]} training samples of {largest}, "
            f"{train[smallest]} of {smallest}; read balanced accuracy and macro F1."
        )
    few = [name for name, count in test.items() if count < FEW_OF_A_CLASS]
    if few:
        yield f"Fewer than {FEW_OF_A_CLASS} test samples: {listed(few)}."


def _pixels(train: dict[str, int], test: dict[str, int]) -> Iterator[str]:
    largest, smallest = max(train, key=train.__getitem__), min(train, key=train.__getitem__)
    if train[largest] >= IMBALANCE * train[smallest]:
        total = sum(train.values())
        yield (
            f"Classes are imbalanced: {train[largest] / total:.1%} of the training pixels are "
            f"{largest}, {train[smallest] / total:.1%} {smallest}; read the table of classes, "
            "pixel accuracy says little."
        )
    few = [name for name, count in test.items() if count < FEW_OF_A_CLASS]
    if few:
        yield f"In fewer than {FEW_OF_A_CLASS} test images: {listed(few)}."


def _settings(facts: Facts) -> Iterator[str]:
    config = facts["config"]
    if config.get("allow_leakage"):
        yield (
            "Trained with --allow-leakage: scores may be too good; what the checks found stands "
            "under Data."
        )
    if config.get("limit") is not None:
        yield f"Only {config['limit']} samples were used (--limit)."
    if config.get("on_bad") == "skip":
        yield "Unreadable files were left out (--on-bad skip)."
    if facts["groups"] is None and facts["data"].get("kind") == "image":
        yield (
            "Samples were split one by one: if several images show the same thing, scores are "
            "too good (--group-by)."
        )


def _training(facts: Facts) -> Iterator[str]:
    metrics = facts["metrics"]
    kept, planned = metrics["kept"]["epoch"], facts["config"].get("epochs")
    if kept == metrics.get("epochs") == planned:
        yield f"The kept epoch is the last of {planned}: longer training may do better."
    if not metrics.get("repeats"):
        yield "Trained once: how much scores vary with the seed is not known (--repeats)."
    yield (
        "The scores hold for samples drawn as these were; other cameras, sites or times were "
        "not tested."
    )
