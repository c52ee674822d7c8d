from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.data import loading
from mlzoo.data.contracts import task
from mlzoo.data.images.images import LazyImages
from mlzoo.data.samples import Part, Samples
from mlzoo.data.specs import Inputs
from mlzoo.data.tables.reader import Column
from mlzoo.layers.input_scaling import empty_columns, input_spec, statistics
from mlzoo.layers.scaling import Standardise, TableScaling, Unstandardise
from mlzoo.runs import datasets
from tests.data.pictures import config, folder

COLUMNS = (Column("u"), Column("kind", ("a", "b", "c")), Column("v"), Column("flat"))


def table(rows: list[list[float]], **fields: Any) -> Samples:
    defaults: dict[str, Any] = {
        "inputs": np.array(rows, np.float32),
        "targets": np.zeros(len(rows), np.int32),
        "task": "classification",
        "kind": "table",
        "class_names": ("x", "y"),
        "columns": COLUMNS,
    }
    return Samples(**defaults | fields)


NAN = float("nan")
ROWS = [[1, 0, 10, 5], [3, 2, NAN, 5], [NAN, -1, 30, 5], [8, 0, 50, 5], [99, 1, -7, 9]]


def scaled(inputs: Inputs, rows: np.ndarray) -> np.ndarray:
    """What the layers of a specification make of raw rows."""
    start, end = inputs.start()
    return np.asarray(keras.Model(start, end)(rows))


def test_tables_are_filled_standardised_and_one_hot_from_the_training_part() -> None:
    samples = table(ROWS)
    inputs = input_spec(Part(samples, np.arange(4)))  # the last row is not trained on
    result = scaled(inputs, samples.inputs)
    assert result.shape == (5, 5)  # u, v, flat, then kind a and c; b does not occur in training
    u = np.array([1, 3, 3, 8])  # the missing value is the median of 1, 3, 8
    v = np.array([10, 30, 30, 50])
    assert result[:4, 0] == pytest.approx((u - u.mean()) / u.std(), abs=1e-6)
    assert result[:4, 1] == pytest.approx((v - v.mean()) / v.std(), abs=1e-6)
    assert result[:4, 2].tolist() == [0, 0, 0, 0]  # constant: its spread counts as 1
    assert result[4, 2] == 4
    assert result[:, 3:].tolist() == [[1, 0], [0, 1], [0, 0], [1, 0], [0, 0]]


def test_statistics_do_not_see_the_other_parts() -> None:
    data = datasets.load(config("wine"))
    perturbed = data.samples.inputs.copy()
    perturbed[data.valid.indices] += 1e3
    perturbed[data.test.indices] = np.nan
    other = replace(data.samples, inputs=perturbed)
    assert input_spec(Part(other, data.train.indices)) == data.inputs
    perturbed[data.train.indices[0]] += 1
    assert input_spec(Part(other, data.train.indices)) != data.inputs


def test_image_arrays_and_regression_do_not_see_the_other_parts_either() -> None:
    data = datasets.load(config("diabetes"))
    targets = data.samples.targets.copy()
    targets[data.test.indices] *= 100
    other = replace(data.samples, targets=targets)
    assert task(other.task).output_spec(Part(other, data.train.indices)) == data.outputs
    assert data.outputs.mean[0] == pytest.approx(data.train.targets.mean())
    assert data.outputs.std[0] == pytest.approx(data.train.targets.std(), rel=1e-5)


@pytest.mark.parametrize(("dtype", "maximum"), [("uint8", 255), ("uint16", 65535)])
def test_images_keep_their_type_and_are_scaled_to_one(dtype: str, maximum: int) -> None:
    images = np.array([0, maximum // 5, maximum], dtype).reshape(3, 1, 1, 1)
    samples = Samples(
        images,
        np.array([0, 1, 0], np.int32),
        "classification",
        "image",
        ("a", "b"),
        maximum=maximum,
    )
    inputs = input_spec(Part(samples, np.arange(3)))
    assert (inputs.dtype, inputs.shape, inputs.kind) == (dtype, (1, 1, 1), "image")
    assert scaled(inputs, images).ravel() == pytest.approx([0, 0.2, 1])


def test_digits_are_scaled_by_sixteen() -> None:
    data = datasets.load(config("digits"))
    assert data.inputs.dtype == "uint8"
    result = scaled(data.inputs, data.train.inputs(slice(0, 50)))
    assert result == pytest.approx(data.train.inputs(slice(0, 50)) / 16)


def test_arrays_are_standardised_along_the_last_axis_in_chunks() -> None:
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(10_000, 7, 3)) * [1, 20, 0] + [0, 1e4, 3]).astype(np.float32)
    part = Part(
        Samples(x, np.zeros(10_000, np.int32), "classification", "array"), np.arange(10_000)
    )
    mean, std = statistics(part)
    flat = x.reshape(-1, 3).astype(np.float64)
    assert mean == pytest.approx(flat.mean(axis=0), rel=1e-9)
    assert std[:2] == pytest.approx(flat.std(axis=0)[:2], rel=1e-9)
    assert std[2] == 1
    result = scaled(input_spec(part), x[:100])
    assert np.abs(result[..., :2]).max() < 6


