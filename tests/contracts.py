"""What every plug-in of a kind must satisfy; the tests run these over the registry."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from mlzoo import fields, registry
from mlzoo.layers.field_losses import MaskedFields
from mlzoo.layers.gradients import GradientRecorder
from mlzoo.specs import CLASS_TASKS, Inputs, Outputs

CLASSES = Outputs("classification", 3)
PAIR = Outputs("classification", 1)
NUMBERS = Outputs("regression", 2, mean=(10.0, -3.0), std=(2.0, 0.5))
MASKS = Outputs("segmentation", 3)
TWO_MASKS = Outputs("segmentation", 2)
FIELDS = Outputs("fields", 2, mean=(10.0, -3.0), std=(2.0, 0.5))
_MODELS: dict[tuple[str, Outputs, int], keras.Model] = {}


@dataclass(frozen=True)
class ModelCase:
    """A model plug-in with settings that keep it small, and two sample shapes that it takes."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    shapes: tuple[tuple[int, ...], tuple[int, ...]] = ((16, 16, 1), (20, 12, 3))

    @property
    def plugin(self) -> ModuleType:
        return registry.load("model", self.name)

    @property
    def outputs(self) -> tuple[Outputs, ...]:
        """What it can be asked for; the first are classes, where it has any, the last numbers."""
        kinds = {
            "classification": (CLASSES, PAIR),
            "regression": (NUMBERS,),
            "segmentation": (MASKS, TWO_MASKS),
            "fields": (FIELDS,),
        }
        return tuple(kind for task in registry.tasks(self.name) for kind in kinds[task])

    def sides(self, outputs: Outputs, shape: int = 0) -> tuple[int, ...]:
        """Height and width of what is predicted; nothing where that is not at every pixel."""
        return self.shapes[shape][:2] if outputs.dense else ()

    def build(
        self, outputs: Outputs | None = None, shape: int = 0, seed: int = 0, **settings: Any
    ) -> keras.Model:
        outputs = outputs or self.outputs[0]
        keras.utils.set_random_seed(seed)
        scaling = [keras.layers.serialize(keras.layers.Rescaling(0.5, name="scaling"))]
        inputs = Inputs(self.shapes[shape], "image", scaling=scaling)
        config = self.plugin.Config(**{**self.settings, **settings})
        return self.plugin.build(config, inputs, outputs)

    def model(self, outputs: Outputs | None = None, shape: int = 0) -> keras.Model:
        """The same as `build`, made once; for checks that leave its weights alone."""
        outputs = outputs or self.outputs[0]
        key = self.name, outputs, shape
        if key not in _MODELS:
            _MODELS[key] = self.build(outputs, shape)
        return _MODELS[key]

    def samples(self, count: int, shape: int = 0) -> np.ndarray:
        generator = np.random.default_rng(count)
        return generator.normal(size=(count, *self.shapes[shape])).astype("float32")


