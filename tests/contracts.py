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

from mlzoo.core import fields, registry
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.layers.gradients import GradientRecorder
from mlzoo.layers.portable import save_model
from mlzoo.layers.scaling import OneHotCodes, SequenceScaling
from mlzoo.losses._numbers import MaskedFields

CLASSES = Outputs("classification", 3)
PAIR = Outputs("classification", 1)
NUMBERS = Outputs("regression", 2, mean=(10.0, -3.0), std=(2.0, 0.5))
MASKS = Outputs("segmentation", 3)
TWO_MASKS = Outputs("segmentation", 2)
FIELDS = Outputs("fields", 2, mean=(10.0, -3.0), std=(2.0, 0.5))
LABELS = Outputs("labeling", 3)
TWO_LABELS = Outputs("labeling", 2)
TEXT = Outputs("text", 5)
TRANSLATION = Outputs("translation", 5, shape=(4,))
SOLUTION = Outputs("equations", 2, (0.0, 0.0), (1.0, 1.0))
FORECAST = Outputs("forecasting", 2, (0.5, -0.5), (2.0, 1.5), horizon=3, channels=(1, 0))
ELSEWHERE = Outputs("forecasting", 2, (10.0, -3.0), (2.0, 0.5), horizon=4)
"""A forecast of what is no channel of the inputs."""
_MODELS: dict[tuple[str, str, int], keras.Model] = {}


HALVED = [keras.layers.serialize(keras.layers.Rescaling(0.5, name="scaling"))]


@dataclass(frozen=True)
class ModelCase:
    """A model plug-in with settings that keep it small, and two sample shapes that it takes.

    Sequences have different lengths, up to that of the shape, and end in NaN; texts have one
    channel, of codes. `tasks` are those that the settings are for, by default the model's;
    `label` tells cases of one model apart; `spread` is the standard deviation of the samples.
    A `deep` model, most of it Keras's own, is trained for one form of output alone; with
    `overfits` false none is, where another model has the same path to learn; in `steps` training
    steps a model overfits. Without `uneven` sequences have one length and forecasts are of their
    channels.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    shapes: tuple[tuple[int, ...], tuple[int, ...]] = ((16, 16, 1), (20, 12, 3))
    kind: str = "image"
    rate: float = 1e-3
    tasks: tuple[str, ...] = ()
    variant: str = ""
    spread: float = 1.0
    deep: bool = False
    overfits: bool = True
    steps: int = 40
    uneven: bool = True

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
            "labeling": (LABELS, TWO_LABELS),
            "forecasting": (FORECAST, ELSEWHERE),
            "text": (TEXT,),
            "translation": (TRANSLATION,),
            "reconstruction": (self.itself(0),),
            "equations": (SOLUTION,),
        }
        tasks = self.tasks or [n for n in kinds if registry.accepts(self.name, n)]
        found = tuple(kind for task in tasks for kind in kinds[task])
        return tuple(each for each in found if self.uneven or each != ELSEWHERE)

    def itself(self, shape: int) -> Outputs:
        """The specification of a model that is to give back its inputs."""
        own = self.shapes[shape]
        return Outputs("reconstruction", own[-1], scaling=HALVED, shape=own)

    @property
    def label(self) -> str:
        return f"{self.name}{self.variant}"

    def sides(self, outputs: Outputs, shape: int = 0) -> tuple[int, ...]:
        """What is predicted at: height and width, steps, or nothing where it is of the whole."""
        if outputs.target.stepwise:
            return self.shapes[shape][:1]
        if outputs.horizon:
            return (outputs.horizon,)
        if outputs.target.translated:
            return outputs.shape
        if outputs.target.is_input:
            return self.shapes[shape][:-1]
        return self.shapes[shape][:2] if outputs.target.dense else ()

    def open(self, outputs: Outputs) -> int:
        """How many sides of the input are of any size."""
        return int(self.uneven) if self.kind == "sequence" else 2 * outputs.target.dense

    def inputs(self, outputs: Outputs, shape: int = 0) -> Inputs:
        own = self.shapes[shape]
        scaling: keras.layers.Layer = keras.layers.Rescaling(0.5, name="scaling")
        if outputs.target.written and self.kind == "sequence":
            own, scaling = (own[0], 1), OneHotCodes(outputs.units, name="scaling")
        elif self.kind == "sequence":
            scaling = SequenceScaling([0.1] * own[-1], [2.0] * own[-1], name="scaling")
        uneven = self.kind == "sequence" and self.uneven
        return Inputs(own, self.kind, scaling=[keras.layers.serialize(scaling)], uneven=uneven)

    def build(
        self, outputs: Outputs | None = None, shape: int = 0, seed: int = 0, **settings: Any
    ) -> keras.Model:
        outputs = outputs or self.outputs[0]
        keras.utils.set_random_seed(seed)
        config = self.plugin.Config(**{**self.settings, **settings})
        return self.plugin.build(config, self.inputs(outputs, shape), outputs)

    def model(self, outputs: Outputs | None = None, shape: int = 0) -> keras.Model:
        """The same as `build`, made once; for checks that leave its weights alone."""
        outputs = outputs or self.outputs[0]
        key = self.label, str(outputs), shape
        if key not in _MODELS:
            _MODELS[key] = self.build(outputs, shape)
        return _MODELS[key]

    def samples(self, count: int, outputs: Outputs, shape: int = 0) -> np.ndarray:
        generator = np.random.default_rng(count)
        own = self.inputs(outputs, shape).shape
        x = generator.normal(0, self.spread, (count, *own)).astype("float32")
        if outputs.target.written and self.kind == "sequence":
            x = generator.integers(0, outputs.units, (count, *own)).astype("float32")
        if self.kind == "sequence" and self.uneven:
            for sample, row in enumerate(x):
                row[own[0] - sample % 4 * 2 :] = np.nan if sample % 4 else row[own[0] :]
        return x


def heads(outputs: Iterable[Outputs]) -> list[Outputs]:
    """The last of each form: of the whole, of pixels, of steps, of the steps that follow."""
    return list({(o.target.dense, o.target.stepwise, bool(o.horizon)): o for o in outputs}.values())


def trained_heads(case: ModelCase) -> list[Outputs]:
    """The forms of output that a case is trained for; tracing a deep network takes long.

    Heads are the same layers on each backend: one is trained elsewhere than on TensorFlow.
    """
    one = case.deep or keras.backend.backend() != "tensorflow"
    return heads(reversed(case.outputs))[: 1 if one else None]


def saved_heads(case: ModelCase) -> list[Outputs]:
    """The forms of output that a case is saved with; a deep one's file is all but its end alike."""
    return heads(reversed(case.outputs))[: 1 if case.deep else None]


