"""Paths and planes through codes."""

from __future__ import annotations

import numpy as np
import pytest

from mlzoo.core.errors import UsageError
from mlzoo.statistics.unlabeled.codes import grid_codes, main_directions, quantile_grid, slerp


def test_a_great_circle_keeps_lengths_and_equal_angles() -> None:
    start, end = np.array([[3.0, 0.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [0.0, 3.0]])
    path = slerp(start, end, 4)
    assert path.shape == (4, 2, 2)
    np.testing.assert_allclose(path[[0, -1]], [start, end], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(path.reshape(4, -1), axis=1), 3, rtol=1e-6)
    steps = np.linalg.norm(np.diff(path.reshape(4, -1), axis=0), axis=1)
    np.testing.assert_allclose(steps, 6 * np.sin(np.pi / 12), rtol=1e-5)


@pytest.mark.parametrize("end", [[2.0, 4.0], [-2.0, -4.0], [0.0, 0.0]])
def test_codes_in_one_line_are_joined_by_it(end: list[float]) -> None:
    start = np.array([1.0, 2.0])
    middle = slerp(start, np.array(end), 3)[1]
    np.testing.assert_allclose(middle, (start + end) / 2, atol=1e-6)


def test_a_grid_has_quantiles_of_the_normal_distribution() -> None:
    grid = quantile_grid(3).reshape(3, 3, 2)
    np.testing.assert_allclose(grid[0, :, 0], [-1.644854, 0, 1.644854], atol=1e-5)
    np.testing.assert_allclose(grid[:, 0, 1], [1.644854, 0, -1.644854], atol=1e-5)


def test_samples_change_most_along_the_main_directions() -> None:
    effect = np.diag([0.1, 3.0, 0.2, 1.0])
    first, second = main_directions(lambda codes: codes @ effect, (4,), 0)
    assert abs(first[1]) > 0.98 and abs(second[3]) > 0.98
    codes = grid_codes(lambda codes: codes @ effect, (4,), 10, 0)
    assert codes.shape == (9, 4), "a square of at most 10"
    np.testing.assert_allclose(codes @ np.stack([first, second]).T, quantile_grid(3), atol=1e-5)
    rest = codes - (codes @ first)[:, None] * first - (codes @ second)[:, None] * second
    assert np.ptp(rest, axis=0).max() < 1e-5 and np.abs(rest).max() > 0.1, "one drawn code"


def test_short_codes_are_the_grid_and_single_numbers_refused() -> None:
    np.testing.assert_array_equal(grid_codes(lambda codes: codes, (2,), 4, 0), quantile_grid(2))
    with pytest.raises(UsageError, match="codes of two numbers or more"):
        grid_codes(lambda codes: codes, (1,), 4, 0)
