"""Rand scores of cells by hand and by counting pairs of pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from mlzoo.statistics.separation.rand import best_rand, rand_score

SIDES = st.tuples(st.integers(1, 7), st.integers(1, 7))


def block(*columns: str) -> np.ndarray:
    """Four rows of cells (#) and membrane (.)."""
    return np.tile([c == "#" for c in "".join(columns)], (4, 1))


TWO = block("###.###")
JOINED = block("#######")


def test_the_same_cells_score_1() -> None:
    assert rand_score(TWO, TWO) == {"split": 1, "merge": 1, "f": 1}


def test_two_cells_merged() -> None:
    """Truth 12 and 12 pixels in one segment: 2 * 12^2 of 24^2 pairs are right."""
    found = rand_score(TWO, JOINED)
    assert found == {"split": 1, "merge": 0.5, "f": pytest.approx(2 / 3)}


def test_a_cell_split_in_halves() -> None:
    """28 pixels become 12, 12 and the 4 between them, each a segment of its own."""
    found = rand_score(JOINED, TWO)
    split = (12**2 + 12**2 + 4) / 28**2
    assert found == {
        "split": pytest.approx(split),
        "merge": 1,
        "f": pytest.approx(2 * split / (split + 1)),
    }


def test_two_cells_each_split() -> None:
    """Cells of 8 pixels become 4 and 2, with 2 between them."""
    truth = block("##.##")
    predicted = truth.copy()
    predicted[2] = False
    right = 2 * (4**2 + 2**2 + 2)
    assert rand_score(truth, predicted)["split"] == pytest.approx(right / (2 * 8**2))
    assert rand_score(truth, predicted)["merge"] == 1


def test_a_cell_missed_is_split_into_its_pixels_and_merged_with_nothing() -> None:
    found = rand_score(JOINED, np.zeros_like(JOINED))
    assert found["split"] == pytest.approx(28 / 28**2)
    assert found["merge"] == 1


def test_cells_predicted_on_membranes_do_not_count() -> None:
    truth = block("##.....")
    assert rand_score(truth, block("##.####"))["f"] == 1
    assert rand_score(truth, block("#######"))["f"] == 1


def test_cells_that_touch_at_corners_are_apart() -> None:
    square, diagonal = np.ones((2, 2), bool), np.eye(2, dtype=bool)
    assert rand_score(square, diagonal)["split"] == 4 / 16
    assert rand_score(diagonal, square) == {"split": 1, "merge": 0.5, "f": pytest.approx(2 / 3)}


def test_truth_without_a_cell_has_no_score() -> None:
    nothing = dict.fromkeys(("split", "merge", "f"))
    assert rand_score(np.zeros((3, 3), bool), np.ones((3, 3), bool)) == nothing
    found = best_rand([np.zeros((3, 3), bool)], [np.ones((3, 3))])
    assert found == {**nothing, "threshold": None}


@settings(deadline=None)
@given(SIDES.flatmap(lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape))))
def test_scores_agree_with_counting_pairs(masks: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = masks
    if not truth.any():
        return
    true = ndimage.label(truth)[0][truth]
    said = ndimage.label(predicted)[0][truth]
    said = np.where(said == 0, -np.arange(len(said)) - 1, said)  # each its own segment
    together, joined = true[:, None] == true, said[:, None] == said
    right = (together & joined).sum()
    found = rand_score(truth, predicted)
    assert found["split"] == pytest.approx(right / together.sum())
    assert found["merge"] == pytest.approx(right / joined.sum())
    assert found["f"] == pytest.approx(2 * right / (together.sum() + joined.sum()))


def test_one_threshold_serves_all_images() -> None:
    """The first image is best at .4 (membrane at .3), the second above .6; at .65 both hold."""
    first = np.where(TWO, 0.9, 0.3)
    second = np.where(TWO, 0.9, 0.6)
    thresholds = [0.2, 0.4, 0.65]
    assert best_rand([TWO], [first], thresholds)["threshold"] == 0.4  # the lowest of two
    found = best_rand(iter([TWO, TWO]), iter([first, second]), thresholds)
    assert found == {"split": 1, "merge": 1, "f": 1, "threshold": 0.65}


def test_sums_are_taken_over_images_before_the_scores() -> None:
    small = block("###.###")[:1]  # 2 * 3^2 right of 6^2, against 2 * 12^2 of 24^2
    found = best_rand([JOINED, small], [JOINED * 1.0, np.ones(small.shape)], [0.5])
    right, together, joined = 28**2 + 18, 28**2 + 18, 28**2 + 36
    assert found["merge"] == pytest.approx(right / joined)
    assert found["f"] == pytest.approx(2 * right / (together + joined))


def test_a_cell_is_above_the_threshold_not_at_it() -> None:
    probability = np.where(TWO, 0.9, 0.3).astype("float32")
    assert best_rand([TWO], [probability], [0.3])["f"] == 1
    assert best_rand([TWO], [probability], [0.2])["merge"] == 0.5


def test_thresholds_between_a_tenth_and_nine_tenths_by_default() -> None:
    assert best_rand([TWO], [np.where(TWO, 0.14, 0.11)])["f"] < 1  # none between them
    found = best_rand([TWO], [np.where(TWO, 0.16, 0.14)])
    assert (found["f"], found["threshold"]) == (1, pytest.approx(0.15))


@pytest.mark.slow
def test_masks_that_do_not_pair_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(4, 7\) and \(4, 6\)"):
        rand_score(TWO, TWO[:, :6])
    with pytest.raises(ValueError, match="not \\(height, width\\)"):
        rand_score(TWO[None], TWO[None])
    with pytest.raises(ValueError, match="shorter"):
        best_rand([TWO, TWO], [TWO * 1.0])
