"""A temperature is found on held-out predictions, and the saved model has it."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

import mlzoo
from mlzoo.core import files
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.samples import Data
from mlzoo.data.specs import Outputs
from mlzoo.layers.temperature import before_last_activation, with_temperature
from mlzoo.runs.config_loading import merge
from mlzoo.runs.models import outputs_of, read_model
from mlzoo.statistics.calibration.temperature import log_losses, temperature_of, tempered
from mlzoo.training.building import build_model
from mlzoo.training.calibration.temperature import calibrated
from mlzoo.training.members import combine
from mlzoo.training.reproducing import reproduce
from tests.training import made, masks, sequences
from tests.training.made import LEAN


def model_of(data: Data, weights: float = 1.0) -> keras.Model:
    """A linear model that knows how the data were made, its logits multiplied by a number."""
    model = build_model(made.config(set={}), data, 0)
    head = model.get_layer("head")
    kernel = np.array([[1.0], [-2.0], [0.5]]) * np.linspace(0, 1, data.outputs.units + 1)[1:]
    head.set_weights([weights * kernel, np.zeros(data.outputs.units)])
    return model


@pytest.mark.parametrize("factor", [0.2, 1.0, 4.0])
def test_the_factor_of_simulated_logits_is_recovered(factor: float) -> None:
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=(20_000, 4))
    y_true = (tempered(logits).cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1)
    found = temperature_of(factor * logits, y_true)
    assert found == pytest.approx(factor, rel=0.05)
    least = log_losses(factor * logits, y_true, found).mean()
    for other in (0.9, 1.1):
        assert log_losses(factor * logits, y_true, found * other).mean() > least


def test_predictions_that_are_all_right_are_not_made_certain() -> None:
    y_true = np.arange(80) % 4
    logits = np.eye(4)[y_true]
    sure = tempered(logits, temperature_of(logits, y_true)).max(axis=1)
    assert sure == pytest.approx(1 - 0.75 / 81, abs=1e-4)
    few = tempered(logits, temperature_of(logits, y_true, units=4)).max(axis=1)
    assert few == pytest.approx(1 - 0.75 / 5, abs=1e-4)


@pytest.mark.parametrize("task", ["two", "three", "ordered", "members"])
@pytest.mark.backends
def test_the_saved_model_divides_its_logits(task: str, tmp_path: Path) -> None:
    if task == "ordered":
        inputs = keras.Input((3,))
        model = keras.Model(inputs, Outputs("ordinal", 4).head(inputs))
        x = np.random.default_rng(0).normal(size=(9, 3)).astype("float32")
    else:
        data = made.data(classes=2 if task == "two" else 3)
        model = model_of(data)
        if task == "members":
            model = combine([build_model(made.config(), data, s) for s in (1, 2)], data.outputs)
        x = data.test.inputs()
    plain = outputs_of(model, x).astype("float64")
    changed = with_temperature(model, 2.5)
    changed.save(tmp_path / "model.keras")
    again = read_model(tmp_path / "model.keras")
    logits = np.log(plain) - (np.log1p(-plain) if plain.shape[1] == 1 else 0)
    if plain.shape[1] == 1:
        expected = 1 / (1 + np.exp(-logits / 2.5))
    else:
        expected = tempered(logits, 2.5)
    for each in (changed, again):
        np.testing.assert_allclose(outputs_of(each, x), expected, atol=1e-5)
    np.testing.assert_allclose(outputs_of(with_temperature(model, 1.0), x), plain, atol=1e-6)
    tensor, head = before_last_activation(again)
    assert head == ("sigmoid" if plain.shape[1] == 1 else "softmax")
    found = outputs_of(keras.Model(again.inputs, tensor), x)
    apart = found - logits / 2.5  # logits are known up to a constant
    np.testing.assert_allclose(apart - apart[:, :1], 0, atol=1e-4)


def noisy(n: int) -> Data:
    """Two classes, drawn with the probability that the logits of `model_of` stand for."""
    data = made.data(n=n)
    rng = np.random.default_rng(1)
    logits = data.samples.inputs @ [1.0, -2.0, 0.5]
    data.samples.targets[:] = rng.random(n) < 1 / (1 + np.exp(-logits))
    return data


def test_logits_too_large_by_a_factor_get_that_factor_more() -> None:
    data, told = noisy(400), Listener()
    config = made.config(calibrate="temperature")
    one, five = (calibrated(config, model_of(data, f), data, None, 0, told)[1] for f in (1, 5))
    assert five["temperature"] == pytest.approx(5 * one["temperature"], rel=1e-3)
    assert five["log_loss"]["after"] == pytest.approx(one["log_loss"]["after"], rel=1e-3)
    assert five["fitted_on"] == "valid" and five["units"] == 80 == five["predictions"]


def test_auto_keeps_what_helps_and_leaves_what_is_calibrated() -> None:
    data, config = noisy(1000), made.config(calibrate="auto")
    model, first = calibrated(config, model_of(data, 10), data, None, 0, Listener())
    assert first["kept"] and first["log_loss"]["after"] < first["log_loss"]["before"]
    assert first["calibration_error"]["after"] < first["calibration_error"]["before"]
    again, second = calibrated(config, model, data, None, 0, Listener())
    assert again is model and not second["kept"]
    assert second["temperature"] == pytest.approx(1, abs=1e-3)
    x, y_true = data.test.inputs(), data.test.targets
    losses = [
        keras.losses.BinaryCrossentropy()(y_true[:, None], outputs_of(each, x))
        for each in (model_of(data, 10), model)
    ]
    assert losses[1] < losses[0]


def test_nothing_is_fitted_without_classes_predictions_or_a_wish() -> None:
    told: list[str] = []
    listener = Listener()
    listener.note = told.append  # type: ignore[method-assign]
    for data, config in (
        (made.data(task="regression"), made.config()),
        (made.data(), made.config(calibrate="none")),
        (made.data(n=60, shares=(0.8, 0)), made.config()),
        (made.data(n=60), made.config()),
    ):
        model = build_model(config, data, 0)
        assert calibrated(config, model, data, None, 0, listener) == (model, None)
    assert told[-1].startswith("no temperature was fitted: 12 held-out samples, and 20 are needed")


def test_pixels_and_steps_that_do_not_count_are_left_out(tmp_path: Path) -> None:
    data = sequences.data(sequences.samples([9, 7, 8, 5, 6, 4, 5, 6, 7, 8], "labeling"))
    data.valid.samples.targets[int(data.valid.indices[0])][:3] = 255
    config = made.config(model="tcn", calibrate="temperature", set={"filters": 4})
    model = build_model(config, data, 0)
    _, record = calibrated(config, model, data, None, 0, Listener())
    lengths = sum(len(data.valid.image(i)) for i in range(len(data.valid)))
    known = sum(int((data.valid.target(i) != 255).sum()) for i in range(len(data.valid)))
    assert record["predictions"] == known <= lengths and record["unit"] == "sequences"


def test_masks_are_calibrated_by_image(tmp_path: Path) -> None:
    path = masks.folder(tmp_path / "data")
    run = mlzoo.train(
        "unet",
        str(path),
        preset="none",
        epochs=1,
        calibrate="temperature",
        set={"filters": 2, "depth": 1},
        out=str(tmp_path),
        **LEAN,
    )
    record = files.read_json(run.path / "calibration.json")["temperature"]
    assert record["unit"] == "images" and record["units"] == 3 and record["kept"]
    assert record["predictions"] == 3 * 48 * 48
    assert run.model.get_layer("temperature") is not None
    found = files.read_json(run.path / "metrics.json")["calibration"]
    assert found == record
    assert "temperature" in (run.path / "README.md").read_text()


def test_a_calibrated_run_is_reproduced(tmp_path: Path) -> None:
    run = mlzoo.train(
        "linear", "wine", preset="none", epochs=2, calibrate="temperature", out=str(tmp_path)
    )
    assert reproduce(run.path)["reproduced"]
    text = (run.path / "config.yaml").read_text()
    old = tmp_path / "old.yaml"
    old.write_text("".join(t for t in text.splitlines(True) if not t.startswith("calibrate")))
    assert merge({}, old).config.calibrate == "none"


def test_a_temperature_needs_held_out_predictions_and_classes(tmp_path: Path) -> None:
    asked = {"preset": "none", "epochs": 1, "calibrate": "temperature", "out": str(tmp_path)}
    with pytest.raises(UsageError, match="no validation split: give it a share with --fractions"):
        mlzoo.train("linear", "wine", fractions="80/0/20", **asked)
    with pytest.raises(UsageError, match="--calibrate temperature has no effect on regression"):
        mlzoo.train("linear", "stress-strain", **asked)
