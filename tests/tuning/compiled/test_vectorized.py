from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.core.configs import RunConfig
from mlzoo.tuning.compiled import programs
from mlzoo.tuning.plan import Plan
from mlzoo.tuning.settings import TuneConfig
from mlzoo.tuning.space_from_config import build_space
from mlzoo.tuning.trials.fitting import Evaluator
from mlzoo.tuning.trials.trial import FitJob

pytestmark = [
    pytest.mark.backends,
    pytest.mark.skipif(keras.backend.backend() != "jax", reason="fits are vectorized on JAX alone"),
]


def evaluator(folder: Path, fast: str = "auto", folds: int = 3, **run: Any) -> Evaluator:
    settings = {"set": {"dropout": 0.0}, "limit": 320, "epochs": 3, "early_stopping": 0}
    base = RunConfig(**{"model": "mlp", "data": "digits", **settings, **run})
    vary = ["units=4,12", "learning_rate=0.001,0.01", "layers=1,2"]
    plan = Plan(base, build_space(base, vary, None), TuneConfig(fast=fast, folds=folds))
    return Evaluator(plan, folder)


def units() -> list[FitJob]:
    """Two trials of one architecture on three folds, of which the second is narrower."""
    both = [{"units": 12, "learning_rate": 0.01}, {"units": 4, "learning_rate": 0.001}]
    return [
        FitJob(number, fold, 0, {"layers": 1, **values})
        for number, values in enumerate(both)
        for fold in range(3)
    ]


@pytest.mark.parametrize(
    "run",
    [
        {},
        {"data": "diabetes", "epochs": 12, "early_stopping": 2},
        {"schedule": "plateau", "plateau_patience": 1, "epochs": 4},
        {"schedule": "cosine", "warmup": 1, "class_weights": "auto"},
        {"set": {"dropout": 0.3}, "limit": 375, "epochs": 2},
        {"batch_size": "full", "data": "diabetes"},
    ],
    ids=["plain", "stopping", "plateau", "cosine-weights", "dropout", "full"],
)
def test_fits_together_equal_plain_ones(run: dict[str, Any], tmp_path: Path) -> None:
    own, plain = evaluator(tmp_path, **run), evaluator(tmp_path, "off", **run)
    chosen = units()
    if "set" in run:
        chosen = [unit for unit in chosen if unit.trial == 0]  # with dropout none is padded
    groups = {own.group(unit) for unit in chosen}
    assert len(groups) == 1 and None not in groups
    found = own.fit_all(chosen)
    assert [ours["error"] for ours in found] == [None] * len(chosen), found[0]["traceback"]
    for number in (0, -1):  # each plain fit is compiled anew
        ours, theirs = found[number], plain.fit(chosen[number])
        assert ours["epochs"] == theirs["epochs"]
        assert ours["score"] == pytest.approx(theirs["score"], rel=1e-3)


def test_a_fit_gives_the_same_bits_in_any_company(tmp_path: Path) -> None:
    own = evaluator(tmp_path)
    fits = [replace(own._prepared(unit), seed=unit.fold) for unit in units()]
    whole = [said for said, _ in own.fast.fit(fits)]
    turned = [said for said, _ in own.fast.fit(fits[::-1])][::-1]
    for fit, one, other in zip(fits, whole, turned, strict=True):
        alone, _ = own.fast.fit([fit])[0]
        assert (one == other).all() and (one == alone).all()
    assert np.abs(whole[0] - whole[3]).max() > 0.01


def test_one_that_diverges_leaves_the_others_alone(tmp_path: Path) -> None:
    own = evaluator(tmp_path, data="diabetes", optimizer="sgd", epochs=20)
    chosen = [
        FitJob(0, 0, 0, {"units": 4, "layers": 1, "learning_rate": rate}) for rate in (1e7, 0.01)
    ]
    bad, good = own.fit_all(chosen)
    assert bad["score"] is None and "DivergedError: the loss became" in bad["error"]
    assert good["error"] is None
    assert good["score"] == own.fit(chosen[1])["score"]


def test_two_programs_serve_widths_rates_and_folds(tmp_path: Path) -> None:
    own = evaluator(tmp_path)
    before = programs.traces
    own.fit_all(units())
    own.check_fast(units()[0])
    assert programs.traces - before == 2, "one that trains, one that predicts"


def test_training_goes_on_in_another_company(tmp_path: Path) -> None:
    own = evaluator(tmp_path)
    values = {"units": 4, "layers": 1, "learning_rate": 0.01}
    whole = own.fit(FitJob(0, 0, 0, values, epochs=4))
    own.fit_all([FitJob(1, fold, 0, values, epochs=1) for fold in range(3)])
    rest = own.fit(FitJob(2, 0, 0, values, epochs=4, continues=1))
    assert (rest["score"], rest["epochs"]) == (whole["score"], 4)
