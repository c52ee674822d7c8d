"""Thresholds of masks miss no more than they may."""

from __future__ import annotations

import numpy as np
import pytest

from mlzoo.statistics.calibration.risk import LEVELS, MissRates, image_miss_rates, needed_images


def test_miss_rates_of_an_image_by_hand() -> None:
    rates = image_miss_rates(np.array([0.25, 0.5, 0.5, 1.0]))
    at = {t: rates[round(t * (LEVELS - 1))] for t in (0, 0.25, 0.3, 0.5, 0.6, 1)}
    assert at == {0: 0, 0.25: 0, 0.3: 0.25, 0.5: 0.25, 0.6: 0.75, 1: 0.75}
    assert not image_miss_rates(np.zeros(0)).any()


def test_the_threshold_by_hand() -> None:
    rates = MissRates(9, 1, np.linspace(0, 0.4, LEVELS))
    # (9 r + 1) / 10 <= .28 where r <= .2
    assert rates.threshold(0.28) == pytest.approx(0.5)
    assert rates.threshold(0.05) == 0
    assert needed_images(0.1) == 9 and needed_images(0.05) == 19
    assert MissRates.of(rates.record()).threshold(0.28) == rates.threshold(0.28)
    with pytest.raises(ValueError, match="shape"):
        MissRates.of({"images": 9, "positive": 1, "rates": [0.0]})


def test_new_images_are_missed_as_much_as_is_allowed_over_many_draws() -> None:
    rng = np.random.default_rng(0)
    missed = []
    for _ in range(300):
        skill = rng.normal(1, 1, size=(31, 1))
        pixels = 1 / (1 + np.exp(-skill - rng.normal(size=(31, 40))))
        rates = np.mean([image_miss_rates(each) for each in pixels[:30]], axis=0)
        threshold = MissRates(30, 1, rates).threshold(0.2)
        missed.append((pixels[30] < threshold).mean())
    error = np.std(missed) / len(missed) ** 0.5
    assert 0.2 - 1 / 31 - 4 * error < np.mean(missed) < 0.2 + 3 * error
