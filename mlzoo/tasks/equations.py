"""Unknown functions that solve differential equations, at points of their domain.

Models see no solution: they are trained on the residuals of equations and conditions. The exact
solution, or a reference by a classical solver, is what they are scored against.
"""

from __future__ import annotations

import numpy as np

from mlzoo.data.contracts import Headline
from mlzoo.data.samples import Part, Samples
from mlzoo.data.specs import Outputs, Target
from mlzoo.tasks._numbers import NumbersTask


class Task(NumbersTask):
    """Differential equations; judged by the relative error against a solution."""

    target = Target("numbers", "point")
    losses = ("mse",)
    headline = Headline("relative_l2", "min")
    metrics = ("relative_l2", "rmse", "mae", "r2")
    samples = "points"
    unit = "points"

    def tables(
        self, targets: np.ndarray, predictions: np.ndarray, samples: Samples, positive: int = 1
    ) -> dict[str, object]:
        """Return residuals, and how far predictions vary as a share of how far the solution does.

        A share near 0 is that of a trivial solution: one that is constant almost everywhere.
        """
        spreads = [np.linalg.norm(each - each.mean(axis=0)) for each in (predictions, targets)]
        share = float(spreads[0] / spreads[1]) if spreads[1] else 1.0
        return {**super().tables(targets, predictions, samples, positive), "variation": share}

    def output_spec(self, train: Part) -> Outputs:
        """Return one output an unknown; nothing of the solution is told to the model."""
        return Outputs(self.name, train.targets.reshape(len(train), -1).shape[1])
