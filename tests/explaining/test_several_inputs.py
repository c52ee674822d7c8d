"""A model of several inputs: one is explained, as if the others were part of the model."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest

from mlzoo.core import registry
from mlzoo.core.errors import DataError, UsageError
from mlzoo.explaining.several_inputs import as_one
from mlzoo.explaining.target_weights import of_classes
from mlzoo.introspection.probe import Probe

rng = np.random.default_rng(0)
IMAGES = rng.random((3, 16, 16, 1)).astype("float32")
ROWS = np.repeat(rng.random((1, 4)).astype("float32"), 3, axis=0)


@cache
def two_inputs() -> keras.Model:
    keras.utils.set_random_seed(0)
    rows, image = keras.Input((4,), name="rows"), keras.Input((16, 16, 1), name="image")
    x = keras.layers.Conv2D(6, 3, activation="relu", name="conv")(image)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    y = keras.layers.Dense(5, activation="tanh", name="dense")(rows)
    x = keras.layers.Concatenate(name="both")([x, y])
    return keras.Model(
        {"rows": rows, "image": image}, keras.layers.Dense(3, activation="softmax", name="head")(x)
    )


def explained(name: str, probe: Probe, x: np.ndarray) -> np.ndarray:
    plugin = registry.load("explainer", name)
    return plugin.explain(plugin.Config(), probe, x, of_classes(np.array([0, 1, 2]), 3))


def alone() -> keras.Model:
    """The same model with the row built in."""
    image = keras.Input((16, 16, 1))
    model = two_inputs()
    x = model.get_layer("pool")(model.get_layer("conv")(image))
    held = model.get_layer("dense")(ROWS[:1])
    x = keras.layers.Lambda(
        lambda x: keras.ops.concatenate([x, keras.ops.repeat(held, keras.ops.shape(x)[0], 0)], -1)
    )(x)
    return keras.Model(image, model.get_layer("head")(x))


@pytest.mark.parametrize("name", ["gradcam", "saliency", "scorecam"])
def test_an_image_beside_a_row_is_explained_as_with_the_row_built_in(name: str) -> None:
    several = as_one(two_inputs(), None)
    assert several.explained == "image"
    x = several.rows({"rows": ROWS, "image": IMAGES}, Path("x.npz"))
    probe = Probe(several.model, x)
    assert probe.layer.name == "conv" and probe.shape == (16, 16, 1)
    expected = explained(name, Probe(alone(), IMAGES), IMAGES)
    found = explained(name, probe, x)
    assert found.any()
    # The two graphs round differently, by up to 1.2e-5 of the maximum on some processors.
    np.testing.assert_allclose(found, expected, atol=5e-5 * np.abs(expected).max())
    np.testing.assert_array_equal(several.shown(x[1]), IMAGES[1])


def test_the_row_beside_an_image_is_explained_when_named() -> None:
    several = as_one(two_inputs(), "rows")
    x = several.rows({"rows": ROWS, "image": IMAGES}, Path("x.npz"))
    found = explained("integrated_gradients", Probe(several.model, x), x)
    assert found.shape == (3, 4) and found.any()


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(UsageError, match="did you mean 'image'"):
        as_one(two_inputs(), "images")
    several = as_one(two_inputs(), None)
    with pytest.raises(DataError, match="lacks rows"):
        several.rows({"image": IMAGES}, Path("x.npz"))
    with pytest.raises(DataError, match="image has shape"):
        several.rows({"image": IMAGES[:, :8], "rows": ROWS}, Path("x.npz"))
    with pytest.raises(DataError, match="different numbers"):
        several.rows({"image": IMAGES[:2], "rows": ROWS}, Path("x.npz"))
