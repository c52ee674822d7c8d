from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mlzoo.data.quality.inspection import inspect
from tests.data.pictures import config, folder, shared, tree_hash


def test_wine_as_plain_values() -> None:
    found = inspect(config(shared("tables/winequality-red.csv"), target="quality>=6"))
    assert json.loads(json.dumps(found)) == found
    assert found["source"] == "table"
    assert (found["samples"], found["shape"], found["dtype"]) == (1599, [11], "float32")
    assert found["bytes"] == 1599 * 11 * 4
    assert found["parts"] == {"train": 959, "valid": 320, "test": 320}
    assert [c["count"] for c in found["classes"]] == [744, 855]
    assert sum(c["share"] for c in found["classes"]) == pytest.approx(1)
    assert sum(found["classes"][0]["parts"].values()) == 744
    alcohol = next(c for c in found["columns"] if c["name"] == "alcohol")
    assert alcohol["mean"] == pytest.approx(10.422983, abs=1e-5)
    assert (alcohol["kind"], alcohol["missing"]) == ("numeric", 0)
    assert found["problems"] == found["suggestions"] == []


def test_bad_files_are_listed_not_raised_and_nothing_is_written(tmp_path: Path) -> None:
    root = folder(tmp_path, {"a": 9, "b": 9})
    (root / "a" / "empty.png").write_bytes(b"")
    before = tree_hash(root)
    found = inspect(config(root))
    assert found["problems"] == [{"name": "a/empty.png", "reason": "empty file"}]
    assert found["samples"] == 18
    assert found["warnings"] == ["1 of 19 images can't be used and are left out (a 1 of 10)"]
    assert tree_hash(root) == before


def test_leaks_and_impossible_splits_are_listed(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(20, 2))
    y = np.arange(20) % 2
    np.savez(tmp_path / "d.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    found = inspect(config(tmp_path / "d.npz"))
    assert any("exact duplicates" in warning for warning in found["warnings"])
    np.savez(tmp_path / "d.npz", x=x, y=np.array([0] * 18 + [1] * 2))
    found = inspect(config(tmp_path / "d.npz"))
    assert found["parts"] == {}
    assert "class '1' (2)" in found["problems"][0]["reason"]


def test_imbalance_suggests_weights(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(100, 2))
    np.savez(tmp_path / "d.npz", x=x, y=np.array([0] * 85 + [1] * 15))
    assert "85% of the samples are '0': consider --class-weights auto" in str(
        inspect(config(tmp_path / "d.npz"))["suggestions"]
    )


def test_categories_missing_values_and_regression(tmp_path: Path) -> None:
    rows = [f"{'' if i == 3 else i % 7},{'' if i < 2 else 'ab'[i % 2]},{i / 7}" for i in range(30)]
    (tmp_path / "t.csv").write_text("\n".join(["u,kind,y", *rows]))
    found = inspect(config(tmp_path / "t.csv"))
    u, kind = found["columns"]
    assert u["missing"] == 1
    assert kind == {
        "name": "kind",
        "kind": "categorical",
        "missing": 2,
        "categories": {"a": 14, "b": 14},
    }
    assert found["target"]["max"] == pytest.approx(29 / 7)
    assert found["classes"] == []
