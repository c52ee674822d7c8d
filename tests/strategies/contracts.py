"""What every strategy must satisfy; the tests run these over the registry."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mlzoo.core import fields, registry
from mlzoo.core.spaces import Dimension, Proposal, Space, Trial

SPACE = Space(
    (
        Dimension("layers", "int", 1, 3, step=1),
        Dimension("rate", "float", 1e-4, 1e-1, log=True),
        Dimension("activation", "choice", choices=("relu", "tanh")),
        Dimension("momentum", "float", 0.5, 0.9, when={"activation": ("tanh",)}),
        Dimension("units", "int", 16, 256, log=True, step=1),
    )
)
FINITE = Space(
    (
        Dimension("layers", "int", 1, 2, step=1),
        Dimension("units", "choice", choices=(10, 20, 30)),
        Dimension("rate", "choice", choices=(1e-3, 1e-2, 1e-1)),
        Dimension("activation", "choice", choices=("relu", "tanh")),
    )
)


def loss(values: dict[str, Any]) -> float:
    """A smooth loss with its least value at rate 1e-2, many units, tanh."""
    found = (math.log10(values["rate"]) + 2) ** 2 + (values["activation"] == "relu")
    return found + abs(values["layers"] - 2) + 10 / values["units"]


def play(
    name: str, space: Space, count: int, outcome: Any = loss, seed: int = 0, **settings: Any
) -> list[Trial]:
    """`count` trials one after another, all outcomes known but those that run `AHEAD`."""
    plugin = registry.load("strategy", name)
    config = plugin.Config(**settings)
    ahead = getattr(plugin, "AHEAD", 0)
    trials: list[Trial] = []
    while len(trials) < count:
        proposal = ask(plugin, config, space, trials, seed, ahead)
        if proposal is None:
            break
        found = outcome(proposal.values)
        good = found is not None and math.isfinite(found)
        trials.append(
            Trial(
                len(trials),
                proposal.values,
                proposal.epochs,
                proposal.continues,
                "done" if good else "failed",
                found if good else None,
            )
        )
    return trials


def ask(
    plugin: Any, config: Any, space: Space, trials: list[Trial], seed: int, ahead: int
) -> Proposal | None:
    """What is proposed next; where nothing is, with more and more known."""
    for visible in range(max(0, len(trials) - ahead), len(trials) + 1):
        known = [
            t if t.number < visible else replace(t, state="running", loss=None) for t in trials
        ]
        found = plugin.propose(config, space, known, 1, seed)
        if found:
            return found[0]
    return None


def check_values(name: str) -> None:
    """Proposals lie in the space, hold active dimensions only, and are plain Python."""
    for trial in play(name, SPACE, 14):
        assert list(trial.values) == list(SPACE.active(trial.values))
        assert {"layers", "rate", "activation", "units"} <= set(trial.values)
        assert ("momentum" in trial.values) == (trial.values["activation"] == "tanh")
        for dimension, value in trial.values.items():
            assert SPACE[dimension].holds(value), (dimension, value)
            assert type(value) in (int, float, str, bool)
        assert json.loads(json.dumps(trial.values)) == trial.values


def check_distinct(name: str) -> None:
    """Nothing is tried twice, unless its training goes on; a finite space is tried wholly."""
    # keras-tuner's Gaussian process takes seconds a proposal.
    settings = {"initial": 33} if name == "keras_tuner_bayesian" else {}
    trials = play(name, FINITE, 40, **settings)
    fresh = [FINITE.key(trial.values) for trial in trials if trial.continues is None]
    assert len(set(fresh)) == len(fresh)
    whole = {FINITE.key(values) for values in FINITE.grid()}
    assert set(fresh) <= whole
    if not any(trial.epochs for trial in trials):
        assert set(fresh) == whole
        assert len(trials) == 36


def check_pure(name: str) -> None:
    """The same history and seed give the same proposal; another seed gives others."""
    plugin = registry.load("strategy", name)
    config = plugin.Config()
    trials = play(name, SPACE, 9)
    before = [replace(trial) for trial in trials]
    again = play(name, SPACE, 9)
    assert trials == again == before
    ahead = getattr(plugin, "AHEAD", 0)
    for number in range(9):
        proposal = ask(plugin, config, SPACE, trials[:number], 0, ahead)
        assert proposal is not None and proposal.values == trials[number].values, number
    if not getattr(plugin, "COMPLETE", False) or any(trial.epochs for trial in trials):
        assert [t.values for t in play(name, SPACE, 9, seed=1)] != [t.values for t in trials]


def check_failures(name: str) -> None:
    """Failed trials are no obstacle: not all of them, and not when everything fails."""
    some = play(name, SPACE, 12, lambda values: None if values["rate"] > 1e-2 else loss(values))
    none = play(name, SPACE, 12, lambda values: float("nan"))
    assert len(some) == 12
    assert len(none) >= 4


def check_several(name: str) -> None:
    """Several at once are different, and no more than asked for."""
    plugin = registry.load("strategy", name)
    found = plugin.propose(plugin.Config(), SPACE, play(name, SPACE, 6), 3, 0)
    keys = [SPACE.key(p.values) for p in found]
    assert len(set(keys)) == len(keys) <= 3


def check_settings(name: str) -> None:
    """Unknown settings are refused and each has help; the summary is a sentence."""
    plugin = registry.load("strategy", name)
    with pytest.raises(ValidationError):
        plugin.Config(no_such_setting=1)
    documented = fields.settings(Path(str(plugin.__file__)))
    assert [setting.name for setting in documented] == list(plugin.Config.model_fields)
    assert [setting.name for setting in documented if len(setting.help) < 10] == []
    assert registry.summary("strategy", name).endswith(".")


_PLAY = """
import json, sys
sys.path.insert(0, sys.argv[1])
from tests.strategies.contracts import SPACE, play
print(json.dumps({name: [t.values for t in play(name, SPACE, 8)] for name in sys.argv[2:]}))
"""


def play_in_new_process(names: list[str]) -> dict[str, list[dict[str, Any]]]:
    """The first trials of each strategy, from another process."""
    command = [sys.executable, "-c", _PLAY, str(Path(__file__).parents[2]), *names]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, list[dict[str, Any]]] = json.loads(done.stdout.splitlines()[-1])
    return found
