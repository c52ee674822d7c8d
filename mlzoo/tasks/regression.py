"""One or several numbers for each sample."""

from __future__ import annotations

from collections.abc import Sequence

from mlzoo.data.contracts import Headline
from mlzoo.data.moments import mean_and_std
from mlzoo.data.samples import Part
from mlzoo.data.specs import Outputs, Target
from mlzoo.tasks._numbers import NumbersTask


class Task(NumbersTask):
    """Regression; models learn standardized targets and predict them in their own units."""

    target = Target("numbers")
    losses = ("mse",)
    headline = Headline("rmse", "min")
    metrics = ("rmse", "mae", "r2")
    followed = ("mae",)

    def judged_by(self, counts: Sequence[int] = (), targets: int = 1) -> Headline:
        """Return the mean R² of several targets, whose errors have units of their own."""
        return Headline("r2", "max") if targets > 1 else self.headline

    def output_spec(self, train: Part) -> Outputs:
        """Return one output a target, with mean and standard deviation of the training split."""
        targets = train.targets.reshape(len(train), -1)
        return Outputs(self.name, targets.shape[1], *mean_and_std(targets))
