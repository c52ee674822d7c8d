"""Several networks, each with an objective of its own, in the loop of all models."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import pytest

from mlzoo.core import registry
from mlzoo.core.errors import DivergedError, UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.samples import Data
from mlzoo.training import checkpoints
from mlzoo.training.building import build_model
from mlzoo.training.loop.early_stopping import Fitted
from mlzoo.training.loop.training import Training
from mlzoo.training.signals import Stop
from tests import plugins
from tests.training import made


class Cut(BaseException):
    """The process ends here."""


class CutAt(Listener):
    def __init__(self, step: int) -> None:
        self.left = step

    def step(self, epoch, step, logs) -> None:
        self.left -= 1
        if self.left == 0:
            raise Cut


@pytest.fixture
def plugin(tmp_path: Path) -> str:
    """The path of a model plug-in of two networks."""
    path = tmp_path / "pair.py"
    plugins.write_text(path, "model", plugins.NETWORKS)
    registry.trust(str(path))
    return str(path)


def fit(
    plugin: str, folder: Path, listener: Listener | None = None, data: Data | None = None, **more
) -> tuple[Fitted, dict[str, keras.Model]]:
    data = data or made.data()
    config = made.config(**{"model": plugin, "epochs": 3, "batch_size": 8, **more})
    model = build_model(config, data, 0)
    fitted = Training(model, data, config, folder, 0, listener or Listener(), Stop()).fit()
    return fitted, model.networks.networks


def digests(networks: dict[str, keras.Model]) -> dict[str, str]:
    return {name: checkpoints.weights_sha256(each) for name, each in networks.items()}


@pytest.mark.backends
def test_a_cut_in_an_epoch_changes_no_bit_of_any_network(plugin: str, tmp_path: Path) -> None:
    steps = -(-len(made.data().train) // 8)
    more = {"schedule": "plateau", "plateau_patience": 1, "learning_rate": 0.1}
    whole, networks = fit(plugin, tmp_path / "whole", **more)
    for name in ("loss", "critic_loss", "classifier_loss", "error", "val_error", "val_loss"):
        assert np.isfinite([row[name] for row in whole.history]).all(), name
    assert whole.history[-1]["error"] < whole.history[0]["error"]
    for name in ("cut", "later"):
        at = {"cut": steps + 2, "later": 3 * steps - 1}[name]
        with pytest.raises(Cut):
            fit(plugin, tmp_path / name, CutAt(at), checkpoint_every=0, **more)
        resumed, again = fit(plugin, tmp_path / name, **more)
        assert digests(again) == digests(networks)
        assert resumed.history == whole.history


def test_each_objective_changes_its_networks_alone(plugin: str, tmp_path: Path) -> None:
    text = Path(plugin).read_text()
    start, end = text.index('        Objective("critic"'), text.index('        Objective("class')
    alone = tmp_path / "alone.py"
    alone.write_text(text[:start] + text[end:])
    registry.trust(str(alone))
    before = digests(build_model(made.config(model=str(alone)), made.data(), 0).networks.networks)
    fitted, networks = fit(str(alone), tmp_path / "a", epochs=1)
    after = digests(networks)
    assert after["critic"] == before["critic"] and after["classifier"] != before["classifier"]
    assert "classifier_loss" not in fitted.history[0], "one loss needs no second column"


@pytest.mark.backends
def test_the_steps_are_those_of_gradient_descent(plugin: str, tmp_path: Path) -> None:
    """One step of SGD without noise, against gradients by central differences."""
    data = made.data()
    more = {"optimizer": "sgd", "learning_rate": 0.5, "epochs": 1, "batch_size": "full"}
    config = made.config(model=plugin, set={"noise": 0.0}, **more)
    networks = build_model(config, data, 0).networks
    x, y = data.train.inputs(), data.train.targets.astype("float64")[:, None]
    critic, classifier = networks.networks["critic"], networks.networks["classifier"]
    kernel = critic.trainable_variables[0]
    before = keras.ops.convert_to_numpy(kernel.value)
    p = keras.ops.convert_to_numpy(classifier(x)).astype("float64")

    def loss(value: np.ndarray) -> float:
        kernel.assign(value)
        estimate = keras.ops.convert_to_numpy(critic(x)).astype("float64")
        return float(np.mean(((y - p) ** 2 - estimate) ** 2))

    step = 1e-2
    gradient = np.zeros_like(before)
    for at in np.ndindex(before.shape):
        up, down = before.copy(), before.copy()
        up[at] += step
        down[at] -= step
        gradient[at] = (loss(up) - loss(down)) / (2 * step)
    _, trained = fit(plugin, tmp_path / "a", set={"noise": 0.0}, keep="last", **more)
    after = keras.ops.convert_to_numpy(trained["critic"].trainable_variables[0].value)
    np.testing.assert_allclose(after, before - 0.5 * gradient, atol=2e-4)


@pytest.mark.backends
def test_validation_draws_the_same_noise_each_time(plugin: str, tmp_path: Path) -> None:
    more = {"learning_rate": 1e-12, "set": {"noise": 2.0}, "optimizer": "sgd"}
    fitted, _ = fit(plugin, tmp_path / "a", **more)
    assert len({row["val_error"] for row in fitted.history}) == 1
    assert len({row["error"] for row in fitted.history}) == 3


@pytest.mark.backends
def test_a_nan_in_any_objective_stops(plugin: str, tmp_path: Path) -> None:
    data = made.data()
    data.samples.inputs[data.train.indices[3]] = np.nan
    with pytest.raises(DivergedError, match="the loss became nan in epoch 1"):
        fit(plugin, tmp_path / "a", data=data)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"loss": "mse"}, "does not go with --loss mse; leave it out"),
        ({"ensemble": 2, "class_weights": "auto"}, "--class-weights auto and --ensemble 2; leave"),
        ({"optimizer": "lbfgs"}, "--optimizer lbfgs"),
        ({"precision": "mixed_float16"}, "--precision mixed_float16"),
    ],
    ids=str,
)
def test_settings_that_do_not_fit_are_refused(plugin: str, more: dict, message: str) -> None:
    try:
        with pytest.raises(UsageError, match=message):
            build_model(made.config(model=plugin, **more), made.data(), 0)
    finally:
        keras.config.set_dtype_policy("float32")


def test_what_a_plugin_of_several_networks_exports(plugin: str, tmp_path: Path) -> None:
    module: ModuleType = registry.load("model", plugin)
    assert not hasattr(module, "build")
    Path(plugin).write_text(Path(plugin).read_text().replace("MAIN = ", "OTHER = "))
    with pytest.raises(UsageError, match="lacks 'MAIN'; a model exports Config, networks, MAIN"):
        registry.load("model", plugin)
