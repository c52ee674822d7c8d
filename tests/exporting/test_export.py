"""Every format gives the run's own outputs for raw inputs; what does not is not kept."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

import mlzoo
from mlzoo.api import Run
from mlzoo.core import registry
from mlzoo.core.errors import MlzooError, UsageError
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.exporting import scoring
from mlzoo.exporting.export import check, export
from mlzoo.formats._contract import SampleShape
from mlzoo.formats._graphs import frozen, in_float32
from mlzoo.layers.scaling import TableScaling
from mlzoo.runs import zoo
from tests.eager import eagerly
from tests.training.made import LEAN

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="graphs that are exported are TensorFlow's"
)
FORMATS = registry.names("format")


def lacking(name: str) -> str:
    """The first library of a format that is not installed."""
    needs = registry.load("format", name).NEEDS
    return next((package for module, package in needs if not importlib.util.find_spec(module)), "")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small calibrated network on a table with a number missing here and there, and a word."""
    root = tmp_path_factory.mktemp("export")
    rng = np.random.default_rng(0)
    lines = ["a,b,word,y"]
    for i in range(120):
        a, b = rng.normal(size=2).round(3)
        lines.append(f"{a},{b if i % 7 else ''},{'red blue green'.split()[i % 3]},{int(a > 0)}")
    (root / "table.csv").write_text("\n".join(lines) + "\n")
    with eagerly():
        trained = mlzoo.train(
            "mlp",
            str(root / "table.csv"),
            target="y",
            epochs=2,
            out=str(root),
            set={"hidden": [8]},
            calibrate="temperature",
            **LEAN,
        )
    assert trained.model.get_layer("temperature").scale != 1
    return trained


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_outputs_are_those_of_the_run(run: Run, name: str, tmp_path: Path) -> None:
    if package := lacking(name):
        pytest.skip(f"{package} is not installed (pip install 'mlzoo-keras[export]')")
    record = export(run, name, output=tmp_path / name)
    assert record["score"]["samples"] == 24 and record["score"]["largest"] < 1e-5
    assert record["score"]["agreement"] == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == [name]
    written = json.loads((tmp_path / name / "export.json").read_text())
    assert written["output"]["class_names"] == ["0", "1"]
    assert written["input"]["columns"][2]["categories"] == ["blue", "green", "red"]
    # What was written is loaded apart from what wrote it, and fed raw values.
    plugin = registry.load("format", name)
    predict = plugin.open_written(tmp_path / name / record["file"])
    rows = np.array([[0.5, np.nan, 2], [-1, 0.25, -1]], "float32")
    expected = keras.ops.convert_to_numpy(run.model(rows))
    np.testing.assert_allclose(predict(rows), expected, atol=1e-5)
    with pytest.raises(UsageError, match="exists already"):
        export(run, name, output=tmp_path / name)


