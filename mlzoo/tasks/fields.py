"""Numbers at every pixel of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.data.contracts import Headline, Scorer
from mlzoo.data.moments import mean_and_std
from mlzoo.data.samples import Part, Samples
from mlzoo.data.specs import Outputs, Target
from mlzoo.statistics.metrics import MODES, number
from mlzoo.statistics.scorers import ratio
from mlzoo.tasks._dense import DenseTask


class Task(DenseTask):
    """Fields; NaN in the targets is ignored."""

    target = Target("numbers", "pixel")
    losses = ("mse",)
    headline = Headline("rmse", "min")
    metrics = tuple(MODES)

    def output_spec(self, train: Part) -> Outputs:
        """Return one output per field, with mean and standard deviation of the known values."""
        fields = train.samples.targets.shape[-1]
        return Outputs(self.name, fields, *mean_and_std(train.targets.reshape(-1, fields)))

    def count_image(self, truth: np.ndarray, predicted: np.ndarray, samples: Samples) -> Any:
        """Return the sums of one image."""
        return count(truth, predicted)

    def tally(self, counts: list[Any], samples: Samples) -> FieldTally:
        """Return the sums of several images."""
        return FieldTally(np.stack(counts), samples.target_names)


def count(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return one image's sums (k, 5): count, squared and absolute errors, targets, their squares.

    Args:
        truth: (height, width, k), NaN where a value is ignored.
        predicted: the same shape.
    """
    known = ~np.isnan(truth)
    y = np.where(known, truth, 0).astype("float64")
    error = np.where(known, predicted - y, 0).astype("float64")
    each = (known, error**2, np.abs(error), y, y**2)
    return np.stack([values.sum(axis=(0, 1)) for values in each], axis=-1)


@dataclass(frozen=True)
class FieldTally:
    """Sums (n, k, 5) of n images and k fields, as `count` returns them."""

    sums: np.ndarray
    names: tuple[str, ...]

    def scorers(self) -> dict[str, Scorer]:
        """Return RMSE and MAE over all values and R² averaged over fields, of weighted images."""
        return _scorers(self.sums)

    def metrics(self) -> dict[str, Any]:
        """Return the scalars, and the same for each field."""
        rows = [
            {"target": name, **_scalars(self.sums[:, [i]])} for i, name in enumerate(self.names)
        ]
        return {**_scalars(self.sums), "per_target": rows}

    def scores(self) -> np.ndarray:
        """Return the negative RMSE of each image."""
        total = self.sums.sum(axis=1)
        return -np.sqrt(total[:, 1] / np.maximum(total[:, 0], 1))

    def columns(self) -> dict[str, list[Any]]:
        """Return RMSE, number of values and summed squared error of each image."""
        total = self.sums.sum(axis=1)
        return {
            "rmse": (-self.scores()).tolist(),
            "values": total[:, 0].astype(int).tolist(),
            "squared_error": total[:, 1].tolist(),
        }


def _scorers(sums: np.ndarray) -> dict[str, Scorer]:
    flat = sums.reshape(len(sums), -1)

    def summed(weights: np.ndarray) -> np.ndarray:
        return (weights @ flat).reshape(len(weights), *sums.shape[1:])

    def r2(weights: np.ndarray) -> np.ndarray:
        values, squared, _, y, y2 = np.moveaxis(summed(weights), -1, 0)
        return (1 - ratio(squared, y2 - ratio(y**2, values))).mean(axis=1)

    def mean_of(column: int) -> Scorer:
        def score(weights: np.ndarray) -> np.ndarray:
            total = summed(weights).sum(axis=1)
            return ratio(total[:, column], total[:, 0])

        return score

    mean_squared = mean_of(1)
    return {"rmse": lambda w: np.sqrt(mean_squared(w)), "mae": mean_of(2), "r2": r2}


def _scalars(sums: np.ndarray) -> dict[str, float | None]:
    weights = np.ones((1, len(sums)))
    return {name: number(scorer(weights)[0]) for name, scorer in _scorers(sums).items()}
