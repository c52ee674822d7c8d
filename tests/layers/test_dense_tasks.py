"""The loss of fields, and what is followed while masks and fields are trained."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mlzoo.data.specs import IGNORED
from mlzoo.layers.gradients import GradientRecorder
from mlzoo.losses._numbers import MaskedFields
from mlzoo.metrics._followed import as_metric, field_mae, mean_iou, pixel_accuracy

TRUTH = np.array([[[[1.0, 10.0], [np.nan, 20.0]]]], "float32")
SAID = np.array([[[[3.0, 10.0], [99.0, 28.0]]]], "float32")


def value(x) -> np.ndarray:
    return keras.ops.convert_to_numpy(x)


@pytest.mark.backends
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        # Errors in standard deviations: 2 / 1, 0 and 8 / 4; one of four values does not count.
        ("mse", (4 + 0 + 4) / 3),
        ("mae", (2 + 0 + 2) / 3),
        ("huber", (1.5 + 0 + 1.5) / 3),
    ],
)
def test_masked_errors_by_hand(kind: str, expected: float) -> None:
    loss = MaskedFields(kind, mean=(5.0, 7.0), std=(1.0, 4.0))
    np.testing.assert_allclose(value(loss.call(TRUTH, SAID)), [expected], rtol=1e-6)
    again = MaskedFields.from_config(loss.get_config())
    np.testing.assert_allclose(value(again.call(TRUTH, SAID)), [expected], rtol=1e-6)


@pytest.mark.backends
def test_what_does_not_count_has_no_gradient() -> None:
    model = keras.Sequential(
        [keras.Input((1, 2, 2)), keras.layers.EinsumDense("bhwc,hwc->bhwc", (1, 2, 2))]
    )
    recorder = GradientRecorder()
    model.compile(recorder, MaskedFields("mse", (0.0, 0.0), (1.0, 1.0)))
    model.train_on_batch(SAID, TRUTH)
    (gradient,) = recorder.gradients()
    assert np.isfinite(gradient).all()
    assert gradient[0, 1, 0] == 0 and gradient[0, 0, 0] != 0


def test_a_sample_without_values_costs_nothing() -> None:
    nothing = np.full((1, 2, 2, 1), np.nan, "float32")
    loss = MaskedFields("mse", (0.0,), (1.0,))
    assert value(loss.call(nothing, np.ones((1, 2, 2, 1), "float32"))).tolist() == [0]
    assert value(field_mae(nothing, np.ones((1, 2, 2, 1), "float32"))).tolist() == [0]


def test_field_error_in_the_fields_own_units() -> None:
    np.testing.assert_allclose(value(field_mae(TRUTH, SAID)), [10 / 3], rtol=1e-6)


@pytest.mark.backends
def test_metrics_of_masks_by_hand() -> None:
    truth = np.array([[[0, 0], [1, IGNORED]], [[1, 1], [1, 1]]], "uint8")
    chosen = np.array([[[0, 1], [1, 0]], [[1, 1], [1, 1]]])
    said = np.eye(3, dtype="float32")[chosen]
    np.testing.assert_allclose(value(pixel_accuracy(truth, said)), [2 / 3, 1])
    # First image: class 0 has 1 of 2, class 1 has 1 of 2; class 2 is nowhere. Second: all right.
    np.testing.assert_allclose(value(mean_iou(truth, said)), [0.5, 1])
    metric = as_metric(mean_iou, "iou")
    metric.update_state(truth, said)
    metric.update_state(truth[1:], said[1:])
    assert float(metric.result()) == pytest.approx((0.5 + 1 + 1) / 3)


def test_an_image_without_pixels_that_count_is_right() -> None:
    nothing = np.full((1, 2, 2), IGNORED, "uint8")
    said = np.full((1, 2, 2, 2), 0.5, "float32")
    assert value(mean_iou(nothing, said)).tolist() == [1]
