from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.core import registry
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.layers.receptive_field import reach

layers = keras.layers


def network(*several: Any, dtype: str = "float32", sides: tuple = (None, None)) -> keras.Model:
    """Layers one after another on images of three channels."""
    start = x = keras.Input((*sides, 3), dtype=dtype)
    for layer in several:
        x = layer(x)
    return keras.Model(start, x)


@keras.saving.register_keras_serializable(package="tests")
class Shifted(layers.Layer):
    """A layer that nobody knows: 5 pixels to the right and 9 down."""

    def call(self, x: Any) -> Any:
        return keras.ops.roll(x, (9, 5), axis=(1, 2))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@pytest.mark.slow
@pytest.mark.parametrize(
    ("several", "expected"),
    [
        ([layers.Rescaling(1 / 255), layers.ReLU(), layers.Conv2D(2, 1)], 0),
        ([layers.Conv2D(2, 3, padding="same")], 1),
        ([layers.Conv2D(2, 7, padding="same"), layers.BatchNormalization()], 3),
        ([layers.Conv2D(2, (1, 9), padding="same")], 4),
        ([layers.Conv2D(2, (9, 1), padding="same")], 4),
        ([layers.SeparableConv2D(2, 3, padding="same", dilation_rate=5)], 5),
        ([layers.Conv2D(2, 3, padding="same", kernel_initializer="zeros")], 0),
        ([layers.MaxPooling2D(2), layers.UpSampling2D(2)], 0),
        ([layers.MaxPooling2D(2), layers.Conv2D(2, 3, padding="same"), layers.UpSampling2D(2)], 2),
        ([layers.Conv2D(2, 4, strides=4), layers.Conv2DTranspose(2, 8, 4, padding="same")], 2),
        ([layers.Conv2D(2, 3, padding="same", activation=a) for a in ("tanh", "softmax")], 2),
        ([Shifted()], 9),
        ([Shifted(), network(layers.Conv2D(2, 5, padding="same"))], 11),
        ([layers.GroupNormalization(1)], math.inf),
        ([layers.Conv2D(2, (1, 1101), padding="same")], math.inf),
    ],
)
def test_reach(several: list[Any], expected: float) -> None:
    assert reach(network(*several)) == expected


def test_a_mean_over_the_image_sees_all_of_it() -> None:
    start = keras.Input((None, None, 3))
    mean = layers.GlobalAveragePooling2D(keepdims=True)(start)
    assert reach(keras.Model(start, layers.Add()([start, mean]))) == math.inf


def test_a_layer_that_is_used_twice_counts_twice() -> None:
    twice = layers.Conv2D(3, 3, padding="same")
    assert reach(network(twice, twice, layers.Softmax())) == 2


def test_raw_bytes_and_other_kinds_of_models() -> None:
    conv = layers.Conv2D(2, 5, padding="same")
    assert reach(network(layers.Rescaling(1 / 255), conv, dtype="uint8")) == 2
    assert reach(keras.Sequential([keras.Input((None, None, 3)), conv])) == 2
    assert reach(network(conv, sides=(64, 64))) == math.inf


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expected"), [("unet", 46), ("unet_two_decoders", 46), ("unet_xception", 109)]
)
def test_reach_of_the_models(name: str, expected: int) -> None:
    """Of `unet`: 2 + 2 at 1, 2 and 4 pixels and 2 at 8, widened by what pooling takes together."""
    plugin = registry.load("model", name)
    kind = "fields" if name == "unet_two_decoders" else "segmentation"
    model = plugin.build(plugin.Config(), Inputs((None, None, 1), "image"), Outputs(kind, 2))
    before = [np.array(weight) for weight in model.get_weights()]
    assert reach(model) == expected
    for weight, same in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, same)
