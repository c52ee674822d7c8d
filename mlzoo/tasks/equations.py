"""Unknown functions that solve differential equations, at points of their domain.

Models see no solution: they are trained on the residuals of equations and conditions. The exact
solution, or a reference by a classical solver, is what they are scored against.
"""

from __future__ import annotations

from mlzoo.data.contracts import Headline
from mlzoo.data.samples import Part
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

    def output_spec(self, train: Part) -> Outputs:
        """Return one output an unknown; nothing of the solution is told to the model."""
        return Outputs(self.name, train.targets.reshape(len(train), -1).shape[1])
