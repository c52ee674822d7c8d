"""A class at every step of a sequence."""

from __future__ import annotations

from collections.abc import Mapping

from mlzoo.data.contracts import Baseline, Headline, Predict
from mlzoo.data.samples import Data, Part
from mlzoo.data.specs import Target
from mlzoo.statistics import steps
from mlzoo.tasks._steps import StepTask, labels_of
from mlzoo.tasks._tallies import Counting, Tally


class Task(StepTask):
    """Labeling; judged by the mean F1 over classes, so that rare ones count."""

    target = Target("classes", "step")
    headline = Headline("macro_f1", "max")
    metrics = (
        *("macro_f1", "accuracy", "balanced_accuracy", "mean_iou", "segment_f1", "edit_score"),
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
        labels = {} if predict is None else {"": labels_of(predict, rows)}
        for name, each in baselines.items():
            labels[name] = [each.predict(rows.image(i)) for i in range(len(rows))]
        tallies: dict[str, Tally] = {}
        for name, predicted in labels.items():
            counts = []
            for i, sequence in enumerate(predicted):
                counts.append(steps.count(rows.target(i), sequence, len(names)))
                counting.see(name, rows.target(i), sequence)
            tallies[name] = steps.StepTally(steps.stack(counts), names)
        return tallies
