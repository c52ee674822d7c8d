"""A class at every step of a sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mlzoo.data.contracts import Baseline, Headline, Predict
from mlzoo.data.samples import Data, Part
from mlzoo.data.specs import IGNORED, Target
from mlzoo.statistics import steps
from mlzoo.statistics.calibration.bins import cell_sums, stack_cells
from mlzoo.statistics.scorers import ConfidenceBins
from mlzoo.tasks._steps import StepTask, classes_of, step_outputs
from mlzoo.tasks._tallies import Counting, Tally


class Task(StepTask):
    """Labeling; judged by the mean F1 over classes, so that rare ones count."""

    target = Target("classes", "step")
    headline = Headline("macro_f1", "max")
    metrics = (
        *("macro_f1", "accuracy", "balanced_accuracy", "mean_iou", "segment_f1", "edit_score"),
        *("brier", "calibration_error"),
    )
    followed = ("accuracy", "iou")
    unit = "sequences"
    samples = "sequences"

    def count(
        self,
        predict: Predict | None,
        data: Data,
        rows: Part,
        baselines: Mapping[str, Baseline],
        counting: Counting,
    ) -> dict[str, Tally]:
        """Return the confusion of steps and segments of the model and of each baseline."""
        names = rows.samples.class_names
        outputs = [] if predict is None else list(step_outputs(predict, rows))
        labels = {} if predict is None else {"": [classes_of(each) for each in outputs]}
        for name, each in baselines.items():
            labels[name] = [each.predict(rows.image(i)) for i in range(len(rows))]
        tallies: dict[str, Tally] = {}
        for name, predicted in labels.items():
            counts = []
            for i, sequence in enumerate(predicted):
                counts.append(steps.count(rows.target(i), sequence, len(names)))
                counting.see(name, rows.target(i), sequence)
            bins = None if name else _bins(outputs, rows)
            tallies[name] = steps.StepTally(replace(steps.stack(counts), bins=bins), names)
        return tallies


def _bins(outputs: Sequence[np.ndarray], rows: Part) -> ConfidenceBins:
    """Return the binned confidence of outputs (steps, k) of each sequence of a split."""
    sums = []
    for i, y_pred in enumerate(outputs):
        y_true = rows.target(i)
        known = y_true != IGNORED
        sums.append(cell_sums(y_true[known], y_pred[known]))
    return stack_cells(np.array(sums))