@pytest.mark.slow
def test_an_onnx_file_says_what_it_is(run: Run, tmp_path: Path) -> None:
    if lacking("onnx"):
        pytest.skip(f"{lacking('onnx')} is not installed (pip install 'mlzoo-keras[export]')")
    import onnxruntime

    record = export(run, "onnx", output=tmp_path / "onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "onnx" / record["file"]))
    facts = session.get_modelmeta().custom_metadata_map
    assert facts["task"] == "classification" and json.loads(facts["classes"]) == ["0", "1"]
    columns = json.loads(facts["columns"])
    assert [column["name"] for column in columns] == ["a", "b", "word"]
    assert columns[2]["categories"] == ["blue", "green", "red"]
    model = (run.path / "model.keras").read_bytes()
    assert facts["digest"] == hashlib.sha256(model).hexdigest()
    temperature = 1 / run.model.get_layer("temperature").scale
    calibration = json.loads(facts["calibration"])
    assert calibration["kept"] and calibration["temperature"] == pytest.approx(temperature)


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A recurrent network that tells a class at every step."""
    out = str(tmp_path_factory.mktemp("steps"))
    settings = {"set": {"units": [4]}, "calibrate": "none", **LEAN}
    return mlzoo.train("rnn", "accelerometer", epochs=1, limit=30, out=out, **settings)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A recurrent network that writes."""
    root = tmp_path_factory.mktemp("text")
    (root / "words.txt").write_text("the quick brown fox jumps over it\n" * 30)
    settings = {"set": {"units": [4]}, "calibrate": "none", **LEAN}
    return mlzoo.train("rnn", str(root / "words.txt"), epochs=1, out=str(root), **settings)


@pytest.fixture(scope="module")
def transfer(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A head on a frozen backbone that is fed colour images."""
    root = tmp_path_factory.mktemp("transfer")
    x = np.random.default_rng(0).integers(0, 256, (30, 32, 32, 3), dtype=np.uint8)
    np.savez(root / "images.npz", x=x, y=np.arange(30) % 2)
    settings = {"backbone": "mobilenet", "alpha": 0.25, "weights": "none"}
    given = {"epochs": 1, "out": str(root), "set": settings, "calibrate": "none", **LEAN}
    with eagerly():
        return mlzoo.train("transfer", str(root / "images.npz"), **given)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("steps", "litert"),
        ("steps", "openvino"),
        ("text", "onnx"),
        ("text", "openvino"),
        ("transfer", "openvino"),
    ],
)
def test_families_whose_graphs_are_of_another_kind(
    request: pytest.FixtureRequest, family: str, name: str, tmp_path: Path
) -> None:
    if package := lacking(name):
        pytest.skip(f"{package} is not installed (pip install 'mlzoo-keras[export]')")
    run = request.getfixturevalue(family)
    record = export(run, name, output=tmp_path / name)
    assert record["score"]["largest"] < 1e-5 and record["score"]["agreement"] == 1
    assert record["score"]["samples"] == len(run.own_data().test)
    assert record["input"]["dtype"] == run.record["input_dtype"]


@pytest.mark.slow
def test_recurrent_layers_are_operations_of_openvino(tmp_path: Path) -> None:
    if package := lacking("openvino"):
        pytest.skip(f"{package} is not installed (pip install 'mlzoo-keras[export]')")
    record = export(mlzoo.load(zoo.find("rnn-mackey-glass")), "openvino", output=tmp_path / "out")
    assert record["score"]["largest"] < 1e-5 and record["score"]["samples"] == 171
    assert 'type="LSTMSequence"' in (tmp_path / "out" / "model.xml").read_text("utf-8")


def test_loops_over_masked_steps_are_read_by_openvino(tmp_path: Path) -> None:
    """Values that a loop hands on as they are were counted twice."""
    if package := lacking("openvino"):
        pytest.skip(f"{package} is not installed (pip install 'mlzoo-keras[export]')")
    keras.utils.set_random_seed(0)
    tensor = keras.Input((None, 3), name="input")
    both = keras.layers.Bidirectional(keras.layers.GRU(4, return_sequences=True))
    model = keras.Model(tensor, both(keras.layers.Masking(-1)(tensor)))
    plugin = registry.load("format", "openvino")
    path = plugin.write(plugin.Config(), model, tmp_path, SampleShape((7, 3)), [])
    x = np.random.default_rng(0).normal(size=(5, 7, 3)).astype("float32")
    x[1, 4:] = x[2, 1:] = -1
    np.testing.assert_allclose(plugin.open_written(path)(x), model(x), atol=1e-6)


def test_recurrent_steps_are_not_called_one_by_one(
    steps: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rides have hundreds of them, which take minutes so."""
    calls, call = [], keras.layers.LSTMCell.call

    def counted(self: keras.layers.LSTMCell, *args: object, **kwargs: object) -> object:
        calls.append(1)
        return call(self, *args, **kwargs)

    monkeypatch.setattr(keras.layers.LSTMCell, "call", counted)
    export(steps, "keras", output=tmp_path / "keras")
    assert 0 < len(calls) < steps.own_data().test.inputs([0]).shape[1] / 4


@pytest.mark.slow
def test_int8_is_smaller_and_says_how_many_classes_stay_the_same(tmp_path: Path) -> None:
    if package := lacking("litert"):
        pytest.skip(f"{package} is not installed (pip install 'mlzoo-keras[export]')")
    settings = {"set": {"filters": [16, 32]}, "calibrate": "none", **LEAN}
    run = mlzoo.train("cnn", "digits", epochs=1, out=str(tmp_path / "runs"), **settings)
    small = export(run, "litert", int8=True, output=tmp_path / "small")
    whole = export(run, "litert", output=tmp_path / "whole")
    assert small["int8"] and small["bytes"] < 0.6 * whole["bytes"]
    assert scoring.INT8_AGREEMENT <= small["score"]["agreement"] <= 1
    assert small["score"]["largest"] > 1e-4 > whole["score"]["largest"]


def test_int8_of_missing_values_is_refused(run: Run, tmp_path: Path) -> None:
    """They have no place among 256 whole numbers."""
    if package := lacking("litert"):
        pytest.skip(f"{package} is not installed (pip install 'mlzoo-keras[export]')")
    with pytest.raises(MlzooError, match="litert"):
        export(run, "litert", int8=True, output=tmp_path / "small")
    assert not list(tmp_path.iterdir())


def test_a_format_that_can_not_hold_a_model_leaves_nothing(
    steps: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    if package := lacking("openvino"):
        pytest.skip(f"{package} is not installed (pip install 'mlzoo-keras[export]')")

    def fails(*_: object) -> None:
        raise RuntimeError("OpConversionFailure")

    monkeypatch.setattr(registry.load("format", "openvino"), "write", fails)
    with pytest.raises(MlzooError, match=r"openvino can't hold this model \(rnn\).*--format onnx"):
        export(steps, "openvino")
    assert not (steps.path / "exports").exists()


def test_flags_are_checked_before_anything_is_loaded() -> None:
    with pytest.raises(UsageError, match="did you mean 'onnx'"):
        check("onxx")
    with pytest.raises(UsageError, match="--int8: has no effect on --format keras"):
        check("keras", int8=True)


def test_a_missing_library_is_named_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.load("format", "onnx"), "NEEDS", (("no_such_module", "soap"),))
    with pytest.raises(UsageError, match=r"needs soap: pip install 'mlzoo-keras\[export\]'"):
        check("onnx")


def normalised(std: float) -> keras.Model:
    keras.utils.set_random_seed(0)
    scaling = TableScaling([0.0], [0.0], [std], [None], name="scaling")
    inputs = Inputs((1,), "table", scaling=[keras.layers.serialize(scaling)])
    tensor, x = inputs.start()
    return keras.Model(tensor, Outputs("classification", 3).head(x))


def test_another_normaliser_is_found_out() -> None:
    x = np.linspace(-1, 1, 40, dtype="float32")[:, None]
    whole, other = ([np.asarray(normalised(std)(x))] for std in (1.0, 1.01))
    assert scoring.problem(scoring.compare("classification", whole, whole), False) == ""
    score = scoring.compare("classification", whole, other)
    assert "differ by up to" in scoring.problem(score, False)


def test_differences_of_numbers_are_in_their_spread() -> None:
    truth = np.array([[100.0], [300.0]])  # a spread of 100
    score = scoring.compare("regression", [truth], [truth + 2])
    assert score.largest == pytest.approx(0.02) and score.agreement is None
    with pytest.raises(MlzooError, match="no finite"):
        scoring.compare("regression", [truth], [truth * np.nan])
    with pytest.raises(MlzooError, match=r"shape \(2, 2\), the model's \(2, 1\)"):
        scoring.compare("regression", [truth], [np.zeros((2, 2))])


def test_mixed_precision_is_exported_in_float32() -> None:
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = normalised(1.0)
        hidden = keras.layers.Dense(4, name="hidden")(model.inputs[0])
        mixed = keras.Model(model.inputs, keras.layers.Dense(2)(hidden))
    finally:
        keras.config.set_dtype_policy(policy)
    exact = in_float32(mixed)
    assert {layer.compute_dtype for layer in exact.layers if layer.weights} == {"float32"}
    for one, other in zip(mixed.get_weights(), exact.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert in_float32(exact) is exact


def test_the_exact_gelu_of_a_plugin_is_written_as_onnx(tmp_path: Path) -> None:
    """TensorFlow computes it with Erfc, which ONNX lacks."""
    if package := lacking("onnx"):
        pytest.skip(f"{package} is not installed (pip install 'mlzoo-keras[export]')")
    tensor = keras.Input((3,), name="input")
    exact = keras.layers.Activation(lambda x: keras.activations.gelu(x, approximate=False))
    model = keras.Model(tensor, exact(tensor))
    plugin = registry.load("format", "onnx")
    path = plugin.write(plugin.Config(), model, tmp_path, SampleShape((3,)), [])
    x = np.linspace(-4, 4, 30, dtype="float32").reshape(10, 3)
    np.testing.assert_allclose(plugin.open_written(path)(x), model(x), atol=1e-6)


def convnext() -> keras.Model:
    from keras.src.applications.convnext import ConvNeXt

    sizes = {"depths": [1, 1, 0, 0], "projection_dims": [4, 8, 8, 8]}
    given = {"include_top": False, "weights": None, "pooling": "avg"}
    return ConvNeXt(**sizes, **given, input_shape=(32, 32, 3))


def vit() -> keras.Model:
    hub = pytest.importorskip("keras_hub", reason="keras_hub is not installed ([hub])")
    return hub.models.ViTBackbone((32, 32, 3), (16, 16), 1, 2, 8, 16)


@pytest.mark.slow
@pytest.mark.parametrize(("backbone", "resize"), [(convnext, True), (vit, False)])
def test_constants_within_backbones_are_no_inputs_of_onnx(
    backbone: Callable[[], keras.Model], resize: bool, tmp_path: Path
) -> None:
    if package := lacking("onnx"):
        pytest.skip(f"{package} is not installed (pip install 'mlzoo-keras[export]')")
    keras.utils.set_random_seed(0)
    tensor = keras.Input((32, 32, 3), name="input")
    features = keras.layers.Flatten()(backbone()(tensor))
    model = keras.Model(tensor, keras.layers.Dense(3, activation="softmax", name="head")(features))
    x = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3))
    x = x.astype("uint8" if resize else "float32")
    expected = np.asarray(model(x))
    assert np.ptp(expected, axis=0).max() > 1e-3, "images are told apart"
    plugin = registry.load("format", "onnx")
    config = plugin.Config(resize=resize)
    path = plugin.write(config, model, tmp_path, SampleShape((32, 32, 3)), [])
    np.testing.assert_allclose(plugin.open_written(path)(x), expected, atol=1e-5)
    np.testing.assert_array_equal(model(x), expected)


def test_layers_of_a_model_within_are_in_single_precision_too() -> None:
    half = keras.layers.Dense(3, dtype="mixed_bfloat16", name="half")
    start = keras.Input((2,))
    inner = keras.Model(start, half(start), name="inner")
    outer = keras.Input((2,))
    model = keras.Model(outer, inner(outer))
    exact = in_float32(model)
    assert exact is not model
    assert exact.get_layer("inner").get_layer("half").compute_dtype == "float32"
    np.testing.assert_array_equal(exact.get_weights()[0], model.get_weights()[0])


def test_a_frozen_graph_holds_its_weights() -> None:
    model = normalised(1.0)
    function = frozen(model, (None, 1))
    x = np.ones((3, 1), "float32")
    model.set_weights([w * 0 for w in model.get_weights()])
    (out,) = function(keras.ops.convert_to_tensor(x))
    assert np.ptp(out.numpy()) > 0.01


def test_openvino_reports_nothing_to_its_makers() -> None:
    if package := lacking("openvino"):
        pytest.skip(f"{package} is not installed")
    openvino = registry.load("format", "openvino")._openvino()
    from openvino.tools.ovc import telemetry_utils

    assert openvino.__version__
    assert telemetry_utils.tm.__name__.endswith("telemetry_stub")
