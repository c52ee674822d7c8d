"""Intervals of fields miss no more of an image's values than they may."""

from __future__ import annotations

import numpy as np
import pytest

from mlzoo.statistics.calibration.error_scale import ErrorScale
from mlzoo.statistics.calibration.field_widths import (
    LEVELS,
    FieldWidths,
    field_widths,
    pixel_features,
)


def test_widths_and_the_shares_that_they_miss_by_hand() -> None:
    ratios = [np.arange(1, 5.0)[:, None], np.array([[2.0], [np.nan], [np.nan], [np.nan]])]
    widths = field_widths(ratios, None)
    assert widths.images == 2 and widths.widths.shape == (LEVELS, 1)
    at_two = np.flatnonzero(widths.widths[:, 0] == 2.0)[0]
    # Half of the first image's values are above 2, and none of the second's.
    assert widths.rates[at_two, 0] == pytest.approx(0.25)
    # (2 r + 1) / 3 <= .5 where r <= .25
    assert widths.half(0.5).tolist() == [2.0]
    assert widths.half(0.3).tolist() == [np.inf]


def test_ends_follow_the_scale_and_survive_a_record() -> None:
    image, predicted = np.zeros((4, 3, 1), "uint8"), np.ones((4, 3, 2))
    width = pixel_features(image, predicted).shape[-1]
    weights = np.zeros((1, 2, 2 + 2 * width))
    weights[0, 1, 0] = np.log(3)  # The errors of the second field are three times as large.
    scale = ErrorScale(np.zeros(width), np.eye(width), np.zeros(2), np.ones(2), weights)
    levels = np.linspace(0, 1, LEVELS)[:, None]
    widths = FieldWidths(99, np.tile(levels, 2), np.tile(1 - levels, 2), scale)
    low, high = FieldWidths.of(widths.record()).ends(image, predicted, 0.1)
    np.testing.assert_allclose(high[..., 1] - predicted[..., 1], 3 * (high - predicted)[..., 0])
    np.testing.assert_allclose(predicted - low, high - predicted, rtol=1e-6)
    assert (high - predicted)[0, 0, 0] == pytest.approx(0.91, abs=0.0026)
    with pytest.raises(ValueError, match="shape"):
        FieldWidths.of({"images": 1, "widths": [[1.0]], "rates": [[1.0]], "scale": None})


def test_features_of_a_pixel_tell_its_place_and_slopes() -> None:
    image = np.tile(np.arange(5.0)[None, :, None], (3, 1, 1))
    features = pixel_features(image, 2 * image)
    assert features.shape == (3, 5, 5)
    np.testing.assert_array_equal(features[0, :, 1], np.linspace(-1, 1, 5))
    np.testing.assert_array_equal(features[..., 3:], np.tile([1.0, 2.0], (3, 5, 1)))
    line = pixel_features(image[:1], image[:1])
    assert line.shape == (1, 5, 5) and np.isfinite(line).all()


def test_new_images_are_missed_as_much_as_is_allowed_over_many_draws() -> None:
    rng, missed = np.random.default_rng(0), []
    for _ in range(300):
        size = np.exp(rng.normal(size=(31, 1, 1)))
        errors = np.abs(size * rng.normal(size=(31, 40, 1)))
        half = field_widths(list(errors[:30]), None).half(0.2)
        missed.append((errors[30] > half).mean())
    error = np.std(missed) / len(missed) ** 0.5
    assert 0.2 - 1 / 31 - 4 * error < np.mean(missed) < 0.2 + 3 * error
