"""Networks that conserve an energy, the pendulum that they learn, and rollouts of its states."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.expressions import evaluate, parse
from mlzoo.core.progress import Listener
from mlzoo.data.samples import Column
from mlzoo.data.specs import Inputs, Outputs, target_of
from mlzoo.layers.hamiltonian import HamiltonianFlow
from mlzoo.layers.scaling import Standardise
from mlzoo.models import hamiltonian
from mlzoo.reporting.rollout_export import drift_sentences, state_rows, write_states
from mlzoo.runs.predicting.rollouts.states import check_states, read_energy, roll_states
from mlzoo.runs.predicting.settings import PredictConfig
from mlzoo.sources._pendulum import ENERGY, pendulum_samples, rates

COLUMNS = ["angle", "momentum"]


def test_rates_are_the_turned_gradient_of_the_energy() -> None:
    layer = HamiltonianFlow([7, 5, 6], [1.0, 2.0, -3.0, -4.0])
    x = np.random.default_rng(0).normal(size=(9, 4)).astype("float32")
    given = keras.ops.convert_to_numpy(layer(x))
    step, gradient = 1e-2, np.empty((9, 4))
    for place in range(4):
        ahead, behind = x.copy(), x.copy()
        ahead[:, place] += step
        behind[:, place] -= step
        ends = [keras.ops.convert_to_numpy(layer.energy(each))[:, 0] for each in (ahead, behind)]
        gradient[:, place] = (ends[0] - ends[1]) / (2 * step)
    expected = gradient[:, [2, 3, 0, 1]] * [1, 2, -3, -4]
    np.testing.assert_allclose(given, expected, atol=2e-3)
    assert np.abs(given).max() > 0.1


def test_columns_of_different_units_keep_the_energy_too() -> None:
    scaling = keras.layers.serialize(Standardise([1.0, -2.0], [0.1, 5.0], name="scaling"))
    inputs = Inputs((2,), "table", scaling=[scaling])
    model = hamiltonian.build(
        hamiltonian.Config(hidden=[8]), inputs, Outputs("regression", 2, (0.0, 0.0), (1.0, 1.0))
    )
    layer, scaled = model.get_layer("head"), model.get_layer("scaling")
    at = np.array([[1.03, -1.0], [0.9, 3.0]], "float32")
    moved = keras.ops.convert_to_numpy(model(at))
    step = 1e-4 * moved
    ahead, behind = (
        keras.ops.convert_to_numpy(layer.energy(scaled(at + sign * step))) for sign in (1, -1)
    )
    assert np.abs(ahead - behind).max() < 1e-6 < np.abs(step).max()


@pytest.mark.parametrize(
    ("shape", "units"), [((3,), 3), ((4,), 2), ((2, 2, 1), 2)], ids=["odd", "fewer", "images"]
)
def test_what_has_no_momenta_is_refused(shape: tuple[int, ...], units: int) -> None:
    with pytest.raises(UsageError, match="positions, then as many of momenta"):
        hamiltonian.build(
            hamiltonian.Config(), Inputs(shape, "table"), Outputs("regression", units)
        )


def test_swings_keep_their_energy_and_stay_together_in_a_split() -> None:
    samples = pendulum_samples(4, 0.0, np.random.default_rng(0))
    assert samples.inputs.shape == samples.targets.shape == (120, 2)
    np.testing.assert_allclose(samples.targets, rates(samples.inputs), atol=1e-5)
    energy = evaluate(parse(ENERGY, COLUMNS), dict(zip(COLUMNS, samples.inputs.T, strict=True)), np)
    each = energy.reshape(4, 30)
    assert np.ptp(each, axis=1).max() < 1e-4 < np.ptp(each[:, 0])
    assert each.max() < 6  # none swings over the top
    assert samples.groups is not None and len(set(samples.groups)) == 4
    noisy = pendulum_samples(40, 0.1, np.random.default_rng(0))
    clean = pendulum_samples(40, 0.0, np.random.default_rng(0))
    assert np.std(noisy.inputs - clean.inputs) == pytest.approx(0.1, rel=0.1)


def test_a_pendulum_is_learned() -> None:
    samples = pendulum_samples(10, 0.0, np.random.default_rng(0))
    scaling = keras.layers.serialize(Standardise([0.0, 0.0], [1.2, 2.0], name="scaling"))
    inputs = Inputs((2,), "table", scaling=[scaling])
    outputs = Outputs("regression", 2, (0.0, 0.0), (2.0, 2.0))
    keras.utils.set_random_seed(0)
    model = hamiltonian.build(hamiltonian.Config(hidden=[24, 24]), inputs, outputs)
    model.compile(keras.optimizers.Adam(1e-2), "mse")
    model.fit(samples.inputs, samples.targets, batch_size=300, epochs=150, verbose=0)
    missed = model.predict(samples.inputs, verbose=0) - samples.targets
    assert np.sqrt(np.mean(missed**2)) < 0.1 * np.sqrt(np.mean(samples.targets**2))


def _run(gain: float = 0.0, categories: tuple[str, ...] = ()) -> SimpleNamespace:
    """A run of the pendulum's true rates, perhaps with momentum that grows."""
    return SimpleNamespace(
        path=Path("made"),
        target=target_of("regression"),
        record={"task": "regression", "kind": "table", "target_names": ["a", "b"]},
        reader_columns=tuple(Column(name, categories) for name in COLUMNS),
        read_new=lambda new, listener: (new, [f"row {i}" for i in range(len(new))], ()),
        outputs=lambda x: rates(x) + gain * np.stack([0 * x[:, 0], x[:, 1]], axis=1),
    )


