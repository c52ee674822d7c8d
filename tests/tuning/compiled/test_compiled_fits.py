from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.core.configs import RunConfig
from mlzoo.tuning.compiled import programs
from mlzoo.tuning.plan import Plan
from mlzoo.tuning.results.ties import UnitScores
from mlzoo.tuning.settings import TuneConfig
from mlzoo.tuning.space_from_config import build_space
from mlzoo.tuning.trials.fitting import Evaluator
from mlzoo.tuning.trials.trial import FitJob

pytestmark = pytest.mark.backends

VALUES = {"layers": 2, "units": 12, "learning_rate": 0.01, "dropout": 0.3}


def evaluator(folder: Path, fast: str = "auto", folds: int = 2, **run: Any) -> Evaluator:
    base = RunConfig(**{"model": "mlp", "data": "digits", "limit": 500, "epochs": 3, **run})
    space = build_space(base, ["learning_rate=0.1,0.01"], None)
    plan = Plan(base, space, TuneConfig(fast=fast, folds=folds))
    return Evaluator(plan, folder)


def outputs(own: Evaluator, unit: FitJob) -> np.ndarray:
    said, _ = own.fast.fit([replace(own._prepared(unit), seed=5)])[0]
    return np.asarray(said)


SHARED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "dropout": ({}, VALUES),
    "adagrad-l2": (
        {"batch_size": 7, "optimizer": "adagrad"},
        {"layers": 1, "units": 9, "l2": 0.01},
    ),
    "stopping": (
        {"data": "diabetes", "epochs": 9, "early_stopping": 2},
        {**VALUES, "dropout": 0.1},
    ),
    "plateau": ({"schedule": "plateau", "plateau_patience": 1, "epochs": 5}, VALUES),
    "cnn": (
        {"model": "cnn", "set": {"filters": [4, 6]}, "limit": 200},
        {"learning_rate": 0.01},
    ),
    "binary": (
        {"data": "breast_cancer", "monitor": "val_accuracy", "epochs": 8, "early_stopping": 2},
        {},
    ),
}
if keras.backend.backend() == "jax":  # `test_vectorized.py` has these
    del SHARED["dropout"], SHARED["stopping"], SHARED["plateau"]


@pytest.mark.slow
@pytest.mark.parametrize(("run", "values"), SHARED.values(), ids=SHARED)
def test_shared_fits_equal_plain_ones(
    run: dict[str, Any], values: dict[str, Any], tmp_path: Path
) -> None:
    found = {}
    for fast in ("auto", "off"):
        own = evaluator(tmp_path, fast, **run)
        # Of plain fits the second: its compiled counterpart is by the program of the first.
        folds = (0, 1) if fast == "auto" else (1,)
        records = [own.fit(FitJob(0, fold, 0, values)) for fold in folds]
        assert {record["error"] for record in records} == {None}, records[0]["traceback"]
        found[fast] = records
        if fast == "auto":
            [program] = own.fast._programs.values()
            assert program.loop == (own.plan.run.model == "mlp"), "a call: an epoch, or a step"
    for ours, plain in zip(found["auto"][1:], found["off"], strict=True):
        assert ours["epochs"] == plain["epochs"]
        assert ours["score"] == pytest.approx(plain["score"], rel=1e-3)
        units = [UnitScores.of(record["paired"]) for record in (ours, plain)]
        assert units[0] is not None and units[1] is not None
        assert (
            units[0].count
            == units[1].count
            == len(own.data.train)
            + len(own.data.valid)
            - (len(own._folds(own.plan.run)[ours["fold"]].train))
        )
        np.testing.assert_allclose(units[0].values.mean(), units[1].values.mean(), rtol=1e-3)


@pytest.mark.slow
def test_categories_that_some_folds_lack_change_the_width_of_their_inputs(tmp_path: Path) -> None:
    lines = [f"{'odd' if n == 20 else 'ab'[n % 2]},{n % 7},{n % 2}" for n in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["kind,size,y", *lines]))
    run = {"data": str(tmp_path / "t.csv"), "target": "y", "task": "classification"}
    own = evaluator(tmp_path, folds=3, **{**run, "limit": None, "epochs": 1})
    widths = {own.fast.feeder.inputs(data).shape for data in own._folds(own.plan.run)}
    assert len(widths) == 2
    units = [FitJob(0, fold, 0, {"learning_rate": 0.1}) for fold in range(3)]
    records = own.fit_all(units) if own.fast.lanes > 1 else [own.fit(unit) for unit in units]
    assert [r["error"] for r in records] == [None] * 3, records[0]["traceback"]
    assert not any("fallback" in r for r in records), "all of them are compiled"


def test_a_compiled_fit_that_fails_is_done_by_the_plain_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = evaluator(tmp_path, "off", limit=60, epochs=1)
    own = evaluator(tmp_path, limit=60, epochs=1)

    def broken(fits: Any) -> Any:
        raise ValueError("could not broadcast input array")

    monkeypatch.setattr(own.fast, "fit", broken)
    unit = FitJob(0, 0, 0, {"layers": 1, "units": 4})
    found, expected = own.fit(unit), plain.fit(unit)
    assert found["fallback"] == "ValueError: could not broadcast input array"
    assert (found["error"], found["score"]) == (None, expected["score"])
    assert "fallback" not in expected
    failed = own.fit(FitJob(1, 0, 0, {"units": -1}))
    assert failed["error"] and "fallback" not in failed, "the plain code's own failure is told"


