"""PatchTST: patches, channels that do not see each other, and settings that do not fit."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.core.errors import UsageError
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.models import patchtst

WINDOW = Inputs((11, 2), "sequence")
FORECAST = Outputs("forecasting", 1, (0.0,), (1.0,), 3, (0,))


def built(inputs: Inputs = WINDOW, **settings: Any) -> keras.Model:
    small = {"width": 4, "heads": 2, "layers": 1, "patch": 4, "normalize_window": "none"}
    return patchtst.build(patchtst.Config(**{**small, **settings}), inputs, FORECAST)


def at(model: keras.Model, layer: str, x: np.ndarray) -> np.ndarray:
    part = keras.Model(model.input, model.get_layer(layer).output)
    return keras.ops.convert_to_numpy(part(x))


def test_patches_overlap_by_half_and_end_with_the_window() -> None:
    steps = np.arange(11.0)
    x = np.stack([steps, -steps], axis=-1)[None].astype("float32")
    patches = at(built(), "patches", x)
    assert patches.shape == (1, 4, 4, 2)
    expected = [[3, 4, 5, 6], [7, 8, 9, 10], [1, 2, 3, 4], [5, 6, 7, 8]]
    assert patches[0, :, :, 0].tolist() == expected
    assert (patches[0, :, :, 1] == -patches[0, :, :, 0]).all()


def test_a_channel_is_encoded_without_the_others() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 11, 2)).astype("float32")
    other = x.copy()
    other[..., 1] += 5
    model = built()
    first, changed = at(model, "norm", x), at(model, "norm", other)
    assert first.shape == (1, 2, 4, 4)
    assert np.array_equal(first[:, 0], changed[:, 0])
    assert np.abs(first[:, 1] - changed[:, 1]).max() > 1e-3
    assert np.abs(model(x) - model(other)).max() > 1e-4, "the head sees all channels"


def test_a_window_whose_level_and_spread_change_is_forecast_alike() -> None:
    # Far more spread than the least that a window is divided by.
    x = 100 * np.random.default_rng(0).normal(size=(1, 11, 2)).astype("float32")
    model = built(normalize_window="auto", dropout=0.0)
    plain = keras.ops.convert_to_numpy(model(x))
    moved = keras.ops.convert_to_numpy(model(3 * x + 1000))
    assert moved == pytest.approx(3 * plain + 1000, rel=1e-5, abs=0.01)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"patch": 3}, "patch=3: choose an even number up to the window's 11 steps"),
        ({"patch": 12}, "patch=12"),
        ({"width": 6, "heads": 4}, "width=6 is no multiple of heads=4"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        built(**settings)
