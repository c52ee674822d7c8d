"""The diagnosis of learning curves: each fault is told, and told by nothing else."""

from __future__ import annotations

import math

import pytest

from mlzoo.reporting.curves import diagnose


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
    assert kinds(training) == ["sound"], "without a validation part too"
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
    assert kinds(training, valid, better_than_baseline=False) == ["under-fitting"]
    assert kinds(training, valid, better_than_baseline=True) == ["sound"]


def test_a_loss_that_still_falls_when_epochs_run_out_was_stopped_too_early() -> None:
    line = [1 - 0.04 * i for i in range(20)]
    ran_out = {"stopped": "all 20 epochs done", "kept": 20}
    found = diagnose(rows(line, line), 20, "all 20 epochs done")
    assert found[0].kind == "stopped too early" and "--epochs 40" in found[0].advice
    assert "validation loss" in found[0].sentence
    assert kinds(line, **ran_out) == ["stopped too early"]
    unfinished = diagnose(rows(line, line), 20, "all 20 epochs done", False)
    assert [d.kind for d in unfinished] == ["stopped too early"], "not under-fitting"
    assert kinds(line, line) == ["sound"], "early stopping has seen enough"


@pytest.mark.parametrize("count", (1, 2))
def test_few_epochs_say_nothing(count: int) -> None:
    assert kinds([1.0, 9.0][:count]) == ["too few epochs"]
