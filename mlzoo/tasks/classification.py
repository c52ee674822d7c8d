"""One of several classes for each sample."""

from __future__ import annotations

from collections.abc import Sequence

from mlzoo.data.contracts import Headline
from mlzoo.data.specs import Target
from mlzoo.statistics.metrics import imbalanced
from mlzoo.tasks._samples import ClassTask


class Task(ClassTask):
    """Classification; of two classes, the model's one output is the second one's probability."""

    target = Target("classes")
    headline = Headline("accuracy", "max")
    metrics = (
        *("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "roc_auc"),
        *("average_precision", "brier", "calibration_error"),
    )

    def judged_by(self, counts: Sequence[int] = (), targets: int = 1) -> Headline:
        """Return balanced accuracy if one class holds over 80 % of the samples."""
        return Headline("balanced_accuracy", "max") if imbalanced(counts) else self.headline

    def units(self, classes: int) -> int:
        """Return one output per class, but a single one for two classes."""
        return 1 if classes == 2 else classes
