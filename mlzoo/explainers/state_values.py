"""State values: what a model values each cell of its grid at, and does there, beside the optimum.

Sutton and Barto, "Reinforcement Learning: An Introduction", 2nd edition (2018), chapter 4. A map is
drawn for each place of what else moves; of a policy the values are those of its critic. Value
iteration gives the exact optimum over the steps of an episode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.introspection.findings import Finding
    from mlzoo.introspection.probe import Probe

MODEL = True
GRIDS = True


class Config(Settings):
    """Settings of state_values; it has none."""


def explain(config: Config, model: Probe, x: np.ndarray, target: np.ndarray) -> list[Finding]:
    """Return a finding for each map of the grid.

    Args:
        config: settings of the method.
        model: the opened model, with the grid that it acts on.
        x: observations (n, *shape).
        target: weights on the outputs, which have no effect.

    Raises:
        UsageError: the model acts on no grid.
    """
    import numpy as np

    from mlzoo.core.errors import UsageError
    from mlzoo.data.environments.state_maps import COLUMNS, panel_titles, state_maps
    from mlzoo.introspection.findings import Finding

    grid = model.grid
    if grid is None:
        raise UsageError("state_values are of a grid, and the model acts on none")
    critic = None
    if model.critic is not None:
        critic = np.asarray(model.critic.predict(grid.frames, verbose=0))
    findings = []
    for each in state_maps(grid, model.outputs(grid.frames), critic):
        note = f"actions are optimal in {each.optimal.sum()} of {len(each.optimal)} cells"
        arrays = {"values": each.values, "moves": each.moves}
        table = COLUMNS, np.array(each.table, object)
        labels = list(panel_titles(grid))
        findings.append(Finding("cells", each.title, arrays, labels, note, table))
    return findings
