"""A problem: differential equations with conditions in a .yaml file, or one that comes along.

exponential-decay, damped-oscillator, lotka-volterra, boundary-values, heat, wave, burgers,
allen-cahn, helmholtz, poisson-l-shape and cavity come along. A file names `unknowns`, `coordinates`
with their intervals, perhaps the `domain` as what the box is without and which coordinates are
`periodic`, `parameters`, `equations` (u_t, u_xx: derivatives), `conditions` (each with `where` and
`equation`), perhaps `data` that parameters are fitted to, `features` (expressions that are further
inputs of a network) and, only to score, the `exact` solution or a `reference` file of values.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.errors import DataError
from mlzoo.core.files import expand
from mlzoo.data.recognition import holds_map

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.data.problems.measurements import Measurements
    from mlzoo.data.problems.problem import Problem
    from mlzoo.data.samples import Samples

NAMES = (
    "exponential-decay",
    "damped-oscillator",
    "lotka-volterra",
    "boundary-values",
    "heat",
    "wave",
    "burgers",
    "allen-cahn",
    "helmholtz",
    "poisson-l-shape",
    "cavity",
)
OF_FIELDS = ("reaction-fields",)
"""Problems of generated fields, for --equation."""
_SPLITS = {"train": 64, "valid": 256, "test": 1024}
_CELLS = (200, 400, 800, 1600, 3200)
"""Cells of grids, the next as long as the last two differ by more than `_SURE`."""
_SURE, _ALLOWED_DIFFERENCE = 5e-4, 1e-2


class Config(Settings):
    """Settings of the source problem."""

    data: str
    """The file, or the name of a problem that comes along."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Decides the points at which models are scored."""


def recognizes(path: str) -> bool:
    """Return whether the name is that of a problem, or ends like one's file."""
    named = path.replace("_", "-") in NAMES
    return named or (path.lower().endswith((".yaml", ".yml")) and not holds_map(path))


def problem_of(data: str) -> Problem:
    """Return the problem of a file or a name, without a solution to score against.

    Raises:
        DataError: the file is no problem.
    """
    from mlzoo.data.problems.reading import read_problem

    return read_problem(_file(data))


def load(config: Config, progress: Any = None) -> Samples:
    """Return points of the domain, with the solution where models are scored.

    Raises:
        DataError: the file is no problem, or nothing is known to score its solution against.
    """
    import numpy as np

    from mlzoo.data.problems.points import spread
    from mlzoo.data.quality.digests import row_digests
    from mlzoo.data.samples import Column, Samples
    from mlzoo.data.tables.reader import TableReader, TargetColumn

    problem = problem_of(config.data)
    if problem.known:
        raise DataError(
            f"{config.data}: {problem.known[0]} is a known function, a channel of fields, so the "
            "problem is for --equation of a surrogate such as fno"
        )
    points = spread(problem, sum(_SPLITS.values()), config.seed)
    splits = np.repeat(list(_SPLITS), list(_SPLITS.values()))
    measured = problem.measurements
    if problem.reference is not None:
        points, targets, splits = _scored_at(problem.reference, points)
        note = "scores are against the reference that the problem's file names"
    elif problem.fitted and not problem.exact and measured is not None:
        test, train = _held_out(problem, measured, config)
        points, targets, splits = _scored_at(measured.part(test), points)
        problem = replace(problem, measurements=measured.part(train))
        note = "scores are against every fifth measurement, which nothing was trained on"
    else:
        targets, note = _solution(problem, points, config.data)
    columns = tuple(Column(name) for name in problem.inputs)
    target = TargetColumn(problem.unknowns[0])
    return Samples(
        inputs=points,
        targets=targets,
        task="equations",
        kind="table",
        target_names=problem.unknowns,
        columns=columns,
        names=[f"point {place}" for place in range(len(points))],
        given_parts=splits,
        problem=problem,
        hashes=row_digests(points),
        reader=TableReader(columns=columns, target=target),
        notes=(note,),
    )


def _held_out(
    problem: Problem, measured: Measurements, config: Config
) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of measurements to score against and to train on.

    Raises:
        DataError: there are too few measurements, or not of every unknown.
    """
    import numpy as np

    count = len(measured.points)
    if count < 10 or len(measured.unknowns) < len(problem.unknowns):
        raise DataError(
            f"{config.data}: without an exact solution, scores are against measurements, which "
            f"must be 10 or more of every unknown (got {count} of {len(measured.unknowns)}); "
            "add measurements, or give the solution as exact or reference"
        )
    order = np.random.default_rng([config.seed, 0xE2]).permutation(count)
    return order[: count // 5], np.sort(order[count // 5 :])


def _scored_at(
    known: Measurements, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return points, targets and splits, where the solution is known at some points alone.

    Args:
        known: values of all unknowns, the test split.
        points: of all splits; those of the test split are replaced.
    """
    import numpy as np

    others = sum(_SPLITS.values()) - _SPLITS["test"]
    rows = np.concatenate([points[:others], known.points])
    values = known.values[:, np.argsort(known.unknowns)]
    targets = np.concatenate([np.zeros((others, values.shape[1])), values])
    sizes = [_SPLITS["train"], _SPLITS["valid"], len(values)]
    return rows, targets, np.repeat(list(_SPLITS), sizes)


def _file(data: str) -> Path:
    import mlzoo.data.problems

    name = data.replace("_", "-")
    if name in (*NAMES, *OF_FIELDS) and not expand(data).exists():
        return Path(mlzoo.data.problems.__file__).parent / "named" / f"{name}.yaml"
    return expand(data)


def _solution(problem: Problem, points: np.ndarray, data: str) -> tuple[np.ndarray, str]:
    """Return the solution (n, unknowns) to score against, and what it is.

    Raises:
        DataError: neither is the exact solution given nor can a classical solver find one.
    """
    import numpy as np

    from mlzoo.data.problems.classical.solvers import solve

    if problem.exact:
        exact = problem.solution(points)
        if not np.isfinite(exact).all():
            raise DataError(f"{data}: exact is not finite everywhere in the domain")
        return exact, "scores are against the exact solution of the problem's file"
    fine, apart = solve(problem, _CELLS[0]), np.inf
    values: np.ndarray | None = None
    for cells in _CELLS[1:]:
        finer = solve(problem, cells) if fine is not None and apart > _SURE else None
        if fine is None or finer is None:
            break
        values = finer.values(points)
        apart = float(np.linalg.norm(values - fine.values(points)) / np.linalg.norm(values))
        fine = finer
    if fine is None or values is None:
        raise DataError(
            f"{data}: no classical solver here is for these equations, so give the solution to "
            "score against as exact"
        )
    if not apart < _ALLOWED_DIFFERENCE:
        raise DataError(
            f"{data}: the reference by {fine.method} is not sure enough to score against (it is "
            f"{apart:.1%} from that of half as many); give the solution as exact"
        )
    return values, f"scores are against a reference by {fine.method}"
