"""Samples are set aside for intervals and sets, decide nothing else, and runs predict with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mlzoo
from mlzoo.core import files
from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.samples import Part
from mlzoo.runs.config_loading import merge
from mlzoo.training.calibration.conformal import set_aside
from mlzoo.training.calibration.coverage import part_coverage
from tests.training import made
from tests.training.made import LEAN


def test_a_third_of_many_validation_samples_is_set_aside_and_none_of_few() -> None:
    data = made.data(n=800)  # 160 of them for validation
    rest, part = set_aside(made.config(), data, 0, Listener())
    assert part is not None and 50 <= len(part) <= 55
    both = np.union1d(rest.valid.indices, part.indices)
    np.testing.assert_array_equal(both, data.valid.indices)
    assert len(np.intersect1d(rest.valid.indices, part.indices)) == 0
    again = set_aside(made.config(), data, 0, Listener())[1]
    np.testing.assert_array_equal(part.indices, again.indices)
    for few, config in (
        (made.data(n=700), made.config()),
        (data, made.config(conformal=0)),
        (data, made.config(folds=5)),
    ):
        assert set_aside(config, few, 0, Listener()) == (few, None)
    half = set_aside(made.config(conformal=0.5), made.data(n=100), 0, Listener())[1]
    assert half is not None and len(half) == 10


def test_groups_stay_together_and_too_few_samples_are_refused() -> None:
    data = made.data(n=200)
    samples = replace(data.samples, groups=np.arange(200) // 5)
    parts = {n: Part(samples, getattr(data, n).indices) for n in ("train", "valid", "test")}
    grouped = replace(data, samples=samples, **parts)
    rest, part = set_aside(made.config(conformal=0.5), grouped, 0, Listener())
    assert part is not None and not set(part.groups) & set(rest.valid.groups)
    tiny = made.data(n=60, shares=(0.97, 0.016))
    with pytest.raises(DataError, match=r"--conformal 0.5: the validation split is too small"):
        set_aside(made.config(conformal=0.5), tiny, 0, Listener())


def test_parts_are_under_covered_beyond_what_chance_does_to_any_of_them() -> None:
    rng = np.random.default_rng(0)
    groups = (rng.uniform(size=(200, 50, 10)) < 0.9).astype("float64")
    warned = [any(part_coverage("g", each, 50)["under"] for each in trial) for trial in groups]
    assert np.mean(warned) < 0.05, "of 50 groups of 10 samples hardly any is warned of"
    held = np.repeat([0.0, 1.0], [12, 28])
    assert part_coverage("a", held, 10)["under"] and not part_coverage("a", held[6:], 10)["under"]


def test_parts_of_samples_that_are_alike_are_warned_of_seldom() -> None:
    rng, groups = np.random.default_rng(0), np.arange(12).repeat(8)
    alone, whole = 0, 0
    for _ in range(400):
        error = 0.8**0.5 * rng.normal(size=12).repeat(8) + 0.2**0.5 * rng.normal(size=96)
        held = (np.abs(error) < 1.644854).astype(float)
        alone += part_coverage("a", held, 5)["under"]
        whole += part_coverage("a", held, 5, groups)["under"]
    assert whole / 400 <= 0.005 < 0.03 < alone / 400
    never = part_coverage("a", np.zeros(96), 5, groups)
    assert never["under"] and never["samples"] == 96


def table(path: Path) -> tuple[str, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 2)).round(4)
    y = (x[:, 0] - 2 * x[:, 1] + rng.normal(size=500)).round(4)
    rows = [f"{a},{b},{c}" for (a, b), c in zip(x, y, strict=True)]
    (path / "table.csv").write_text("\n".join(["a,b,y", *rows]) + "\n")
    return str(path / "table.csv"), x, y


@pytest.mark.parametrize("way", [{"conformal": 0.5}, {"folds": 3}])
def test_intervals_of_new_samples_hold_their_values(way: dict, tmp_path: Path) -> None:
    data, _, _ = table(tmp_path)
    run = mlzoo.train(
        "linear", data, target="y", preset="none", epochs=40, out=str(tmp_path), **way, **LEAN
    )
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2000, 2)).astype("float32")
    y = x @ [1.0, -2.0] + rng.normal(size=2000)
    widths = []
    for coverage in (0.6, 0.9):
        found = run.predict(x, coverage=coverage)
        low, high = found.low[:, 0], found.high[:, 0]
        assert ((low <= y) & (y <= high)).mean() == pytest.approx(coverage, abs=0.08)
        assert ((low < found.labels) & (found.labels < high)).all()
        widths.append((high - low).mean())
    assert widths[0] < widths[1]
    assert run.predict(x[:3]).low is None
    scored = files.read_json(run.path / "metrics.json")["conformal"]
    assert scored["level"] == 0.9 and 0.8 < scored["coverage"] <= 1
    assert len(scored["parts"]) == (10 if scored["adaptive"] else 5)
    assert scored["width"][0] == pytest.approx(widths[1], rel=0.1)
    kept = files.read_json(run.path / "calibration.json")["conformal"]
    assert (kept["member"] is None) == ("conformal" in way) and kept["unit"] == "samples"
    assert len(kept["scores"]) == (50 if "conformal" in way else 400)
    with pytest.raises(UsageError, match=r"--coverage 0.999 needs at least 999 held-out samples"):
        run.predict(x, coverage=0.999)
    with pytest.raises(UsageError, match="must be between 0 and 1"):
        run.predict(x, coverage=90)
    assert "90% prediction intervals hold" in (run.path / "README.md").read_text()


@pytest.mark.parametrize("way", [{"conformal": 0.5}, {"folds": 3}])
def test_intervals_are_wider_where_errors_are_larger(way: dict, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 2)).round(4)
    y = (x[:, 0] + np.exp(x[:, 1]) * rng.normal(size=600)).round(4)
    rows = [f"{a},{b},{c}" for (a, b), c in zip(x, y, strict=True)]
    (tmp_path / "table.csv").write_text("\n".join(["a,b,y", *rows]) + "\n")
    run = mlzoo.train(
        "linear",
        str(tmp_path / "table.csv"),
        target="y",
        preset="none",
        epochs=20,
        out=str(tmp_path),
        **way,
        **LEAN,
    )
    at = np.array([[0, -1.5], [0, 1.5]], "float32")
    predicted = run.predict(at, coverage=0.9)
    narrow, wide = (predicted.high - predicted.low)[:, 0]
    assert wide > 4 * narrow  # the deviations are .22 and 4.5
    scored = files.read_json(run.path / "metrics.json")["conformal"]
    assert scored["adaptive"] and scored["parts"][-1]["part"].startswith("widths")
    assert min(each["coverage"] for each in scored["parts"]) > 0.7
    held_out = files.read_json(run.path / "calibration.json")["conformal"]
    assert len(held_out["scale"]["weights"]) == way.get("folds", 1)


def test_sets_of_a_run_with_folds_and_runs_without_scores(tmp_path: Path) -> None:
    asked = {"preset": "none", "epochs": 20, "out": str(tmp_path), **LEAN}
    run = mlzoo.train("linear", "wine", folds=3, **asked)
    x = run.own_data().test.inputs()
    predicted = run.predict(x, coverage=0.95)
    sets = predicted.sets
    # Of several members the features of the first tell what is unlike the training data.
    assert predicted.unlike_p.max() > 0.5 and run.predict(x + 500).unlike.all()
    names = run.record["class_names"]
    labels = run.predict(x).labels
    assert sets is not None and all(label in s for label, s in zip(labels, sets, strict=True))
    assert all(set(each) <= set(names) for each in sets)
    plain = mlzoo.train("linear", "wine", **asked)
    with pytest.raises(UsageError, match="has no held-out scores; train it again with --folds 5"):
        plain.predict(x, coverage=0.9)


def test_configurations_of_older_runs_set_nothing_aside(tmp_path: Path) -> None:
    old = tmp_path / "old.yaml"
    old.write_text("# Repeats this run: mlzoo train --config <this file>\nmodel: mlp\ndata: iris\n")
    assert merge({}, old).config.conformal == 0
    with pytest.raises(UsageError, match="must be from 0 to 0.5, or auto"):
        merge({"model": "mlp", "data": "iris", "conformal": 0.6})
