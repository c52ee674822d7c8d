"""Random Fourier features against their formula, and the scale that validation chooses."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.core.configs import RunConfig
from mlzoo.data import contracts
from mlzoo.data.samples import Column, Data, Part, Samples
from mlzoo.layers.fourier import FourierFeatures
from mlzoo.layers.input_scaling import input_spec
from mlzoo.models import mlp
from mlzoo.training.building import build_model


def _data(kind: str = "table") -> Data:
    """Return 400 samples of cos(2 pi x) + 0.5 cos(24 pi x), x in [0, 1]."""
    x = np.random.default_rng(0).random((400, 1)).astype("float32")
    y = np.cos(2 * np.pi * x) + 0.5 * np.cos(24 * np.pi * x)
    columns = (Column("x"),) if kind == "table" else ()
    samples = Samples(x, y.astype("float32"), "regression", kind=kind, columns=columns)
    parts = [Part(samples, rows) for rows in np.split(np.arange(400), [240, 320])]
    outputs = contracts.task("regression").output_spec(parts[0])
    return Data(samples, *parts, input_spec(parts[0]), outputs, "made")


def _model(data: Data, seed: int = 0, **settings: Any) -> keras.Model:
    return build_model(RunConfig(model="mlp", data="made", set=settings), data, seed)


@pytest.mark.backends
def test_features_are_cosines_and_sines_of_the_numbers() -> None:
    keras.utils.set_random_seed(0)
    layer = FourierFeatures(2, 300, (0.1, 10.0))
    x = np.array([[0.5, -0.3, 1.0]], "float32")
    found = keras.ops.convert_to_numpy(layer(x))
    b = keras.ops.convert_to_numpy(layer.b)
    assert layer.trainable_weights == []
    assert b[:150].std() == pytest.approx(0.1, rel=0.15)
    assert b[150:].std() == pytest.approx(10, rel=0.15)
    angles = 2 * np.pi * b @ x[0, :2]
    np.testing.assert_allclose(found[0], [*np.cos(angles), *np.sin(angles), 1.0], atol=1e-4)
    assert layer.compute_output_shape((None, 3)) == (None, 601)
    copy = FourierFeatures.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()


def test_laplacian_frequencies_have_deviation_1_and_heavy_tails() -> None:
    keras.utils.set_random_seed(0)
    layer = FourierFeatures(1, 4000, (1.0,), "laplacian", trainable=True)
    layer.build((None, 1))
    b = keras.ops.convert_to_numpy(layer.b)
    assert len(layer.trainable_weights) == 1
    assert b.std() == pytest.approx(1, rel=0.1)
    assert np.mean((b / b.std()) ** 4) > 4  # 3 of a normal distribution, 6 of this one


@pytest.mark.parametrize("kind", ["table", "array"])
def test_auto_takes_frequencies_that_reach_those_of_the_function(kind: str) -> None:
    data = _data(kind)
    layer = _model(data, fourier=64).get_layer("fourier")
    # 12 periods a unit of x, which has a standard deviation of 0.29: 3.5 a scaled unit.
    assert 1 <= keras.ops.convert_to_numpy(layer.b).std() <= 8
    own = _model(data, fourier=64, fourier_scale="0.2,30").get_layer("fourier")
    b = np.abs(keras.ops.convert_to_numpy(own.b)[:, 0])
    assert b[:32].mean() < 1 < b[32:].mean()


@pytest.mark.backends
def test_the_scale_is_chosen_for_members_too() -> None:
    one, several = (
        keras.ops.convert_to_numpy(_model(_data(), fourier=64, members=m).get_layer("fourier").b)
        for m in (1, 2)
    )
    assert several.std() > 1.3  # It starts at 1.
    assert several.std() == pytest.approx(one.std(), rel=0.5)


def test_without_validation_the_scale_is_chosen_on_training_rows() -> None:
    data = _data()
    none = Part(data.samples, np.arange(0))
    alone = Data(data.samples, data.train, none, data.test, data.inputs, data.outputs, "made")
    layer = _model(alone, fourier=64).get_layer("fourier")
    assert 1 <= keras.ops.convert_to_numpy(layer.b).std() <= 8


@pytest.mark.slow
def test_a_network_learns_high_frequencies_only_with_fourier_features() -> None:
    data = _data()
    x, y = data.train.inputs(), data.train.targets
    error = {}
    for name, more in {"plain": {}, "fourier": {"fourier": 64}}.items():
        model = _model(data, hidden=[64, 64], activation="tanh", dropout=0, **more)
        model.compile(keras.optimizers.Adam(3e-3), "mse")
        model.fit(x, y, epochs=150, batch_size=48, verbose=0)
        y_pred = model.predict(data.test.inputs(), verbose=0)
        error[name] = float(np.sqrt(np.mean((y_pred - data.test.targets) ** 2)))
    assert error["plain"] > 0.25
    assert error["fourier"] < 0.03


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"fourier": 8, "embedding": "periodic"}, "fourier and embedding both"),
        ({"fourier_scale": 3.0}, "fourier_scale has no effect without fourier"),
        ({"fourier": 8, "fourier_scale": "0"}, "greater than 0"),
        ({"fourier": 8, "fourier_scale": ""}, "at least 1"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        mlp.Config(**settings)
