from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.core.configs import RunConfig
from mlzoo.tuning.compiled.padding import can_pad, pad, widened
from mlzoo.tuning.plan import Plan
from mlzoo.tuning.settings import TuneConfig
from mlzoo.tuning.space_from_config import build_space, candidate
from mlzoo.tuning.trials.fitting import Evaluator
from mlzoo.tuning.trials.trial import FitJob
from tests.eager import eagerly


def plan(units: str, **run: Any) -> Plan:
    settings = {"set": {"dropout": 0.0}, "limit": 300, "epochs": 2, "early_stopping": 0}
    base = RunConfig(**{"model": "mlp", "data": "digits", **settings, **run})
    vary = [f"units={units}", "layers=1,2", "activation=relu,tanh"]
    return Plan(base, build_space(base, vary, None), TuneConfig(folds=2))


@pytest.mark.parametrize(
    ("units", "own", "wide"),
    [
        ("10,20,30", 10, 30),
        ("10,20,30", 30, 30),
        ("log:8..128", 32, 32),
        ("log:8..128", 33, 128),
        ("log:8..128", 8, 8),
        ("log:8..128", 9, 32),
    ],
)
def test_widths_share_programs_of_up_to_four_times_their_own(
    units: str, own: int, wide: int
) -> None:
    chosen = plan(units)
    config = candidate(chosen.run, {"units": own, "layers": 2, "activation": "relu"})
    assert widened(config, chosen.space).set["hidden"] == [wide, wide]


def test_networks_whose_idle_units_would_say_something_are_not_padded() -> None:
    start = keras.Input((5,))
    for activation, fits in (("relu", True), ("tanh", True), ("sigmoid", False)):
        hidden = keras.layers.Dense(3, activation=activation)(start)
        ended = keras.layers.Activation("sigmoid")(keras.layers.Dense(1)(hidden))
        assert can_pad(keras.Model(start, ended)) is fits
    hidden = keras.layers.Dropout(0.1)(keras.layers.Dense(3)(start))
    assert not can_pad(keras.Model(start, keras.layers.Dense(1)(hidden)))
    joined = keras.layers.Concatenate()([start, keras.layers.Dense(3)(start)])
    assert not can_pad(keras.Model(start, keras.layers.Dense(1)(joined)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "optimizer",
    [
        pytest.param("adam", marks=pytest.mark.backends),
        *("adamw", "momentum", "rmsprop", "adadelta"),
    ],
)
def test_padded_weights_stay_exactly_zero(optimizer: str, tmp_path: Path) -> None:
    own = Evaluator(plan("6,16", optimizer=optimizer), tmp_path)
    values = {"units": 6, "layers": 2, "activation": "tanh", "l2": 0.001}
    with eagerly(optimizer != "adam"):  # what one optimizer does to zeros needs no compiler
        record = own.fit(FitJob(0, 0, 0, values, epochs=2))
    assert record["error"] is None, record["traceback"]
    file = next((tmp_path / "states" / "0-0-0").glob("*.npz"))
    with np.load(file) as content:
        arrays = [content[name] for name in content.files]
    first, second = (next(a for a in arrays if a.shape == shape) for shape in ((64, 16), (16, 16)))
    assert not first[:, 6:].any() and not second[6:].any() and not second[:, 6:].any()
    assert first[:, :6].all() and second[:6, :6].all()


@pytest.mark.backends
def test_narrow_and_wide_candidates_share_programs_and_score_as_alone(tmp_path: Path) -> None:
    chosen = plan("6,16")
    for fast in ("auto", "off"):
        search = chosen.search.model_copy(update={"fast": fast})
        own = Evaluator(Plan(chosen.run, chosen.space, search), tmp_path)
        scores = [
            own.fit(FitJob(0, 0, 0, {"units": units, "layers": 1, "activation": "relu"}))["score"]
            for units in (6, 16)
        ]
        if fast == "auto":
            shared = scores
            assert len(own.fast._programs) == 1
    assert shared == pytest.approx(scores, rel=1e-3)


def test_pad_keeps_numbers_and_shapes() -> None:
    like = [np.zeros((3, 4)), np.zeros(2), np.zeros(())]
    found = pad([np.ones((2, 3)), np.ones(2), np.array(7.0)], like)
    assert [array.shape for array in found] == [(3, 4), (2,), ()]
    assert found[0].sum() == 6 and found[0][:2, :3].all() and found[2] == 7