def test_rollouts_follow_the_rates_and_tell_how_the_energy_drifts(tmp_path: Path) -> None:
    starts = np.array([[1.0, 0.0], [0.1, 0.0]])
    energy = read_energy(ENERGY, COLUMNS)
    rolled = {
        name: roll_states(_run(gain), starts, 400, 0.05, energy)
        for name, gain in (("exact", 0.0), ("growing", 0.02))
    }
    [_, small] = rolled["exact"]
    # Small swings are cosines of angular frequency sqrt(3).
    np.testing.assert_allclose(
        small.states[:, 0], 0.1 * np.cos(np.sqrt(3) * small.times), atol=4e-3
    )
    first, second = (rolled[name][0].drift for name in rolled)
    assert first is not None and first < 1e-4 and second is not None and second > 0.3
    rows = state_rows(rolled, COLUMNS)
    assert len(rows) == 2 * 2 * 401
    assert rows[0] == {
        "run": "exact", "name": "row 0", "step": 0, "time": 0.0, "angle": 1.0, "momentum": 0.0,
        "energy": round(3 * (1 - np.cos(1.0)), 6),
    }  # fmt: skip
    told = drift_sentences(rolled)
    assert told[0].startswith("exact: median energy drift") and told[1].endswith("by time 20")
    write_states(tmp_path / "rolled", rolled, rows, COLUMNS)
    assert (tmp_path / "rolled" / "rollout.png").stat().st_size > 10_000
    assert len((tmp_path / "rolled" / "rollout.csv").read_text().splitlines()) == 1 + len(rows)
    without = {"exact": roll_states(_run(), starts, 1, 0.05)}
    assert not drift_sentences(without) and "run" not in state_rows(without, COLUMNS)[0]


def test_what_are_no_rates_of_columns_is_refused() -> None:
    for run, cause in (
        (_run(categories=("a",)), "must be the rates of change of the columns"),
        (SimpleNamespace(**{**vars(_run()), "reader_columns": ()}), "2 targets and 0 columns"),
        (SimpleNamespace(**{**vars(_run()), "target": target_of("fields")}), "states whose rates"),
    ):
        with pytest.raises(UsageError, match=cause):
            check_states(run)
    with pytest.raises(DataError, match="a start has a missing value"):
        roll_states(_run(), np.array([[np.nan, 0.0]]), 1, 0.1, listener=Listener())
    with np.errstate(all="ignore"), pytest.raises(DataError, match="take a smaller --time-step"):
        roll_states(_run(1e30), np.array([[1.0, 1.0]]), 40, 1e9)
    with pytest.raises(UsageError, match="--energy: .*'speed'"):
        read_energy("speed^2", COLUMNS)
    for name in ("time_step", "energy", "beside"):
        with pytest.raises(ValidationError, match="has no effect without --steps"):
            PredictConfig(**{name: 0.1 if name == "time_step" else "x"})
