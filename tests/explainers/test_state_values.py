"""Values of the states of a grid, by a model and by the optimum."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from mlzoo.core.errors import UsageError
from mlzoo.data.environments.grid_world import GridMap, grid_world
from mlzoo.data.environments.state_maps import state_maps
from mlzoo.explainers import state_values
from mlzoo.explaining.explain import misfit
from mlzoo.explaining.pages.folders import _figures
from mlzoo.introspection.probe import Probe

GRID = grid_world(GridMap(map="X..S\n..#G", step=-0.1, slip=0.0, limit=6))
_, RIGHT, DOWN, _ = range(4)


def opened() -> Probe:
    """A network that goes right in all cells, and values one by 10 rows + columns."""
    start = keras.Input(GRID.shape)
    flat = keras.layers.Flatten()(start)
    layer = keras.layers.Dense(4)
    model = keras.Model(start, layer(flat))
    kernel = np.zeros((8, 4), "float32")
    kernel[:, RIGHT] = [0, 1, 2, 3, 10, 11, 12, 13]
    layer.set_weights([kernel, np.array([-1, 0, -1, -1], "float32")])
    probe = Probe(model, GRID.frames)
    probe.grid = GRID
    return probe


def test_cells_have_the_model_s_values_beside_the_optimum(tmp_path: Path) -> None:
    probe = opened()
    x = GRID.frames[:1]
    (finding,) = state_values.explain(state_values.Config(), probe, x, x)
    mine, optimum = finding.arrays["values"]
    np.testing.assert_allclose(mine, [[np.nan, 1, 2, 3], [10, 11, np.nan, np.nan]])
    # From the start down into the goal; each cell further off costs another .1.
    expected = [[np.nan, 0.8, 0.9, 1.0], [0.6, 0.7, np.nan, np.nan]]
    np.testing.assert_allclose(optimum, expected, atol=1e-9)
    moves = finding.arrays["moves"]
    assert (moves[0][np.isfinite(mine)] == (0, 1)).all()
    assert moves[1, 0, 3].tolist() == [1, 0] and moves[1, 1, 1].tolist() == [-1, 0]
    # Right is best in three of five cells: not where down leads to the goal, nor below.
    assert finding.note == "actions are optimal in 3 of 5 cells"
    ((title, picture),) = _figures(tmp_path, {"state_values": [finding]})
    assert title == "state_values: all cells" and picture.is_file()
    lines = (tmp_path / "model" / "state_values.csv").read_text().splitlines()
    assert lines[0] == "map,row,column,value,action,optimum,optimal_action"
    assert lines[3].startswith("all cells,0,3,3.0,right,") and lines[3].endswith(",down")


def test_of_equally_good_actions_each_is_optimal() -> None:
    grid = grid_world(GridMap(map="S..\n..G", step=-0.1, slip=0.0, limit=6))
    down = np.zeros((len(grid.terminal), 4))
    down[:, DOWN] = 1
    (only,) = state_maps(grid, down)
    # In the upper row, where right leads to the goal as soon; below it goes against the border.
    assert only.optimal.tolist() == [True, True, True, False, False]
    assert [row[-1] for row in only.table] == ["right", "right", "down", "right", "right"]


def test_a_policy_s_values_are_those_of_its_critic() -> None:
    probe = opened()
    start = keras.Input(GRID.shape)
    layer = keras.layers.Dense(1)
    probe.critic = keras.Model(start, layer(keras.layers.Flatten()(start)))
    layer.set_weights([-np.arange(8.0)[:, None], np.array([0.5])])
    (finding,) = state_values.explain(state_values.Config(), probe, GRID.frames, GRID.frames)
    mine = finding.arrays["values"][0]
    np.testing.assert_allclose(mine, [[np.nan, -0.5, -1.5, -2.5], [-3.5, -4.5, np.nan, np.nan]])


def test_it_is_for_grids_alone() -> None:
    probe = opened()
    assert misfit("state_values", probe, "image") is None
    probe.grid = None
    assert "act on a grid" in str(misfit("state_values", probe, "image"))
    with pytest.raises(UsageError, match="acts on none"):
        state_values.explain(state_values.Config(), probe, GRID.frames, GRID.frames)
