"""Instances of an image, such as cells that touch: which pixels belong to the same one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.data.contracts import Headline
from mlzoo.data.masks.instances import instances_of
from mlzoo.data.samples import Part, Samples
from mlzoo.data.specs import Outputs, Target
from mlzoo.statistics import pixels
from mlzoo.statistics.scorers import ConfidenceBins
from mlzoo.statistics.separation import instances
from mlzoo.statistics.separation.instances import InstanceCounts
from mlzoo.tasks._dense import DenseTask


class Task(DenseTask):
    """Instances, told apart by a network's background, inside and border and a watershed."""

    target = Target("instances", "pixel")
    # As of a segmentation: Dice ignores the network's confidence, crossentropy rare classes.
    losses = ("crossentropy", "dice")
    headline = Headline("instance_ap", "max")
    metrics = (
        *("instance_ap", "instance_ap50", "instance_ap75", "mean_iou", "pixel_accuracy"),
        *("brier", "calibration_error"),
    )
    followed = ("accuracy", "iou")

    def output_spec(self, train: Part) -> Outputs:
        """Return one output for each class of pixels."""
        return Outputs(self.name, len(train.samples.class_names))

    def count_image(
        self, rows: Part, position: int, truth: np.ndarray, predicted: np.ndarray
    ) -> Any:
        """Return the counts of one image's pixels, boundaries and instances."""
        matches = instances.count(rows.instances(position), instances_of(predicted))
        return pixels.count(truth, predicted, len(rows.samples.class_names)), matches

    def tally(
        self, counts: list[Any], samples: Samples, bins: ConfidenceBins | None = None
    ) -> InstanceTally:
        """Return the counts of several images."""
        stacked = pixels.stack([each for each, _ in counts])
        matches = np.stack([each for _, each in counts])
        fields = {"confusion": stacked.confusion, "boundaries": stacked.boundaries}
        return InstanceTally(
            InstanceCounts(**fields, matches=matches, bins=bins), samples.class_names
        )


@dataclass(frozen=True)
class InstanceTally:
    """Counts of instances and pixels of each image."""

    counts: InstanceCounts
    class_names: tuple[str, ...]

    def tables(self) -> dict[str, object]:
        """Return the scores at each threshold, and the tables of the pixels' classes."""
        return {
            "per_threshold": instances.table(self.counts.matches),
            **pixels.tables(self.counts, self.class_names),
        }

    def scores(self) -> np.ndarray:
        """Return the mean average precision of each image; 1 where there is no instance."""
        of_image = instances.average_precision(self.counts.matches).mean(axis=1)
        return np.where(np.isnan(of_image), 1.0, of_image)

    def columns(self) -> dict[str, list[Any]]:
        """Return the mean average precision of each image, and its instances at each threshold."""
        kinds = ("found", "false", "missed")
        return {
            "instance_ap": self.scores().tolist(),
            **{
                f"{kind}_{threshold:g}": self.counts.matches[:, i, k].tolist()
                for i, threshold in enumerate(instances.THRESHOLDS)
                for k, kind in enumerate(kinds)
            },
        }
