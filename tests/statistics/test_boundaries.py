"""Counts of boundary pixels by hand and by brute force."""

from __future__ import annotations

import math
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mlzoo.statistics import boundaries
from mlzoo.statistics.boundaries import boundary_counts, hausdorff95, tolerant_counts

SIDES = st.tuples(st.integers(1, 9), st.integers(1, 9))


def halves(height: int, width: int, edge: int) -> np.ndarray:
    """Class 0 left of column `edge`, class 1 from it on."""
    return np.tile((np.arange(width) >= edge).astype("uint8"), (height, 1))


def brute_force(
    truth: np.ndarray, predicted: np.ndarray, classes: int, tolerance: float
) -> list[list[int]]:
    def pixels(mask: np.ndarray, position: int) -> list[tuple[int, int]]:
        def counts(y: int, x: int) -> bool:
            inside = 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1]
            return inside and truth[y, x] != 255

        return [
            (y, x)
            for y, x in np.ndindex(mask.shape)
            if counts(y, x)
            and mask[y, x] == position
            and any(
                counts(y + dy, x + dx) and mask[y + dy, x + dx] != position
                for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0))
            )
        ]

    def close(some: list[tuple[int, int]], others: list[tuple[int, int]]) -> int:
        return sum(
            any((y - v) ** 2 + (x - u) ** 2 <= tolerance**2 + 1e-9 for v, u in others)
            for y, x in some
        )

    rows = []
    for position in range(classes):
        true, said = pixels(truth, position), pixels(predicted, position)
        rows.append([close(said, true), len(said), close(true, said), len(true)])
    return rows


@settings(deadline=None, max_examples=150)
@given(data=st.data(), tolerance=st.sampled_from([0.5, 1, 2**0.5, 2, 2.3, 5, 40]))
@pytest.mark.parametrize("largest_disk", [0, 16])  # by distance transform and by dilation
def test_counts_agree_with_brute_force(
    largest_disk: int, data: st.DataObject, tolerance: float
) -> None:
    shape = data.draw(SIDES)
    truth = data.draw(arrays("uint8", shape, elements=st.sampled_from([0, 1, 2, 255])))
    predicted = data.draw(arrays("uint8", shape, elements=st.sampled_from([0, 1, 2])))
    with mock.patch.object(boundaries, "_LARGEST_DISK", largest_disk):
        found = boundary_counts(truth, predicted, 3, tolerance)
    assert found.tolist() == brute_force(truth, predicted, 3, tolerance)
    assert found.dtype == "int64"


@pytest.mark.parametrize(("tolerance", "close"), [(0.9, 0), (1, 8)])
def test_an_edge_one_column_off(tolerance: float, close: int) -> None:
    found = boundary_counts(halves(8, 10, 5), halves(8, 10, 6), 2, tolerance)
    assert found.tolist() == [[close, 8, close, 8]] * 2


def test_the_frame_is_no_boundary() -> None:
    one = np.ones((5, 7), "uint8")
    assert not boundary_counts(one, one, 2).any()


def test_pixels_that_do_not_count_make_no_boundary() -> None:
    truth, predicted = halves(4, 9, 5), halves(4, 9, 4)
    truth[:, 4] = 255  # between the true classes
    found = boundary_counts(truth, predicted, 2, 1)
    assert not found.any()  # predicted 1 in column 4 lies at pixels that don't count


def test_a_boundary_in_one_mask_only() -> None:
    found = boundary_counts(halves(6, 6, 3), np.zeros((6, 6), "uint8"), 2)
    assert found.tolist() == [[0, 0, 0, 6]] * 2
    found = boundary_counts(np.zeros((6, 6), "uint8"), halves(6, 6, 3), 2)
    assert found.tolist() == [[0, 6, 0, 0]] * 2


@pytest.mark.parametrize(("shape", "reach"), [((300, 400), 3), ((1500, 2000), 18), ((9, 9), 1)])
def test_the_default_tolerance_is_a_share_of_the_diagonal(
    shape: tuple[int, int], reach: int
) -> None:
    """3.75, 18.75 and, for 0.0955, 1 pixel."""
    height, width = shape
    truth = halves(height, width, 4)
    near = boundary_counts(truth, halves(height, width, 4 + reach), 2)
    assert near.tolist() == [[height] * 4] * 2
    far = boundary_counts(truth, halves(height, width, 5 + reach), 2)
    assert far.tolist() == [[0, height, 0, height]] * 2


def _square(left: int, size: int = 8) -> np.ndarray:
    mask = np.zeros((30, 40), "uint8")
    mask[10 : 10 + size, left : left + size] = 1
    return mask


def test_hausdorff_distance_of_shifted_squares() -> None:
    assert hausdorff95(_square(5), _square(5)) == 0
    # Class 1: the left edge is 3 from the nearest pixel; of the background the right border is.
    assert hausdorff95(_square(5), _square(8)) == pytest.approx(3)
    # A pixel far off is one of few percent.
    speck = _square(5, 20)
    speck[0, 39] = 1
    assert hausdorff95(_square(5, 20), speck) < 2


def test_hausdorff_distance_is_defined_where_a_mask_has_a_boundary() -> None:
    empty = np.zeros((30, 40), "uint8")
    assert hausdorff95(_square(5), empty) == pytest.approx(50)  # the diagonal
    assert math.isnan(hausdorff95(empty, empty))
    ignored = np.where(_square(5) == 1, 255, 0).astype("uint8")
    assert math.isnan(hausdorff95(ignored, _square(5)))


def line(column: int, width: int = 20, height: int = 10) -> np.ndarray:
    """A vertical line, one pixel wide."""
    mask = np.zeros((height, width), "uint8")
    mask[:, column] = 1
    return mask


@pytest.mark.parametrize(("tolerance", "close"), [(0.5, 0), (1.9, 0), (2, 10), (3, 10)])
def test_a_line_two_pixels_off_is_right_within_two(tolerance: float, close: int) -> None:
    counts = tolerant_counts(line(5), line(7), 2, tolerance)
    assert counts[1].tolist() == [close, 10, close, 10]


def test_ignored_pixels_are_not_predicted_and_distances_are_euclidean() -> None:
    truth, predicted = np.zeros((9, 9), "uint8"), np.zeros((9, 9), "uint8")
    truth[0, 0], predicted[3, 4] = 1, 1  # 5 pixels from each other
    assert tolerant_counts(truth, predicted, 2, 4.9)[1].tolist() == [0, 1, 0, 1]
    assert tolerant_counts(truth, predicted, 2, 5)[1].tolist() == [1, 1, 1, 1]
    truth[3, 4] = 255
    assert tolerant_counts(truth, predicted, 2, 5)[1].tolist() == [0, 0, 0, 1]
