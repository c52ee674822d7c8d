"""Scores of segmentation against scikit-learn, brute force and by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sk

from mlzoo.statistics import pixels
from mlzoo.statistics.pixels import Counts, count, image_scores, stack
from tests.scored import scorers_of, segmentation

SCALARS = (
    "mean_iou",
    "mean_dice",
    "pixel_accuracy",
    "mean_precision",
    "mean_recall",
    "boundary_f1",
)
CLASSES = 4
Masks = list[tuple[np.ndarray, np.ndarray]]


@st.composite
def pairs(draw: st.DrawFn) -> Masks:
    """1 to 4 true and predicted masks of 4 classes, in any sizes, some pixels ignored."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
        truth = draw(arrays("uint8", shape, elements=st.sampled_from([0, 1, 2, 3, 255])))
        found.append((truth, draw(arrays("uint8", shape, elements=st.integers(0, 3)))))
    return found


def counted(masks: Masks, classes: int = CLASSES) -> Counts:
    return stack([count(truth, predicted, classes) for truth, predicted in masks])


def flat(masks: Masks) -> tuple[np.ndarray, np.ndarray]:
    """All counting pixels of all images."""
    truth = np.concatenate([t[t != 255] for t, _ in masks])
    return truth, np.concatenate([p[t != 255] for t, p in masks])


def random_masks(images: int = 5, seed: int = 0) -> Masks:
    rng = np.random.default_rng(seed)
    found = []
    for side in range(8, 8 + images):
        truth = np.kron(rng.integers(0, 3, (side, 5)), np.ones((2, 4))).astype("uint8")
        predicted = np.where(rng.random(truth.shape) < 0.8, truth, rng.integers(0, 3, truth.shape))
        truth[rng.random(truth.shape) < 0.1] = 255
        predicted[predicted == 255] = 0
        found.append((truth, predicted.astype("uint8")))
    return found


def mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


