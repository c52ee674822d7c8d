"""A class at every pixel of an image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlzoo.data.contracts import Headline
from mlzoo.data.samples import Part, Samples
from mlzoo.data.specs import Outputs, Target
from mlzoo.data.volumes.slices import slices_of
from mlzoo.statistics import pixels
from mlzoo.statistics.scorers import ConfidenceBins
from mlzoo.tasks._dense import DenseTask


class Task(DenseTask):
    """Segmentation; two classes have two outputs."""

    target = Target("classes", "pixel")
    # Dice ignores the network's confidence, crossentropy rare classes.
    losses = ("crossentropy", "dice")
    headline = Headline("mean_iou", "max")
    metrics = (
        *("mean_iou", "mean_dice", "pixel_accuracy", "mean_precision", "mean_recall"),
        *("boundary_f1", "brier", "calibration_error"),
    )
    followed = ("accuracy", "iou")

    def output_spec(self, train: Part) -> Outputs:
        """Return one output per class."""
        return Outputs(self.name, len(train.samples.class_names))

    def count_image(
        self, rows: Part, position: int, truth: np.ndarray, predicted: np.ndarray
    ) -> Any:
        """Return the confusion of an image's pixels and boundaries, of a volume's in its slices."""
        classes, depth = len(rows.samples.class_names), rows.samples.reader.depth or 1
        slices = zip(slices_of(truth, depth), slices_of(predicted, depth), strict=True)
        counted = [pixels.count(*each, classes) for each in slices]
        return tuple(sum(counts) for counts in zip(*counted, strict=True))

    def tally(
        self, counts: list[Any], samples: Samples, bins: ConfidenceBins | None = None
    ) -> PixelTally:
        """Return the counts of several images."""
        return PixelTally(replace(pixels.stack(counts), bins=bins), samples.class_names)


@dataclass(frozen=True)
class PixelTally:
    """Counts of pixels of each image, for segmentation."""

    counts: pixels.Counts
    class_names: tuple[str, ...]

    def tables(self) -> dict[str, object]:
        """Return a table of the classes, and the confusion matrix."""
        return pixels.tables(self.counts, self.class_names)

    def scores(self) -> np.ndarray:
        """Return the mean IoU of each image."""
        return pixels.image_scores(self.counts)

    def columns(self) -> dict[str, list[Any]]:
        """Return the mean IoU of each image, and true and false pixels of each class."""
        counts = pixels.error_counts(self.counts.confusion, self.class_names)
        return {"mean_iou": self.scores().tolist(), **counts}
