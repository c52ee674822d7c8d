"""Scores of models that predict something at every pixel, image by image, beside baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mlzoo.baselines._pixel_features import fit_pixels
from mlzoo.core.errors import DivergedError
from mlzoo.data.images.tiles import Predict, Tiling, strips
from mlzoo.data.samples import Data, Part
from mlzoo.statistics import intervals, pixels
from mlzoo.statistics.metrics import HEADLINES
from mlzoo.statistics.scorers import Scorer
from mlzoo.statistics.verdicts import against_baselines
from mlzoo.tasks import fields

UNITS = {
    "segmentation": "images",
    "fields": "images",
    "labelling": "sequences",
    "text": "windows",
}
"""What intervals are taken over, where there are no groups."""
Segment = Callable[[np.ndarray], np.ndarray]
"""From an image (height, width, channels) to a mask (height, width) or fields (..., k)."""


class Tally(Protocol):
    """What the scores of a task are taken from, of every image."""

    def scorers(self) -> dict[str, Scorer]:
        """Scalar metrics as functions of weights over images."""
        ...

    def metrics(self) -> dict[str, Any]:
        """The scalars, and what else is told of all images together."""
        ...

    def scores(self) -> np.ndarray:
        """How good each image is on its own, (n,); more is better."""
        ...

    def columns(self) -> dict[str, list[Any]]:
        """What stands in predictions.csv of each image."""
        ...


@dataclass(frozen=True)
class DenseOutcome:
    """What a model reached on each of n images: `indices` are positions in `Samples`."""

    indices: np.ndarray
    tally: Tally
    blocks: np.ndarray | None = None
    """(n,) of windows that overlap: the stretch that each is left out with, for intervals."""


def whole(
    image: np.ndarray,
    predict: Predict,
    tiling: Tiling | None,
    classes: bool,
    each: Callable[[np.ndarray], None] | None = None,
) -> np.ndarray:
    """The mask (uint8 class positions) or the fields (float32) of one image.

    Args:
        image: (height, width, channels), raw.
        predict: the model.
        tiling: how the image is cut.
        classes: whether the outputs are probabilities of classes.
        each: called with the outputs from the top down, some rows (rows, width, k) at a time.

    Raises:
        DivergedError: the model's outputs hold NaN or infinity.
    """
    found = []
    for strip in strips(image, predict, tiling):
        if not np.isfinite(strip).all():
            raise DivergedError(
                "the model's outputs are NaN or infinite; train again with a smaller "
                "--learning-rate or --precision float32"
            )
        if each is not None:
            each(strip)
        found.append(strip.argmax(axis=-1).astype(np.uint8) if classes else strip)
    return np.concatenate(found)


def evaluate_dense(
    predict: Predict, data: Data, part: str, seed: int, with_baselines: bool
) -> tuple[dict[str, Any], DenseOutcome]:
    """What `evaluate.evaluate` says of a model for every pixel; images are read one by one."""
    rows, task = data.parts()[part], data.samples.task
    classes = task == "segmentation"
    predictors: dict[str, Segment] = {
        "": lambda image: whole(image, predict, data.cut(*image.shape[:2]), classes)
    }
    notes: dict[str, str] = {}
    if with_baselines:
        for name, (segment, note) in _baselines(data, seed).items():
            predictors[name], notes[name] = segment, note
    return summary(data, part, _tally(rows, predictors), notes, seed)


def summary(
    data: Data,
    part: str,
    tallies: dict[str, Tally],
    notes: Mapping[str, str],
    seed: int,
    blocks: np.ndarray | None = None,
) -> tuple[dict[str, Any], DenseOutcome]:
    """What is said of the counts of a model, under "", and of baselines, under their names.

    `blocks` are those of `DenseOutcome`.
    """
    rows, task = data.parts()[part], data.samples.task
    metric = HEADLINES[task].name
    ours = tallies.pop("")
    groups = rows.samples.groups
    labels = blocks if groups is None else np.asarray(groups)[rows.indices].astype(str)
    unit = UNITS[task] if labels is None else "groups" if groups is not None else "blocks of text"
    result = {
        "part": part,
        "samples": len(rows),
        "metrics": ours.metrics(),
        "intervals": intervals.intervals(ours.scorers(), len(rows), labels, seed),
        "interval_unit": unit,
        "units": intervals.count_units(len(rows), labels),
        "baselines": {
            name: {**_each_class(tally), "note": notes[name]} for name, tally in tallies.items()
        },
        "headline": metric,
        **against_baselines(
            ours.scorers(),
            {name: tally.scorers() for name, tally in tallies.items()},
            metric,
            len(rows),
            labels,
            seed,
        ),
    }
    return result, DenseOutcome(rows.indices, ours, blocks)


def _tally(rows: Part, predictors: Mapping[str, Segment]) -> dict[str, Tally]:
    """Every predictor's counts on every image of a part, which is read once."""
    names = rows.samples.class_names
    found: dict[str, list[Any]] = {name: [] for name in predictors}
    for position in range(len(rows)):
        image, truth = rows.image(position), rows.target(position)
        for name, segment in predictors.items():
            if names:
                found[name].append(pixels.count(truth, segment(image), len(names)))
            else:
                found[name].append(fields.count(truth, segment(image)))
    if names:
        return {name: PixelTally(pixels.stack(each), names) for name, each in found.items()}
    targets = rows.samples.target_names
    return {name: fields.FieldTally(np.stack(each), targets) for name, each in found.items()}


@dataclass(frozen=True)
class PixelTally:
    """Counts of pixels of each image, for segmentation."""

    counts: pixels.Counts
    class_names: tuple[str, ...]

    def scorers(self) -> dict[str, Scorer]:
        """Metrics as functions of weights over images."""
        return pixels.pixel_scorers(self.counts)

    def metrics(self) -> dict[str, Any]:
        """Scalars, a table of the classes, and the confusion matrix."""
        return pixels.segmentation(self.counts, self.class_names)

    def scores(self) -> np.ndarray:
        """Mean IoU of each image."""
        return pixels.image_scores(self.counts)

    def columns(self) -> dict[str, list[Any]]:
        """Mean IoU of each image, and of each class the pixels found, missed and falsely found."""
        found = pixels.error_counts(self.counts.confusion, self.class_names)
        return {"mean_iou": self.scores().tolist(), **found}


def _baselines(data: Data, seed: int) -> dict[str, tuple[Segment, str]]:
    """`majority` or `mean`, and `linear`: each a predictor and a note on it."""
    train, samples = data.train, data.samples
    if samples.pixels is None:
        return fields.baselines(train, data.outputs.mean, seed)
    commonest = int(samples.pixels[train.indices].sum(axis=0).argmax())
    linear = fit_pixels(
        map(train.image, range(len(train))),
        map(train.target, range(len(train))),
        len(samples.class_names),
        samples.maximum or 1.0,
        seed,
    )
    return {
        "majority": (
            lambda image: np.full(image.shape[:2], commonest, np.uint8),
            "",
        ),
        "linear": (linear.predict, linear.note),
    }


def _each_class(tally: Tally) -> dict[str, Any]:
    """The scalars, and those of each class or field."""
    return {name: value for name, value in tally.metrics().items() if name != "confusion"}
