"""A classical solver of differential equations: solve_ivp, or finite differences."""

from __future__ import annotations

from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data

TARGETS = ("numbers per point",)
LEARNS = True
FAST = True


def fit(data: Data, seed: int) -> Baseline | None:
    """Return its solution; None where it does not apply, or is what models are compared with.

    Without an exact solution, models are compared with a finer grid than this one.
    """
    from mlzoo.data.problems.classical.solvers import solve

    problem = data.samples.problem
    if problem is None or not (problem.exact or problem.reference or len(problem.box) > 1):
        return None
    solution = solve(problem)
    if solution is None:
        return None
    return Baseline(solution.values, f"{solution.method}, {solution.seconds:.2g} s")