def outcome(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """Predictions as an array; a plain call, since compiling `predict` takes longer."""
    return keras.ops.convert_to_numpy(model(x, training=False))


def check_shapes(case: ModelCase) -> None:
    """Finite predictions of the right shape at two sizes and for all kinds of output."""
    other = case.itself(1) if case.outputs[0].target.is_input else case.outputs[0]
    checked = [(other, 1), *((o, 0) for o in case.outputs)]
    if keras.backend.backend() != "tensorflow":
        checked = checked[:2]  # each operation is compiled for each shape; the others are alike
    for outputs, shape in checked:
        model = case.model(outputs, shape)
        sides, count = case.sides(outputs, shape), case.open(outputs)
        expected = (*(None,) * count, *case.inputs(outputs, shape).shape[count:])
        assert model.input_shape == (None, *expected)
        fixed = outputs.horizon or outputs.target.is_input or outputs.target.translated
        owed = sides if fixed else (None,) * len(sides)
        assert model.output_shape == (None, *owed, outputs.units)
        predicted = outcome(model, case.samples(5, outputs, shape))
        assert predicted.shape == (5, *sides, outputs.units)
        assert np.isfinite(predicted).all()


def check_probabilities(case: ModelCase) -> None:
    """Class probabilities are in [0, 1] and those of a sample, a pixel or a step sum to 1."""
    for outputs in case.outputs:
        if not outputs.target.is_class:
            continue
        said = outcome(case.model(outputs), case.samples(6, outputs))
        assert said.min() >= 0 and said.max() <= 1
        if outputs.units > 1:
            np.testing.assert_allclose(said.sum(axis=-1), 1, atol=1e-5)


def check_form(case: ModelCase) -> None:
    """Functional, uncompiled, named `input`, `head` and `output`; no name made up by Keras."""
    for outputs in heads(reversed(case.outputs)):
        model = case.model(outputs)
        assert isinstance(model, keras.src.models.functional.Functional)
        assert not model.compiled
        names = [layer.name for layer in model.layers]
        # Of some models the head gives all steps, or all pixels, and they are put into form.
        end = [name for name in names if name not in ("horizon", "reshape")][-2:]
        assert names[0] == "input" and end == ["head", "output"]
        kinds = [
            keras.src.utils.naming.to_snake_case(type(layer).__name__) for layer in model.layers
        ]
        made_up = [
            name
            for kind, name in zip(kinds, names, strict=True)
            if re.fullmatch(rf"{kind}_\d+", name)
        ]
        assert made_up == []


def check_gradients(case: ModelCase) -> None:
    """A finite gradient, not all zero, in every trainable weight."""
    for outputs in trained_heads(case):
        model = case.build(outputs)  # a step moves the means of batch normalisation
        recorder = GradientRecorder()
        # One step: on TensorFlow tracing it takes longer; elsewhere each operation is compiled.
        model.compile(recorder, "mse", run_eagerly=keras.backend.backend() == "tensorflow")
        truth = np.ones((8, *case.sides(outputs), outputs.units), "float32")
        model.train_on_batch(case.samples(8, outputs), truth)
        gradients = recorder.gradients()
        assert len(gradients) == len(model.trainable_variables) > 0
        for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
            assert gradient.shape == tuple(variable.shape)
            assert np.isfinite(gradient).all(), variable.path
            assert gradient.any(), f"no gradient reaches {variable.path}"


def check_overfits(case: ModelCase) -> None:
    """Eight samples with random classes (or numbers) are learned by heart, by one form of output.

    Gradients reach all weights of the other forms: `check_gradients`.
    """
    for outputs in trained_heads(case)[:1] if case.overfits else ():
        _overfit(case, outputs)


def _overfit(case: ModelCase, outputs: Outputs) -> None:
    settings = {name: 0.0 for name in case.plugin.Config.model_fields if "dropout" in name}
    model = case.build(outputs, **settings)
    x, y = case.samples(8, outputs), np.array([0, 1, 2, 0, 1, 2, 2, 0])
    sides, rate = case.sides(outputs), case.rate
    if outputs.target.is_input:
        truth = 0.5 * x
        std = truth.std()
        model.compile(keras.optimizers.Adam(rate), "mse")
    elif not outputs.target.is_class:
        std, mean = np.array(outputs.std), np.array(outputs.mean)
        truth = mean + std * np.stack([y - 1.0, 1.0 - y], axis=-1).reshape(
            8, *(1 for _ in sides), 2
        )
        truth = np.broadcast_to(truth, (8, *sides, 2)).astype("float32")
        model.compile(keras.optimizers.Adam(rate), MaskedFields("mse", mean, std))
    else:
        truth = np.broadcast_to(y.reshape(-1, *(1 for _ in sides)), (8, *sides))
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)  # or the step is traced twice
    many = [np.tile(array, (case.steps, *(1 for _ in array.shape[1:]))) for array in (x, truth)]
    model.fit(*many, batch_size=8, epochs=1, shuffle=False, verbose=0)
    said = outcome(model, x)
    if not outputs.target.is_class:
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
from functools import partial
from pathlib import Path

