"""One of several ordered classes for each sample, such as grades of damage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlzoo.data.contracts import Headline, Scorer
from mlzoo.data.samples import Samples
from mlzoo.data.specs import Outputs, Target
from mlzoo.statistics.metrics import values
from mlzoo.statistics.scorers import Array, classification_scorers, ratio
from mlzoo.tasks._classes import ClassTask

if TYPE_CHECKING:
    import keras


class Task(ClassTask):
    """Ordinal classification by the proportional-odds model: one score, trained cut points."""

    target = Target("ordered")
    headline = Headline("quadratic_kappa", "max")
    metrics = ("quadratic_kappa", "mae", "accuracy", "balanced_accuracy", "macro_f1", "log_loss")

    def logits(
        self, outputs: Outputs, features: keras.KerasTensor, units: int, name: str, **settings: Any
    ) -> keras.KerasTensor:
        """Return one score; a bias would only move all cut points."""
        return super().logits(outputs, features, 1, name, use_bias=False, **settings)

    def finish(self, outputs: Outputs, logits: keras.KerasTensor) -> keras.KerasTensor:
        """Return the probability of each class."""
        from mlzoo.layers.cumulative import CumulativeProbabilities

        return CumulativeProbabilities(outputs.units, dtype="float32", name="output")(logits)

    def scorers(
        self, targets: np.ndarray, predictions: np.ndarray, positive: int = 1
    ) -> dict[str, Scorer]:
        """Return quadratic kappa, the mean absolute error in classes, and metrics of classes."""
        chosen = predictions.argmax(axis=1)
        return {
            "quadratic_kappa": _quadratic_kappa(targets, chosen),
            "mae": _mean_error(targets, chosen),
            **classification_scorers(targets, predictions, positive),
        }

    def report(
        self, targets: np.ndarray, predictions: np.ndarray, samples: Samples, positive: int = 1
    ) -> dict[str, Any]:
        """Return the metrics, a table of the classes and the confusion matrix."""
        scorers = self.scorers(targets, predictions, positive)
        first = {name: scorers[name] for name in ("quadratic_kappa", "mae")}
        report = super().report(targets, predictions, samples, positive)
        return {**values(first, len(targets)), **report}


def _mean_error(targets: Array, chosen: Array) -> Scorer:
    error = np.abs(targets - chosen).astype("float64")
    return lambda weights: ratio(weights @ error, weights.sum(axis=1))


def _quadratic_kappa(targets: Array, chosen: Array) -> Scorer:
    """Return Cohen's kappa with quadratic weights (Cohen, Weighted kappa, 1968).

    One minus the squared distance of classes over what independent predictions with the same
    frequencies would have: 1 is perfect, 0 is chance.
    """
    t, p = targets.astype("float64"), chosen.astype("float64")

    def kappa(weights: Array) -> Array:
        total = weights.sum(axis=1)
        chance = weights @ (t**2 + p**2) - 2 * ratio((weights @ t) * (weights @ p), total)
        # Rounding leaves a little where all are of one class and predicted as such.
        chance = np.where(chance > 1e-9 * total, chance, 0)
        return 1 - ratio(weights @ (t - p) ** 2, chance)

    return kappa
