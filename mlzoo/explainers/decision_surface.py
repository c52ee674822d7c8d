"""Decision surface: the model's output over two columns of a table, the others held fixed.

Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning" (2009), chapter 2. The other
columns are held at their medians, so a sample's own prediction can differ from the surface at its
point.
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
    """Settings of decision_surface."""

    across: str | None = None
    """Column on the x axis; by default one of the two with the largest effect on the output."""
    up: str | None = None
    """Column on the y axis."""
    points: int = Field(80, ge=2, le=1000)
    """Grid points per column."""
    output: int = Field(0, ge=0)
    """Index of the output, from 0; a single output is the second class's probability."""


def explain(config: Config, model: Probe, x: np.ndarray, target: np.ndarray) -> list[Finding]:
    """Return the output over a plane of two columns, with the samples on it.

    Args:
        config: settings of the method.
        model: the opened model.
        x: inputs (n, *shape).
        target: weights on the outputs (n, ..., k) that select what is explained.

    Raises:
        UsageError: there is no such column or output, or only one column.
    """
    import numpy as np

    from mlzoo.core.errors import UsageError
    from mlzoo.introspection.findings import Finding

    known = model.known
    rows = x if known is None else known.x
    names = list(known.names) if known is not None else []
    names = names or [f"column {i + 1}" for i in range(rows.shape[1])]
    if config.output >= model.units:
        raise UsageError(f"--set output={config.output}: the model has {model.units} outputs")
    if len(names) < 2:
        raise UsageError("decision_surface needs two columns")
    middle = np.nanmedian(rows, axis=0)
    change = [_span(model, rows, middle, column, config.output) for column in range(len(names))]
    strongest = [int(i) for i in np.argsort(change)[::-1]]
    across = _column(config.across, names, strongest)
    up = _column(config.up, names, [i for i in strongest if i != across])
    ends = [_ends(rows, column) for column in (across, up)]
    grids = [np.linspace(low, high, config.points) for low, high in ends]
    held = np.repeat(middle[None], config.points**2, axis=0)
    held[:, across] = np.tile(grids[0], config.points)
    held[:, up] = np.repeat(grids[1], config.points)
    y_pred = model.outputs(model.inputs(held))[:, config.output]
    arrays = {
        "values": y_pred.reshape(config.points, config.points),
        "extent": np.array(ends).ravel(),
        "places": rows[:, [across, up]],
    }
    if known is not None and known.truth is not None:
        arrays["classes"] = known.truth.ravel()
    outputs = known.outputs if known is not None else ()
    what = outputs[-1 if model.units == 1 else config.output] if outputs else "output"
    title = f"{what} over {names[across]} and {names[up]}"
    return [Finding("plane", title, arrays, [names[across], names[up]], "others at their medians")]


def _ends(rows: np.ndarray, column: int) -> tuple[float, float]:
    import numpy as np

    return float(np.nanmin(rows[:, column])), float(np.nanmax(rows[:, column]))


def _span(model: Probe, rows: np.ndarray, middle: np.ndarray, column: int, output: int) -> float:
    """Return how far the output varies along a column."""
    import numpy as np

    held = np.repeat(middle[None], 9, axis=0)
    held[:, column] = np.nanquantile(rows[:, column], np.linspace(0.05, 0.95, 9))
    return float(np.ptp(model.outputs(model.inputs(held))[:, output]))


def _column(name: str | None, names: list[str], order: list[int]) -> int:
    from mlzoo.core.errors import UsageError
    from mlzoo.core.registry import unknown

    if name is None:
        return order[0]
    if name not in names:
        raise UsageError(f"--set: {unknown('column', name, names)}; there are {', '.join(names)}")
    return names.index(name)
