"""Partial dependence: the model's mean output as a function of one column.

Friedman, "Greedy Function Approximation: A Gradient Boosting Machine" (2001). Numbers run from
their 5 % to their 95 % quantile, categories over those that occur. If columns are correlated, it
evaluates combinations that do not occur.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.introspection.findings import Finding
    from mlzoo.introspection.probe import Probe

KINDS = ("table",)
MODEL = True


class Config(Settings):
    """Settings of partial_dependence."""

    points: int = Field(20, ge=2, le=1000)
    """Grid points between a column's quantiles."""
    output: int = Field(0, ge=0)
    """Index of the output, from 0; a single output is the second class's probability."""


def explain(config: Config, model: Probe, x: np.ndarray, target: np.ndarray) -> list[Finding]:
    """Return a partial dependence curve for each column, in the output's own unit.

    Args:
        config: settings of the method.
        model: the opened model.
        x: inputs (n, *shape).
        target: weights on the outputs (n, ..., k) that select what is explained.

    Raises:
        UsageError: there is no such output.
    """
    import numpy as np

    from mlzoo.core.errors import UsageError
    from mlzoo.introspection.findings import Finding

    known = model.known
    if config.output >= model.units:
        raise UsageError(f"--set output={config.output}: the model has {model.units} outputs")
    rows = x if known is None else known.x
    curves, grids = [], []
    for column in range(rows.shape[1]):
        values = rows[:, column][~np.isnan(rows[:, column])]
        low, high = np.quantile(values, [0.05, 0.95])
        grid = np.linspace(low, high, config.points)
        if len(np.unique(values)) <= config.points:
            grid = np.resize(np.unique(values), config.points)
            grid.sort()
        held = np.repeat(rows[None], config.points, axis=0)
        held[:, :, column] = grid[:, None]
        y_pred = model.outputs(model.inputs(held.reshape(-1, rows.shape[1])))[:, config.output]
        curves.append(y_pred.reshape(config.points, -1).mean(axis=1))
        grids.append(grid)
    names = [] if known is None else list(known.names)
    outputs = () if known is None else known.outputs
    what = outputs[-1 if model.units == 1 else config.output] if outputs else "output"
    return [
        Finding(
            "curves",
            f"partial dependence of {what}",
            {"grid": np.array(grids), "values": np.array(curves)},
            names,
            f"means over {len(rows)} rows",
        )
    ]
