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
    """Fields; NaN in the targets does not count."""

    target = Target("numbers", "pixel")
    losses = ("mse",)
    headline = Headline("rmse", "min")
    metrics = tuple(MODES)

    def output_spec(self, train: Part) -> Outputs:
        """Return one output a field, with mean and standard deviation of what counts."""
        fields = train.samples.targets.shape[-1]
        return Outputs(self.name, fields, *mean_and_std(train.targets.reshape(-1, fields)))

    def count_image(self, truth: np.ndarray, predicted: np.ndarray, samples: Samples) -> Any:
        """Return the sums of one image."""
        return count(truth, predicted)

    def tally(self, counts: list[Any], samples: Samples) -> FieldTally:
        """Return the sums of several images."""
        return FieldTally(np.stack(counts), samples.target_names)


def count(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """One image's sums (k, 5): values, squared errors, absolute errors, truths, squared truths.

    Args:
        truth: (height, width, k), NaN where a value does not count.
        predicted: the same shape.
    """
    known = ~np.isnan(truth)
    y = np.where(known, truth, 0).astype("float64")
    error = np.where(known, predicted - y, 0).astype("float64")
    each = (known, error**2, np.abs(error), y, y**2)
    return np.stack([values.sum(axis=(0, 1)) for values in each], axis=-1)


@dataclass(frozen=True)
class FieldTally:
    """Sums (n, k, 5) of each of n images and k fields, as `count` gives them."""

    sums: np.ndarray
    names: tuple[str, ...]

    def scorers(self) -> dict[str, Scorer]:
        """RMSE and MAE over all values, and R² averaged over the fields, of weighted images."""
        return _scorers(self.sums)

    def metrics(self) -> dict[str, Any]:
        """The scalars, and the same of each field."""
        rows = [
            {"target": name, **_scalars(self.sums[:, [i]])} for i, name in enumerate(self.names)
        ]
        return {**_scalars(self.sums), "per_target": rows}

    def scores(self) -> np.ndarray:
        """Minus the RMSE of each image."""
        total = self.sums.sum(axis=1)
        return -np.sqrt(total[:, 1] / np.maximum(total[:, 0], 1))

    def columns(self) -> dict[str, list[Any]]:
        """RMSE of each image, its number of values and their summed squared error."""
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

    def mean_of(place: int) -> Scorer:
        def score(weights: np.ndarray) -> np.ndarray:
            total = summed(weights).sum(axis=1)
            return ratio(total[:, place], total[:, 0])

        return score

    mean_squared = mean_of(1)
    return {"rmse": lambda w: np.sqrt(mean_squared(w)), "mae": mean_of(2), "r2": r2}


def _scalars(sums: np.ndarray) -> dict[str, float | None]:
    ones = np.ones((1, len(sums)))
    return {name: number(scorer(ones)[0]) for name, scorer in _scorers(sums).items()}
