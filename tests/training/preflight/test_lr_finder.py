"""The learning-rate range test's suggestion."""

from __future__ import annotations

import numpy as np
import pytest

from mlzoo.training.preflight.lr_finder import smoothed, suggest

RATES = np.geomspace(1e-6, 10, 120)


def curve(steepest: float, explodes: float = 1.0) -> np.ndarray:
    """A loss that falls from 2 to 1 around a rate and explodes at another."""
    return 2 - 1 / (1 + (steepest / RATES) ** 2) + (RATES / explodes) ** 2


@pytest.mark.parametrize("steepest", (1e-4, 1e-3, 1e-2))
def test_it_suggests_where_the_loss_falls_fastest(steepest: float) -> None:
    found = suggest(RATES, smoothed(curve(steepest)))
    assert found is not None and steepest / 2 < found < steepest * 2


def test_it_suggests_nothing_where_no_rate_helps() -> None:
    assert suggest(RATES, np.full(120, 0.7)) is None
    assert suggest(RATES, 0.7 + RATES) is None
    assert suggest(RATES, 0.7 + 1e-3 * curve(1e-3)) is None


def test_smoothing_keeps_what_is_level_and_takes_the_noise() -> None:
    assert smoothed(np.full(5, 3.0)) == pytest.approx(np.full(5, 3.0))
    noisy = 1 + 0.3 * np.random.default_rng(0).normal(size=200)
    assert smoothed(noisy).std() < noisy.std() / 2


@pytest.mark.parametrize("seed", range(5))
def test_batches_that_differ_do_not_mislead_it(seed: int) -> None:
    noise = 0.2 * np.random.default_rng(seed).normal(size=120)
    found = suggest(RATES, smoothed(curve(1e-3) + noise))
    assert found is not None and 2e-4 < found < 5e-3
