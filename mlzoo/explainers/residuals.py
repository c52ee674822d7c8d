"""Residuals: how far a network is from solving each equation of its problem, over the domain.

Raissi, Perdikaris and Karniadakis, "Physics-informed neural networks" (2019). The residual is the
left side of an equation minus the right one, with the network's derivatives. Of
one coordinate a curve is drawn, of several the plane of the first two, time across, the others in
the middle of their intervals. A table has the values at points of the whole domain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.data.problems.problem import Problem
    from mlzoo.introspection.findings import Finding
    from mlzoo.introspection.probe import Probe

KINDS = ("table",)
MODEL = True
EQUATIONS = True
_LEAST = 1e-12


class Config(Settings):
    """Settings of residuals."""

    points: int = Field(60, ge=2, le=500)
    """Points along each axis that is drawn."""
    rows: int = Field(2048, ge=1, le=1_000_000)
    """Points of the whole domain that the table has, evenly spread."""


def explain(config: Config, model: Probe, x: np.ndarray, target: np.ndarray) -> list[Finding]:
    """Return a finding for each equation; of one coordinate a finding of all of them.

    Args:
        config: settings of the method.
        model: the opened model, with the problem that it solves.
        x: points (n, inputs).
        target: weights on the outputs, which have no effect.

    Raises:
        UsageError: the model solves no problem.
    """
    import numpy as np

    from mlzoo.core.errors import UsageError
    from mlzoo.data.problems.points import spread
    from mlzoo.layers.derivatives.residuals import residuals_at

    problem = model.problem
    if problem is None:
        raise UsageError("residuals are of equations, and the model solves none")
    points = spread(problem, config.rows, seed=0)
    values = residuals_at(problem, model.model, points)
    texts = [equation.text for equation in problem.equations]
    table = [*problem.inputs, *texts], np.column_stack([points, values])
    notes = [_note(problem, points, column) for column in values.T]
    if len(problem.inputs) == 1:
        return [_curves(config, model, problem, table, texts, notes)]
    return [
        _plane(config, model, problem, number, table if number == 0 else None, notes[number])
        for number in range(len(texts))
    ]


def _note(problem: Problem, points: np.ndarray, values: np.ndarray) -> str:
    """Return the root mean square of a residual, and its largest value with the place of it."""
    import numpy as np

    size, worst = np.sqrt(np.mean(values**2)), int(np.abs(values).argmax())
    pairs = zip(problem.inputs, points[worst], strict=True)
    place = ", ".join(f"{name} = {value:.3g}" for name, value in pairs)
    return f"root mean square {size:.3g}, largest {values[worst]:.3g} at {place}"


def _curves(
    config: Config,
    model: Probe,
    problem: Problem,
    table: tuple[list[str], np.ndarray],
    texts: list[str],
    notes: list[str],
) -> Finding:
    import numpy as np

    from mlzoo.introspection.findings import Finding
    from mlzoo.layers.derivatives.residuals import residuals_at

    grid = np.linspace(*problem.box[0], 4 * config.points)
    logs = _logs(residuals_at(problem, model.model, grid[:, None]))
    arrays = {"grid": np.stack([grid] * len(texts)), "values": logs.T}
    summary = "; ".join(f"{text}: {note}" for text, note in zip(texts, notes, strict=True))
    title = f"log10 of the residuals over {problem.inputs[0]}"
    return Finding("curves", title, arrays, texts, summary, table)


def _plane(
    config: Config,
    model: Probe,
    problem: Problem,
    number: int,
    table: Any,
    note: str,
) -> Finding:
    """Return the residual of one equation over the plane of the first two inputs."""
    import numpy as np

    from mlzoo.introspection.findings import Finding
    from mlzoo.layers.derivatives.residuals import residuals_at

    across = 1 if problem.time == 1 else 0
    up = 1 - across
    grids = [np.linspace(*problem.box[place], config.points) for place in (across, up)]
    low, high = np.array(problem.box).T
    points = np.repeat(((low + high) / 2)[None], config.points**2, axis=0)
    points[:, across] = np.tile(grids[0], config.points)
    points[:, up] = np.repeat(grids[1], config.points)
    logs = _logs(residuals_at(problem, model.model, points)[:, number])
    logs[problem.depth(points) > 0] = np.nan
    held = [f"{problem.inputs[i]} = {points[0, i]:.3g}" for i in range(2, len(problem.inputs))]
    arrays = {
        "values": logs.reshape(config.points, config.points),
        "extent": np.array([*problem.box[across], *problem.box[up]]),
    }
    title = f"log10 of the residual of {problem.equations[number].text}"
    names = [problem.inputs[across], problem.inputs[up]]
    return Finding("plane", title, arrays, names, ", ".join([note, *held]), table)


def _logs(values: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.asarray(np.log10(np.maximum(np.abs(values), _LEAST)))
