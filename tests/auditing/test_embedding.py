"""`mlzoo data embed` and `mlzoo data inspect --clusters`."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.cli.shell import run_mlzoo


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes apart in `a`; `b` goes with it, one value is missing, `kind` has two words."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 40)
    a = 6.0 * y + rng.normal(size=80)
    frame = pd.DataFrame({"a": a, "b": 2 * a + rng.normal(size=80), "kind": ["x", "z"] * 40})
    frame.loc[3, "b"] = np.nan
    path = tmp_path_factory.mktemp("embed") / "table.csv"
    frame.assign(y=np.array(["low", "high"])[y]).to_csv(path, index=False)
    return path


def test_samples_are_projected_and_components_told(table: Path, tmp_path: Path) -> None:
    picture = tmp_path / "seen.png"
    words = ("--picture", picture, "--perplexities", "5,500")
    said = json.loads(run_mlzoo("data", "embed", table, *words, "--json").out)
    assert said["samples"] == 80 and picture.read_bytes()[:4] == b"\x89PNG"
    first, second, *rest = said["components"]
    assert first["largest loadings"].count("a ") == 1 and "b " in first["largest loadings"]
    assert {"kind=x", "kind=z"} <= set(second["largest loadings"].replace(",", "").split())
    total = sum(row["variance"] for row in said["components"])
    assert total == pytest.approx(1, abs=1e-3) and first["variance"] > rest[0]["variance"]
    with (tmp_path / "seen.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:4] == ["name", "class", "pca_x", "pca_y"]
    assert "t-sne_perplexity_5_x" in rows[0] and "t-sne_perplexity_500_x" not in rows[0]
    along = np.array([float(row["pca_x"]) for row in rows])
    low = np.array([row["class"] == "low" for row in rows])
    assert max(along[low]) < min(along[~low]) or min(along[low]) > max(along[~low])
    wrong = run_mlzoo("data", "embed", table, "--picture", tmp_path / "seen.jpg")
    assert wrong.code == 2 and "that ends in .png" in wrong.err


def test_clusters_are_told_with_their_classes(table: Path) -> None:
    said = json.loads(run_mlzoo("data", "inspect", table, "--clusters", "2", "--json").out)
    found = said["clusters"]
    assert found["samples"] == 80 and len(found["tried"]) == 1 and found["agreement"] > 0.9
    assert {row["commonest class"] for row in found["clusters"]} == {"low", "high"}
    shown = run_mlzoo("data", "inspect", table, "--clusters", "auto").out
    assert "largest silhouette: " in shown and "adjusted Rand index" in shown
    for count, message in (("1", "write a number above 1, or auto"), ("80", "must be fewer")):
        refused = run_mlzoo("data", "inspect", table, "--clusters", count)
        assert refused.code == 2 and message in refused.err
