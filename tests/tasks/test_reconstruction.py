"""Learning without labels: samples as their own targets, honest errors, anomalies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.metrics import average_precision_score, roc_auc_score

import mlzoo
from mlzoo.core.errors import DataError, UsageError
from mlzoo.data import loading
from mlzoo.data.contracts import task
from mlzoo.data.samples import Data
from mlzoo.evaluating.evaluate import evaluate, fit_baselines
from mlzoo.layers.input_scaling import scaled
from mlzoo.losses._numbers import OfScaledInput
from mlzoo.reporting.error_export import write_error_maps
from mlzoo.runs import datasets
from mlzoo.statistics.scorers import Reconstructions, p_values
from mlzoo.tasks._anomalies import ReconstructionTally
from mlzoo.training.loop.batches import build_batches, validation
from tests.data.pictures import folder, noise, save
from tests.once import once
from tests.training.made import config

TABLE = "a,b,color\n" + "".join(f"{i % 7},{(i * 5) % 11},{'rgb'[i % 3]}\n" for i in range(60))


def arranged(**fields: object) -> Data:
    return datasets.load(config(model="autoencoder", **fields))


def table(tmp_path: Path) -> str:
    (tmp_path / "t.csv").write_text(TABLE)
    return str(tmp_path / "t.csv")


# -- Samples that are their own targets


def test_a_table_needs_no_target(tmp_path: Path) -> None:
    data = arranged(data=table(tmp_path))
    assert [column.name for column in data.samples.columns] == ["a", "b", "color"]
    assert data.samples.targets is data.samples.inputs and data.samples.target.is_input
    assert data.outputs.units == 2 + 3 and data.outputs.shape == (5,)
    assert any(note.startswith("target: none") for note in data.notes)


def test_labels_of_a_table_are_no_inputs_and_are_kept(tmp_path: Path) -> None:
    data = arranged(data=table(tmp_path), target="color")
    assert [column.name for column in data.samples.columns] == ["a", "b"]
    assert data.samples.class_names == ("b", "g", "r")
    assert data.samples.classes.tolist() == [2, 1, 0] * 20


def test_folders_of_images_need_no_classes(tmp_path: Path) -> None:
    for number in range(8):
        save(tmp_path / "flat" / f"{number}.png", noise(number))
    loose = loading.read(config(model="autoencoder", data=str(tmp_path / "flat")))
    assert loose.class_names == () and loose.classes is None and len(loose) == 8
    assert loose.targets is loose.inputs and not isinstance(loose.inputs, np.ndarray)
    with pytest.raises(DataError, match="no class folders"):
        loading.read(config(model="cnn", data=str(tmp_path / "flat")))
    some = loose.only(np.array([3, 1]))
    assert some.targets is some.inputs, "the images are not held twice"
    classes = loading.read(
        config(model="autoencoder", data=str(folder(tmp_path / "c", {"a": 3, "b": 2})))
    )
    assert classes.class_names == ("a", "b") and classes.classes.tolist() == [0, 0, 0, 1, 1]


def test_folders_of_splits_need_no_classes(tmp_path: Path) -> None:
    for part in ("train", "valid", "test"):
        for number in range(4):
            save(tmp_path / part / f"{number}.png", noise(number + 10 * ord(part[1])))
    data = arranged(data=str(tmp_path))
    assert [len(part) for part in data.parts().values()] == [4, 4, 4]


@pytest.mark.parametrize("name", ["mackey-glass", "shapes"])
def test_samples_with_more_than_one_label_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="reconstruction is for images, tables and arrays"):
        loading.read(config(model="autoencoder", data=name))


def test_batches_hold_one_array_for_input_and_target() -> None:
    settings = config(model="autoencoder", data="digits", batch_size=16)
    data = datasets.load(settings)
    inputs, targets, weights = next(build_batches(settings, data, 0).epoch(1))
    assert inputs is targets and weights is None and inputs.dtype == np.uint8
    assert all(x is y for x, y in validation(data))


def test_augmented_images_are_their_own_targets() -> None:
    settings = config(model="autoencoder", data="digits", batch_size=16, augment="characters")
    data = datasets.load(settings)
    inputs, targets, _ = next(build_batches(settings, data, 0).epoch(1))
    assert inputs is targets
    with pytest.raises(UsageError, match="MixUp: have no effect on reconstruction"):
        steps = [{"MixUp": {}}]
        datasets.load(settings.model_copy(update={"augment": steps}))


# -- Errors


@pytest.mark.backends
def test_the_loss_is_that_of_scaled_inputs() -> None:
    data = arranged(data="digits")
    x = data.train.inputs(slice(0, 5))
    y = np.random.default_rng(0).random((5, 8, 8, 1)).astype("float32")
    expected = (x / 16 - y).reshape(5, -1)
    for kind, cost in (("mse", expected**2), ("mae", np.abs(expected))):
        loss = OfScaledInput(kind, data.outputs.scaling)
        found = keras.ops.convert_to_numpy(loss.call(x, keras.ops.convert_to_tensor(y)))
        np.testing.assert_allclose(found, cost.mean(axis=1), rtol=1e-5)


def test_baselines_are_those_of_scikit_learn() -> None:
    data = arranged(data="digits")
    data = replace(data, outputs=replace(data.outputs, code=3))
    assert set(fit_baselines(data)) == {"mean", "pca"}, "a nearest sample is no short code"
    known = data.samples.reader.model_copy(update={"normal": ("1",)})
    samples = replace(data.samples, reader=known)
    train, test = (part.inputs().reshape(len(part), -1) / 16 for part in (data.train, data.test))
    pca = PCA(3).fit(train)
    far = ((test[:, None] - train[None]) ** 2).mean(axis=2).min(axis=1)
    expected = {
        "mean": ((test - train.mean(axis=0)) ** 2).mean(),
        "pca": ((pca.inverse_transform(pca.transform(test)) - test) ** 2).mean(),
        "nearest": far.mean(),
    }
    fitted = fit_baselines(replace(data, samples=samples))
    assert set(fitted) == set(expected) and fitted["pca"].note == "3 components"
    for name, each in fitted.items():
        error = (each.predict(data.test.inputs()).reshape(test.shape) - test) ** 2
        assert error.mean() == pytest.approx(expected[name], rel=1e-4)
    perfect = evaluate(lambda x: scaled(data.outputs.scaling, x), data)[0]
    assert perfect["metrics"]["mse"] == 0 and perfect["verdict"] == "better"
    for name in ("mean", "pca"):
        assert perfect["baselines"][name]["mse"] == pytest.approx(expected[name], rel=1e-4)


# -- Anomalies


def test_p_values_count_normal_errors_at_least_as_large() -> None:
    normal = np.array([3.0, 1.0, 2.0, 2.0])
    found = p_values(np.array([0.0, 2.0, 2.5, 9.0]), normal)
    assert found.tolist() == [1.0, 4 / 5, 2 / 5, 1 / 5]


def test_p_values_of_normal_samples_are_rarely_small() -> None:
    rng = np.random.default_rng(0)
    small = [p_values(rng.normal(size=1), rng.normal(size=99))[0] <= 0.1 for _ in range(4000)]
    assert np.mean(small) == pytest.approx(0.1, abs=0.02)


def test_normal_samples_alone_are_trained_on_and_the_others_are_found() -> None:
    data = arranged(data="digits", normal=["0", "1", "2"])
    anomalous = data.samples.anomalous
    assert anomalous is not None and (anomalous == (data.samples.classes > 2)).all()
    assert not anomalous[data.train.indices].any() and not anomalous[data.valid.indices].any()
    true = anomalous[data.test.indices]
    assert 0 < true.sum() < len(data.test)
    data = replace(data, outputs=replace(data.outputs, code=8))
    pca = fit_baselines(data)["pca"].predict
    result, outcome = evaluate(lambda x: pca(x).reshape(x.shape), data)
    x = data.test.inputs() / 16
    errors = ((pca(data.test.inputs()).reshape(x.shape) - x) ** 2).mean(axis=(1, 2, 3))
    metrics = result["metrics"]
    assert result["headline"] == "roc_auc"
    assert metrics["roc_auc"] == pytest.approx(roc_auc_score(true, errors))
    assert metrics["average_precision"] == pytest.approx(average_precision_score(true, errors))
    assert metrics["mse"] == pytest.approx(errors[~true].mean(), rel=1e-5), "of normal samples"
    seen = np.array(metrics["validation_errors"])
    flagged = p_values(errors, seen) <= 0.05
    assert metrics["anomaly_recall"] == pytest.approx(flagged[true].mean(), abs=0.01)
    assert metrics["false_alarms"] == pytest.approx(flagged[~true].mean(), abs=0.03)
    assert len(seen) == len(data.valid)
    columns = dict(outcome.columns(data.samples))
    assert columns["anomalous"] == true.astype(int).tolist() and len(columns["p_value"]) == len(x)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"data": "digits", "normal": ["ten"]}, "--normal: .*'ten'.*there are 0, 1"),
        ({"data": "iris", "normal": ["setosa", "versicolor", "virginica"]}, "nothing to find"),
        ({"data": "diabetes", "normal": ["1"]}, "the samples have no classes"),
    ],
)
def test_normal_classes_must_be_there(fields: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        arranged(**fields)


# -- A run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def train(root: Path) -> None:
        rng = np.random.default_rng(0)
        for number in range(40):
            image = np.zeros((16, 18), "uint8")
            image[: rng.integers(4, 12), : rng.integers(4, 12)] = 200
            save(root / "images" / f"{number}.png", image)
        (root / "t.csv").write_text(TABLE)
        common: dict[str, Any] = {"epochs": 2, "out": str(root), "set": {"code": 2, "filters": [4]}}
        mlzoo.train("autoencoder", str(root / "images"), name="restored", **common)
        mlzoo.train("autoencoder", str(root / "t.csv"), target="color", name="table", **common)

    return once("reconstruction", train)


@pytest.mark.slow
def test_a_run_of_images_restores_new_ones(runs: Path, tmp_path: Path) -> None:
    run = mlzoo.load(runs / "restored")
    names = {path.stem for path in (run.path / "plots").glob("*.png")}
    assert {"reconstructions", "errors", "codes", "samples"} <= names
    restored = run.reconstruct(str(runs / "images"))
    assert restored.values.shape == (40, 16, 18, 1) and 0 <= restored.values.min()
    expected = ((restored.values - restored.scaled) ** 2).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(restored.scores, expected, rtol=1e-5)
    normal = np.array(run.metrics["test"]["metrics"]["validation_errors"])
    assert restored.p_values is not None and len(normal) == 8
    np.testing.assert_allclose(restored.p_values, p_values(expected, normal), rtol=1e-5)
    assert run.predict(str(runs / "images")).labels[3] == restored.facts()[3]
    names, codes = run.features(str(runs / "images"))
    assert codes.shape == (40, 2) and len(names) == 40

    largest = write_error_maps(tmp_path / "maps", restored)
    errors = ((restored.values - restored.scaled) ** 2).mean(axis=-1)
    assert largest == pytest.approx(errors.max())
    place = np.unravel_index(errors.argmax(), errors.shape)
    name = restored.names[place[0]]
    picture = np.asarray(Image.open(tmp_path / "maps" / "errors" / name))
    assert picture.shape == (16, 18, 3)
    assert picture[place[1:]].tolist() == [252, 253, 191], "magma's last color"
    with pytest.raises(UsageError, match="exists already"):
        write_error_maps(tmp_path / "maps", restored)


@pytest.mark.slow
def test_a_run_of_a_table_is_scored_again_and_its_errors_are_explained(runs: Path) -> None:
    run = mlzoo.load(runs / "table")
    names = {path.stem for path in (run.path / "plots").glob("*.png")}
    assert {"feature_errors", "errors", "codes", "samples"} <= names
    again = run.evaluate()
    assert again["metrics"]["mse"] == pytest.approx(run.metrics["test"]["metrics"]["mse"])
    assert again["baselines"]["pca"]["note"] == "2 components"
    methods = ["integrated_gradients", "traversal"]
    result = run.explain(str(runs / "t.csv"), method=methods, limit=3, evidence=False)
    scores = [facts["score"] for facts in run.predict(str(runs / "t.csv")).labels]
    explained = result.explained.explanations
    assert [each.predicted for each in explained] == [f"error {s:.4g}" for s in scores[:3]]
    assert result.explained.facts["integrated_gradients"]["completeness_error"] < 0.05
    assert [finding.title for finding in result.explained.findings["traversal"]][-1].endswith(
        "of 2 of the code"
    )
    everything = run.evaluate(str(runs / "t.csv"))
    facts = run.predict(str(runs / "t.csv")).labels
    mean = np.mean([each["score"] for each in facts])
    assert everything["metrics"]["mse"] == pytest.approx(mean, rel=1e-5)


def test_threshold_and_p_values_flag_the_same() -> None:
    rng = np.random.default_rng(0)
    for count in (10, 19, 20, 57):
        unseen, errors = rng.random(count), rng.random(500)
        sums = np.stack([np.ones(500), errors, errors], axis=1)
        threshold = ReconstructionTally(Reconstructions(sums), unseen).threshold()
        flagged = p_values(errors, unseen) <= 0.05
        assert (threshold is None) == (count < 19)
        assert (flagged == (errors > (np.inf if threshold is None else threshold))).all()


def test_saved_errors_give_the_same_scores(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    errors, known = random.gamma(2, 1, 30), np.arange(30) % 5 == 0
    path = tmp_path / "predictions.csv"
    rows = [f"{i},s{i},{errors[i]},4,{4 * errors[i]},0.5,{int(known[i])}" for i in range(30)]
    header = "index,name,mse,values,squared_error,p_value,anomalous"
    path.write_text("\n".join([header, *reversed(rows)]) + "\n")
    saved = task("reconstruction").read_predictions(path)
    uniform = np.ones((1, 30))
    assert saved.indices.tolist() == list(range(30))
    assert saved.scorer("roc_auc", None)(uniform) == pytest.approx(roc_auc_score(known, errors))
    assert saved.scorer("mse", None)(uniform) == pytest.approx(errors[~known].mean())
    assert np.isnan(saved.scorer("mae", None)(uniform)).all(), "not saved"
