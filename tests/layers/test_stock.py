"""Models of mlzoo's layers, rewritten into Keras' own, load where mlzoo can't be imported."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.core import registry
from mlzoo.core.errors import MlzooError
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.layers.cumulative import CumulativeProbabilities
from mlzoo.layers.portable import foreign, in_stock_layers
from mlzoo.layers.predictive import LinearPosterior
from mlzoo.layers.scaling import BoxScaling, OneHotCodes, SequenceScaling, TableScaling
from mlzoo.layers.temperature import with_temperature
from mlzoo.runs import zoo
from mlzoo.runs.models import read_model
from mlzoo.training.members import combine
from tests import contracts

pytestmark = pytest.mark.slow
_TABLE = TableScaling([0.5, 0, 1], [0, 0, 1], [1, 1, 2], [None, [0, 2], None], name="scaling")
_RANKS = (((-1.0, 0.0, 2.0), (0.0, 0.4, 1.0)), ((0.0, 1.0), (0.0, 1.0)))
_ROWS = np.array([[0.3, 2, 5], [np.nan, 0, -7], [1.5, -1, 1], [-0.2, 1, np.nan]], "float32")
_BOX = np.array([[0.5, 0.2], [1.7, -0.9]], "float32")
_FORECAST = Outputs("forecasting", 1, (0.5,), (2.0,), horizon=3, channels=(1,))


def _table() -> Inputs:
    scaling = (keras.layers.serialize(_TABLE),)
    return Inputs((3,), "table", scaling=scaling, numbers=2, ranks=_RANKS)


def _series(masked: bool = True) -> Inputs:
    scaling = SequenceScaling([0.1, 1.0], [2.0, 1.0], masked=masked, name="scaling")
    shape = (7, 2)
    return Inputs(shape, "sequence", scaling=[keras.layers.serialize(scaling)], uneven=masked)


def _steps(missing: bool = True) -> np.ndarray:
    x = np.random.default_rng(0).uniform(0.5, 2, (4, 7, 2)).astype("float32")
    if missing:
        x[1, 4:] = np.nan
        x[2, 2:] = np.nan
        x[0, 3, 1] = np.nan  # one channel of a step
    return x


def _built(
    name: str, inputs: Inputs, outputs: Outputs, spread: float = 0.2, **settings: Any
) -> keras.Model:
    plugin = registry.load("model", name)
    keras.utils.set_random_seed(0)
    model = plugin.build(plugin.Config(**settings), inputs, outputs)
    noise = np.random.default_rng(1)
    model.set_weights([w + spread * noise.random(w.shape) for w in model.get_weights()])
    return model


def _ensemble() -> keras.Model:
    members = [_built("mlp", _table(), contracts.CLASSES, hidden=[4]) for _ in range(2)]
    return with_temperature(combine(members, contracts.CLASSES), 1.5)


def _ordered() -> keras.Model:
    scaling, x = _table().start()
    score = keras.layers.Dense(1, name="head")(x)
    return keras.Model(scaling, CumulativeProbabilities(4, name="output")(score))


def _posterior() -> keras.Model:
    tensor, x = _table().start()
    mean = keras.layers.Dense(2, name="head")(x)
    both = LinearPosterior(name="distribution")([x, mean])
    model = keras.Model(tensor, both)
    model.set_weights([0.5 + 0.1 * np.arange(w.size).reshape(w.shape) for w in model.get_weights()])
    return model


def _box() -> Inputs:
    scaling = BoxScaling([[0, 2], [-1, 1]], name="scaling")
    return Inputs((2,), "table", scaling=[keras.layers.serialize(scaling)])


_TABM = {"members": 3, "embedding": "periodic", "ranks": True, "clip": 3.0}
_WINDOWS = {
    "normalize_window": "standard",
    "transform": "log",
    "shortcut": "linear",
    "season": 5,
}
_SMALL = {"units": [4]}
_UNET = {"depth": 2, "filters": 4, "upsampling": "bilinear"}
_QUANTILES = replace(contracts.NUMBERS, distribution=True, quantiles=(0.5, 0.1, 0.9))
_CASES: dict[str, Any] = {
    "mlp of members": lambda: (
        _built("mlp", _table(), contracts.NUMBERS, hidden=[6, 6], activation="prelu", **_TABM),
        _ROWS,
    ),
    "mlp of waves": lambda: (
        _built("mlp", _table(), contracts.CLASSES, hidden=[6], fourier=5, fourier_scale=[0.5]),
        _ROWS,
    ),
    "mlp of trained activations": lambda: (
        _built(
            "mlp",
            _table(),
            contracts.PAIR,
            hidden=[6, 6],
            activation=["trainable_exponent", "trainable_slope"],
        ),
        _ROWS,
    ),
    "mlp of whitened numbers": lambda: (
        _built("mlp", _table(), contracts.CLASSES, hidden=[6], whiten=True),
        _ROWS,
    ),
    "polynomial": lambda: (_built("linear", _table(), contracts.CLASSES, degree=3), _ROWS),
    "ensemble": lambda: (_ensemble(), _ROWS),
    "quantiles": lambda: (_built("linear", _table(), _QUANTILES), _ROWS),
    "ordered classes": lambda: (_ordered(), _ROWS),
    "posterior": lambda: (_posterior(), _ROWS),
    "quantum": lambda: (_built("quantum", _box(), contracts.CLASSES), _BOX),
    "equations": lambda: (
        _built("pinn", _box(), contracts.SOLUTION, hidden=[5], adaptive=True),
        _BOX,
    ),
    "rnn with attention": lambda: (
        _built("rnn", _series(), contracts.CLASSES, pooling="attention", memory=3, **_SMALL),
        _steps(),
    ),
    "patchtst": lambda: (
        _built("patchtst", _series(False), _FORECAST, width=4, heads=2, layers=1),
        _steps(False),
    ),
    "rnn that decodes": lambda: (
        _built("rnn", _series(False), _FORECAST, head="decoder", cell="gru", **_SMALL),
        _steps(False),
    ),
    "rnn of windows": lambda: (
        _built("rnn", _series(False), _FORECAST, **_WINDOWS, **_SMALL),
        _steps(False),
    ),
    "tcn of steps": lambda: (
        _built("tcn", _series(), contracts.LABELS, filters=4, blocks=1),
        _steps(),
    ),
    "unet of any size": lambda: (
        _built("unet", Inputs((6, 10, 1)), contracts.MASKS, 0.01, **_UNET),
        np.random.default_rng(0).normal(size=(2, 7, 9, 1)).astype("float32"),
    ),
}
"""From a name to a model and raw inputs, a case of each layer that has a counterpart."""

# Elsewhere a case of each kind of layer; what is rewritten is of Keras alone.
if keras.backend.backend() != "tensorflow":
    few = ("mlp of members", "posterior", "rnn with attention", "unet of any size")
    _CASES = {name: _CASES[name] for name in few}
_ZOO = zoo.names()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models, inputs and outputs, of mlzoo's layers and of a process that can't import mlzoo."""
    folder = tmp_path_factory.mktemp("saved")
    for name, case in _CASES.items():
        contracts.save(*case(), folder / f"{name}.keras")
    for name in _ZOO:
        shipped = zoo.find(name) / "model.keras"
        model = read_model(shipped)
        path = Path(shutil.copy(shipped, folder / f"{name}.keras"))
        contracts.save_outcome(model, _raw(model), path)
    contracts.predict_saved(folder)
    return folder


