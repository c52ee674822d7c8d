"""`mlzoo explain` and `mlzoo explainers`, as a user types them."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mlzoo.core.errors import DataError, UsageError
from tests.cli.shell import Mlzoo


def arrays(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "maps.npz", allow_pickle=False) as found:
        return dict(found)


@pytest.mark.slow
def test_images_are_explained_with_their_evidence_and_again_alike(mlzoo: Mlzoo, runs: Path) -> None:
    done = mlzoo(
        "explain", runs / "images", "--method", "gradcam,smoothgrad", "--limit", 3,
        "--out", "first", "--set", "smoothgrad.samples=3", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    record = json.loads(done.out)
    assert record["config"]["limit"] == 3 and record["model"]["weights_sha256"]
    assert record["methods"]["smoothgrad"]["settings"]["samples"] == 3
    # A net of two epochs on noise knows nothing: no claim, and no ranking.
    sentences = record["evidence"]["sentences"]
    assert len(sentences) == 2 and all("no evidence of anything learned" in s for s in sentences)
    first = Path("first")
    maps = arrays(first)
    assert len(maps) == 6 and all(m.dtype == np.float32 and m.ndim == 2 for m in maps.values())
    assert len(list(first.glob("overlays/*/*.png"))) == 6
    width, height = Image.open(next(first.glob("overlays/gradcam/*.png"))).size
    assert width > 2 * height
    with (first / "scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    methods = {row["method"] for row in rows}
    assert methods == {"gradcam", "smoothgrad", "random", "edges"} and len(rows) == 12
    assert all(0 <= float(row["deletion"]) <= 1 for row in rows)
    page = (first / "index.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 6
    assert "http://" not in page and "https://" not in page
    record["model"]["weights_sha256"] = "another"
    (first / "explain.json").write_text(json.dumps(record), encoding="utf-8")
    again = mlzoo("explain", "--repeat", "first", "--out", "second")
    assert again.code == 0, again.err
    assert "weights have changed" in again.err
    for name, values in arrays(Path("second")).items():
        np.testing.assert_array_equal(values, maps[name])
    assert (first / "scores.csv").read_text() == Path("second/scores.csv").read_text()


@pytest.mark.slow
def test_masks_are_explained_by_region_and_pixel(mlzoo: Mlzoo, runs: Path) -> None:
    whole = mlzoo("explain", runs / "masks", "--limit", 2, "--out", "a", "--pixel", "3,4",
                  "--no-evidence")  # fmt: skip
    assert whole.code == 0, whole.err
    assert all(m.ndim == 2 for m in arrays(Path("a")).values())
    far = mlzoo("explain", runs / "masks", "--out", "b", "--pixel", "900,1")
    assert far.code == 2 and "rows and" in far.cause and not Path("b").exists()


@pytest.mark.slow
def test_rows_of_a_table_and_the_model_as_a_whole(mlzoo: Mlzoo, runs: Path) -> None:
    done = mlzoo(
        "explain", runs / "table", "--method", "expected_gradients,permutation", "--limit", 4,
        "--out", "t", "--set", "expected_gradients.background=8",
    )  # fmt: skip
    assert done.code == 0, done.err
    maps = arrays(Path("t"))
    assert {m.shape for m in maps.values()} == {(3,)}  # a, b, color
    with np.load("t/model/permutation.npz", allow_pickle=False) as found:
        assert found["labels"].tolist() == ["a", "b", "color"]
        assert found["values"].argmax() == 0  # the class follows from a
    with np.load("t/model/expected_gradients.npz", allow_pickle=False) as found:
        mean = np.mean([np.abs(m) for m in maps.values()], axis=0)
        np.testing.assert_allclose(found["values"], mean, rtol=1e-5)
    assert "permutation" in done.out and Path("t/model/permutation.png").is_file()
    maps_of_rows = mlzoo("explain", runs / "table", "--method", "gradcam", "--out", "u")
    assert maps_of_rows.code == 2 and "needs a convolutional layer" in maps_of_rows.cause


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "method"), [("table", "integrated_gradients"), ("images", "gradcam"), ("fields", "")]
)
def test_without_a_method_one_is_picked(mlzoo: Mlzoo, runs: Path, name: str, method: str) -> None:
    done = mlzoo("explain", runs / name, "--limit", 1, "--no-evidence", "--out", "x", "--json")
    assert done.code == 0, done.err
    [picked] = json.loads(done.out)["config"]["method"]
    assert picked == (method or picked)
    assert all(key.startswith(f"{picked}/") for key in arrays(Path("x")))


def test_all_methods_run_and_the_others_are_named_with_the_reason(
    mlzoo: Mlzoo, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlzoo.core import registry

    names, few = registry.names, ["filters", "gradcam", "permutation", "saliency"]
    monkeypatch.setattr(registry, "names", lambda k: few if k == "explainer" else names(k))
    done = mlzoo("explain", runs / "numbers", "--method", "all", "--limit", 2, "--no-evidence",
                 "--out", "x")  # fmt: skip
    assert done.code == 0, done.err
    record = json.loads(Path("x/explain.json").read_text(encoding="utf-8"))
    assert list(record["methods"]) == ["permutation", "saliency"]
    left_out = record["methods_left_out"]
    assert list(left_out) == ["filters", "gradcam"] and "table" in left_out["filters"]
    assert all(f"left out: {name}: {reason}" in done.err for name, reason in left_out.items())


def test_an_export_is_of_keras_where_no_format_is_named(mlzoo: Mlzoo, runs: Path) -> None:
    done = mlzoo("export", runs / "numbers", "--output", "x")
    assert done.code == 0, done.err
    assert Path("x/model.keras").is_file()


def test_a_file_alone_is_explained_with_arrays(mlzoo: Mlzoo, runs: Path) -> None:
    model = runs / "numbers" / "model.keras"
    missing = mlzoo("explain", model, "--method", "integrated_gradients", "--out", "x")
    assert missing.code == 2 and "--data" in missing.cause
    import keras

    inputs = keras.models.load_model(model, safe_mode=True).input_shape[1]
    np.save("rows.npy", np.zeros((2, inputs), "float32"))
    done = mlzoo("explain", model, "--method", "integrated_gradients", "--data", "rows.npy",
                 "--out", "x")  # fmt: skip
    assert done.code == 0, done.err
    assert len(arrays(Path("x"))) == 2
    Path("rows.csv").write_text(
        "\n".join([",".join("abcdefgh"[: inputs + 1]), "1," * inputs + "1"])
    )
    odd = mlzoo("explain", model, "--method", "occlusion", "--data", "rows.csv", "--out", "y")
    assert odd.code == 3 and f"the model takes {inputs}" in odd.cause


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "there is no run folder"),
        ((), "name a run folder"),
        (("RUN", "--method", "grad_cam"), "did you mean 'gradcam'"),
        (("RUN", "--limit", 0), "at least 1"),
        (("RUN", "--set", "reul=1"), "did you mean 'relu'"),
        (("RUN", "--set", "relu"), "NAME=VALUE"),
        (("RUN", "--engine", "tf"), "tf-keras-vis"),
        (("RUN", "--pixel", "3"), "row,column"),
        (("RUN", "--part", "train", "--data", "x"), "no effect"),
        (("RUN", "--repeat", "first"), "leave out RUN"),
        (("RUN", "--sanity-weights", "redraw"), "without --sanity"),
        (("RUN", "--sanity", "shuffled"), "--sanity"),
        (("RUN", "--region", "connected"), "name a pixel"),
        (("RUN", "--input", "x"), "this run has one input"),
    ],
)
def test_mistakes_are_told_and_nothing_is_written(
    mlzoo: Mlzoo, runs: Path, words: tuple[object, ...], said: str
) -> None:
    done = mlzoo("explain", *(runs / "images" if word == "RUN" else word for word in words))
    assert done.code == 2
    assert said in done.err
    assert not Path("explanations").exists()


def test_classes_by_name_or_refused(mlzoo: Mlzoo, runs: Path) -> None:
    done = mlzoo("explain", runs / "images", "--target", "nonsense", "--out", "x")
    assert done.code == 2 and "--target: unknown class" in done.cause
    assert not Path("x").exists()


@pytest.mark.slow
def test_a_folder_is_replaced_only_when_told(mlzoo: Mlzoo, runs: Path) -> None:
    words = ("explain", runs / "images", "--limit", 1, "--no-evidence", "--out", "x")
    assert mlzoo(*words).code == 0
    assert mlzoo(*words).code == 2
    assert mlzoo(*words, "--overwrite").code == 0
    Path("mine").mkdir()
    refused = mlzoo(*words[:-1], "mine", "--overwrite")
    assert refused.code == 2 and "holds no explanations" in refused.cause


def test_explainers_are_listed_and_shown(mlzoo: Mlzoo) -> None:
    listed = json.loads(mlzoo("explainers", "--json").out)
    assert {"gradcam", "scorecam", "permutation", "shapley"} <= set(listed)
    shown = mlzoo("explainers", "show", "scorecam")
    assert shown.code == 0 and "--set max_n=" in shown.out
    assert mlzoo("explainers", "show", "scorcam").code == 2


@pytest.mark.slow
def test_sanity_by_weights_and_by_labels(mlzoo: Mlzoo, runs: Path) -> None:
    done = mlzoo(
        "explain", runs / "images", "--method", "saliency,gradcam", "--limit", 2, "--no-evidence",
        "--sanity", "cascading,labels", "--out", "s", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    checks = json.loads(done.out)["sanity"]
    assert list(checks["saliency"]) == list(checks["gradcam"]) == ["cascading", "labels"]
    labels = checks["saliency"]["labels"]
    assert "shuffled labels" in labels["how"] and labels["out"] is None
    assert labels["all"] < 0.98
    with Path("s/sanity.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    last = [r for r in rows if r["method"] == "saliency" and r["check"] == "cascading"][-1]
    assert float(last["spearman"]) == checks["saliency"]["cascading"]["all"]
    assert Path("s/sanity.png").is_file()
    page = Path("s/index.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 4 + 1
    alone = mlzoo("explain", runs / "masks", "--sanity", "labels", "--out", "t")
    assert alone.code == 2 and "--sanity labels: needs a run folder" in alone.cause


def test_every_class_of_every_image_on_one_scale(mlzoo: Mlzoo, runs: Path) -> None:
    done = mlzoo(
        "explain", runs / "images", "--method", "saliency", "--limit", 2, "--no-evidence",
        "--target", "all", "--shared-scale", "--out", "a",
    )  # fmt: skip
    assert done.code == 0, done.err
    with Path("a/scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    classes = [row["target"] for row in rows]
    assert len(rows) == 2 * len(set(classes)) and len(set(classes)) >= 2
    assert all(row["name"].endswith(f"({row['target']})") for row in rows)
    assert len(arrays(Path("a"))) == len(rows)


def test_filters_are_ranked_for_every_class_which_their_titles_name(
    mlzoo: Mlzoo, runs: Path
) -> None:
    flags = ("--method", "filters", "--limit", 3, "--no-evidence")
    done = mlzoo("explain", runs / "images", *flags, "--target", "all", "--out", "a")
    assert done.code == 0, done.err
    page = Path("a/index.html").read_text(encoding="utf-8")
    classes = re.findall(r"what speaks most for the target first \(target: (\w+)\)", page)
    assert len(set(classes)) == len(list(Path("a/model").glob("filters-*.png"))) >= 2
    numbers = [np.load(path)["labels"].tolist() for path in Path("a/model").glob("*.npz")]
    assert len({*map(tuple, numbers)}) == len(numbers), "each class has numbers of its own"
    done = mlzoo("explain", runs / "images", *flags, "--target", classes[1], "--out", "one")
    assert done.code == 0, done.err
    assert np.load("one/model/filters.npz")["labels"].tolist() in numbers


@pytest.mark.slow
def test_from_python_the_same_maps_and_not_a_word(
    runs: Path, world: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import mlzoo

    monkeypatch.chdir(world)
    run = mlzoo.load(runs / "images")
    found = run.explain(method="saliency", limit=3, evidence=False)
    again = run.explain(
        np.stack([e.x for e in found.explained.explanations]), method="saliency", evidence=False
    )
    assert found.folder is None and not (runs / "images" / "explanations").exists()
    named = list(found.maps["saliency"].values())
    assert len(named) == 3 and list(again.maps["saliency"]) == ["sample 0", "sample 1", "sample 2"]
    for one, other in zip(named, again.maps["saliency"].values(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-7)
    masks = mlzoo.load(runs / "masks")
    scored = masks.explain("pairs/images", limit=1, target=masks.record["class_names"][0])
    assert 0 <= scored.explained.explanations[0].scores["iou_drop"] <= 1
    rows = mlzoo.load(runs / "table").explain(limit=2, method=["expected_gradients"], set={
        "background": 8})  # fmt: skip
    assert all(m.shape == (3,) for m in rows.maps["expected_gradients"].values())
    with pytest.raises(DataError, match="the model takes"):
        run.explain(np.zeros((2, 5)))
    with pytest.raises(UsageError, match="did you mean 'gradcam'"):
        run.explain(method="grad-cam")
    assert capfd.readouterr().out == ""
