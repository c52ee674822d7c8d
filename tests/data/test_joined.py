"""Images and columns of their table as two inputs, where neither alone tells the class."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mlzoo.api import Run, load
from mlzoo.auditing.exploring.compression import compress_images
from mlzoo.auditing.features import features_of_samples
from mlzoo.auditing.findings import Audit, JudgedLabel
from mlzoo.auditing.inspection.page import write_page
from mlzoo.auditing.page import write_page as write_audit
from mlzoo.auditing.settings import CompressConfig
from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.progress import Listener
from mlzoo.data import loading
from mlzoo.data.inputs import read_labelled
from mlzoo.data.label_files.joined import JoinedRows, bare, images_of
from mlzoo.data.quality.inspection import inspected
from mlzoo.evaluating.evaluate_run import evaluate_run
from mlzoo.exporting.export import export
from mlzoo.packing.pack import check_kind
from mlzoo.runs import datasets
from mlzoo.runs.config_loading import merge
from mlzoo.serving.answers import UploadPredictor
from mlzoo.training.building import build_model
from mlzoo.training.train import train_merged
from tests.cli.shell import run_mlzoo
from tests.training.made import LEAN

COUNT = 160
GIVEN = {"model": "cnn", "with_columns": ["site", "age"], "target": "label", "preset": "none"}


def write_photos(folder: Path, count: int = COUNT, seed: int = 0) -> pd.DataFrame:
    """Red and blue photographs of two sites: of one the red ones are bad, of the other the blue."""
    rng = np.random.default_rng(seed)
    red, north = rng.integers(0, 2, (2, count)).astype(bool)
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        picture = rng.integers(0, 60, (12, 12, 3)).astype("uint8")
        picture[..., 0 if red[i] else 2] += np.uint8(120)
        Image.fromarray(picture).save(folder / f"{i}.png")
    table = pd.DataFrame(
        {
            "file": [f"{i}.png" for i in range(count)],
            "site": np.where(north, "north", "south"),
            "age": rng.normal(40, 10, count).round(1),
            "label": np.where(red ^ north, "bad", "good"),
        }
    )
    table.loc[3, "age"] = np.nan
    table.to_csv(folder / "labels.csv", index=False)
    return table


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("joined") / "photos"
    write_photos(folder)
    return folder


@pytest.fixture(scope="module")
def run(photos: Path) -> Run:
    settings = {"set": {"filters": [8], "convolutions": 1}, "augment": ["RandomBrightnessContrast"]}
    budget = {"epochs": 24, "batch_size": 16, "learning_rate": 0.01, "early_stopping": 0}
    where = {"data": str(photos), "out": str(photos.parent), "name": "run"}
    return load(train_merged(merge({**GIVEN, **settings, **budget, **where, **LEAN})).path)


def test_columns_travel_below_their_image() -> None:
    images = np.arange(2 * 4 * 3 * 1, dtype="uint8").reshape(2, 4, 3, 1)
    rows = JoinedRows(images, np.array([[1.5, -1, np.nan, 7], [2, 0, 0, 8]], "float32"))
    assert rows.shape == (2, 6, 3, 1) and rows[1].shape == (6, 3, 1) and len(rows) == 2
    np.testing.assert_array_equal(rows[:][:, :4], images)
    np.testing.assert_array_equal(rows[0][4:].ravel(), [1.5, -1, np.nan, 7, 0, 0])
    np.testing.assert_array_equal(rows.only(np.array([1]))[0], rows[1])
    np.testing.assert_array_equal(rows.with_images(rows[:], images + 1)[:, 4:], rows[:][:, 4:])


def test_a_model_learns_what_neither_input_tells(run: Run, photos: Path) -> None:
    assert run.metrics["test"]["metrics"]["accuracy"] >= 0.95
    table = pd.read_csv(photos / "labels.csv")
    swapped = table.assign(site=table["site"].map({"north": "south", "south": "north"}))
    swapped.to_csv(photos / "swapped.csv", index=False)
    there, other = (
        run.predict(str(photos / name)).labels for name in ("labels.csv", "swapped.csv")
    )
    assert np.mean(np.array(there) != np.array(other)) >= 0.95  # the same images
    (photos / "swapped.csv").unlink()
    scores = evaluate_run(run, str(photos))
    assert scores["metrics"]["accuracy"] >= 0.95 and scores["samples"] == COUNT


def test_what_a_run_takes_is_kept(run: Run, photos: Path) -> None:
    assert [column.name for column in run.reader.beside] == ["site", "age"]
    assert run.record["input_shape"] == [13, 12, 3] and run.record["kind"] == "image"
    data = run.own_data()
    assert images_of(data.samples, data.train.inputs(slice(0, 2))).dtype == np.uint8
    assert bare(data.samples).inputs.shape == (COUNT, 12, 12, 3)
    assert data.train.image(0).shape == (12, 12, 3)


def test_both_inputs_are_explained(run: Run) -> None:
    maps = run.explain(limit=2, evidence=False).maps["gradcam"]
    assert {values.shape for values in maps.values()} == {(12, 12)}
    asked = {"method": "integrated_gradients", "input": "columns", "limit": 8}
    explained = run.explain(**asked)
    values = np.abs(np.stack([*explained.maps["integrated_gradients"].values()])).mean(axis=0)
    assert values.shape == (2,) and values[0] > 5 * values[1]  # the site, not the age
    assert {*explained.explained.explanations[0].scores} >= {"deletion", "insertion"}
    with pytest.raises(UsageError, match="two inputs here"):
        run.explain(method="permutation", input="columns")
    with pytest.raises(UsageError, match="--input: unknown input 'table'"):
        run.explain(input="table")


def test_new_images_need_their_columns(run: Run, photos: Path, tmp_path: Path) -> None:
    for where in (photos / "0.png", tmp_path):
        with pytest.raises(DataError, match="takes site, age beside each"):
            Image.fromarray(np.zeros((12, 12, 3), "uint8")).save(tmp_path / "a.png")
            run.predict(str(where))
    (tmp_path / "new.csv").write_text("file,site\na.png,west\n")
    with pytest.raises(DataError, match="lacks the column 'age'"):
        run.predict(str(tmp_path))
    (tmp_path / "new.csv").write_text("file,site,age\na.png,west,30\n")
    predicted = run.predict(str(tmp_path))
    assert len(predicted.labels) == 1 and "'west'" in predicted.warnings[-1]


def test_an_export_has_two_named_inputs(run: Run, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    record = export(run, "onnx", output=tmp_path / "onnx")
    assert record["input"]["name"] == "image" and record["input"]["shape"] == [None, 12, 12, 3]
    assert record["input"]["second"]["columns"][0]["categories"] == ["north", "south"]
    session = onnxruntime.InferenceSession(str(tmp_path / "onnx" / "model.onnx"))
    inputs = {each.name: each.shape[1:] for each in session.get_inputs()}
    assert inputs == {"image": [12, 12, 3], "columns": [2]}
    rows = run.own_data().test.inputs(slice(0, 4))
    fed = {"image": rows[:, :12], "columns": rows[:, 12:].reshape(4, -1)[:, :2]}
    np.testing.assert_allclose(session.run(None, fed)[0], run.outputs(rows), atol=1e-5)
    with pytest.raises(UsageError, match="is for models of one input"):
        export(run, "litert", output=tmp_path / "litert")


def test_what_reads_single_files_refuses_such_runs(run: Run) -> None:
    with pytest.raises(UsageError, match="can't be served"):
        UploadPredictor(run)
    with pytest.raises(UsageError, match="can't be packed"):
        check_kind(run)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"with_columns": ["siet"]}, "unknown column 'siet'.*did you mean 'site'"),
        ({"with_columns": ["label"]}, "'label' is what is predicted"),
        ({"with_columns": ["site"], "task": "translation"}, "with a class, labels or numbers"),
    ],
)
def test_wrong_columns_are_refused(given: dict, problem: str, photos: Path) -> None:
    with pytest.raises(UsageError, match=problem):
        loading.read(merge({**GIVEN, "data": str(photos), **given}).config)


def test_an_image_of_two_ages_is_refused(photos: Path, tmp_path: Path) -> None:
    table = pd.read_csv(photos / "labels.csv")
    again = table.assign(age=50.0)[:1]
    for name in table["file"]:
        (tmp_path / name).symlink_to(photos / name)
    pd.concat([table, again]).to_csv(tmp_path / "labels.csv", index=False)
    with pytest.raises(
        DataError, match="1 of 160 images have different values of 'label', 'site', 'age'"
    ):
        loading.read(merge({**GIVEN, "data": str(tmp_path)}).config)


def test_labels_of_an_image_in_several_rows_are_of_one_age(photos: Path, tmp_path: Path) -> None:
    for name in pd.read_csv(photos / "labels.csv")["file"]:
        (tmp_path / name).symlink_to(photos / name)
    table = pd.read_csv(photos / "labels.csv").assign(age=40.0)
    rows = [table, table[:9].assign(label="old"), table[9:20].assign(label="new")]
    pd.concat(rows).to_csv(tmp_path / "labels.csv", index=False)
    config = merge({**GIVEN, "data": str(tmp_path), "task": "multilabel"}).config
    samples = loading.read(config)
    assert len(samples) == COUNT and samples.labels[0].sum() == 2
    assert len(read_labelled(str(tmp_path), samples.reader)) == COUNT
    pd.concat([*rows, table[:1].assign(age=50.0)]).to_csv(tmp_path / "labels.csv", index=False)
    for reading in (loading.read, lambda _: read_labelled(str(tmp_path), samples.reader)):
        with pytest.raises(DataError, match=r"1 of 160 .* of .*'age'.*\n.*40.0.*50.0|40.*50"):
            reading(config)


def test_columns_are_not_drawn_below_their_images(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined = merge({**GIVEN, "data": str(photos)}).config
    alone = joined.model_copy(update={"with_columns": []})
    looked = [inspected(config) for config in (joined, alone)]
    assert looked[0].record["shape"] == [12, 12, 3] and looked[0].record["dtype"] == "uint8"
    pages = [tmp_path / "joined.html", tmp_path / "alone.html"]
    for each, page in zip(looked, pages, strict=True):
        write_page(each, page)
    drawn = [re.findall('data:image/webp[^"]*', page.read_text()) for page in pages]
    assert drawn[0] == drawn[1] and drawn[0]
    values = [features_of_samples(config, 50, Listener()).values for config in (joined, alone)]
    np.testing.assert_array_equal(*values)
    settings = CompressConfig(picture=tmp_path / "ranks.png", ranks=(1, 2))
    ranks = [compress_images(config, settings, Listener())["ranks"] for config in (joined, alone)]
    assert ranks[0] == ranks[1]
    told: list[np.ndarray] = []
    monkeypatch.setattr(
        "mlzoo.auditing.page.captioned_images", lambda _, given, *__: told.append(given)
    )
    wrong = JudgedLabel(5, "5.png", "train", "bad", "good", 0.9, True)
    write_audit(Audit(tmp_path, loading.read(joined), [wrong], []), 4)
    np.testing.assert_array_equal(told[0], looked[1].samples.inputs[np.array([5])])
    for name, words in (("joined", ["--with-columns", "site,age"]), ("alone", [])):
        picture = ["--picture", str(tmp_path / f"{name}.png"), "--target", "label", *words]
        done = run_mlzoo("data", "preview", photos, "--by-class", "--samples", "2", *picture)
        assert done.code == 0, done.err
    assert (tmp_path / "joined.png").read_bytes() == (tmp_path / "alone.png").read_bytes()


def test_other_models_and_policies_are_refused(photos: Path, tmp_path: Path) -> None:
    given = {**GIVEN, "data": str(photos), "out": str(tmp_path), "epochs": 1, **LEAN}
    with pytest.raises(UsageError, match="linear sets weights from images alone"):
        train_merged(merge({**given, "model": "linear"}))
    with pytest.raises(UsageError, match="columns beside images are not mixed"):
        train_merged(merge({**given, "augment": ["MixUp"]}))
    with pytest.raises(UsageError, match="with_columns|with-columns"):
        merge({**GIVEN, "data": "iris"})


@pytest.mark.parametrize(("model", "settings"), [("resnet", {}), ("mlp", {"hidden": [8]})])
def test_builders_of_images_get_a_joined_head(model: str, settings: dict, photos: Path) -> None:
    config = merge({**GIVEN, "data": str(photos), "size": "32", "model": model}).config
    data = datasets.load(config.model_copy(update={"augment": "none"}))
    network = build_model(config.model_copy(update={"set": settings}), data, 0)
    names = {layer.name for layer in network.layers}
    assert {"image", "columns_scaling", "joined", "joined_dense", "head"} <= names
    assert network.input_shape == (None, 33, 32, 3)
