"""`mlzoo tune --builder`: keras-tuner build functions that a user already has."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml

from mlzoo.core import registry
from tests import builders
from tests.cli.shell import Mlzoo, python

FOLDER = Path("saved_models/s")
DATA = ("d/ok.csv", "--target", "y", "--epochs", 2, "--name", "s")


@pytest.mark.slow
def test_a_build_function_is_searched_trained_and_repeated(mlzoo: Mlzoo) -> None:
    Path("net.py").write_text(builders.WHOLE)
    words = ("tune", "--builder", "net.py:build_model", *DATA, "--trials", 5, "--folds", 2)
    done = mlzoo(*words, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert [trial["state"] for trial in found["trials"]] == ["done"] * 5
    for trial in found["trials"]:
        values = trial["values"]
        assert ("units" in values) == (values["kind"] == "wide")
        assert ("rate" in values) == values["drop"]
        assert ("size_1" in values) == (values.get("layers", 0) >= 2)
    best = yaml.safe_load((FOLDER / "best.yaml").read_text())
    assert best["model"] == f"{Path('net.py').resolve()}:build_model"
    assert best["set"] == found["trials"][found["best"]]["values"]
    assert not {"optimizer", "loss", "learning_rate"} & set(best)
    assert f"next: mlzoo train --config {FOLDER / 'best.yaml'} --trust" in mlzoo(*words).err
    words_again = ("train", "--config", FOLDER / "best.yaml", "--name", "again")
    refused = mlzoo(*words_again)
    assert refused.code == 2 and "--trust" in refused.cause
    again = mlzoo(*words_again, "--trust")
    assert again.code == 0, again.err
    sums = [
        json.loads((folder / "metrics.json").read_text())["weights_sha256"]
        for folder in (FOLDER / "winner", Path("saved_models/again"))
    ]
    assert sums[0] == sums[1], "best.yaml turns into the winning model, bit for bit"
    history = list(csv.DictReader((FOLDER / "winner" / "history.csv").read_text().splitlines()))
    assert float(history[0]["learning_rate"]) == pytest.approx(best["set"]["learning_rate"])
    again = mlzoo("evaluate", FOLDER / "winner", "--trust", "--json")
    assert again.code == 0 and json.dumps(found["test"]["value"]) in again.out
    code = "import mlzoo_cli.main, sys; mlzoo_cli.main.run()"
    said = python("-c", code, "predict", FOLDER / "winner", "d/ok.csv", "--json")
    assert said.code == 0, "the folder needs nothing of the user's file"
    words = [str(word) for word in words]
    Path("net.py").write_text(builders.WHOLE.replace("42", "43"))
    changed = mlzoo(*words)
    assert changed.code == 2 and "the file of the model changed" in changed.cause


@pytest.mark.slow
@pytest.mark.parametrize("name", builders.WRONG)
def test_a_wrong_build_function_is_told_and_leaves_nothing(name: str, mlzoo: Mlzoo) -> None:
    text, told = builders.WRONG[name]
    Path("net.py").write_text(text)
    done = mlzoo("tune", "--builder", "net.py", *DATA)
    assert done.code == 2 and told in "\n".join(done.errors), done.err
    assert not Path("saved_models").exists() or not list(Path("saved_models").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--builder", "none.py:build_model"), "no file 'none.py'"),
        (("--builder", "net.py:build_modl"), "did you mean 'build_model'"),
        (("--builder", "net"), "write FILE.py:FUNCTION"),
        (("mlp", "--builder", "net.py"), "takes the place of MODEL; leave out mlp"),
        (("--builder", "net.py", "--optimizer", "sgd"), "net.py:build_model compiles the model"),
        (("--builder", "net.py", "--vary", "optimizer=adam,sgd"), "compiles the model itself"),
        (("--builder", "net.py", "--vary", "unit=4,8"), "did you mean 'units'"),
        (("--builder", "net.py", "--vary", "units=4..99"), "must be at most 16"),
        (("--builder", "net.py", "--set", "kind=tall"), "must be 'wide' or 'deep'"),
    ],
)
def test_a_wrong_word_beside_a_build_function_is_told(
    words: tuple[str, ...], told: str, mlzoo: Mlzoo
) -> None:
    Path("net.py").write_text(builders.WHOLE)
    done = mlzoo("tune", *words[:1] * (words[0] == "mlp"), *DATA, *words[words[0] == "mlp" :])
    assert done.code == 2 and told in "\n".join(done.errors), done.err


@pytest.mark.slow
def test_settings_replace_and_fix_what_is_searched(mlzoo: Mlzoo) -> None:
    Path("net.py").write_text(builders.WHOLE)
    words = ("tune", "net.py:build_model", *DATA, "--vary", "layers=1,2", "--set", "kind=deep")
    done = mlzoo(*words, "--strategy", "grid", "--json", "--no-final")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert [trial["values"] for trial in found["trials"]] == [{"layers": 1}, {"layers": 2}]
    shown = mlzoo("models", "show", "net.py:build_model")
    assert shown.code == 0 and "--set units=4" in shown.out


HEADS = {
    "logit": ("Dense(1)", "BinaryCrossentropy(from_logits=True)", 0.0),
    "two": ("Dense(2, 'softmax')", "SparseCategoricalCrossentropy()", None),
    "one_hot": ("Dense(2)", "CategoricalCrossentropy(from_logits=True)", None),
    "function": ("Dense(2, 'softmax')", "mine", None),
}
HEAD = """import keras


