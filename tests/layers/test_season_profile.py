"""Mean seasons of series, and phases recognized from windows."""

from __future__ import annotations

import numpy as np

from mlzoo.layers.season_profile import History, history_of, season_profile

SEASON = np.array([4.0, -1, 0, 2, -3, -2])


def cut(y: np.ndarray, window: int, horizon: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return windows, what follows them, and the time of each first target."""
    begins = np.arange(window, len(y) - horizon + 1)
    rows = begins[:, None] + np.arange(-window, horizon)
    return y[rows][:, :window], y[rows][:, window:], begins


def test_series_are_put_together_from_windows() -> None:
    y = np.arange(20.0)
    x, after, begins = cut(y, 4, 3)
    series = np.repeat([7, 9], len(x))
    history = history_of(
        np.concatenate([x, 100 + x[::-1]]),
        np.concatenate([after, 100 + after[::-1]]),
        np.concatenate([begins + 5, begins[::-1] + 5]),
        series,
    )
    np.testing.assert_array_equal(history.values, [y, 100 + y])
    assert history.begin == 5
    np.testing.assert_array_equal(history.until(8).values, [y[:3], 100 + y[:3]])


def test_noise_that_few_seasons_leave_is_shrunk_and_what_stands_out_is_kept() -> None:
    season, errors = np.arange(12), []
    for seed, shape in enumerate((5 * np.sin(2 * np.pi * season / 12), 9.0 * (season == 3))):
        y = np.resize(shape, 72) + np.random.default_rng(seed).normal(0, 3, 72)
        x, after, begins = cut(y, 15, 1)
        profile = season_profile(history_of(x, after, begins, None), 12, x, begins, 1)
        assert profile is not None
        # Five whole seasons have a moving mean; their means err by 3 / sqrt(5) = 1.3.
        errors.append(np.sqrt(np.square(profile.future[:, 0] - shape + shape.mean()).mean()))
    assert errors[0] < 0.75 and errors[1] < 1.5
    y = np.random.default_rng(2).normal(0, 3, 72)
    x, after, begins = cut(y, 15, 1)
    nothing = season_profile(history_of(x, after, begins, None), 12, x, begins, 1)
    assert nothing is None or np.abs(nothing.future).max() < 1.3


def test_the_season_is_averaged_and_its_phase_recognized() -> None:
    rng = np.random.default_rng(0)
    for begin in (0, 4):
        y = 3 + 0.5 * np.arange(90) + np.resize(np.roll(SEASON, -begin), 90)
        y += rng.normal(0, 0.3, 90)
        x, after, begins = cut(y, 5, 4)
        history = history_of(x, after, begins + begin, None)
        profile = season_profile(history, 6, x, begins + begin, 4)
        assert profile is not None
        np.testing.assert_allclose(profile.future[:, 0], SEASON, atol=0.4)
        np.testing.assert_array_equal(profile.past[0], np.roll(profile.future[:, 0], 5)[:5])
        phases = profile.phases(x)
        np.testing.assert_allclose(phases.sum(axis=1), 1)
        assert (phases.argmax(axis=1) == (begins + begin) % 6).mean() > 0.95
        # Neither level nor slope tells a phase.
        moved = x + 1000 + 3 * np.arange(5)
        np.testing.assert_allclose(profile.phases(moved), phases, atol=1e-6)


def test_noise_tells_no_phase() -> None:
    y = np.random.default_rng(0).normal(size=400)
    x, after, begins = cut(y, 8, 1)
    profile = season_profile(history_of(x, after, begins, None), 6, x, begins, 1)
    assert profile is not None
    assert profile.phases(x).max(axis=1).mean() < 0.4


def test_too_short_a_past_has_no_season() -> None:
    x = np.zeros((3, 4))
    for values in (np.zeros((1, 6)), np.zeros((1, 9)), np.full((1, 40), np.nan)):
        assert season_profile(History(values, 0), 6, x, np.arange(3), 2) is None
