"""Recipe of networks for sequences with a class."""

from __future__ import annotations

import pytest

from mlzoo.runs.config_loading import merge
from mlzoo.training.starting.preparing import with_recipe
from tests.training import sequences

pytestmark = pytest.mark.parametrize("model", ["tcn", "rnn"])


def changed(model: str, task: str = "classification", **flags: object) -> dict[str, object]:
    """Return the fields in which the recommended configuration differs from what was given."""
    given = merge({"model": model, "data": "iris", **flags})
    result, _ = with_recipe(given, sequences.data(sequences.samples([4] * 40, task)))
    before = given.config.model_dump()
    return {name: x for name, x in result.config.model_dump().items() if x != before[name]}


def test_good_averages_folds_beside_all_baselines(model: str) -> None:
    assert changed(model, preset="good") == {"folds": 5, "baselines": "all"}
    assert changed(model, preset="best") == {"folds": 10, "baselines": "all"}
    assert changed(model, preset="good", folds=3) == {"baselines": "all"}


def test_the_defaults_stay(model: str) -> None:
    assert changed(model) == {}
    assert changed(model, "labeling", preset="good") == {"baselines": "all"}