def mine(y_true, y_pred):
    return keras.ops.sum(keras.ops.square(y_true - y_pred), axis=-1)


def build_model(hp):
    inputs = keras.Input((4,))
    outputs = keras.layers.{head}(keras.layers.Dense(8, "tanh")(inputs))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.05), {loss})
    return model
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", HEADS)
def test_outputs_of_any_kind_end_as_probabilities(kind: str, mlzoo: Mlzoo) -> None:
    head, loss, _ = HEADS[kind]
    loss = loss if loss == "mine" else f"keras.losses.{loss}"
    Path("net.py").write_text(HEAD.format(head=head, loss=loss))
    done = mlzoo("train", "net.py:build_model", *DATA[:3], "--epochs", 15, "--name", "r", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["headline"]["value"] >= 0.9, "the class follows from the first number"
    model = keras.models.load_model("saved_models/r/model.keras", compile=False, safe_mode=True)
    said = model.predict(np.array([[9.0, 0, 0], [-9.0, 0, 0]]), verbose=0)
    assert said.shape == (2, 1) and said[0, 0] > 0.9 and 0 <= said[1, 0] < 0.1


@pytest.mark.slow
def test_numbers_are_predicted_in_their_own_units_and_images_scaled_once(mlzoo: Mlzoo) -> None:
    text = HEAD.format(head="Dense(1)", loss="'mae'").replace('"tanh"', '"relu"')
    Path("net.py").write_text(text)
    registry.trust("net.py:build_model")
    plugin = registry.load("model", "net.py:build_model")
    assert len(plugin.SPACE) == 0
    done = mlzoo("tune", "net.py:build_model", *DATA)
    assert done.code == 2 and "has no hyperparameter to search" in done.cause
    words = ("train", "net.py:build_model", "d/ok.csv", "--target", "a", "--task", "regression")
    text = text.replace("(4,)", "(3,)").replace("8,", "hp.Int('units', 8, 9),")
    Path("net.py").write_text(text.replace("(3,)", "(4,)"))
    done = mlzoo(*words, "--drop", "y", "--epochs", 2, "--name", "r")
    assert done.code == 2 and "build it for that shape" in done.cause
    Path("net.py").write_text(text)
    done = mlzoo(*words, "--drop", "y", "--epochs", 2, "--name", "r")
    assert done.code == 0, done.err