@settings(deadline=None)
@given(pairs())
def test_scores_agree_with_sets_of_pixels(masks: Masks) -> None:
    found = segmentation(counted(masks), "abcd")
    truth, predicted = flat(masks)
    true = [set(np.flatnonzero(truth == i)) for i in range(CLASSES)]
    said = [set(np.flatnonzero(predicted == i)) for i in range(CLASSES)]
    both = list(zip(true, said, strict=True))
    iou = [len(t & s) / len(t | s) for t, s in both if t | s]
    dice = [2 * len(t & s) / (len(t) + len(s)) for t, s in both if t | s]
    expected = {
        "mean_iou": mean(iou),
        "mean_dice": mean(dice),
        "pixel_accuracy": mean(list(truth == predicted)),
        "mean_precision": mean([len(t & s) / len(s) if s else 0 for t, s in both if t | s]),
        "mean_recall": mean([len(t & s) / len(t) for t, s in both if t]),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert [row["pixels"] for row in found["per_class"]] == [len(t) for t in true]
    assert [row["images"] for row in found["per_class"]] == [
        sum((t == i).any() for t, _ in masks) for i in range(CLASSES)
    ]
    assert all(0 <= found[name] <= 1 for name in SCALARS if found[name] is not None)
    json.dumps(found, allow_nan=False)


@settings(deadline=None)
@given(pairs())
def test_dice_follows_from_iou(masks: Masks) -> None:
    for row in segmentation(counted(masks), "abcd")["per_class"]:
        if row["iou"] is None:
            assert row["dice"] is None
        else:
            assert 0 <= row["iou"] <= 1
            assert row["dice"] == pytest.approx(2 * row["iou"] / (1 + row["iou"]))


@settings(deadline=None)
@given(pairs(), st.lists(st.integers(0, 3), min_size=4, max_size=4))
def test_weights_mean_repeated_images(masks: Masks, weights: list[int]) -> None:
    """A weight of 3 scores as three copies of the image do; 0 as its absence."""
    weights = weights[: len(masks)]
    scorers = scorers_of("segmentation", counted(masks))
    ones = segmentation(counted(masks), "abcd")
    copies = [pair for pair, times in zip(masks, weights, strict=True) for _ in range(times)]
    expected = segmentation(counted(copies), "abcd") if copies else dict.fromkeys(SCALARS)
    assert set(scorers) == set(SCALARS)
    for name, scorer in scorers.items():
        found = scorer(np.array([weights, np.ones(len(masks))], float))
        assert found.shape == (2,)
        wanted = [np.nan if v[name] is None else v[name] for v in (expected, ones)]
        assert found == pytest.approx(wanted, nan_ok=True), name


def test_scores_agree_with_scikit_learn() -> None:
    masks = random_masks()
    found = segmentation(counted(masks, 3), "abc")
    truth, predicted = flat(masks)
    assert found["mean_iou"] == pytest.approx(sk.jaccard_score(truth, predicted, average="macro"))
    assert found["mean_dice"] == pytest.approx(sk.f1_score(truth, predicted, average="macro"))
    assert found["mean_recall"] == pytest.approx(sk.balanced_accuracy_score(truth, predicted))
    assert found["pixel_accuracy"] == pytest.approx(sk.accuracy_score(truth, predicted))
    assert found["confusion"] == sk.confusion_matrix(truth, predicted).tolist()
    precision, recall, f1, support = sk.precision_recall_fscore_support(truth, predicted)
    iou = sk.jaccard_score(truth, predicted, average=None)
    for i, row in enumerate(found["per_class"]):
        numbers = {name: row[name] for name in ("precision", "recall", "dice", "iou", "pixels")}
        assert list(numbers.values()) == pytest.approx(
            [precision[i], recall[i], f1[i], iou[i], support[i]]
        )


def test_a_large_image_is_counted_in_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, predicted = random_masks()[0]
    whole = count(truth, predicted, 3)[0]
    monkeypatch.setattr(pixels, "_STRIP", 3 * truth.shape[1])
    np.testing.assert_array_equal(count(truth, predicted, 3)[0], whole)


def test_classes_that_are_nowhere_are_left_out() -> None:
    truth = np.array([[0, 0, 0, 1]], "uint8")
    predicted = np.array([[0, 0, 2, 2]], "uint8")
    found = segmentation(counted([(truth, predicted)]), "abcd")
    assert found["mean_iou"] == pytest.approx((2 / 3 + 0 + 0) / 3)  # a, b, c
    assert found["mean_dice"] == pytest.approx((4 / 5 + 0 + 0) / 3)
    assert found["mean_precision"] == pytest.approx((1 + 0 + 0) / 3)  # b is never predicted
    assert found["mean_recall"] == pytest.approx((2 / 3 + 0) / 2)  # a, b
    assert found["pixel_accuracy"] == 0.5
    assert found["per_class"][3] == {
        "class": "d",
        **dict.fromkeys(("iou", "dice", "precision", "recall", "boundary_f1")),
        "pixels": 0,
        "images": 0,
    }


def test_boundary_f1_by_hand() -> None:
    """Two classes: precision 3/4 and recall 1/2 for the first; the second in truth alone."""
    boundaries = np.array([[[2, 2, 1, 3], [0, 0, 0, 4], [0, 0, 0, 0]]])
    boundaries = np.concatenate([boundaries, [[[1, 2, 2, 3], [0, 0, 0, 0], [0, 0, 0, 0]]]])
    counts = Counts(np.tile(np.eye(3, dtype="int64"), (2, 1, 1)), boundaries)
    found = segmentation(counts, "abc")
    first = 2 * 0.75 * 0.5 / (0.75 + 0.5)
    assert [row["boundary_f1"] for row in found["per_class"]] == [pytest.approx(first), 0, None]
    assert found["boundary_f1"] == pytest.approx((first + 0) / 2)
    second = scorers_of("segmentation", counts)["boundary_f1"](np.array([[0.0, 1.0]]))
    assert second == pytest.approx([2 * 0.5 * (2 / 3) / (0.5 + 2 / 3)])  # no b in that resample


def test_boundary_f1_of_masks() -> None:
    truth = np.tile((np.arange(10) >= 5).astype("uint8"), (6, 1))
    assert segmentation(counted([(truth, truth)], 2), "ab")["boundary_f1"] == 1
    far = np.tile((np.arange(10) >= 8).astype("uint8"), (6, 1))
    assert segmentation(counted([(truth, far)], 2), "ab")["boundary_f1"] == 0


def test_images_on_their_own() -> None:
    truth = np.array([[0, 0, 1, 1]], "uint8")
    nothing = np.full((1, 4), 255, "uint8")
    said = np.array([[0, 0, 0, 1]], "uint8")
    found = image_scores(counted([(truth, truth), (truth, said), (nothing, said)]))
    assert found == pytest.approx([1, (2 / 3 + 1 / 2) / 2, 1])


def test_nothing_that_counts_is_undefined() -> None:
    nothing = np.full((3, 3), 255, "uint8")
    found = segmentation(counted([(nothing, np.zeros((3, 3), "uint8"))]), "abcd")
    assert {found[name] for name in SCALARS} == {None}


@pytest.mark.parametrize("which", ["truth", "predicted"])
def test_a_class_that_there_is_not_is_refused(which: str) -> None:
    masks = {"truth": np.zeros((2, 2), "uint8"), "predicted": np.zeros((2, 2), "uint8")}
    masks[which][1, 1] = 2
    with pytest.raises(ValueError, match="beyond the 2 classes"):
        count(**masks, classes=2)


def test_masks_of_two_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(3, 2\)"):
        count(np.zeros((2, 3), "uint8"), np.zeros((3, 2), "uint8"), 2)
