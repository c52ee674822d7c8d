"""Rows of a table: attributions against exact Shapley values, categories counted whole."""

from __future__ import annotations

from functools import cache
from itertools import product
from math import factorial

import keras
import numpy as np

from mlzoo.core import registry
from mlzoo.explaining.evidence.faithfulness import spearman
from mlzoo.introspection.findings import Background
from mlzoo.introspection.probe import Probe
from mlzoo.layers.scaling import TableScaling

COLUMNS, ROWS = 8, 5


@cache
def opened() -> tuple[Probe, np.ndarray, np.ndarray]:
    """A network of six numbers and two categories, rows to explain, and a background."""
    keras.utils.set_random_seed(3)
    categories = [None] * 6 + [[0, 1, 2], [0, 1]]
    start = keras.Input((COLUMNS,))
    scaled = TableScaling([0] * 8, [2] * 8, [1.5] * 8, categories, name="scaling")(start)
    hidden = keras.layers.Dense(16, activation="tanh")(scaled)
    model = keras.Model(start, keras.layers.Dense(1)(hidden))
    rng = np.random.default_rng(0)
    rows = rng.normal(2, 1.5, (ROWS + 16, COLUMNS)).astype("float32")
    rows[:, 6], rows[:, 7] = rng.integers(0, 3, len(rows)), rng.integers(0, 2, len(rows))
    probe = Probe(model, rows)
    probe.background = Background(rows[ROWS:])
    return probe, rows[:ROWS], rows[ROWS:]


def exact(probe: Probe, row: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Shapley values by all subsets of the columns."""
    subsets = np.array(list(product([False, True], repeat=COLUMNS)))
    mixed = np.where(subsets[:, None], row, background).reshape(-1, COLUMNS)
    worth = probe.outputs(mixed.astype("float32")).reshape(len(subsets), -1).mean(axis=1)
    weights = 2 ** np.arange(COLUMNS)[::-1]
    found = np.zeros(COLUMNS)
    for number, subset in enumerate(subsets[:-1]):
        size = int(subset.sum())
        share = factorial(size) * factorial(COLUMNS - size - 1) / factorial(COLUMNS)
        for column in np.flatnonzero(~subset):
            found[column] += share * (worth[number + weights[column]] - worth[number])
    return found


def test_expected_gradients_rank_columns_as_exact_shapley_values_do() -> None:
    probe, x, background = opened()
    plugin = registry.load("explainer", "expected_gradients")
    found = plugin.explain(plugin.Config(background=16), probe, x, np.ones((ROWS, 1), "float32"))
    assert found.shape == (ROWS, COLUMNS)
    true = np.stack([exact(probe, row, background) for row in x])
    alike = [spearman(a, b) for a, b in zip(np.abs(found), np.abs(true), strict=True)]
    assert np.mean(alike) > 0.9
    assert spearman(found, true) > 0.95
    said = probe.outputs(x)[:, 0]
    change = said - probe.outputs(background).mean()
    assert np.abs(found.sum(axis=1) - change).max() < 0.02 * change.std() + 1e-6
    np.testing.assert_allclose(true.sum(axis=1), change, atol=1e-5)
