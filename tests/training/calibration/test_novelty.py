"""A run keeps features of its training samples, and marks new samples unlike them."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest

import mlzoo
from mlzoo.core.errors import DataError
from mlzoo.layers.features import feature_tensors
from mlzoo.runs.opened import OpenedRun, open_run
from mlzoo.runs.predicting import novelty
from tests.cli.shell import run_mlzoo

ROWS = "a,b,color\n0.1,-0.2,red\n0.3,99,blue\n0.1,-99,red\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> OpenedRun:
    folder = tmp_path_factory.mktemp("novelty")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 2)).round(4)
    colors = rng.choice(["red", "blue"], 1000)
    rows = [f"{a},{b},{c},{a - b}" for (a, b), c in zip(x, colors, strict=True)]
    (folder / "table.csv").write_text("\n".join(["a,b,color,y", *rows]) + "\n")
    return mlzoo.train(
        "linear",
        str(folder / "table.csv"),
        target="y",
        conformal=0.5,
        baselines="none",
        pictures="none",
        out=str(folder),
        name="run",
    )


def made(n: int, shift: float) -> np.ndarray:
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.normal(size=(n, 2)) + shift, rng.integers(0, 2, (n, 1))], axis=1)
    return x.astype("float32")


def test_false_alarms_come_at_the_rate_and_other_samples_are_marked(run: OpenedRun) -> None:
    like = run.predict(made(3000, 0))
    assert like.unlike.mean() == pytest.approx(0.05, abs=0.035)
    np.testing.assert_array_equal(like.unlike, like.unlike_p <= 0.05)
    assert run.predict(made(3000, 0), unlike=0.2).unlike.mean() == pytest.approx(0.2, abs=0.07)
    far = run.predict(made(50, 6))
    assert far.unlike.all() and "50 of 50 samples are unlike" in far.warnings[0]
    without = run.predict(made(50, 6), unlike=0)
    assert without.unlike is None and without.labels == pytest.approx(far.labels, rel=1e-6)


def test_the_table_tells_columns_out_of_range(run: OpenedRun, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text(ROWS)
    done = run_mlzoo("predict", run.path, tmp_path / "new.csv", "--json")
    first, second, _ = json.loads(done.out)
    assert (first["unlike"], first["out_of_range"]) == ("no", "")
    assert (second["unlike"], second["out_of_range"]) == ("yes", "b")
    assert second["unlike_p"] == pytest.approx(1 / 101) and "split: b (2 of 3 rows" in done.err
    few = run_mlzoo("predict", run.path, tmp_path / "new.csv", "--unlike", ".001")
    assert "needs 999 held-out samples, and the run has 100" in few.err
    refused = run_mlzoo("predict", run.path, tmp_path / "new.csv", "--unlike", "1")
    assert refused.code == 2 and "--unlike: must be less than 1" in refused.err


def test_runs_without_the_file_and_damaged_files(run: OpenedRun) -> None:
    path = run.path / novelty.FILE
    whole = path.read_bytes()
    assert novelty.limitation(run.reference, 0.05) == ""
    try:
        path.write_bytes(whole[:300])
        with pytest.raises(DataError, match=r"novelty\.npz is damaged .* delete it to predict"):
            open_run(run.path).predict(made(2, 0))
        path.unlink()
        old = open_run(run.path)
        assert old.predict(made(2, 0)).unlike is None
        assert "holds no features of its training" in novelty.limitation(old.reference, 0.05)
    finally:
        path.write_bytes(whole)


def test_features_of_images_are_the_last_and_means_of_the_first_convolution() -> None:
    image = keras.Input((8, 8, 1))
    maps = keras.layers.Conv2D(4, 3, activation="relu")(image)
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(6, 3)(maps))
    model = keras.Model(image, keras.layers.Dense(2, name="head")(pooled))
    x = np.random.default_rng(0).normal(size=(3, 8, 8, 1)).astype("float32")
    joint = novelty.JointModel(model, model.outputs[0])
    outputs, features = joint.split(np.asarray(joint.model(x)))
    assert [each.shape[-1] for each in feature_tensors(model)] == [6, 4]
    np.testing.assert_allclose(outputs, np.asarray(model(x)), rtol=1e-5)
    first = np.asarray(keras.Model(image, maps)(x)).mean(axis=(1, 2))
    np.testing.assert_allclose(features[:, 6:], first, rtol=1e-5)
    assert feature_tensors(keras.Model(image, maps)) == []
