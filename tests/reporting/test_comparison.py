"""Run folders side by side."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from mlzoo.core.errors import DataError, UsageError
from mlzoo.reporting.comparison import compare, pair_sentence

TARGETS = np.arange(300) % 3


def make_run(
    folder: Path,
    wrong: int | None = 30,
    config: dict[str, Any] | None = None,
    metrics: dict[str, Any] | None = None,
    start: int = 0,
    groups: int = 0,
) -> str:
    """A run folder of 300 test samples, the first `wrong` of which it takes for another class."""
    folder.mkdir(parents=True)
    settings = {"model": "mlp", "data": "x.csv", "seed": 0, "name": folder.name, "set": {"l2": 0}}
    (folder / "config.yaml").write_text(yaml.safe_dump({**settings, **(config or {})}))
    found = {
        "task": "classification",
        "headline": {
            "name": "accuracy",
            "mode": "max",
            "value": 1 - (wrong or 0) / 300,
            "interval": [0.5, 1],
        },
        "test": {
            "samples": 300,
            "units": 300,
            "baselines": {"majority": {"accuracy": 0.4, "log_loss": 1.0}},
            "gain": {"baseline": "majority", "metric": "accuracy", "interval": [0.1, 0.3]},
            "better_than_baseline": True,
        },
        "kept": {"epoch": 3},
        "parameters": 99,
        "seconds": 1.5,
        "data_fingerprint": "f0",
        **(metrics or {}),
    }
    (folder / "metrics.json").write_text(json.dumps(found))
    (folder / "environment.json").write_text(json.dumps({"versions": {"keras": "3"}, "seed": 0}))
    (folder / "history.csv").write_text("epoch,loss\n1,.5\n2,.4\n3,.3\n4,.3\n")
    if wrong is not None:
        said = np.where(np.arange(300) < wrong, (TARGETS + 1) % 3, TARGETS)
        lines = [
            f"{i + start}{f',g{i // (300 // groups)}' if groups else ''},c{t},c{s}"
            for i, (t, s) in enumerate(zip(TARGETS, said, strict=True))
        ]
        header = f"index{',group' if groups else ''},target,prediction"
        (folder / "predictions.csv").write_text("\n".join([header, *lines]) + "\n")
    return str(folder)


def test_rows_settings_and_pairs(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", 60)
    b = make_run(tmp_path / "b", 30, {"seed": 1, "set": {"l2": 0.1}, "out": "elsewhere"})
    found = compare([a, b])
    json.dumps(found, allow_nan=False)
    assert found["rows"][0] == {
        "run": "a",
        "path": a,
        "model": "mlp",
        "data": "x.csv",
        "task": "classification",
        "samples": 300,
        "parameters": 99,
        "epochs": 4,
        "kept_epoch": 3,
        "seconds": 1.5,
        "metric": "accuracy",
        "mode": "max",
        "value": 0.8,
        "interval": [0.5, 1],
        "units": 300,
        "interval_unit": None,
        "baselines": {"majority": 0.4},
        "verdict": "better",
        "against_baseline": "better than majority",
    }
    assert found["differing"] == {"seed": {"a": 0, "b": 1}, "set.l2": {"a": 0, "b": 0.1}}
    assert found["environment"] == {}
    assert found["best"] == "b"
    (pair,) = found["pairs"]
    assert (pair["first"], pair["second"], pair["unit"]) == ("b", "a", "samples")
    assert pair["difference"] == pytest.approx(0.1)
    half = 2.58 * (0.1 * 0.9 / 300) ** 0.5  # b is right and a wrong in a tenth of the samples
    assert pair["interval"] == pytest.approx([0.1 - half, 0.1 + half], abs=0.01)
    assert (pair["tied"], pair["better"]) == (False, "first")
    assert found["notes"] == []


def test_close_runs_are_tied(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / "a", 30), make_run(tmp_path / "b", 31)]
    (pair,) = compare(runs)["pairs"]
    assert (pair["tied"], pair["better"]) == (True, None)


def test_groups_make_the_pair_less_sure(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, wrong, groups=6) for name, wrong in (("a", 0), ("b", 40))]
    (pair,) = compare(runs)["pairs"]
    assert (pair["unit"], pair["units"]) == ("groups", 6)
    assert pair["tied"]  # all mistakes are in one group of six
    assert pair_sentence(pair).endswith(
        "over 6 groups) on the same 300 test samples: statistically tied"
    )


def test_few_groups_give_no_verdict(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, wrong, groups=2) for name, wrong in (("a", 0), ("b", 300))]
    (pair,) = compare(runs)["pairs"]
    assert (pair["tied"], pair["better"]) == (None, None)
    assert pair_sentence(pair).endswith("no verdict: only 2 groups (6 are needed)")


def test_runs_judged_by_balanced_accuracy_are_paired(tmp_path: Path) -> None:
    headline = {"name": "balanced_accuracy", "mode": "max", "value": 0.9, "interval": None}
    runs = [
        make_run(
            tmp_path / name, wrong, metrics={"headline": {**headline, "value": 1 - wrong / 300}}
        )
        for name, wrong in (("a", 90), ("b", 0))
    ]
    (pair,) = compare(runs)["pairs"]
    assert (pair["metric"], pair["better"]) == ("balanced_accuracy", "first")
    assert pair["difference"] == pytest.approx(0.3)


def test_less_is_better(tmp_path: Path) -> None:
    headline = {"name": "rmse", "mode": "min", "interval": None}
    values = np.random.default_rng(0).normal(size=300)
    runs = []
    for name, error in (("far", 2.0), ("near", 1.0)):
        metrics = {"task": "regression", "headline": {**headline, "value": error}, "epochs": 7}
        runs.append(make_run(tmp_path / name, None, metrics=metrics))
        signs = np.where(np.arange(300) % 2, 1, -1)
        lines = [
            f"{i},{v},{v + error * s}" for i, v, s in zip(range(300), values, signs, strict=True)
        ]
        text = "\n".join(["index,target,prediction", *lines, ""])
        (tmp_path / name / "predictions.csv").write_text(text)
    found = compare(runs)
    assert found["best"] == "near"
    assert found["rows"][0]["epochs"] == 7
    (pair,) = found["pairs"]
    assert pair["difference"] == pytest.approx(-1)
    assert (pair["tied"], pair["better"]) == (False, "first")


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"metrics": {"data_fingerprint": "f1"}}, "different data"),
        ({"start": 100}, r"test splits differ \(200 samples in common\)"),
        ({"wrong": None}, "has no predictions.csv"),
    ],
)
def test_why_runs_are_not_paired(tmp_path: Path, other: dict[str, Any], reason: str) -> None:
    runs = [make_run(tmp_path / "a", 0), make_run(tmp_path / "b", **{"wrong": 60, **other})]
    found = compare(runs)
    assert found["pairs"] == []
    (note,) = found["notes"]
    assert re.search(reason, note)


def test_other_tasks_have_no_best(tmp_path: Path) -> None:
    headline = {"name": "rmse", "mode": "min", "value": 1.0, "interval": None}
    metrics = {"task": "regression", "headline": headline}
    runs = [make_run(tmp_path / "a"), make_run(tmp_path / "b", None, metrics=metrics)]
    found = compare(runs)
    assert found["best"] is None
    assert len(found["notes"]) == 1


def test_settings_of_different_models_are_not_listed(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", config={"set": {"hidden": 3, "l2": 0}})
    b = make_run(tmp_path / "b", config={"model": "cnn", "set": {"filters": 3, "l2": 1}})
    assert set(compare([a, b])["differing"]) == {"model", "set.l2"}


def test_runs_of_the_same_name_keep_apart(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / "x" / "a", 30), make_run(tmp_path / "y" / "a", 60)]
    assert [row["run"] for row in compare(runs)["rows"]] == runs


def test_folders_that_are_no_runs_are_named_all_at_once(tmp_path: Path) -> None:
    run = make_run(tmp_path / "cnn-digits")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError) as caught:
        compare([run, str(tmp_path / "cnn-digit"), str(tmp_path / "empty")])
    missing, empty = caught.value.problems
    assert missing.endswith(f"did you mean {tmp_path / 'cnn-digits'}?")
    assert "no config.yaml and no metrics.json" in empty


def test_one_folder_is_not_enough(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two run folders"):
        compare([make_run(tmp_path / "a")])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metrics.json", "{"),
        ("metrics.json", "[]"),
        ("config.yaml", "a: !!python/object/apply:os.system [ls]"),
        ("config.yaml", "just text"),
    ],
)
def test_broken_and_hostile_files_are_refused(tmp_path: Path, name: str, text: str) -> None:
    runs = [make_run(tmp_path / "a"), make_run(tmp_path / "b")]
    (tmp_path / "b" / name).write_text(text)
    with pytest.raises(DataError, match=f"{name} is damaged"):
        compare(runs)


@pytest.mark.slow
def test_comparing_imports_nothing_heavy(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / "a", 30), make_run(tmp_path / "b", 60)]
    code = (
        "import sys; from mlzoo.reporting.comparison import compare; compare(sys.argv[1:]); "
        "print({'matplotlib', 'keras', 'tensorflow', 'sklearn', 'pandas'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, *runs]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
