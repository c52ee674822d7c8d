"""Early stopping and plateaus follow the metric in its own direction."""

from __future__ import annotations

import math

import pytest

from mlzoo.core.configs import RunConfig
from mlzoo.training.loop.early_stopping import Watch, stop_reason, watch
from mlzoo.training.optimizers import direction


@pytest.mark.parametrize(
    ("metric", "mode"),
    [("val_loss", "min"), ("loss", "min"), ("val_accuracy", "max"), ("val_mae", "min")],
)
def test_the_mode_follows_from_the_metric(metric: str, mode: str) -> None:
    assert direction(metric) == mode


def test_the_best_epoch_and_the_stop() -> None:
    watch = Watch("val_accuracy", "max", patience=2)
    improved = [watch.see(e, v) for e, v in enumerate([0.5, 0.7, 0.7, 0.6], start=1)]
    assert improved == [True, True, False, False]  # an equal value is no improvement
    assert (watch.best, watch.best_epoch, watch.stop) == (0.7, 2, True)


def test_less_is_better_for_a_loss() -> None:
    watch = Watch("val_loss", "min", patience=3)
    for epoch, value in enumerate([1.0, 0.5, 0.6, math.nan], start=1):
        watch.see(epoch, value)
    assert (watch.best, watch.waited, watch.stop) == (0.5, 2, False)


def test_small_improvements_are_kept_but_do_not_count() -> None:
    watch = Watch("val_accuracy", "max", patience=3, delta=0.1)
    seen = [watch.see(e, v) for e, v in enumerate([0.5, 0.55, 0.58, 0.62, 0.63, 0.64], start=1)]
    assert seen == [True] * 6 and (watch.best_epoch, watch.best) == (6, 0.64)
    # .62 is more than .1 above .5, the last value that counted; then two epochs are waited.
    assert (watch.counted, watch.waited, watch.stop) == (0.62, 2, False)
    watch.see(7, 0.72)
    assert watch.stop


def test_nothing_counts_before_the_baseline_is_surpassed() -> None:
    watch = Watch("val_loss", "min", patience=3, baseline=0.5)
    for epoch, value in enumerate([0.9, 0.7, 0.6], start=1):
        assert watch.see(epoch, value)
    assert watch.stop and watch.best_epoch == 3
    other = Watch("val_loss", "min", patience=3, baseline=0.5)
    for epoch, value in enumerate([0.9, 0.7, 0.4, 0.45], start=1):
        other.see(epoch, value)
    assert (other.waited, other.stop) == (1, False)


def test_what_is_configured_is_followed_and_told() -> None:
    config = RunConfig(
        model="mlp", data="d", early_stopping=4, early_stopping_delta=0.01,
        early_stopping_baseline=0.7,
    )  # fmt: skip
    expected = Watch("val_accuracy", "max", 4, delta=0.01, baseline=0.7)
    assert watch(config, "val_accuracy", "max") == expected
    assert stop_reason(config, "val_accuracy") == (
        "val_accuracy did not improve by more than 0.01 beyond 0.7 for 4 epochs"
    )


def test_no_patience_never_stops() -> None:
    watch = Watch("val_loss", "min", patience=0)
    for epoch in range(1, 50):
        watch.see(epoch, float(epoch))
    assert not watch.stop


def test_a_plateau_counts_again_after_each_drop() -> None:
    watch = Watch("val_loss", "min")
    drops = []
    for epoch, value in enumerate([1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.6, 0.6], start=1):
        watch.see(epoch, value)
        if watch.plateau(2):
            drops.append(epoch)
    assert drops == [3, 5, 8]


def test_the_state_restores_it() -> None:
    watch = Watch("val_loss", "min", patience=4)
    watch.see(1, 0.3)
    watch.see(2, 0.4)
    assert Watch(**watch.state()) == watch
