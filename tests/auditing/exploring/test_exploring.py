"""`mlzoo data compress` and `mlzoo data boundaries`."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from tests.cli.shell import run_mlzoo


def told(*words: object) -> dict[str, Any]:
    done = run_mlzoo(*words, "--json")
    assert done.code == 0, done.err
    return dict(json.loads(done.out))


def test_a_picture_keeps_its_largest_singular_values(tmp_path: Path) -> None:
    x, y = np.meshgrid(np.linspace(0, 3, 40), np.linspace(0, 2, 30))
    pixels = np.rint(128 + 60 * np.sin(x * y) + 30 * np.cos(x - y)).astype("uint8")
    Image.fromarray(pixels).save(tmp_path / "waves.png")
    picture = tmp_path / "seen.png"
    said = told("data", "compress", tmp_path / "waves.png", "--ranks", "1,3", "--picture", picture)
    assert said["of"] == "40x30 pixels" and picture.read_bytes()[:4] == b"\x89PNG"
    values = np.linalg.svd(pixels / 255, compute_uv=False)
    for row in said["ranks"]:
        left = values[row["rank"] :]
        assert row["rmse"] == pytest.approx(np.sqrt((left**2).sum() / pixels.size), abs=1e-4)
        assert row["energy"] == pytest.approx(1 - (left**2).sum() / (values**2).sum(), abs=1e-4)
        assert row["stored"] == pytest.approx(row["rank"] * 71 / 1200, abs=1e-4)
    own = run_mlzoo("data", "compress", picture, "--picture", picture)
    assert own.code == 2 and "is the picture itself; write to another name" in own.err
    with (tmp_path / "seen.csv").open() as file:
        assert [int(row["rank"]) for row in csv.DictReader(file)] == [1, 3]


def test_images_are_restored_by_the_training_split_s_components(tmp_path: Path) -> None:
    picture = tmp_path / "digits.png"
    said = told("data", "compress", "digits", "--ranks", "2,64", "--picture", picture)
    two, all_of_them = said["ranks"]
    assert picture.is_file() and all_of_them["rmse"] < 1e-6 and all_of_them["energy"] == 1
    whole = PCA(2).fit(load_digits().data / 16)
    assert two["energy"] == pytest.approx(whole.explained_variance_ratio_.sum(), abs=0.02)
    spread = np.sqrt((load_digits().data / 16).var(axis=0).mean())
    assert two["rmse"] == pytest.approx(spread * np.sqrt(1 - two["energy"]), rel=0.05)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("compress", "digits", "--ranks", "65"), "--ranks: must be at most 64 for 1078 training"),
        (("compress", "china", "--ranks", "0"), "--ranks"),
        (("compress", "china", "--seed", "3"), "--seed: has no effect on a single picture"),
        (("compress", "iris"), "a picture or a data set of images; iris has tables"),
        (("compress", "china", "--picture", "a.jpg"), "that ends in .png (got 'a.jpg')"),
        (("boundaries", "iris"), "iris has 4 columns for classification"),
        (("boundaries", "noisy-sine"), "noisy-sine has 1 columns for regression"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    words: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run_mlzoo("data", *words)
    assert done.code == 2 and message in done.err
    assert not list(tmp_path.iterdir())


def test_a_damaged_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "torn.png").write_bytes(b"\x89PNG\r\n")
    done = run_mlzoo("data", "compress", tmp_path / "torn.png", "--picture", tmp_path / "out.png")
    assert done.code == 3 and "torn.png" in done.err and not (tmp_path / "out.png").exists()


def test_what_is_linear_fails_on_circles(tmp_path: Path) -> None:
    picture = tmp_path / "circles.png"
    said = told("data", "boundaries", "circles", "--picture", picture)
    assert picture.read_bytes()[:4] == b"\x89PNG" and said["samples"] == 600
    test = {row["classifier"]: row["test"] for row in said["classifiers"]}
    assert len(test) == 8 and test.pop("logistic regression") < 0.6
    assert min(test.values()) > 0.95, test
    models = {row["classifier"] for row in said["classifiers"] if row["models"] == "the classes"}
    assert models == {"naive Bayes", "Gaussians"}


def test_classes_on_lines_and_of_few_samples_are_told_apart(tmp_path: Path) -> None:
    picture = ("--picture", tmp_path / "lines.png")
    said = told("data", "boundaries", "lines", "--source-set", "noise=0", *picture)
    assert len(said["classifiers"]) == 8
    few = tmp_path / "few.csv"
    few.write_text("a,b,kind\n" + "0,1,p\n1,0.5,p\n5,6,q\n6,5.5,q\n0.5,1,p\n5.5,6,q\n")
    words = (few, "--fractions", "67/0/33", *picture)
    said = told("data", "boundaries", *words)
    assert said["samples"] == 4 and len(said["classifiers"]) == 8
    refused = run_mlzoo("data", "boundaries", *words[:1], "--fractions", "34/33/33", *picture)
    assert refused.code == 2 and "which has one of p, q" in refused.err
