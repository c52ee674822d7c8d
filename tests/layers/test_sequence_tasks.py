"""Scaling, losses and metrics of sequences: what pads them says and costs nothing."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.data.specs import IGNORED, Outputs
from mlzoo.layers.scaling import OneHotCodes, SequenceScaling
from mlzoo.losses._numbers import MaskedFields
from mlzoo.losses._pixels import PixelCrossentropy, as_pixels
from mlzoo.metrics._followed import as_metric, field_mae, mean_iou, pixel_accuracy
from mlzoo.training.optimizers import build_loss
from tests.training.made import config

NAN = np.nan


def numbers(tensor: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.backends
def test_channels_are_standardised_and_padding_is_masked() -> None:
    x = np.array([[[1.0, 10.0], [3.0, 30.0], [NAN, NAN]]], "float32")
    layer = SequenceScaling([1.0, 20.0], [2.0, 5.0])
    assert numbers(layer(x)).tolist() == [[[0.0, -2.0], [1.0, 2.0], [0.0, 0.0]]]
    assert numbers(layer.compute_mask(x)).tolist() == [[True, True, False]]
    half = x.copy()
    half[0, 1, 0] = NAN
    assert numbers(layer.compute_mask(half)).tolist() == [[True, True, False]]
    again = SequenceScaling.from_config(layer.get_config())
    np.testing.assert_array_equal(numbers(again(x)), numbers(layer(x)))
    with pytest.raises(ValueError, match="2 means but 1 standard deviations"):
        SequenceScaling([0.0, 0.0], [1.0])


def test_codes_get_places_of_their_own() -> None:
    x = np.array([[[2.0], [0.0], [NAN]]], "float32")
    layer = OneHotCodes(3)
    assert numbers(layer(x)).tolist() == [[[0, 0, 1], [1, 0, 0], [0, 0, 0]]]
    assert numbers(layer.compute_mask(x)).tolist() == [[True, True, False]]
    assert layer.compute_output_shape((None, None, 1)) == (None, None, 3)
    assert OneHotCodes.from_config(layer.get_config()).codes == 3


def labelled(lengths: list[int], steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Classes of steps, some of which don't count, and probabilities."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, (len(lengths), steps)).astype("uint8")
    truth[0, 1] = IGNORED
    truth[np.arange(steps) >= np.array(lengths)[:, None]] = IGNORED
    said = random.random((len(lengths), steps, 3)).astype("float32")
    return truth, said / said.sum(axis=-1, keepdims=True)


LENGTHS = [7, 4, 1]


def test_steps_are_pixels_of_one_column() -> None:
    truth, said = as_pixels(*labelled(LENGTHS, 7))
    assert truth.shape == (3, 7, 1) and said.shape == (3, 7, 1, 3)
    mask, map_ = np.zeros((2, 4, 5)), np.zeros((2, 4, 5, 3))
    same = as_pixels(mask, map_)
    assert same[0] is mask and same[1] is map_


@pytest.mark.parametrize(
    "losses",
    [
        *("crossentropy", "focal", "dice", "iou", "tversky", "lovasz", "topk"),
        "crossentropy+0.5*dice",
    ],
)
def test_padding_changes_no_loss(losses: str) -> None:
    truth, said = labelled(LENGTHS, 7)
    loss = build_loss(config(loss=losses, top_share=0.4), Outputs("labeling", 3))
    together = numbers(loss.call(truth, said))
    assert together.shape == (3,)
    for row, length in enumerate(LENGTHS):
        alone = numbers(loss.call(truth[row : row + 1, :length], said[row : row + 1, :length]))
        np.testing.assert_allclose(together[row], alone[0], rtol=1e-5)
    other = said.copy()
    other[1:, 5] = [0.9, 0.05, 0.05]
    np.testing.assert_allclose(numbers(loss.call(truth, other))[1:], together[1:], rtol=1e-6)


def test_crossentropy_is_the_mean_over_the_steps_with_a_class() -> None:
    truth, said = labelled(LENGTHS, 7)
    weights = np.array([1.0, 2.0, 4.0])
    for chosen, factor in ((None, np.ones(3)), (weights.tolist(), weights)):
        loss = PixelCrossentropy(weights=chosen)
        for found, own, p in zip(numbers(loss.call(truth, said)), truth, said, strict=True):
            there = own != IGNORED
            each = [-factor[c] * np.log(q[c]) for c, q in zip(own[there], p[there], strict=True)]
            assert found == pytest.approx(np.mean(each), rel=1e-5)


@pytest.mark.backends
def test_metrics_count_the_steps_with_a_class() -> None:
    truth, said = labelled(LENGTHS, 7)
    chosen = said.argmax(axis=-1)
    accuracy, iou = numbers(pixel_accuracy(truth, said)), numbers(mean_iou(truth, said))
    for row in range(3):
        there = truth[row] != IGNORED
        own, guess = truth[row][there], chosen[row][there]
        assert accuracy[row] == pytest.approx((own == guess).mean())
        present = sorted({*own.tolist(), *guess.tolist()})
        shares = [((own == c) & (guess == c)).sum() / ((own == c) | (guess == c)).sum()
                  for c in present]  # fmt: skip
        assert iou[row] == pytest.approx(np.mean(shares), rel=1e-5)
    metric = as_metric(pixel_accuracy, "accuracy")
    metric.update_state(truth, said)
    assert float(metric.result()) == pytest.approx(accuracy.mean())


@pytest.mark.backends
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mse", "mae", "huber"])
def test_forecasts_count_the_values_that_are_known(kind: str) -> None:
    random = np.random.default_rng(0)
    truth = random.normal(size=(2, 4, 2)).astype("float32")
    said = random.normal(size=(2, 4, 2)).astype("float32")
    truth[1, 2:] = NAN
    std = np.array([2.0, 0.5])
    found = numbers(MaskedFields(kind, (5.0, 6.0), std).call(truth, said))
    cost = {
        "mse": np.square,
        "mae": np.abs,
        "huber": lambda e: np.where(np.abs(e) <= 1, e**2 / 2, np.abs(e) - 0.5),
    }[kind]
    for row, steps in ((0, 4), (1, 2)):
        error = ((said - truth) / std)[row, :steps]
        assert found[row] == pytest.approx(cost(error).mean(), rel=1e-5)
    expected = [np.abs(said - truth)[row, :steps].mean() for row, steps in ((0, 4), (1, 2))]
    np.testing.assert_allclose(numbers(field_mae(truth, said)), expected, rtol=1e-5)
