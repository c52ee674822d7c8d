"""Base of tasks that predict a class or numbers at every pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mlzoo.core.errors import DivergedError
from mlzoo.data.contracts import Baseline
from mlzoo.data.images.tiles import Predict, Tiling, strips
from mlzoo.data.masks.operating_point import MaskRule, most_probable
from mlzoo.data.samples import Data, Part, Samples
from mlzoo.data.specs import IGNORED
from mlzoo.statistics.calibration.bins import CELLS, cell_sums, stack_cells
from mlzoo.statistics.scorers import ConfidenceBins
from mlzoo.tasks._tallies import Counting, Tally, TallyTask

Segment = Callable[[np.ndarray], np.ndarray]
"""From an image (height, width, channels) to a mask (height, width) or fields (..., k)."""


class DenseTask(TallyTask):
    """Task that predicts a class or numbers at every pixel."""

    unit = "images"
    samples = "images"

    def count_image(
        self, rows: Part, position: int, truth: np.ndarray, predicted: np.ndarray
    ) -> Any:
        """Return the counts of one image.

        Args:
            rows: the split.
            position: of the image within it.
            truth: its mask (height, width) or fields (height, width, k).
            predicted: the same.
        """
        raise NotImplementedError

    def tally(
        self, counts: list[Any], samples: Samples, bins: ConfidenceBins | None = None
    ) -> Tally:
        """Return the counts of several images.

        Args:
            counts: of each image, as `count_image` returned them.
            samples: the data.
            bins: confidence of the classes; None of numbers, and where only classes are known.
        """
        raise NotImplementedError

    def count(
        self,
        predict: Predict | None,
        data: Data,
        rows: Part,
        baselines: Mapping[str, Baseline],
        counting: Counting,
    ) -> dict[str, Tally]:
        """Return the counts of the model (under "") and of each baseline; images are read once."""
        classes = self.target.is_class
        confidence = PixelConfidence(classes)
        predictors: dict[str, Segment] = {}
        if predict is not None:
            predictors[""] = lambda i: whole(
                i, predict, data.cut(*i.shape[:2]), classes, confidence.see, data.mask_rule
            )
        predictors |= {name: each.predict for name, each in baselines.items()}
        counts: dict[str, list[Any]] = {name: [] for name in predictors}
        for position in range(len(rows)):
            image, truth = rows.image(position), rows.target(position)
            confidence.begin(truth)
            for name, segment in predictors.items():
                predicted = segment(image)
                counts[name].append(self.count_image(rows, position, truth, predicted))
                counting.see(name, truth, predicted, rows.samples.reader.depth)
        bins = {} if predict is None else {"": confidence.bins()}
        return {name: self.tally(c, rows.samples, bins.get(name)) for name, c in counts.items()}


class PixelConfidence:
    """Sums of the confidence at the pixels of one image after another.

    Args:
        classes: False: the outputs are no probabilities, and nothing is summed.
    """

    def __init__(self, classes: bool) -> None:
        self._sums: list[np.ndarray] = []
        self._classes, self._row = classes, 0

    def begin(self, truth: np.ndarray) -> None:
        """Begin an image, whose true classes are (height, width)."""
        self._truth, self._row = truth, 0
        self._sums.append(np.zeros((CELLS, 4)))

    def see(self, strip: np.ndarray) -> None:
        """Add the next strip of probabilities (rows, width, k), from top to bottom."""
        if not self._classes:
            return
        truth = self._truth[self._row : self._row + len(strip)]
        self._row += len(strip)
        known = truth != IGNORED
        self._sums[-1] += cell_sums(truth[known], strip[known])

    def bins(self) -> ConfidenceBins | None:
        """Return the binned confidence of all images."""
        return stack_cells(np.array(self._sums)) if self._classes else None


def whole(
    image: np.ndarray,
    predict: Predict,
    tiling: Tiling | None,
    classes: bool,
    each: Callable[[np.ndarray], None] | None = None,
    rule: MaskRule | None = None,
) -> np.ndarray:
    """Return the mask (uint8 class positions) or the fields (float32) of one image.

    Args:
        image: (height, width, channels), unscaled.
        predict: the model.
        tiling: tiles of the image; None: the whole image at once.
        classes: whether the outputs are probabilities of classes.
        each: called with the outputs (rows, width, k) of each strip, from top to bottom.
        rule: by which classes are decided; None: for the most probable one.

    Raises:
        DivergedError: the model's outputs hold NaN or infinity.
    """
    predicted = []
    decide = most_probable if rule is None else rule.decide
    for strip in strips(image, predict, tiling):
        if not np.isfinite(strip).all():
            raise DivergedError(
                "the model's outputs are NaN or infinite; train again with a smaller "
                "--learning-rate or --precision float32"
            )
        if each is not None:
            each(strip)
        predicted.append(decide(strip) if classes else strip)
    values = np.concatenate(predicted)
    return values if rule is None else rule.cleaned(values)
