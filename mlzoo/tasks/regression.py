"""One or several numbers for each sample."""

from __future__ import annotations

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

    def output_spec(self, train: Part) -> Outputs:
        """Return one output a target, with mean and standard deviation of the training split."""
        targets = train.targets.reshape(len(train), -1)
        return Outputs(self.name, targets.shape[1], *mean_and_std(targets))
