"""From what is asked to weights on the logits, without a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.core.errors import DataError, UsageError
from mlzoo.explaining.samples import Chosen
from mlzoo.explaining.settings import configure
from mlzoo.explaining.subjects import Subject
from mlzoo.explaining.targets import ResolvedTargets, resolve_targets

CLASSES = ("ground", "square", "disc")


def masks() -> np.ndarray:
    """Two masks: a 4x4 square and a 2x2 disc that touches the edge; and a disc alone."""
    said = np.zeros((2, 8, 8), int)
    said[0, 1:5, 1:5] = 1
    said[:, 6:, 6:] = 2
    return said


def asked(truths: Any = None, units: int = 3, **settings: Any) -> ResolvedTargets:
    said = masks() if units == 3 else masks().clip(0, 1)
    outputs = np.eye(3)[said] if units == 3 else said[..., None].astype(float)
    names = CLASSES if units == 3 else CLASSES[:2]
    subject = Subject(Path("run"), keras.Sequential(), "segmentation", "image", names)
    config = configure({"run": "run", **settings})
    return resolve_targets(subject, config, outputs, [None, None] if truths is None else truths)


def test_the_class_with_most_pixels_is_what_is_predicted() -> None:
    found = asked()
    assert found.labels == ["square", "disc"] and found.empty == ["", ""]
    assert found.predicted[0] == "square on 25.0% of the pixels"
    np.testing.assert_allclose(found.weights[0, 1:5, 1:5, 1], 1 / 16)
    assert found.weights.sum() == pytest.approx(2)


def test_a_boundary_is_the_ring_within_a_class_and_no_edge_of_the_image() -> None:
    found = asked(target="square", region="boundary")
    ring = found.weights[0, ..., 1] > 0
    assert ring.sum() == 12 and not ring[2:4, 2:4].any()
    assert found.empty == ["", "square is nowhere in the predicted mask"]
    assert found.labels[0] == "square, boundary"
    corner = asked(target="disc", region="boundary").weights[0, ..., 2] > 0
    assert corner.sum() == 3 and not corner[7, 7]


def test_the_region_that_a_pixel_lies_in() -> None:
    found = asked(target="square", region="connected", pixel="2,2")
    assert (found.weights[0, ..., 1] > 0).sum() == 16
    assert found.empty[1] == "square is nowhere in the predicted mask at 2,2"
    outside = asked(target="square", region="connected", pixel="0,7")
    assert outside.empty[0] and not outside.weights.any()
    alone = asked(target="square", pixel="0,7")
    assert alone.weights[0, 0, 7, 1] == 1 and alone.weights.sum() == 2


def test_true_masks_say_where_when_they_are_known() -> None:
    truth = np.zeros((2, 8, 8), int)
    truth[:, 0, :2] = 2
    truth[:, 1, 0] = 255  # what is left out
    found = asked(list(truth), target="true")
    assert found.labels == ["disc", "disc"]
    np.testing.assert_allclose(found.weights[:, 0, :2, 2], 0.5)
    with pytest.raises(DataError, match="true masks of new images"):
        asked(target="true")


def test_a_class_against_another_and_against_itself() -> None:
    found = asked(target="square", against="disc")
    np.testing.assert_allclose(found.weights[0, 2, 2], [0, 1 / 16, -1 / 16])
    assert asked(against="disc").empty[1]  # it is the disc that is predicted there
    two = np.eye(2)[masks().clip(0, 1)]
    subject = Subject(Path("run"), keras.Sequential(), "segmentation", "image", CLASSES[:2])
    for settings in ({}, {"against": "ground"}):
        weights = resolve_targets(
            subject, configure({"run": "run", **settings}), two, [None, None]
        ).weights
        np.testing.assert_allclose(weights[..., 0], -weights[..., 1])
        assert weights[..., 1].sum() == pytest.approx(2)


def test_one_unit_weighs_the_first_class_negatively() -> None:
    assert asked(units=1, target="ground").weights[0].sum() == pytest.approx(-1)
    assert asked(units=1, target="square").weights[0].sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"region": "connected"}, "name a pixel"),
        ({"region": "boundary", "pixel": "1,1"}, "exclude each other"),
        ({"target": "all", "truth": "masks"}, "name that class with --target"),
        ({"pixel": "8,0"}, "8 rows and 8 columns"),
        ({"target": "round"}, "unknown class 'round'"),
        ({"step": 2}, "no effect on segmentation"),
    ],
)
def test_what_can_not_be_asked(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        asked(**settings)


def test_every_class_of_every_sample() -> None:
    one = Chosen(["a", "b"], [np.zeros(2), np.ones(2)], [0, 1]).of_every(("x", "y"))
    assert one.names == ["a (x)", "a (y)", "b (x)", "b (y)"]
    assert one.targets == ("x", "y", "x", "y") and one.truths == [0, 0, 1, 1]
    assert one.inputs[2] is one.inputs[3]