folder = Path(sys.argv[1])
sys.modules["mlzoo"] = None  # importing it fails

import keras
import numpy as np


def predict(reader, read):
    for path in sorted(folder.glob("*.keras")):
        x = np.load(path.with_suffix(".x.npy"))
        y = keras.ops.convert_to_numpy(read(path)(x, training=False))
        np.save(path.with_suffix(f".{reader}.npy"), y)


predict("keras", partial(keras.models.load_model, compile=False, safe_mode=True))
if sys.argv[2:]:
    del sys.modules["mlzoo"]
    from mlzoo.runs.models import read_model

    predict("mlzoo", read_model)
"""


def predict_in_new_process(folder: Path, cases: Iterable[ModelCase]) -> None:
    """Save each model as runs do, and load all in one new process, with and without mlzoo."""
    for case in cases:
        for outputs in saved_heads(case):
            model = case.model(outputs)
            # Away from the first values, which a wrong loader could make again.
            noise = np.random.default_rng(3)
            old = model.get_weights()
            model.set_weights([w + 0.02 * (noise.random(w.shape) - 0.5) for w in old])
            name = f"{case.label}-{outputs.task}"
            x = case.samples(4, outputs)
            if not np.ptp(outcome(model, x), axis=0).any():
                # Nothing of a deep backbone's inputs arrives before its norms know their spread.
                _measure_spread(model, x)
            save(model, x, folder / f"{name}.keras")
            model.set_weights(old)
    predict_saved(folder, "and with mlzoo")


def _measure_spread(model: keras.Model, x: np.ndarray) -> None:
    """Give each batch normalization the mean and variance of these samples."""
    norms = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    model(x, training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def save(model: keras.Model, x: np.ndarray, path: Path) -> None:
    """Save a model as runs do, inputs, and what the model itself predicts."""
    save_model(model, path)
    save_outcome(model, x, path)


def save_outcome(model: keras.Model, x: np.ndarray, path: Path) -> None:
    """Save inputs, and what the model predicts of them, beside its file."""
    np.save(path.with_suffix(".x.npy"), x)
    np.save(path.with_suffix(".old.npy"), outcome(model, x))


def predict_saved(folder: Path, *more: str) -> None:
    """Predict with a folder's models in a new process where mlzoo can't be imported.

    Args:
        folder: holds the files of `save`.
        *more: anything, where mlzoo is to predict with them too.
    """
    subprocess.run([sys.executable, "-c", _LOAD, str(folder), *more], check=True)


def check_stock(path: Path) -> None:
    """A model of `save` predicts the same without mlzoo."""
    old, new = (np.load(path.with_suffix(f".{kind}.npy")) for kind in ("old", "keras"))
    assert np.isfinite(old).all() and np.ptp(old, axis=0).max() > 0
    np.testing.assert_allclose(new, old, rtol=1e-6, atol=1e-6)


def check_saved(case: ModelCase, folder: Path) -> None:
    """What `predict_in_new_process` predicted before saving and after loading is the same."""
    for outputs in saved_heads(case):
        old = np.load(folder / f"{case.label}-{outputs.task}.old.npy")
        new = np.load(folder / f"{case.label}-{outputs.task}.mlzoo.npy")
        assert np.ptp(old, axis=0).max() > 0, "all predictions are equal: this would prove nothing"
        np.testing.assert_allclose(new, old, atol=1e-6)
