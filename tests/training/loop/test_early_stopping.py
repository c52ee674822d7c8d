"""Early stopping and plateaus follow the metric in its own direction."""

from __future__ import annotations

import math

import pytest

from mlzoo.training.loop.early_stopping import Watch
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
