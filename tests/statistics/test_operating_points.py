"""Operating points of masks: the rule, and its choice on held-out images."""

from __future__ import annotations

import numpy as np
import pytest

from mlzoo.data.images.enlarging import in_size
from mlzoo.data.masks.operating_point import MaskRule
from mlzoo.data.specs import IGNORED
from mlzoo.statistics import pixels
from mlzoo.statistics.calibration.operating_points import SIZES, choose


def lines(count: int, seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return probabilities and masks of lines that are seldom over .5, among sure specks."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((count, 40, 48), np.uint8)
    masks[np.arange(count), rng.integers(4, 36, count)] = 1
    p = np.where(masks == 1, rng.uniform(0.25, 0.6, masks.shape), rng.uniform(0, 0.2, masks.shape))
    for image in p:
        for row, column in rng.integers(0, 38, (3, 2)):
            image[row : row + 2, column : column + 2] = 0.9
    masks[:, :2] = IGNORED
    return list(p.astype("float32")), list(masks)


def iou_of(rule: MaskRule, p: list[np.ndarray], masks: list[np.ndarray]) -> float:
    both = [np.stack([1 - each, each], axis=-1) for each in p]
    predicted = [rule.cleaned(rule.decide(outputs)) for outputs in both]
    pairs = zip(masks, predicted, strict=True)
    confusion = sum(pixels.confusion_of(*pair, 2) for pair in pairs)
    return float(pixels.iou(np.array([confusion]))[0, 1])


def test_the_choice_is_the_best_rule_and_is_judged_on_other_images() -> None:
    p, masks = lines(20)
    choice = choose(p, masks, np.arange(20), positive=1, seed=0)
    assert choice.rule.positive == 1 and 0.2 <= choice.rule.threshold <= 0.26
    assert choice.rule.smallest in SIZES[1:4]
    reached = iou_of(choice.rule, p, masks)
    for threshold in (0.1, 0.3, 0.5):
        for smallest in (1, 16, 64):
            assert iou_of(MaskRule(1, threshold, smallest), p, masks) <= reached
    assert choice.before == pytest.approx(iou_of(MaskRule(1, 0.5), p, masks))
    assert choice.before + 0.1 < choice.after <= reached


def test_images_of_a_group_are_judged_together() -> None:
    """A rule of one group alone has nothing to be chosen on, and none is made of its own images."""
    p, masks = lines(6)
    alone = choose(p, masks, np.zeros(6, int), positive=1, seed=0)
    assert alone.after == pytest.approx(iou_of(MaskRule(1, 0.5), p, masks))


def test_small_pieces_become_the_other_class() -> None:
    mask = np.ones((8, 9), np.uint8)
    mask[1, 1] = mask[2, 2] = mask[3, 3] = 0  # one piece across corners
    mask[6, 6:8] = 0
    assert (MaskRule(0, 0.5, 3).cleaned(mask) == 0).sum() == 3
    assert (MaskRule(0, 0.5, 4).cleaned(mask) == 0).sum() == 0
    assert (MaskRule(0, 0.5, 2).cleaned(mask) == 0).sum() == 5
    assert (MaskRule(0, 0.5, 1).cleaned(mask, enlarged=2.5) == 0).sum() == 3


def test_a_class_is_decided_for_from_its_threshold_on() -> None:
    outputs = np.array([[[0.7, 0.3], [0.75, 0.25], [0.2, 0.8]]])
    assert MaskRule(1, 0.3).decide(outputs).tolist() == [[1, 0, 1]]
    assert MaskRule(0, 0.72).decide(outputs).tolist() == [[1, 0, 1]]


def test_enlarged_masks_are_decided_by_the_enlarged_outputs() -> None:
    outputs = np.array([[[0.9, 0.1], [0.5, 0.5]]], "float32")
    mask, kept = in_size(outputs, (1, 4), True, True, MaskRule(1, 0.3).decide)
    assert kept is not None and kept[0, :, 1] == pytest.approx([0.1, 0.2, 0.4, 0.5])
    assert mask.tolist() == [[0, 0, 1, 1]]
