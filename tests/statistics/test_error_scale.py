"""A scale of errors is learned where errors differ in size, and none where they do not."""

from __future__ import annotations

import numpy as np
import pytest

from mlzoo.statistics.calibration.conformal import ConformalScores, intervals
from mlzoo.statistics.calibration.error_scale import ErrorScale, fit_error_scale


def drawn(n: int, seed: int, varies: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Return features (n, 3) and the standard deviations (n,) of errors."""
    x = np.random.default_rng(seed).uniform(-2, 2, size=(n, 3))
    return x, 0.2 + np.abs(x[:, 1]) if varies else np.ones(n)


def fitted(varies: bool, members: int = 1) -> ErrorScale | None:
    x, std = drawn(600, 0, varies)
    errors = np.abs(std * np.random.default_rng(1).normal(size=600))[:, None]
    member = None if members == 1 else np.arange(600) % members
    return fit_error_scale(x, x[:, :1], errors, np.arange(600), member, 0)


def test_the_scale_follows_the_size_of_the_errors() -> None:
    scale = fitted(varies=True)
    even = fitted(varies=False)
    assert scale is not None
    x, std = drawn(200, 2)
    assert even is None or np.ptp(np.log(even(x, x[:, None, :1]))) < 0.1
    known = scale(x, x[:, None, :1])[:, 0, 0]
    assert np.corrcoef(np.log(known), np.log(std))[0, 1] > 0.9
    # Of a normal distribution the mean absolute value is .8 standard deviations.
    assert np.median(known / std) == pytest.approx(0.8, abs=0.15)
    again = ErrorScale.of(scale.record())
    np.testing.assert_allclose(again(x, x[:, None, :1])[:, 0, 0], known)
    far = scale(x + 1e6, x[:, None, :1] + 1e6)
    assert np.isfinite(far).all() and far.max() < 20  # descriptors are clipped


def test_a_sample_has_no_part_in_the_scale_of_the_member_that_did_not_see_it() -> None:
    x, std = drawn(300, 0)
    errors = np.abs(std * np.random.default_rng(1).normal(size=300))[:, None]
    member = np.arange(300) % 3
    changed = errors.copy()
    changed[member == 1] = changed[member == 1][::-1]
    unit = np.arange(300)
    a, b = (fit_error_scale(x, x[:, :1], each, unit, member, 0) for each in (errors, changed))
    assert a is not None and b is not None and a.weights.shape == (3, 1, 8)
    same = [np.allclose(a.weights[k], b.weights[k], atol=1e-6) for k in range(3)]
    assert same == [False, True, False]


def test_many_features_are_replaced_by_their_principal_axes_and_none_will_do() -> None:
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(500, 2))
    features = hidden @ rng.normal(size=(2, 50))
    errors = np.abs(np.exp(hidden[:, :1]) * rng.normal(size=(500, 1)))
    y_pred = rng.normal(size=(500, 1))
    scale = fit_error_scale(features, y_pred, errors, np.arange(500), None, 0)
    assert scale is not None and scale.axes.shape == (50, 2)
    by_value = np.abs(np.exp(y_pred) * rng.normal(size=(500, 1)))
    alone = fit_error_scale(features[:, :0], y_pred, by_value, np.arange(500), None, 0)
    assert alone is not None and alone.weights.shape == (1, 1, 2)
    assert alone.weights[0, 0, 1] == pytest.approx(1, abs=0.2)
    assert fit_error_scale(features, y_pred, errors, np.arange(500) // 20, None, 0) is None


@pytest.mark.parametrize("members", [1, 3])
def test_scaled_intervals_hold_as_many_values_where_errors_are_large(members: int) -> None:
    scale = fitted(True, members)
    assert scale is not None
    rng = np.random.default_rng(3)
    x, std = drawn(900, 4)
    errors, member = np.abs(std * rng.normal(size=900)), np.arange(900) % members
    zeros = np.zeros((900, members, 1))
    own = scale(x, zeros)[np.arange(900), member if members > 1 else 0, 0]
    scores = ConformalScores(
        (errors / own)[:, None], np.arange(900), member if members > 1 else None, scale=scale
    )
    x, std = drawn(2000, 5)
    y = std * rng.normal(size=2000)
    zeros = np.zeros((2000, members, 1))
    each = scale(x, zeros)
    several = members > 1
    low, high = intervals(
        zeros[:, 0], zeros if several else None, scores, 0.9, each if several else each[:, 0]
    )
    held = (low[:, 0] <= y) & (y <= high[:, 0])
    assert held.mean() == pytest.approx(0.9, abs=0.03)
    rough = std > 1.4
    assert held[rough].mean() == pytest.approx(0.9, abs=0.06)
    assert held[std < 0.5].mean() == pytest.approx(0.9, abs=0.09)
    assert (high - low)[rough].mean() > 1.8 * (high - low)[std < 0.5].mean()
