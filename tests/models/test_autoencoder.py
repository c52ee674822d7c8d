"""The autoencoder: its bottleneck, its mirrored decoder, and what its kinds do in training."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.decomposition import PCA

from mlzoo.core.errors import UsageError
from mlzoo.data.contracts import task
from mlzoo.data.samples import Data, Part, Samples, without_labels
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.layers import description
from mlzoo.layers.input_scaling import input_spec, scaled
from mlzoo.models import autoencoder
from mlzoo.runs import datasets
from mlzoo.training.building import build_model
from tests.training.made import as_table, config

SCALING = [keras.layers.serialize(keras.layers.Rescaling(0.5, name="scaling"))]


def built(shape: tuple[int, ...], **settings: Any) -> keras.Model:
    kind = "image" if len(shape) == 3 else "table"
    keras.utils.set_random_seed(0)
    outputs = Outputs("reconstruction", shape[-1], scaling=SCALING, shape=shape)
    return autoencoder.build(
        autoencoder.Config(**settings), Inputs(shape, kind, scaling=SCALING), outputs
    )


def widths(model: keras.Model, prefix: str) -> list[int]:
    return [each.output.shape[-1] for each in model.layers if each.name[:-1] == prefix]


def test_the_decoder_mirrors_the_encoder() -> None:
    model = built((12,), hidden=[9, 7, 5], code=3)
    assert widths(model, "encoder") == [9, 7, 5] and widths(model, "decoder") == [5, 7, 9]
    assert model.get_layer("code").output.shape == (None, 3)
    image = built((23, 18, 3), filters=[4, 6, 8], code=5)
    sizes = {each.name: each.output.shape[1:] for each in image.layers}
    assert [sizes[f"encoder{i}"] for i in (1, 2, 3)] == [(12, 9, 4), (6, 5, 6), (3, 3, 8)]
    assert [sizes[f"decoder{i}_activation"] for i in (1, 2, 3)] == [
        *((6, 5, 6), (12, 9, 4), (23, 18, 4))
    ]
    assert image.output_shape == (None, 23, 18, 3) and sizes["code"] == (5,)


def test_small_images_and_tables_are_flattened_unless_asked() -> None:
    assert "decoder1_crop" not in [each.name for each in built((8, 8, 1)).layers]
    kinds = {type(each).__name__ for each in built((8, 8, 1), network="convolutional").layers}
    assert "Conv2DTranspose" in kinds
    with pytest.raises(UsageError, match="network=convolutional needs images"):
        built((9,), network="convolutional")


@pytest.mark.parametrize("shape", [(10,), pytest.param((16, 16, 1), marks=pytest.mark.backends)])
def test_it_learns_what_lies_on_few_factors(shape: tuple[int, ...]) -> None:
    """Two factors make all values: with a code of two numbers most of the variance is restored."""
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(64, 2))
    if len(shape) == 1:
        x = np.tanh(factors @ rng.normal(size=(2, 10)))
    else:
        rows, columns = np.indices((16, 16)) / 16
        x = np.cos(3 * factors[:, 0, None, None] * rows) + factors[:, 1, None, None] * columns
        x = x[..., None]
    x = x.astype("float32")
    model = built(shape, code=2, hidden=[32], filters=[8, 12])
    model.compile(keras.optimizers.Adam(1e-2), "mse")
    many = np.tile(x, (30 if len(shape) == 1 else 20, *(1 for _ in shape)))
    model.fit(many, 0.5 * many, batch_size=16, epochs=1, shuffle=False, verbose=0)
    left = keras.ops.convert_to_numpy(model(x)) - 0.5 * x
    assert (left**2).mean() < 0.3 * (0.5 * x).var(axis=0).mean()


def test_noise_is_added_in_training_alone() -> None:
    model, x = built((6,), kind="denoising", noise=0.5), np.ones((4, 6), "float32")
    noise = model.get_layer("noise")
    assert noise.stddev == 0.5
    changed = keras.ops.convert_to_numpy(noise(x, training=True))
    assert np.abs(changed - x).max() > 0.1
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(noise(x, training=False)), x)


def test_a_sparse_code_is_not_negative_and_costs() -> None:
    model = built((6,), kind="sparse", sparsity=0.1, code=4)
    x = np.random.default_rng(0).normal(size=(5, 6)).astype("float32")
    code = keras.Model(model.input, model.get_layer("code").output)(x)
    assert float(keras.ops.min(code)) >= 0
    model(x)
    expected = 0.1 * float(keras.ops.sum(code)) / len(x)
    assert float(model.losses[0]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.backends
def test_changes_of_a_contractive_code_cost() -> None:
    model = built((6,), kind="contractive", contraction=0.5, code=3, shortcut="none", hidden=(7,))
    x = np.random.default_rng(0).normal(size=(200, 6)).astype("float32")
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    hidden = 0.5 * x @ weights["encoder1"][0] + weights["encoder1"][1]
    code = np.maximum(hidden, 0) @ weights["code"][0] + weights["code"][1]
    slopes = weights["encoder1"][0][None] * (hidden > 0)[:, None]
    jacobians = slopes @ weights["code"][0]
    expected = ((jacobians**2).sum(axis=1).mean(axis=0) / code.var(axis=0)).sum()
    penalties = []
    for _ in range(40):
        restored = model(x, training=True)
        penalties.append(float(keras.ops.convert_to_numpy(model.losses[0])))
    assert np.mean(penalties) == pytest.approx(0.5 * expected, rel=0.05), "Frobenius norm"
    np.testing.assert_allclose(restored, model(x), atol=1e-5)
    assert not model.losses, "nothing costs outside of training"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("noise", "denoising"), ("sparsity", "sparse"), ("contraction", "contractive")],
)
def test_settings_of_other_kinds_are_refused(name: str, kind: str) -> None:
    with pytest.raises(ValidationError, match=f"{name} has no effect without kind={kind}"):
        autoencoder.Config(**{name: 0.7})


def test_a_table_s_autoencoder_starts_as_its_principal_components() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(80, 3)) @ rng.normal(size=(3, 9)) + 0.1 * rng.normal(size=(80, 9))
    table = as_table(Samples(rows, np.zeros(80), "regression"), rows)
    table = without_labels(table, "reconstruction")
    parts = [Part(table, at) for at in np.split(np.arange(80), [50, 65])]
    outputs = task("reconstruction").output_spec(parts[0])
    data = Data(table, *parts, input_spec(parts[0]), outputs, "f")
    model = build_model(config(model="autoencoder", set={"code": 2}), data, 0)
    assert description.code_size(model) == 2
    truth = scaled(outputs.scaling, data.test.inputs())
    known = PCA(2).fit(scaled(outputs.scaling, data.train.inputs()))
    restored = keras.ops.convert_to_numpy(model(data.test.inputs()))
    expected = known.inverse_transform(known.transform(truth))
    np.testing.assert_allclose(restored, expected, atol=1e-4)
    names = {layer.name for layer in model.layers}
    assert {"linear_code", "hidden_code", "decoder2"} <= names
    plain = build_model(config(model="autoencoder", set={"shortcut": "none"}), data, 0)
    assert "linear_code" not in {layer.name for layer in plain.layers}


def test_a_linear_path_of_pixels_or_to_a_sparse_code_is_refused() -> None:
    with pytest.raises(ValidationError, match="shortcut=pca has no effect with kind=sparse"):
        autoencoder.Config(shortcut="pca", kind="sparse")
    with pytest.raises(UsageError, match="no effect on pixels"):
        built((20, 20, 1), shortcut="pca")


def test_small_data_get_more_epochs() -> None:
    data = datasets.load(config(model="autoencoder", data="iris"))
    recipe = autoencoder.recipe(data, config(model="autoencoder"))
    assert recipe.fields["epochs"] == 300 and recipe.fields["early_stopping"] == 90
    assert autoencoder.recipe(data, config(model="autoencoder", batch_size=1)).fields == {
        "epochs": 50,
        "schedule": "cosine",
        "early_stopping": 15,
    }
