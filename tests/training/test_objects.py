"""Runs that are trained on objects of Python code, which only their digests are recorded of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mlzoo
from mlzoo.core import files
from mlzoo.core.errors import UsageError
from mlzoo.data.objects import store
from tests.training.made import LEAN
from tests.training.test_resume import Cut, CutAt

SETTINGS: dict[str, Any] = {
    "target": "y",
    "epochs": 2,
    "preset": "none",
    **LEAN,
    "checkpoint_every": 0,
    "set": {"hidden": [8]},
}


def frame(shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=100), "b": rng.normal(size=100) + shift})
    return table.assign(y=np.where(table.a + table.b > shift, "up", "down"))


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin as a new process does, which holds no objects."""
    monkeypatch.setattr(store, "_held", {})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("objects")
    run = mlzoo.train("mlp", frame(), out=str(out), **SETTINGS)
    assert run.path.name == "mlp-table"
    return run.path


def test_a_finished_run_reads_its_object_again(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(monkeypatch)
    run = mlzoo.load(trained)
    assert run.predict(frame()[["b", "a"]].head(3)).names == ["row 1", "row 2", "row 3"]
    score = run.evaluate(frame().head(30))["metrics"]["accuracy"]
    assert (
        score
        == run.evaluate((frame()[["a", "b"]].head(30), frame()["y"].head(30)))["metrics"][
            "accuracy"
        ]
    )
    forget(monkeypatch)
    for work in (lambda: run.evaluate(), lambda: mlzoo.reproduce(trained)):
        with pytest.raises(UsageError, match=r"the table 100x3 .* hand it over again"):
            work()
    with pytest.raises(UsageError, match="was trained on the table 100x3 .*, but was given the t"):
        mlzoo.load(trained, data=frame(1.0))
    with pytest.raises(UsageError, match="but was given iris"):
        mlzoo.reproduce(trained, data="iris")
    again = mlzoo.load(trained, data=frame()).evaluate()
    recorded = files.read_json(trained / "metrics.json")["test"]["metrics"]
    assert again["metrics"]["accuracy"] == recorded["accuracy"]
    assert mlzoo.reproduce(trained, data=frame())["reproduced"]


def test_a_run_that_was_cut_is_resumed_with_its_object_alone(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Cut):
        mlzoo.train("mlp", frame(), out=str(tmp_path), listener=CutAt(3), **SETTINGS)
    forget(monkeypatch)
    with pytest.raises(UsageError, match=r"the table 100x3 .* hand it over again"):
        mlzoo.resume(tmp_path / "mlp-table")
    with pytest.raises(UsageError, match="but was given the table 100x3"):
        mlzoo.resume(tmp_path / "mlp-table", data=frame(1.0))
    run = mlzoo.resume(tmp_path / "mlp-table", data=frame())
    whole = files.read_json(trained / "metrics.json")
    assert run.metrics["weights_sha256"] == whole["weights_sha256"]


def test_a_run_of_a_path_takes_no_object(trained: Path, tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "t.csv", index=False)
    run = mlzoo.train("mlp", tmp_path / "t.csv", out=str(tmp_path), **SETTINGS)
    assert run.metrics["weights_sha256"] == mlzoo.load(trained).metrics["weights_sha256"]
    with pytest.raises(UsageError, match=r"t.csv, a path; leave data out"):
        mlzoo.load(run.path, data=frame())