def outcome(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """Predictions as an array; a plain call, since compiling `predict` takes longer."""
    return keras.ops.convert_to_numpy(model(x, training=False))


def check_shapes(case: ModelCase) -> None:
    """Finite predictions of the right shape at two sizes and for all kinds of output."""
    for outputs, shape in [(case.outputs[0], 1), *((o, 0) for o in case.outputs)]:
        model = case.model(outputs, shape)
        open_sides = (None, None) if outputs.dense else None
        expected = (
            case.shapes[shape] if open_sides is None else (*open_sides, case.shapes[shape][2])
        )
        assert model.input_shape == (None, *expected)
        assert model.output_shape == (None, *(open_sides or ()), outputs.units)
        predicted = outcome(model, case.samples(5, shape))
        assert predicted.shape == (5, *case.sides(outputs, shape), outputs.units)
        assert np.isfinite(predicted).all()


def check_probabilities(case: ModelCase) -> None:
    """Class probabilities are in [0, 1] and those of a sample, or a pixel, sum to 1."""
    x = case.samples(6)
    for outputs in case.outputs:
        if outputs.task not in CLASS_TASKS:
            continue
        said = outcome(case.model(outputs), x)
        assert said.min() >= 0 and said.max() <= 1
        if outputs.units > 1:
            np.testing.assert_allclose(said.sum(axis=-1), 1, atol=1e-5)


def check_form(case: ModelCase) -> None:
    """Functional, uncompiled, named `input`, `head` and `output`; no name made up by Keras."""
    model = case.model()
    assert isinstance(model, keras.src.models.functional.Functional)
    assert not model.compiled
    names = [layer.name for layer in model.layers]
    assert names[0] == "input" and names[-2:] == ["head", "output"]
    made_up = [
        name
        for layer, name in zip(model.layers, names, strict=True)
        if re.fullmatch(rf"{keras.src.utils.naming.to_snake_case(type(layer).__name__)}_\d+", name)
    ]
    assert made_up == []


def check_gradients(case: ModelCase) -> None:
    """A finite gradient, not all zero, in every trainable weight."""
    outputs = case.outputs[-1]
    model = case.build(outputs)  # a step moves the means of batch normalisation
    recorder = GradientRecorder()
    model.compile(recorder, "mse")
    truth = np.ones((8, *case.sides(outputs), outputs.units), "float32")
    model.train_on_batch(case.samples(8), truth)
    gradients = recorder.gradients()
    assert len(gradients) == len(model.trainable_variables) > 0
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient.shape == tuple(variable.shape)
        assert np.isfinite(gradient).all(), variable.path
        assert gradient.any(), f"no gradient reaches {variable.path}"


def check_overfits(case: ModelCase, rate: float = 1e-3, steps: int = 80) -> None:
    """Eight samples with random classes (or fields) are learnt by heart."""
    settings = {name: 0.0 for name in case.plugin.Config.model_fields if "dropout" in name}
    outputs = case.outputs[0]
    model = case.build(outputs, **settings)
    x, y = case.samples(8), np.array([0, 1, 2, 0, 1, 2, 2, 0])
    sides = case.sides(outputs)
    if outputs.task not in CLASS_TASKS:
        std, mean = np.array(outputs.std), np.array(outputs.mean)
        truth = mean + std * np.stack([y - 1.0, 1.0 - y], axis=-1)[:, None, None]
        truth = np.broadcast_to(truth, (8, *sides, 2)).astype("float32")
        model.compile(keras.optimizers.Adam(rate), MaskedFields("mse", mean, std))
    else:
        truth = np.broadcast_to(y.reshape(-1, *(1 for _ in sides)), (8, *sides))
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    many = [np.tile(array, (steps, *(1 for _ in array.shape[1:]))) for array in (x, truth)]
    model.fit(*many, batch_size=8, epochs=1, shuffle=False, verbose=0)
    said = outcome(model, x)
    if outputs.task not in CLASS_TASKS:
        assert np.abs((said - truth) / std).mean() < 0.25
        return
    right = np.take_along_axis(said, truth[..., None], axis=-1)
    assert right.reshape(8, -1).mean(axis=1).min() > 0.8


def check_seed(case: ModelCase) -> None:
    """The same seed gives the same weights."""
    first, second = case.model().get_weights(), case.build().get_weights()
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def check_settings(case: ModelCase) -> None:
    """Unknown settings are refused, each has help, and all survive JSON and YAML."""
    config_class = case.plugin.Config
    with pytest.raises(ValidationError) as caught:
        config_class(no_such_setting=1)
    assert [error["type"] for error in caught.value.errors()] == ["extra_forbidden"]
    documented = fields.settings(Path(str(case.plugin.__file__)))
    assert [setting.name for setting in documented] == list(config_class.model_fields)
    assert [setting.name for setting in documented if len(setting.help) < 10] == []
    for config in (config_class(), config_class(**case.settings)):
        assert config_class.model_validate_json(config.model_dump_json()) == config
        text = yaml.safe_dump(config.model_dump(mode="json"))
        assert config_class(**yaml.safe_load(text)) == config
    first = next(iter(config_class.model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(config, first, None)


def check_summary(case: ModelCase) -> None:
    """The docstring's first line describes the model and cites its source further down."""
    assert 20 < len(registry.summary("model", case.name)) <= 99
    assert re.search(r"\(\d{4}\)|\d{4}\)", case.plugin.__doc__ or "")


_LOAD = """
import sys
from pathlib import Path

import keras
import numpy as np

import mlzoo.layers

for path in sorted(Path(sys.argv[1]).glob("*.keras")):
    x = np.load(path.with_suffix(".x.npy"))
    model = keras.models.load_model(path, safe_mode=True)
    np.save(path.with_suffix(".new.npy"), keras.ops.convert_to_numpy(model(x, training=False)))
"""


def predict_in_new_process(folder: Path, cases: Iterable[ModelCase]) -> None:
    """Save each model, load all in one new process, and keep both predictions in `folder`."""
    for case in cases:
        model = case.build()
        # Away from the first values, which a wrong loader could make again.
        noise = np.random.default_rng(3)
        model.set_weights([w + 0.05 * noise.random(w.shape) for w in model.get_weights()])
        model.save(folder / f"{case.name}.keras")
        x = case.samples(4)
        np.save(folder / f"{case.name}.x.npy", x)
        np.save(folder / f"{case.name}.old.npy", outcome(model, x))
    subprocess.run([sys.executable, "-c", _LOAD, str(folder)], check=True)


def check_saved(case: ModelCase, folder: Path) -> None:
    """What `predict_in_new_process` predicted before saving and after loading is the same."""
    old = np.load(folder / f"{case.name}.old.npy")
    new = np.load(folder / f"{case.name}.new.npy")
    assert np.ptp(old) > 0, "all predictions are equal, so this would prove nothing"
    np.testing.assert_allclose(new, old, atol=1e-6)
