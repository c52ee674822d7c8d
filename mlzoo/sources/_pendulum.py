"""States of a pendulum on swings from random starts, with their rates of change."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.data.samples import Samples

GRAVITY = 3.0
"""Over the length, per unit of time squared; mass and length are 1."""
ENERGY = "momentum^2/2 + 3*(1 - cos(angle))"
"""The Hamiltonian, as an expression of the columns."""
_STATES, _STEP = 30, 0.1
_RADIUS = (1.3, 2.3)
"""Distance of the starts from rest in the plane of angle and momentum; none swings over the top."""


def rates(states: np.ndarray) -> np.ndarray:
    """Return the rates of change (n, 2) of angle and momentum at states (n, 2)."""
    import numpy as np

    return np.stack([states[:, 1], -GRAVITY * np.sin(states[:, 0])], axis=1)


def swings(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return states (count, 30, 2) of swings from random starts, 0.1 units of time apart."""
    import numpy as np
    from scipy.integrate import solve_ivp

    turns, radii = rng.uniform(0, 2 * np.pi, count), rng.uniform(*_RADIUS, count)
    starts = radii * np.stack([np.cos(turns), np.sin(turns)])
    times = _STEP * np.arange(_STATES)

    def slope(_: float, flat: np.ndarray) -> np.ndarray:
        return rates(flat.reshape(2, -1).T).T.ravel()

    solved = solve_ivp(slope, times[[0, -1]], starts.ravel(), t_eval=times, rtol=1e-9, atol=1e-9)
    return np.asarray(solved.y.reshape(2, count, _STATES).transpose(1, 2, 0))


def pendulum_samples(count: int, noise: float, rng: np.random.Generator) -> Samples:
    """Return states on `count` swings, and rates that are measured with as much noise.

    Source:
        S. Greydanus, M. Dzamba and J. Yosinski, "Hamiltonian neural networks" (2019), task 2.
    """
    import numpy as np

    from mlzoo.data.quality.digests import row_digests
    from mlzoo.data.samples import Column, Samples
    from mlzoo.data.tables.reader import TableReader, TargetColumn

    states = swings(count, rng).reshape(-1, 2)
    slopes = rates(states) + rng.normal(0, noise, states.shape)
    measured = (states + rng.normal(0, noise, states.shape)).astype(np.float32)
    columns = Column("angle"), Column("momentum")
    targets = "angle_rate", "momentum_rate"
    numbers = np.repeat(np.arange(1, count + 1), _STATES)
    note = f"pendulum: {count} swings of {_STATES} states, noise {noise:g}; energy {ENERGY}"
    return Samples(
        inputs=measured,
        targets=slopes.astype(np.float32),
        task="regression",
        kind="table",
        target_names=targets,
        columns=columns,
        names=[f"sample {i + 1}" for i in range(len(measured))],
        groups=np.array([f"swing {number}" for number in numbers]),
        hashes=row_digests(measured),
        reader=TableReader(
            columns=columns,
            target=TargetColumn(targets[0], others=targets[1:]),
            delimiter=None,
            header="auto",
        ),
        notes=(f"{note} (--source-set samples=, --source-set noise=)",),
    )
