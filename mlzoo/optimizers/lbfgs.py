"""L-BFGS (Liu and Nocedal 1989): steps by estimated curvature, on the whole training split.

scipy's L-BFGS-B without bounds. It searches the length of each step, so that it has no learning
rate; it is for small models with a deterministic loss.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import numpy as np

FULL_BATCH = True
TARGETS = ("classes per sample", "numbers per sample", "classes per step", "numbers per horizon")


class Config(Settings):
    """Memory and criterion of convergence."""

    memory: int = Field(10, ge=1, le=1000)
    """Past steps that the estimate of the curvature is made from."""
    loss_tolerance: float = Field(2.220446049250313e-09, ge=0)
    """Relative fall of the loss in an iteration below which it has converged."""
    gradient_tolerance: float = Field(1e-5, ge=0)
    """Largest gradient entry below which it has converged."""


def build(config: Config) -> Callable[..., tuple[np.ndarray, str]]:
    """Return `minimize(function, start, iterations, callback)`.

    Args:
        config: settings.

    Returns:
        A function that takes a function from weights (n,) to loss and gradient (n,), the weights
        to start at, the number of iterations at most, and what to call with the weights after each
        iteration (it stops where that raises StopIteration); and that returns the last weights and
        why it ended: `converged` where it met a tolerance.
    """
    from scipy.optimize import minimize

    def run(
        function: Callable[..., tuple[float, np.ndarray]],
        start: np.ndarray,
        iterations: int,
        callback: Callable[[np.ndarray], None],
    ) -> tuple[np.ndarray, str]:
        options = {
            "maxiter": iterations,
            "maxfun": 20 * iterations,
            "maxcor": config.memory,
            "ftol": config.loss_tolerance,
            "gtol": config.gradient_tolerance,
        }
        result = minimize(
            function, start, method="L-BFGS-B", jac=True, callback=callback, options=options
        )
        return result.x, "converged" if result.success else _reason(result, iterations)

    return run


def _reason(result: Any, iterations: int) -> str:
    """Return why a search ended that met no tolerance."""
    if result.nit >= iterations:
        return f"stopped after {result.nit} iterations, before it converged"
    if "abnormal" in result.message.lower():
        # Losses of two steps that differ by less than their rounding errors are equal.
        return "stopped before it converged: no step lowered the loss, as near a minimum in float32"
    return f"stopped before it converged ({result.message.lower()})"
