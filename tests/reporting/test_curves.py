"""The diagnosis of learning curves: each fault is told, and told by nothing else."""

from __future__ import annotations

import math
from typing import Any

import pytest

from mlzoo.reporting.curve_diagnosis import diagnose


def rows(training: list[float], valid: list[float] | None = None) -> list[dict[str, float]]:
    return [
        {"epoch": i + 1, "loss": value} | ({"val_loss": valid[i]} if valid else {})
        for i, value in enumerate(training)
    ]


def falling(count: int, to: float = 0.1, speed: float = 0.4, start: float = 1.0) -> list[float]:
    return [to + (start - to) * math.exp(-speed * i) for i in range(count)]


def kinds(training: list[float], valid: list[float] | None = None, **more: object) -> list[str]:
    kept = min(range(len(valid or training)), key=(valid or training).__getitem__) + 1
    settings = {"kept": kept, "stopped": "val_loss did not improve for 10 epochs"} | more
    return [d.kind for d in diagnose(rows(training, valid), **settings)]  # type: ignore[arg-type]


def test_a_training_that_levels_off_has_no_fault() -> None:
    training, valid = falling(30), falling(30, to=0.13)
    assert kinds(training, valid) == ["sound"]
    assert kinds(training) == ["sound"], "without a validation split too"
    assert kinds(training, valid, stopped="all 30 epochs done", kept=30) == ["sound"]


def test_a_rate_too_high_is_told_before_all_else() -> None:
    up = [1.0, 3.0, 9.0, 20.0]
    assert kinds(up, up) == ["rate too high"]
    thrown = [1.0, 0.4, 0.7, 0.35, 0.6, 0.3, 0.5, 0.3]
    (found,) = diagnose(rows(thrown, thrown), 6)
    assert found.kind == "rate too high" and "3 of 7 epochs" in found.sentence
    assert "--find-rate" in found.advice
    assert kinds([1.0, math.nan, 0.5], None) == ["rate too high"]
    shaking = [value + 0.001 * (-1) ** i for i, value in enumerate(falling(30, to=0.002))]
    assert kinds(shaking, falling(30)) == ["sound"], "near zero a jump of a hair is no jump"


def test_over_fitting_is_told_with_its_epoch() -> None:
    valid = falling(8, to=0.3) + [0.4 + 0.05 * i for i in range(12)]
    (found,) = diagnose(rows(falling(20, to=0.01), valid), 8)
    assert found.kind == "over-fitting" and "epoch 8" in found.sentence
    far = [1.0] + [0.95] * 19
    assert kinds(falling(20, to=0.01), far, kept=20) == ["over-fitting"], "a wide gap is enough"


def test_under_fitting_is_told() -> None:
    flat = [0.693 - 0.0002 * i for i in range(20)]
    assert kinds(flat, flat) == ["under-fitting"]
    training, valid = falling(20, to=0.6), falling(20, to=0.6)
    assert kinds(training, valid, test={"verdict": "not distinguishable"}) == ["under-fitting"]
    assert kinds(training, valid, test={"verdict": "worse"}) == ["under-fitting"]
    assert kinds(training, valid, test={"verdict": "better"}) == ["sound"]
    ahead = {"verdict": "not distinguishable", "gain": {"value": 0.02}}
    assert kinds(training, valid, test=ahead) == ["sound"], "tied, but not behind"
    solved = falling(20, to=1e-7)
    assert kinds(solved, solved, test={"verdict": "worse"}) != ["under-fitting"]
    assert kinds(training, valid, test={"verdict": "no verdict"}) == ["sound"]


def test_a_loss_that_still_falls_when_epochs_run_out_was_stopped_too_early() -> None:
    line = [1 - 0.04 * i for i in range(20)]
    ran_out = {"stopped": "all 20 epochs done", "kept": 20}
    found = diagnose(rows(line, line), 20, "all 20 epochs done")
    assert found[0].kind == "stopped too early" and "--epochs 40" in found[0].advice
    assert "validation loss" in found[0].sentence
    assert kinds(line, **ran_out) == ["stopped too early"]
    worse = {"verdict": "worse"}
    unfinished = diagnose(rows(line, line), 20, "all 20 epochs done", worse)
    assert [d.kind for d in unfinished] == ["stopped too early"], "not under-fitting"
    assert kinds(line, line) == ["sound"], "early stopping has seen enough"


