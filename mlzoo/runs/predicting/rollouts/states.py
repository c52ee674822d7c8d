"""Rollouts of states whose rates of change a model predicts, and how their energy drifts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.expressions import Node, evaluate, parse
from mlzoo.core.progress import Listener

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.runs.loaded import LoadedRun

EXAMPLE = "momentum^2/2 + 3*(1 - cos(angle))"


@dataclass(frozen=True)
class StateRollout:
    """States from one start on.

    Attributes:
        name: what the start is called.
        times: (steps + 1,), from 0.
        states: (steps + 1, columns), the start first.
        energies: (steps + 1,) of the states; None where no energy is given.
    """

    name: str
    times: np.ndarray
    states: np.ndarray
    energies: np.ndarray | None = None

    @property
    def drift(self) -> float | None:
        """Return the largest difference of the energy from that of the start."""
        if self.energies is None:
            return None
        return float(abs(self.energies - self.energies[0]).max())


def check_states(run: LoadedRun) -> None:
    """Raise UsageError where a run's targets can't be the rates of change of its columns."""
    columns, targets = run.reader_columns, run.record["target_names"]
    if not run.target.sample_numbers or run.record["kind"] != "table":
        raise UsageError(
            f"--steps: rollouts are of fields, or of states whose rates of change are predicted, "
            f"and this run is of {run.record['task']} on {run.record['kind']}s; leave it out"
        )
    if len(columns) != len(targets) or any(column.categories for column in columns):
        raise UsageError(
            f"--steps: the targets must be the rates of change of the columns, one each, but there "
            f"are {len(targets)} targets and {len(columns)} columns; leave it out"
        )


def read_energy(text: str, columns: list[str]) -> Node:
    """Return an energy, an expression of the columns.

    Raises:
        UsageError: it is none; the message names the character.
    """
    try:
        return parse(text, columns, EXAMPLE)
    except UsageError as error:
        raise UsageError(f"--energy: {error}") from None


def roll_states(
    run: LoadedRun,
    new: Any,
    steps: int,
    time_step: float,
    energy: Node | None = None,
    listener: Listener | None = None,
) -> list[StateRollout]:
    """Follow the predicted rates from each start (Runge and Kutta's method of order 4).

    Args:
        run: of a model whose targets are the rates of change of its columns, in their order.
        new: starts, an array (n, columns) or a path.
        steps: how many, at least 1.
        time_step: of each, in the units of time of the rates.
        energy: an expression of the columns.
        listener: hears of progress.

    Raises:
        UsageError: the targets can't be rates of the columns.
        DataError: starts of other columns, or a state became infinite.
    """
    import numpy as np

    check_states(run)
    listener = listener or Listener()
    rows, names, warnings = run.read_new(new, listener)
    for warning in warnings:
        listener.warn(warning)
    state = np.asarray(rows, float)
    if not np.isfinite(state).all():
        raise DataError("--steps: a start has a missing value; fill it in, or leave it out")

    def rates(at: np.ndarray) -> np.ndarray:
        return np.asarray(run.outputs(at.astype("float32")), float)

    states = [state]
    for step in range(1, steps + 1):
        first = rates(state)
        second = rates(state + time_step / 2 * first)
        third = rates(state + time_step / 2 * second)
        fourth = rates(state + time_step * third)
        state = state + time_step / 6 * (first + 2 * second + 2 * third + fourth)
        if not np.isfinite(state).all():
            raise DataError(
                f"--steps: a state became infinite in step {step}; take a smaller --time-step"
            )
        states.append(state)
        listener.progress(step, steps, "rolling out")
    times = time_step * np.arange(steps + 1)
    paths = np.stack(states, axis=1)
    return [
        StateRollout(name, times, path, _energies(run, path, energy))
        for name, path in zip(names, paths, strict=True)
    ]


def _energies(run: LoadedRun, path: np.ndarray, energy: Node | None) -> np.ndarray | None:
    """Return the energy (steps + 1,) of states (steps + 1, columns)."""
    import numpy as np

    if energy is None:
        return None
    values = {column.name: path[:, i] for i, column in enumerate(run.reader_columns)}
    computed = np.asarray(evaluate(energy, values, np), float)
    return np.broadcast_to(computed, len(path))
