"""Gradient checks: every model of the zoo passes, planted faults are found and named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.checking.gradients.checking import check, check_model
from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from tests.contracts import CLASSES, FORECAST
from tests.models.test_contracts import _case

FEW: dict[str, Any] = {"entries": 1, "steps": (1e-5, 1e-7)}
FEWER: dict[str, Any] = {"entries": 0, "steps": (1e-5, 1e-7), "whole_steps": (1e-6, 1e-8)}


@keras.saving.register_keras_serializable("tests")
class Bent(keras.layers.Layer):
    """tanh, whose gradient is off by a factor."""

    def __init__(self, factor: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        @keras.ops.custom_gradient
        def bent(x):
            y = keras.ops.tanh(x)

            def gradient(*args, upstream=None):
                above = args[0] if upstream is None else upstream
                return above * (1 - y * y) * self.factor

            return y, gradient

        return bent(x)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable("tests")
class Mixing(keras.layers.Layer):
    """Takes the mean of the batch away, in inference too."""

    def call(self, x):
        return x - keras.ops.mean(x, axis=0, keepdims=True)


@keras.saving.register_keras_serializable("tests")
class Blocked(keras.layers.Layer):
    """Lets no gradient through."""

    def call(self, x):
        return keras.ops.stop_gradient(x)


@keras.saving.register_keras_serializable("tests")
class Endless(keras.layers.Layer):
    """Divides by zero."""

    def call(self, x):
        return x / keras.ops.zeros_like(x[:, :1])


def model(layer: keras.layers.Layer) -> keras.Model:
    keras.utils.set_random_seed(0)
    start = keras.Input((5,))
    middle = layer(keras.layers.Dense(4, name="first")(start))
    return keras.Model(start, keras.layers.Dense(2, name="last")(middle))


def samples(shape=(5,), count: int = 4) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, *shape)).astype("float32")


def test_a_right_custom_gradient_passes() -> None:
    found = check(model(Bent(name="bent")), samples(), "right")
    assert found.passed and found.failures == [] and found.warnings == []
    layers = [(row.layer, row.parameter) for row in found.compared]
    assert layers[:6] == [
        ("first", "kernel"), ("first", "bias"), ("bent", "input"),
        ("last", "input"), ("last", "kernel"), ("last", "bias"),
    ]  # fmt: skip
    assert all(min(row.relative.values()) < 1e-7 for row in found.compared)
    assert found.compared[1].size == 4 and found.compared[1].compared == 5


@pytest.mark.parametrize("factor", [0.5, 1.01, -1.0])
def test_a_wrong_one_is_found_and_its_layer_named(factor) -> None:
    found = check(model(Bent(factor, name="bent")), samples(), "wrong", **FEW)
    assert not found.passed
    assert [line for line in found.failures if line.startswith("layer 'bent': wrong gradient")]
    assert not [line for line in found.failures if "'first'" in line or "'last'" in line]
    bent = next(row for row in found.compared if row.layer == "bent")
    assert bent.worst == pytest.approx(abs(factor - 1) / max(1, abs(factor)), rel=0.3)


def test_the_model_is_left_as_it_was() -> None:
    own = model(keras.layers.Dropout(0.5))
    before = [np.array(w) for w in own.get_weights()]
    found = check(own, samples(), "dropout", fresh=True, **FEW)
    assert found.passed and found.consistency["training"] > 0
    assert found.consistency["random"] == ["dropout"] or found.consistency["random"]
    for old, new in zip(before, own.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert own.layers[1].compute_dtype == "float32" and keras.config.floatx() == "float32"
    assert keras.config.dtype_policy().name == "float32"


def test_other_faults_are_named() -> None:
    mixed = check(model(Mixing(name="mixing")), samples(), "mixed", **FEW)
    assert "depends on the batch" in " ".join(mixed.failures)
    blocked = check(model(Blocked(name="blocked")), samples(), "blocked", **FEW)
    assert any("layer 'blocked': wrong gradient" in line for line in blocked.failures)
    assert any("kernel: no gradient reaches it" in line for line in blocked.failures)
    endless = check(model(Endless(name="endless")), samples(), "endless", **FEW)
    assert "layer 'endless': outputs are NaN or infinite" in endless.failures


def test_dead_units_are_told() -> None:
    relu = keras.layers.Dense(6, activation="relu", name="hidden")
    own = model(relu)
    relu.bias.assign([-100.0] * 6)
    found = check(own, samples(), "dead", **FEW)
    assert any("'hidden': 100% of its units" in line for line in found.warnings)
    assert any("no gradient reaches it" in line for line in found.failures)


@pytest.mark.parametrize(("initializer", "saturated"), [("standard_normal", True), ("auto", False)])
def test_fifty_layers_of_tanh(initializer, saturated) -> None:
    settings = {
        "hidden": [50] * 50, "activation": ["tanh"], "dropout": [0.0], "initializer": initializer,
    }  # fmt: skip
    plugin = registry.load("model", "mlp")
    keras.utils.set_random_seed(0)
    from mlzoo.checking.gradients import health
    from mlzoo.checking.gradients.precise import calls
    from mlzoo.data.specs import Inputs

    own = plugin.build(plugin.Config(**settings), Inputs((50,)), CLASSES)
    outputs, found = calls(own, keras.ops.convert_to_tensor(samples((50,), 60)), False)
    rows = [row for row in health.activations(found) if row["saturated"] is not None]
    assert len(rows) == 50 and keras.ops.shape(outputs) == (60, 3)
    assert (rows[-1]["saturated"] > 0.5) is saturated
    spread = [row["std"] for row in rows]
    # Saturated outputs are -1 or 1; Glorot's keep their spread within an order of magnitude.
    assert (spread[-1] > 0.8) if saturated else (0.1 < spread[-1] / spread[0] < 1)


# Every kind of layer once: a check compares each layer's gradients, however many there are alike.
_HEAD = {"backbone": "mobilenet", "alpha": 0.25, "weights": "none", "train": "head"}
_SMALL: dict[str, dict[str, Any]] = {
    "patchtst": {"width": 4, "heads": 2, "layers": 1},
    "resnet": {"variant": "tiny"},
    "tcn": {"filters": 4, "blocks": 2},
    "transfer": _HEAD,  # the backbone is Keras's own
    "unet": {"depth": 1, "filters": 4},
    "unet_pretrained": {**_HEAD, "filters": 2},
    "unet_two_decoders": {"depth": 1, "filters": 4, "convolutions": 1},
    "unet_xception": {"entry": 4, "down": [4], "up": [4, 4]},
}

# Cells are the same at each step, and each step of these is unrolled.
_SHORT = dict.fromkeys(("rnn", "seq2seq"), ((5, 2), (4, 3)))


@pytest.mark.slow
@pytest.mark.parametrize("name", registry.defining("model", "build"))
def test_every_model_of_the_zoo_passes(name) -> None:
    case = _case(name)
    settings = {**case.settings, **_SMALL.get(name, {})}
    case = replace(case, settings=settings, shapes=_SHORT.get(name, case.shapes))
    if name in ("transfer", "unet_pretrained"):
        case = replace(case, settings=_SMALL[name])
    if not case.outputs:  # Its weights are stored features.
        with pytest.raises(UsageError, match="no gradients to check"):
            check_model(name)
        return
    outputs = FORECAST if FORECAST in case.outputs else case.outputs[-1]
    own = case.build(outputs)
    found = check(own, case.samples(2, outputs), name, fresh=True, **FEWER)
    assert found.failures == []
    checked = {row.layer for row in found.compared}
    trained = {v.path.split("/")[0] for v in own.trainable_variables}
    assert len(checked - {"whole model"}) >= len(trained)


@pytest.mark.slow
def test_a_model_is_checked_by_name() -> None:
    found = check_model("linear", (6,), {"degree": 2}, samples=3)
    assert found.passed and found.subject == "linear"
    assert check_model("rnn", settings={"units": [4]}, samples=2).passed