def test_plain_fits_need_no_compiled_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.startswith("mlzoo.tuning.compiled.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mlzoo.tuning.compiled.compiled_fits", None)
    with pytest.raises(ImportError):
        evaluator(tmp_path, limit=60, epochs=1)
    plain = evaluator(tmp_path, "off", limit=60, epochs=1)
    assert plain.fit(FitJob(0, 0, 0, {"layers": 1, "units": 4}))["error"] is None


@pytest.mark.slow
def test_one_program_serves_all_rates_rates_of_dropout_and_penalties(tmp_path: Path) -> None:
    own = evaluator(tmp_path, set={"dropout": 0.2})
    before = programs.traces
    for number in range(6):
        values = {
            "units": 12,
            "learning_rate": 10.0 ** -(number % 3 + 1),
            "dropout": 0.1 + 0.1 * number,
            "l2": 0.001 * (number + 1),
            "layers": 1,
        }
        for fold in range(2):
            assert own.fit(FitJob(number, fold, 0, values))["error"] is None
    assert programs.traces - before == 2, "one that trains, one that predicts"
    own.fit(FitJob(9, 0, 0, {"layers": 2, "units": 12, "dropout": 0.2, "l2": 0.001}))
    assert len(own.fast._programs) == 2


@pytest.mark.slow
def test_a_fit_does_not_depend_on_those_before_it(tmp_path: Path) -> None:
    own = evaluator(tmp_path)
    first = outputs(own, FitJob(0, 0, 0, VALUES))
    other = outputs(own, FitJob(1, 1, 0, {**VALUES, "learning_rate": 0.3}))
    assert (outputs(own, FitJob(0, 0, 0, VALUES)) == first).all(), "bit by bit"
    assert np.abs(other[: len(first)] - first[: len(other)]).max() > 0.01
    assert (outputs(evaluator(tmp_path), FitJob(0, 0, 0, VALUES)) == first).all()


@pytest.mark.slow
def test_programs_are_compiled_ahead_and_change_no_fit(tmp_path: Path) -> None:
    values = {"layers": 1, "units": 8, "dropout": 0.0}
    units = [FitJob(n, 0, 0, {**values, "activation": of}) for n, of in enumerate(("relu", "tanh"))]
    broken = FitJob(2, 0, 0, {**values, "units": -1})
    plain = evaluator(tmp_path)
    expected = [outputs(plain, unit) for unit in units]
    own = evaluator(tmp_path)
    own.compile_ahead([broken, *units])
    compiled = list(own.fast._programs.values())
    assert len(compiled) == 2
    own.fast.settle()
    before = programs.traces
    for unit, outcome in zip(units, expected, strict=True):
        assert (outputs(own, unit) == outcome).all(), "bit by bit"
    assert programs.traces == before, "nothing is left to compile"
    own.close()
    own.fast._programs.clear()
    assert own.fit(units[0])["error"] is None, "a program that no thread compiles"


@pytest.mark.slow
def test_training_that_goes_on_ends_where_one_without_a_stop_does(tmp_path: Path) -> None:
    for fast in ("auto", "off"):
        own = evaluator(tmp_path / fast, fast)
        whole = own.fit(FitJob(0, 0, 0, VALUES, epochs=4))
        own.fit(FitJob(1, 0, 0, VALUES, epochs=1))
        rest = own.fit(FitJob(2, 0, 0, VALUES, epochs=4, continues=1))
        assert (rest["score"], rest["epochs"]) == (whole["score"], 4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "run",
    [
        {"early_stopping": 2, "learning_rate": 0.1},
        {"schedule": "plateau", "plateau_patience": 1, "learning_rate": 0.1},
    ],
    ids=["stopped", "lowered"],
)
def test_what_a_training_had_come_to_holds_where_it_goes_on(
    run: dict[str, Any], tmp_path: Path
) -> None:
    values = {"layers": 1, "units": 8, "dropout": 0.0}
    found = {}
    for fast in ("auto", "off"):
        own = evaluator(tmp_path / fast, fast, data="diabetes", epochs=24, **run)
        own.fit(FitJob(0, 0, 0, values, epochs=18))
        found[fast] = own.fit(FitJob(1, 0, 0, values, epochs=24, continues=0))
        assert found[fast]["error"] is None
    assert found["auto"]["epochs"] == found["off"]["epochs"]
    assert found["auto"]["score"] == pytest.approx(found["off"]["score"], rel=1e-3)
    if "early_stopping" in run:
        assert found["auto"]["epochs"] < 18


def test_divergence_is_a_failure(tmp_path: Path) -> None:
    own = evaluator(tmp_path, optimizer="sgd", data="diabetes", epochs=20)
    record = own.fit(FitJob(0, 0, 0, {"learning_rate": 1e6}))
    assert record["score"] is None and "DivergedError: the loss became" in record["error"]


@pytest.mark.slow
def test_the_check_finds_programs_that_train_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = evaluator(tmp_path)
    unit = FitJob(0, 0, 0, VALUES)
    assert "equal to plain ones" in (own.check_fast(unit) or "")
    assert own.fast is not None
    from mlzoo.tuning.compiled import feeding

    monkeypatch.setattr(feeding, "batch_size", lambda config, count: 31)
    assert "differ from plain ones" in (own.check_fast(unit) or "")
    assert own.fast is None
