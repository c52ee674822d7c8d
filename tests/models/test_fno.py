"""What is special to neural operators: one set of weights for fields of any resolution."""

from __future__ import annotations

import keras
import numpy as np

from mlzoo.core import registry
from mlzoo.data.specs import Inputs, Outputs
from tests.contracts import FIELDS, outcome

LINE = Inputs((1, 64, 1), "array")


def build(inputs: Inputs, outputs: Outputs = FIELDS, **settings: object) -> keras.Model:
    keras.utils.set_random_seed(0)
    plugin = registry.load("model", "fno")
    return plugin.build(plugin.Config(width=8, modes=6, **settings), inputs, outputs)


def band_limited(sides: tuple[int, ...]) -> np.ndarray:
    """The same sum of waves on a grid of any size."""
    y, x = (2 * np.pi * np.arange(side) / side for side in sides)
    field = np.sin(x)[None, :] + 0.5 * np.cos(3 * x + 1)[None, :] * np.cos(y)[:, None]
    return field[None, ..., None].astype("float32")


def test_twice_the_resolution_gives_the_same_fields() -> None:
    # A linear position jumps where it begins again, and such a jump is never band-limited.
    model = build(Inputs((32, 48, 1), "array"), coordinates="periodic", layers=2)
    coarse, fine = (outcome(model, band_limited((32 * n, 48 * n))) for n in (1, 2))
    assert coarse[..., 0].std() > 0.05
    np.testing.assert_allclose(fine[:, ::2, ::2], coarse, atol=1e-5)


def test_fields_of_one_dimension_have_frequencies_along_their_points_alone() -> None:
    model = build(LINE)
    assert model.input_shape == (None, 1, None, 1)
    assert model.get_layer("spectral1").real.shape == (1, 6, 8, 8)
    assert model.get_layer("coordinates").output.shape == (None, 1, None, 2)
    other = outcome(model, band_limited((1, 100)))
    assert other.shape == (1, 1, 100, 2)


def test_the_unet_convolves_and_halves_one_dimension_alone() -> None:
    plugin = registry.load("model", "unet")
    for upsampling in ("transposed", "bilinear", "nearest"):
        config = plugin.Config(depth=2, filters=2, upsampling=upsampling)
        model = plugin.build(config, LINE, FIELDS)
        assert outcome(model, band_limited((1, 37))).shape == (1, 1, 37, 2)
    assert model.get_layer("encoder1_conv1").kernel.shape == (1, 3, 1, 2)
    assert model.get_layer("bottleneck_conv1").output.shape == (None, 1, None, 8)
