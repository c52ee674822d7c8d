"""Networks of given weights: printed outputs, files with mistakes, and runs made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import mlzoo
from mlzoo.core.errors import UsageError
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.models import fixed
from mlzoo.runs.given_weights.file import read_weights
from tests.cli.shell import run_mlzoo

PRINTED = {
    "layers": [
        {"weights": [[1, 0], [-1, 0], [0, 0.5]], "biases": [0, 0, 1], "activation": "relu"},
        {"weights": [[1, 0, 0], [-1, -1, 0]], "biases": [1, -1], "activation": "relu"},
        {"weights": [[1, 1], [0, 0], [-1, -1]], "biases": [1, 0, 0], "activation": "softmax"},
    ]
}
GATES = {
    "or": ([2, 2], -1, [0.268941, 0.731059, 0.731059, 0.952574]),
    "nor": ([-2, -2], 1, [0.731059, 0.268941, 0.268941, 0.047426]),
    "and": ([2, 2], -3, [0.047426, 0.268941, 0.268941, 0.731059]),
    "nand": ([-2, -2], 3, [0.952574, 0.731059, 0.731059, 0.268941]),
}
XOR = {
    "layers": [
        {"weights": [[-2, -2], [2, 2]], "biases": [1.5, -3], "activation": "sigmoid"},
        {"weights": [[-2, -2]], "biases": [1.5], "activation": "sigmoid"},
    ],
    "classes": ["same", "different"],
    "columns": ["a", "b"],
}
CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")


def one_neuron(weights: list[float], bias: float) -> dict[str, Any]:
    return {"layers": [{"weights": [weights], "biases": [bias], "activation": "sigmoid"}]}


def outputs(content: dict[str, Any], x: np.ndarray, specification: Outputs) -> np.ndarray:
    settings = {name: content[name] for name in ("layers", "classes") if name in content}
    model = fixed.build(fixed.Config(**settings), Inputs((x.shape[1],), "table"), specification)
    return np.asarray(model(x))


def test_the_printed_network() -> None:
    x = np.array([[1, -1], [0, -1], [0, 1]], "float32")
    expected = [
        (0.94649912, 0.04712342, 0.00637746),
        (0.84379473, 0.1141952, 0.04201007),
        (0.84379473, 0.1141952, 0.04201007),
    ]
    found = outputs(PRINTED, x, Outputs("classification", 3))
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("gate", GATES)
def test_one_neuron_is_a_gate(gate: str) -> None:
    weights, bias, expected = GATES[gate]
    found = outputs(one_neuron(weights, bias), CORNERS, Outputs("classification", 1))
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-6)


def test_softmax_of_two_is_one_output() -> None:
    layer = {"weights": [[0.5, 0], [2.5, 2]], "biases": [1, 0], "activation": "softmax"}
    found = outputs({"layers": [layer]}, CORNERS, Outputs("classification", 1))
    np.testing.assert_allclose(found[:, 0], GATES["or"][2], atol=1e-6)


def test_numbers_are_the_last_layer_s_own() -> None:
    content = {"layers": [{"weights": [[1, 2]], "biases": [3]}]}
    found = outputs(content, CORNERS, Outputs("regression", 1, (100.0,), (7.0,)))
    np.testing.assert_allclose(found[:, 0], [3, 5, 4, 6], atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": []}, "has no layers; write as in layers:"),
        ({"layer": []}, "unknown name 'layer' .did you mean 'layers'"),
        (
            {"layers": [{"weights": [[1, 2], [1]], "biases": [0, 0]}]},
            "have 1 and 2 numbers",
        ),
        (
            {"layers": [{"weights": [[1, 2]], "biases": [0, 0]}]},
            "has 1 row of weights but 2",
        ),
        ({"layers": [{"weights": [[1, "a"]], "biases": [0]}]}, "must be a number"),
        ({"layers": [{"weights": [[1, float("nan")]], "biases": [0]}]}, "finite"),
        ({"layers": [*XOR["layers"], *PRINTED["layers"]]}, "layer 2 has 1 unit, but a row of"),
        (
            {"layers": [PRINTED["layers"][2], dict(XOR["layers"][1])]},
            "layer 1 has 3 units, but a row of weights of layer 2 has 2",
        ),
        ({"classes": ["one"]}, "the last layer gives 2 classes, but classes names 1"),
        ({"columns": ["a"]}, "columns must name the 2 inputs"),
    ],
)
def test_mistakes_in_a_file(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "weights.yaml"
    path.write_text(yaml.safe_dump({**XOR, **change}))
    with pytest.raises(UsageError, match=message):
        read_weights(path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("none.yaml", None, "there is no file"),
        ("weights.txt", "layers: []", "must end in .yaml or .json"),
        ("weights.json", "{", "is no YAML or JSON"),
        ("weights.yaml", "- 1", "holds no names and values"),
        ("weights.yaml", "layers: !!python/object:os.system []", "is no YAML or JSON"),
        ("weights.yaml", "a: &a [1]\nlayers: *a", "aliases are not read"),
    ],
)
def test_files_that_hold_no_weights(tmp_path: Path, name: str, text: str, message: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=message):
        read_weights(tmp_path / name)


def test_weights_must_fit_the_data() -> None:
    config = fixed.Config(layers=XOR["layers"])
    with pytest.raises(UsageError, match="2 weights a unit, but a sample has 4 numbers"):
        fixed.build(config, Inputs((4,), "table"), Outputs("classification", 1))
    with pytest.raises(UsageError, match="data have 3 classes, but the last layer gives 2 classes"):
        fixed.build(config, Inputs((2,), "table"), Outputs("classification", 3))
    with pytest.raises(UsageError, match="2 numbers to predict, but the last layer has 1 unit"):
        fixed.build(config, Inputs((2,), "table"), Outputs("regression", 2))


def test_a_run_without_data_predicts(tmp_path: Path) -> None:
    (tmp_path / "xor.json").write_text(json.dumps(XOR))
    run = mlzoo.from_weights(tmp_path / "xor.json", out=str(tmp_path))
    assert run.path.name == "fixed-xor"
    found = mlzoo.load(run.path).predict(CORNERS)
    expected = [0.442752, 0.551575, 0.551575, 0.471572]
    np.testing.assert_allclose(found.probabilities[:, 1], expected, atol=1e-6)
    assert found.labels == ["same", "different", "different", "same"]
    with pytest.raises(UsageError, match="epochs: has no effect without data"):
        mlzoo.from_weights(tmp_path / "xor.json", epochs=3)


def test_the_command_makes_a_run_without_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("xor.yaml").write_text(yaml.safe_dump(XOR))
    Path("new.csv").write_text("a,b,class\n0,0,same\n1,0,different\n1,1,different\n")
    made = run_mlzoo("train", "fixed", "--weights", "xor.yaml", "--name", "xor")
    assert made.code == 0, made.err
    assert made.out.strip() == "run folder: saved_models/xor"
    found = run_mlzoo("predict", "saved_models/xor", "new.csv")
    rows = [line.split(",") for line in found.out.splitlines()]
    assert rows[0] == ["name", "prediction", "p_same", "p_different"]
    assert [row[1] for row in rows[1:]] == ["same", "different", "same"]
    scored = run_mlzoo("evaluate", "saved_models/xor", "new.csv", "--json")
    assert scored.code == 0, scored.err
    assert json.loads(scored.out)["metrics"]["accuracy"] == pytest.approx(2 / 3)
    own = run_mlzoo("evaluate", "saved_models/xor")
    assert own.code == 2 and "was made of given weights without data; name data" in own.err
    report = run_mlzoo("report", "saved_models/xor")
    assert report.code == 2 and "no scores to report; score it with" in report.err
    wrong = run_mlzoo("train", "fixed", "--weights", "xor.yaml", "--epochs", 3)
    assert wrong.code == 2 and "--epochs: has no effect without data" in wrong.err
    idle = ("--print-config", "--dry-run", "--overwrite", "--snapshots")
    wrong = run_mlzoo("train", "fixed", "--weights", "xor.yaml", *idle)
    assert wrong.code == 2
    assert all(f"{flag}: has no effect without data" in wrong.err for flag in idle)
    assert [path.name for path in Path("saved_models").iterdir()] == ["xor"]


@pytest.mark.slow
def test_a_run_with_data_is_scored_untrained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "\n".join(f"{a},{b},{('same', 'different')[a != b]}" for a in (0, 1) for b in (0, 1))
    Path("xor.csv").write_text(f"a,b,kind\n{rows}\n" + f"{rows}\n" * 9)
    # Classes of a table come in alphabetical order, so the last layer's sign is turned.
    last = {"weights": [[2, 2]], "biases": [-1.5], "activation": "sigmoid"}
    content = {"layers": [XOR["layers"][0], last], "classes": ["different", "same"]}
    Path("xor.yaml").write_text(yaml.safe_dump(content))
    done = run_mlzoo(
        "train", "fixed", "xor.csv", "--target", "kind", "--weights", "xor.yaml", "--name", "made",
        "--split", "random", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    run = mlzoo.load("saved_models/made")
    assert run.metrics["stopped"] == "weights given, not trained"
    np.testing.assert_allclose(
        run.model(CORNERS)[:, 0], 1 - np.array([0.442752, 0.551575, 0.551575, 0.471572]), atol=1e-6
    )
    missing = run_mlzoo("train", "fixed", "xor.csv", "--target", "kind")
    assert missing.code == 2 and "name a file of layers with --weights" in missing.err
    wrong = run_mlzoo("train", "mlp", "xor.csv", "--weights", "xor.yaml")
    assert wrong.code == 2 and "--weights: is for fixed" in wrong.err
