"""One of several ordered classes for each sample, such as grades of damage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlzoo.data.contracts import Headline
from mlzoo.data.specs import Outputs, Target
from mlzoo.tasks._samples import ClassTask

if TYPE_CHECKING:
    import keras


class Task(ClassTask):
    """Ordinal classification by the proportional-odds model: one score, trained cut points."""

    target = Target("ordered")
    headline = Headline("quadratic_kappa", "max")
    metrics = (
        *("quadratic_kappa", "mae", "accuracy", "balanced_accuracy", "macro_f1", "log_loss"),
        *("roc_auc", "average_precision", "brier", "calibration_error"),
    )

    def logits(
        self, outputs: Outputs, features: keras.KerasTensor, units: int, name: str, **settings: Any
    ) -> keras.KerasTensor:
        """Return one score; a bias would only move all cut points."""
        return super().logits(outputs, features, 1, name, use_bias=False, **settings)

    def finish(self, outputs: Outputs, logits: keras.KerasTensor) -> keras.KerasTensor:
        """Return the probability of each class."""
        from mlzoo.layers.cumulative import CumulativeProbabilities

        return CumulativeProbabilities(outputs.units, dtype="float32", name="output")(logits)
