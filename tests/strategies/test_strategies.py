"""What is special to one strategy."""

from __future__ import annotations

import numpy as np
import pytest

from mlzoo.core import registry
from mlzoo.core.hyperparameters import dimension_of, from_told, to_hyperparameters, to_told
from mlzoo.core.spaces import Dimension, Space, Trial
from tests.strategies.contracts import SPACE, play

LINE = Space((Dimension("x", "float", 0.0, 1.0),))


@pytest.mark.parametrize(
    ("epochs", "rungs"),
    [
        # Li et al., table 1: R = 81, eta = 3.
        (
            81,
            [
                [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
                [(34, 3), (11, 9), (3, 27), (1, 81)],
                [(15, 9), (5, 27), (1, 81)],
                [(8, 27), (2, 81)],
                [(5, 81)],
            ],
        ),
        (9, [[(9, 1), (3, 3), (1, 9)], [(5, 3), (1, 9)], [(3, 9)]]),
        (1, [[(1, 1)]]),
    ],
)
def test_brackets_are_the_paper_s(epochs: int, rungs: list[list[tuple[int, int]]]) -> None:
    plugin = registry.load("strategy", "hyperband")
    assert plugin.brackets(plugin.Config(epochs=epochs)) == rungs
    assert plugin.brackets(plugin.Config(epochs=epochs, brackets="one")) == rungs[:1]


def test_hyperband_trains_the_best_of_each_rung_on() -> None:
    trials = play("hyperband", SPACE, 1000, epochs=9)
    plugin = registry.load("strategy", "hyperband")
    planned = [rung for rungs in plugin.brackets(plugin.Config(epochs=9)) for rung in rungs]
    assert [trial.epochs for trial in trials] == [e for n, e in planned for _ in range(n)]
    first, second = trials[:9], trials[9:12]
    best = sorted(first, key=lambda trial: trial.loss or 0.0)[:3]
    assert [trial.continues for trial in second] == [trial.number for trial in best]
    assert [trial.values for trial in second] == [trial.values for trial in best]


@pytest.mark.parametrize("method", ["sobol", "latin"])
def test_designs_fill_the_space_evenly(method: str) -> None:
    trials = play("random", LINE, 16, lambda values: 0.0, method=method)
    cells = sorted(int(trial.values["x"] * 16) for trial in trials)
    assert cells == list(range(16))


@pytest.mark.slow
def test_a_model_of_the_score_finds_what_chance_does_not() -> None:
    def final(name: str, seed: int) -> float:
        return min(t.loss for t in play(name, SPACE, 20, seed=seed) if t.loss is not None)

    found = {name: np.mean([final(name, seed) for seed in range(3)]) for name in STRATEGIES}
    assert found["bayesian"] < 0.6 * found["random"]


STRATEGIES = ("bayesian", "random")


@pytest.mark.slow
def test_infinite_losses_are_avoided_not_sought() -> None:
    # keras-tuner takes infinity for 0 and puts 13 of 14 proposals into the bad half. Told of the
    # worst finite loss, its oracle still explores there: 4 of 14.
    for name, most in (("bayesian", 0.2), ("keras_tuner_bayesian", 0.3)):
        trials = play(
            name,
            LINE,
            20,
            lambda v: float("inf") if v["x"] > 0.5 else 1 + (v["x"] - 0.3) ** 2,
            initial=6,
        )
        bad = [trial for trial in trials[6:] if trial.values["x"] > 0.5]
        assert len(bad) <= most * 14, name


@pytest.mark.slow
@pytest.mark.parametrize("surrogate", ["gp", "forest", "extra_trees"])
@pytest.mark.parametrize("acquisition", ["EI", "PI", "LCB", "hedge"])
def test_every_surrogate_and_acquisition_proposes(surrogate: str, acquisition: str) -> None:
    trials = play("bayesian", SPACE, 10, surrogate=surrogate, acquisition=acquisition)
    assert len({SPACE.key(trial.values) for trial in trials}) == 10


def test_running_trials_keep_proposals_apart() -> None:
    plugin = registry.load("strategy", "bayesian")
    done = play("bayesian", LINE, 10, lambda values: (values["x"] - 0.4) ** 2)
    running = [*done, Trial(10, {"x": 0.4001})]
    apart = plugin.propose(plugin.Config(), LINE, running, 4, 0)
    places = sorted(p.values["x"] for p in apart)
    assert np.diff(places).min() > 1e-4


def test_evolution_gathers_around_the_best() -> None:
    trials = play("evolution", SPACE, 72)
    losses = [trial.loss or 0.0 for trial in trials]
    assert np.median(losses[60:]) < 0.3 * np.median(losses[:12])
    assert sum(trial.values["activation"] == "tanh" for trial in trials[60:]) >= 9
    assert min(losses) < 0.3


def test_spaces_go_to_keras_tuner_and_back() -> None:
    told = to_hyperparameters(SPACE)
    back = {entry.name: dimension_of(entry) for entry in told.space}
    assert list(back) == SPACE.names
    rate = back["rate"]
    assert rate is not None and rate.log and (rate.low, rate.high) == (1e-4, 1e-1)
    [condition] = next(e for e in told.space if e.name == "momentum").conditions
    assert (condition.name, condition.values) == ("activation", ["1"])
    for units in np.random.default_rng(0).random((20, 5)):
        values = SPACE.at(units.tolist())
        assert from_told(SPACE, to_told(SPACE, values)) == pytest.approx(values)