def test_a_column_that_is_empty_in_training_is_not_read() -> None:
    rows = [[1, 0, NAN, 5], [2, 1, NAN, 6], [3, 0, NAN, 7], [4, 1, 9, 8]]
    part = Part(table(rows), np.arange(3))
    assert empty_columns(part) == ["v"]
    inputs = input_spec(part)
    found = scaled(inputs, np.array(rows, "float32"))
    others = scaled(
        input_spec(Part(table([[*r[:2], 1, r[3]] for r in rows]), np.arange(3))),
        np.array(rows, "float32"),
    )
    assert found.shape[1] == others.shape[1] - 1
    assert np.isfinite(found).all()


def test_lazy_images_are_not_read_to_scale_them(tmp_path: Any) -> None:
    samples = loading.read(config(folder(tmp_path, {"a": 4, "b": 4})))
    assert isinstance(samples.inputs, LazyImages)
    for file in tmp_path.rglob("*.png"):
        file.unlink()
    lazy = LazyImages(samples.inputs._files, samples.inputs._form)
    inputs = input_spec(Part(replace(samples, inputs=lazy), np.arange(8)))
    assert inputs.shape == (24, 32, 3)


LAYERS = [
    (Standardise([1.0, 2.0], [3.0, 4.0]), (2,)),
    (Unstandardise([1.0, 2.0], [3.0, 4.0]), (2,)),
    (TableScaling([1, 0, 3, 0], [1, 0, 2, 0], [2, 1, 3, 1], [None, [0, 2], None, []]), (4,)),
]


@pytest.mark.parametrize(("layer", "shape"), LAYERS)
def test_layers_are_plain_json_and_the_same_after_it(layer: Any, shape: tuple[int, ...]) -> None:
    config_ = json.loads(json.dumps(keras.layers.serialize(layer)))
    again = keras.layers.deserialize(config_)
    rows = np.random.default_rng(0).normal(size=(6, *shape)).astype(np.float32)
    assert np.array_equal(np.asarray(layer(rows)), np.asarray(again(rows)))
    assert again.compute_output_shape((None, *shape)) == (None, *layer(rows).shape[1:])
    assert config_["registered_name"].startswith("mlzoo>")


def test_unstandardise_undoes_standardise() -> None:
    rows = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32) * 1e3
    there = Standardise([10.0, 20.0], [3.0, 4.0])(rows)
    assert np.asarray(Unstandardise([10.0, 20.0], [3.0, 4.0])(there)) == pytest.approx(
        rows, rel=1e-5
    )


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_raw_inputs_beyond_float16_survive_mixed_precision(policy: str) -> None:
    samples = table([[70_000 + i, i % 3, 1e6 * i, 5] for i in range(10)])
    part = Part(samples, np.arange(10))
    plain = scaled(input_spec(part), samples.inputs)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        mixed = scaled(input_spec(part), samples.inputs)
        pixels = np.full((2, 1, 1, 1), 65_535, np.uint16)
        images = Samples(pixels, np.zeros(2), "classification", "image", maximum=65_535.0)
        ones = scaled(input_spec(Part(images, np.arange(2))), pixels)
    finally:
        keras.config.set_dtype_policy(before)
    assert mixed.dtype == np.float32
    assert np.array_equal(mixed, plain)
    assert ones.ravel().tolist() == [1, 1]


SAVED = """
import sys
import keras, numpy as np
import mlzoo.layers.scaling
path = sys.argv[1]
rows = np.array([[1, 0, np.nan, 5], [np.nan, 2, 4, 5], [3, -1, 7, 6]], np.float32)
if len(sys.argv) > 2:
    x = keras.Input((4,))
    scaling = mlzoo.layers.scaling.TableScaling(
        [1, 0, 3, 0], [1, 0, 2, 5], [2, 1, 3, 1], [None, [0, 2], None, None], name="scaling")
    keras.Model(x, scaling(x)).save(path)
else:
    print(np.asarray(keras.models.load_model(path)(rows)).tolist())
"""


@pytest.mark.slow
def test_a_saved_scaling_gives_the_same_on_tensorflow_and_jax(tmp_path: Any) -> None:
    path = str(tmp_path / "m.keras")

    def run(backend: str, *arguments: str) -> str:
        environment = {**os.environ, "KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": ""}
        command = [sys.executable, "-c", SAVED, path, *arguments]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        ).stdout

    run("tensorflow", "save")
    expected = [[0, 1 / 3, 0, 1, 0], [0, 2 / 3, 0, 0, 1], [1, 5 / 3, 1, 0, 0]]
    for backend in ("tensorflow", "jax"):
        found = np.array(json.loads(run(backend)))
        assert found == pytest.approx(np.array(expected), abs=1e-6), backend
