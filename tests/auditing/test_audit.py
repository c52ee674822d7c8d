"""`mlzoo data audit`, and trainings without what it found or with what it suggests."""

from __future__ import annotations

import csv
import errno
import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_blobs

import mlzoo
from mlzoo.auditing.audit import audit
from mlzoo.auditing.outliers import relative_entropy, spread_out
from mlzoo.auditing.settings import AuditConfig
from mlzoo.core import files
from mlzoo.core.errors import UsageError
from mlzoo.runs.opened import OpenedRun
from tests.cli.shell import run_mlzoo
from tests.training.made import LEAN

FLIPPED = (3, 40, 77, 101, 119)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three well separated classes of 40; five labels are wrong, and the last row is a copy."""
    x, y = make_blobs(120, 2, centers=3, cluster_std=0.5, center_box=(-6, 6), random_state=1)
    y[list(FLIPPED)] = (y[list(FLIPPED)] + 1) % 3
    frame = pd.DataFrame(x, columns=["a", "b"]).assign(kind=np.array(["p", "q", "r"])[y])
    frame = pd.concat([frame, frame.iloc[:1]])
    path = tmp_path_factory.mktemp("audit") / "table.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def run(table: Path) -> OpenedRun:
    fitting = {"epochs": 60, "learning_rate": 0.02, "batch_size": 16, "set": {"hidden": [16]}}
    settings = {**fitting, "preset": "none", "folds": 3, **LEAN}
    return mlzoo.train("mlp", str(table), out=str(table.parent), name="run", **settings)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_wrong_labels_and_copies_are_found_and_drawn(run: OpenedRun, tmp_path: Path) -> None:
    findings = audit(run, AuditConfig(out=tmp_path / "new" / "audit", limit=4))
    wrong = {f"row {i + 1}" for i in FLIPPED}
    assert {error.name for error in findings.labels[:5]} == wrong
    # One of them lies at the threshold, on which side depends on the last digits of the training.
    found = [error.name for error in findings.label_errors]
    assert set(found) <= wrong and len(found) >= 4
    # Those of the test split too are judged by a model that never saw them.
    assert len(findings.labels) == 121
    assert {error.split for error in findings.labels} == {"train", "valid", "test"}
    [pair] = findings.duplicates
    assert (pair.first, pair.second, pair.exact) == ("row 1", "row 121", True)
    listed = rows(findings.folder / "label_errors.csv")
    assert [row["name"] for row in listed] == found
    assert len(rows(findings.folder / "labels.csv")) == 121
    page = (findings.folder / "audit.html").read_text()
    assert (
        f"{len(found)} labels are probably wrong; 121 of 121 labels" in page
        and "data:image/webp" in page
    )


@pytest.mark.parametrize("at", ["labels", "page"])
@pytest.mark.parametrize("what", ["audit", "compare"])
def test_a_full_disk_leaves_all_of_the_files_before_or_none(
    run: OpenedRun, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, at: str
) -> None:
    """The disk is full at the first table, or at the page, which is the last to be written."""
    words = ("data", what, run.path, *([table] if what == "compare" else []), "--limit", 1)
    old, own = tmp_path / "old", {"notes.txt": b"mine", "label_next.csv": b"name"}
    own["audit.html"] = b"of an audit before"
    old.mkdir()
    for name, content in own.items():
        (old / name).write_bytes(content)
    assert run_mlzoo(*words, "--out", old).code == 0
    before = {path.name: path.read_bytes() for path in old.iterdir()}
    assert before["notes.txt"] == b"mine" and f"{what}.html" in before
    assert ("label_next.csv" in before) == (what == "compare"), "of an audit before"

    def cut_off(path: Path, content: bytes) -> None:
        if at == "labels" or path.suffix == ".html":
            path.write_bytes(content[:5])
            with files.disk_errors(path):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        plain(path, content)

    plain = files.write_bytes
    monkeypatch.setattr(files, "write_bytes", cut_off)
    for folder in (old, tmp_path / "new"):
        done = run_mlzoo(*words, "--out", folder)
        assert done.code == 4 and f"the disk is full: {folder}/" in done.cause, done.err
        assert ".writing" not in done.err
    assert {path.name: path.read_bytes() for path in old.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_outliers_and_what_to_label_next(table: Path, run: OpenedRun, tmp_path: Path) -> None:
    known = pd.read_csv(table)[["a", "b"]].to_numpy()
    centers = [known[::40][:1][0], known.mean(axis=0) + 100]
    new = pd.DataFrame([*[centers[0]] * 3, *[centers[1]] * 3], columns=["a", "b"])
    new.to_csv(tmp_path / "new.csv", index=False)
    settings = {"out": tmp_path / "audit", "unlabeled": str(tmp_path / "new.csv"), "label_next": 2}
    findings = audit(run, AuditConfig(**settings))
    listed = rows(tmp_path / "audit" / "outliers.csv")
    assert len(listed) == 121 and {"name", "split", "label", "unlike_p"} <= listed[0].keys()
    record = findings.record(limit=4)
    assert [row["name"] for row in record["outliers"]] == [row["name"] for row in listed[:4]]
    distances = [float(row["distance"]) for row in listed]
    assert distances == sorted(distances, reverse=True)
    copies = [each.distance for each in findings.outliers if each.name in ("row 1", "row 121")]
    assert max(copies) == pytest.approx(0, abs=1e-3), "of a copy the other one is not apart"
    assert [row["name"] for row in rows(tmp_path / "audit" / "label_next.csv")] == [
        each.name for each in findings.label_next
    ]
    assert "What to label next" in (tmp_path / "audit" / "audit.html").read_text()
    audit(run, AuditConfig(out=tmp_path / "audit"))
    assert not (tmp_path / "audit" / "label_next.csv").exists(), "of an audit before"


def test_samples_that_are_uncertain_and_apart_are_chosen_first() -> None:
    features = np.array([[0.0], [5.0], [5.1], [-4.0], [9.0]], "float32")
    weights = np.array([1.0, 1.0, 0.9, 1.0, 0.1])
    chosen = spread_out(features, np.array([[0.1]], "float32"), weights, 3)
    # 5 is far and uncertain; 5.1 is as far from the labeled one, but near 5; 9 is certain.
    assert [i for i, _ in chosen] == [1, 3, 4]
    assert [distance for _, distance in chosen] == pytest.approx([4.9, 4.1, 4.0])
    even = relative_entropy(np.array([[0.5, 0.5], [1.0, 0.0]]))
    assert even == pytest.approx([1, 0], abs=1e-5)


def test_the_command_writes_a_file_that_a_training_takes(run: OpenedRun, table: Path) -> None:
    said = json.loads(run_mlzoo("data", "audit", run.path, "--json").out)
    wrong = said["label_errors"]
    assert len(wrong) in (4, 5) and said["folder"] == str(run.path / "audit")
    shown = run_mlzoo("data", "audit", run.path, "--limit", 2)
    assert len(shown.out.splitlines()) == 3 + 1 and "--exclude" in shown.err
    file = str(run.path / "audit" / "label_errors.csv")
    settings = {"preset": "none", "epochs": 1, "out": str(table.parent), **LEAN}
    less = mlzoo.train("linear", str(table), exclude=file, name="less", **settings)
    counts = [part["samples"] for part in less.record["parts"].values()]
    assert sum(counts) == 121 - len(wrong)
    other = mlzoo.train("linear", str(table), relabel=file, name="other", **settings)
    expected = Counter(pd.read_csv(table)["kind"])
    expected.update(error["suggested"] for error in wrong)
    expected.subtract(error["label"] for error in wrong)
    totals = [part["classes"] for part in other.record["parts"].values()]
    assert {name: sum(part[name] for part in totals) for name in "pqr"} == expected
    assert other.evaluate()["metrics"]["accuracy"] == other.metrics["test"]["metrics"]["accuracy"]


@pytest.mark.parametrize(
    ("flag", "text", "message"),
    [
        ("exclude", "label\np\n", "lacks the column 'name' (its header: label)"),
        ("exclude", "name\nrow 2\nrow 999\n", "1 of its 2 names are of no sample: row 999"),
        ("relabel", "name\nrow 2\n", "lacks the column 'suggested'"),
        ("relabel", "name,suggested\nrow 2,Q\n", "unknown class 'Q' (did you mean 'q'?)"),
    ],
)
def test_wrong_files_are_refused(
    table: Path, tmp_path: Path, flag: str, text: str, message: str
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        mlzoo.train("linear", str(table), out=str(tmp_path), **{flag: str(path)})
    assert message in str(caught.value)


def test_runs_without_unseen_classes_are_refused(run: OpenedRun, tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.csv"
    pd.DataFrame({"a": np.arange(40.0), "y": np.arange(40.0) ** 2}).to_csv(numbers, index=False)
    settings = {"preset": "none", "epochs": 1, "out": str(tmp_path), **LEAN}
    regression = mlzoo.train("linear", str(numbers), **settings)
    with pytest.raises(UsageError, match="for runs that predict one class a sample"):
        audit(regression, AuditConfig())


def test_new_samples_are_compared_with_held_out_ones(run: OpenedRun, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, _ = make_blobs(60, 2, centers=3, cluster_std=0.5, center_box=(-6, 6), random_state=1)
    like = pd.DataFrame(x, columns=["a", "b"])
    shifted = like.assign(a=like["a"] + rng.normal(4, 1, 60))
    for name, frame in (("like", like), ("shifted", shifted)):
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
        words = ("--out", tmp_path / name, "--json")
        said = json.loads(
            run_mlzoo("data", "compare", run.path, tmp_path / f"{name}.csv", *words).out
        )
        tests = {test["name"]: test["adjusted"] for test in said["tests"]}
        assert set(tests) == {"features", "a", "b"} and said["tested"] == 60
        assert said["held_out"] in (32, 33)  # those of the first fold
        if name == "like":
            assert not said["drifted"] and len(said["unlike"]) < 10
        else:
            assert said["drifted"] and tests["a"] == 0.001 and tests["b"] > 0.05
            assert len(said["unlike"]) > 10
    listed = rows(tmp_path / "shifted" / "unlike.csv")
    assert len(listed) == 60 and listed[0]["name"] == said["unlike"][0]["name"]
    page = (tmp_path / "shifted" / "compare.html").read_text()
    assert "The samples differ from the training data in" in page and "data:image/webp" in page
    like.head(3).to_csv(tmp_path / "few.csv", index=False)
    few = run_mlzoo("data", "compare", run.path, tmp_path / "few.csv")
    assert few.code == 2 and "batches of at least 5 samples" in few.err
