"""Numbers at every pixel of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.data.contracts import Headline
from mlzoo.data.moments import mean_and_std
from mlzoo.data.samples import Part, Samples
from mlzoo.data.specs import Outputs, Target
from mlzoo.statistics.fields import FieldSums, count
from mlzoo.statistics.metrics import scorers, values
from mlzoo.statistics.scorers import ConfidenceBins
from mlzoo.tasks._dense import DenseTask


class Task(DenseTask):
    """Fields; NaN in the targets is ignored."""

    target = Target("numbers", "pixel")
    losses = ("mse",)
    headline = Headline("rmse", "min")
    metrics = ("rmse", "mae", "r2")
    followed = ("mae",)

    def output_spec(self, train: Part) -> Outputs:
        """Return one output per field, with mean and standard deviation of the known values."""
        fields = train.samples.targets.shape[-1]
        return Outputs(self.name, fields, *mean_and_std(train.targets.reshape(-1, fields)))

    def count_image(
        self, rows: Part, position: int, truth: np.ndarray, predicted: np.ndarray
    ) -> Any:
        """Return the sums of one image."""
        return count(truth, predicted)

    def tally(
        self, counts: list[Any], samples: Samples, bins: ConfidenceBins | None = None
    ) -> FieldTally:
        """Return the sums of several images."""
        return FieldTally(FieldSums(np.stack(counts)), samples.target_names)


@dataclass(frozen=True)
class FieldTally:
    """Sums of n images and k named fields."""

    counts: FieldSums
    names: tuple[str, ...]

    def tables(self) -> dict[str, object]:
        """Return the metrics of each field."""
        sums = self.counts.sums
        fields = [scorers(Task.metrics, FieldSums(sums[:, [i]])) for i in range(len(self.names))]
        rows = zip(self.names, fields, strict=True)
        return {"per_target": [{"target": n, **values(each, len(sums))} for n, each in rows]}

    def scores(self) -> np.ndarray:
        """Return the negative RMSE of each image."""
        total = self.counts.sums.sum(axis=1)
        return -np.sqrt(total[:, 1] / np.maximum(total[:, 0], 1))

    def columns(self) -> dict[str, list[Any]]:
        """Return RMSE, number of values and summed squared error of each image."""
        total = self.counts.sums.sum(axis=1)
        return {
            "rmse": (-self.scores()).tolist(),
            "values": total[:, 0].astype(int).tolist(),
            "squared_error": total[:, 1].tolist(),
        }