def _raw(model: keras.Model) -> np.ndarray:
    """Noise of the form that a model takes, of 12 steps or pixels where it takes any number."""
    tensor = model.inputs[0]
    shape = (3, *(side or 12 for side in tensor.shape[1:]))
    x = np.random.default_rng(0).uniform(0, 255 if "int" in tensor.dtype else 1, shape)
    return x.astype(tensor.dtype)


@pytest.mark.backends
@pytest.mark.parametrize("name", [*_CASES, *_ZOO])
def test_loads_without_mlzoo(name: str, folder: Path) -> None:
    contracts.check_stock(folder / f"{name}.keras")


def test_a_layer_keeps_its_name_and_its_weights(folder: Path) -> None:
    stock = keras.models.load_model(folder / "mlp of members.keras")
    names = [layer.name for layer in stock.layers]
    assert {"scaling", "clip", "ranks", "members", "head", "output"} <= set(names)
    assert stock.get_layer("scaling").output.shape == (None, 4)
    with zipfile.ZipFile(folder / "mlp of members.keras") as archive:
        assert "mlzoo" not in archive.read("config.json").decode()
    assert len(stock.trainable_weights) > 10


def test_a_model_of_stock_layers_stays_as_it_is() -> None:
    model = _built("cnn", Inputs((16, 16, 1)), contracts.CLASSES)
    stock = in_stock_layers(model)
    assert json.loads(stock.to_json())["config"] == json.loads(model.to_json())["config"]


@keras.saving.register_keras_serializable(package="somebody")
class Doubled(keras.layers.Layer):
    """A layer of somebody else."""

    def call(self, x: Any) -> Any:
        return 2 * x


def test_layers_of_others_are_refused_by_name() -> None:
    x = keras.Input((3,))
    model = keras.Model(x, Doubled()(OneHotCodes(3)(x[:, None])))
    assert foreign(model) == ["Doubled", "OneHotCodes"]
    with pytest.raises(MlzooError, match="Doubled can't be expressed in layers of Keras"):
        in_stock_layers(model)