def test_a_model_that_is_worse_than_a_baseline_is_not_sound() -> None:
    gain = {"baseline": "linear", "metric": "rmse", "value": -2.0, "interval": [-2.5, -1.5]}
    test = {"gain": gain, "verdict": "worse", "units": 90, "interval_unit": "samples"}
    (found,) = diagnose(rows(falling(30), falling(30, to=0.13)), 30, "", test)
    assert found.kind == "worse than a baseline"
    assert "clearly worse than the linear baseline in RMSE: -2" in found.sentence
    assert "no fault" not in found.sentence.lower()


def test_a_perfect_score_is_beaten_by_no_baseline() -> None:
    training, valid = falling(30), falling(30, to=0.04)
    gain = {"baseline": "linear", "metric": "accuracy", "value": 0.0, "interval": [0.0, 0.0]}
    tied = {"gain": gain, "verdict": "not distinguishable", "units": 35, "interval_unit": "samples"}
    for score, expected in ((1.0, "sound"), (0.9, "under-fitting")):
        test = {**tied, "metrics": {"accuracy": score}}
        assert kinds(training, valid, test=test, kept=30) == [expected]
    for metric, score, expected in (
        ("rmse", 0.0, "sound"),
        ("psnr", 1.0, "under-fitting"),
        ("perplexity", 1.0, "sound"),
        ("perplexity", 2.0, "under-fitting"),
    ):
        test = {**tied, "gain": {**gain, "metric": metric}, "metrics": {metric: score}}
        assert kinds(training, valid, test=test, kept=30) == [expected], metric


def scored(
    area: float, balanced: float, recalls: tuple[float, float], support: tuple[int, int]
) -> Any:
    per_class = [
        {"class": name, "recall": recall, "support": count}
        for name, recall, count in zip(("sound", "cracked"), recalls, support, strict=True)
    ]
    metrics = {"roc_auc": area, "balanced_accuracy": balanced, "per_class": per_class}
    return {"samples": sum(support), "metrics": metrics}


def test_a_threshold_that_is_off_is_not_called_over_fitting() -> None:
    """All samples in the right order and all of one class: no weights were learned by heart."""
    training, valid = falling(20, to=0.01), [1.0] + [0.95] * 19
    test = scored(1.0, 0.5, (1.0, 0.0), (12, 12))
    found = diagnose(rows(training, valid), 20, "", test)
    assert [each.kind for each in found] == ["threshold off"]
    assert "24 test samples" in found[0].sentence and "over-fit" not in found[0].sentence
    assert "batch normalization or the decision threshold of 0.5 is off" in found[0].sentence
    (plain,) = diagnose(rows(training, valid), 20, "", test, normalized=False)
    assert "batch" not in plain.sentence + plain.advice
    right = scored(0.95, 0.85, (0.9, 0.8), (12, 12))
    assert kinds(training, valid, test=right, kept=20) == ["over-fitting"]


def test_a_rare_class_that_is_missed_is_a_fault() -> None:
    curves = falling(30), falling(30, to=0.13)
    missed = scored(0.95, 0.79, (0.998, 0.58), (1310, 31))
    (found,) = diagnose(rows(*curves), 30, "", missed)
    assert (
        found.kind == "missed class" and "58% of the 31 test samples of cracked" in found.sentence
    )
    assert "--class-weights auto" in found.advice
    (weighted,) = diagnose(rows(*curves), 30, "", missed, weighted=True)
    assert "--cost" in weighted.advice and "--class-weights" not in weighted.advice
    assert kinds(*curves, test=scored(0.95, 0.94, (0.98, 0.9), (1310, 31))) == ["sound"]
    assert kinds(*curves, test=scored(0.9, 0.79, (0.998, 0.58), (50, 31))) == ["sound"]


@pytest.mark.parametrize("count", (1, 2))
def test_few_epochs_say_nothing(count: int) -> None:
    assert kinds([1.0, 9.0][:count]) == ["too few epochs"]


def test_training_on_episodes_is_told_by_returns_whose_loss_follows_a_moving_goal() -> None:
    losses, returns = [0.01, 0.02, 0.04, 0.08], [-1.0, 5.0, 20.0, 18.0]
    history = [{**row, "val_return": r} for row, r in zip(rows(losses), returns, strict=True)]
    [found] = diagnose(history, 3)
    assert found.kind == "sound" and "from -1 to 20 in epoch 3" in found.sentence
    [found] = diagnose(history[:3], 3)
    assert found.kind == "stopped too early" and "--epochs 6" in found.advice
