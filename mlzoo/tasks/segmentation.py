"""A class at every pixel of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.data.contracts import Headline, Scorer
from mlzoo.data.samples import Part, Samples
from mlzoo.data.specs import Outputs, Target
from mlzoo.statistics import pixels
from mlzoo.statistics.metrics import MODES
from mlzoo.tasks._dense import DenseTask


class Task(DenseTask):
    """Segmentation; two classes have two outputs."""

    target = Target("classes", "pixel")
    # Dice ignores the network's confidence, crossentropy rare classes.
    losses = ("crossentropy", "dice")
    headline = Headline("mean_iou", "max")
    metrics = tuple(MODES)

    def output_spec(self, train: Part) -> Outputs:
        """Return one output per class."""
        return Outputs(self.name, len(train.samples.class_names))

    def count_image(self, truth: np.ndarray, predicted: np.ndarray, samples: Samples) -> Any:
        """Return the confusion of one image's pixels and boundaries."""
        return pixels.count(truth, predicted, len(samples.class_names))

    def tally(self, counts: list[Any], samples: Samples) -> PixelTally:
        """Return the counts of several images."""
        return PixelTally(pixels.stack(counts), samples.class_names)


@dataclass(frozen=True)
class PixelTally:
    """Counts of pixels of each image, for segmentation."""

    counts: pixels.Counts
    class_names: tuple[str, ...]

    def scorers(self) -> dict[str, Scorer]:
        """Return metrics as functions of weights over images."""
        return pixels.pixel_scorers(self.counts)

    def metrics(self) -> dict[str, Any]:
        """Return scalars, a table of the classes, and the confusion matrix."""
        return pixels.segmentation(self.counts, self.class_names)

    def scores(self) -> np.ndarray:
        """Return the mean IoU of each image."""
        return pixels.image_scores(self.counts)

    def columns(self) -> dict[str, list[Any]]:
        """Return the mean IoU of each image, and true and false pixels of each class."""
        counts = pixels.error_counts(self.counts.confusion, self.class_names)
        return {"mean_iou": self.scores().tolist(), **counts}
