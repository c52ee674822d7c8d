"""Masks that are probably wrong, by predictions of models that never saw their images.

A mask is judged by the class that overlaps least with its predicted probabilities p: the score is
1 - 2 sum(p y) / (sum(p) + sum(y)), 1 minus the Dice coefficient. It is called a probable error
where the score is far above those of the other masks, by their median and median absolute
deviation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np

from mlzoo.auditing.findings import JudgedLabel
from mlzoo.core.progress import Listener
from mlzoo.data.samples import Data, Part
from mlzoo.data.specs import IGNORED
from mlzoo.drawing.palette import overlay, palette
from mlzoo.drawing.pictures import as_picture
from mlzoo.runs.folds import split_folds
from mlzoo.runs.models import outputs_of
from mlzoo.runs.opened import OpenedRun
from mlzoo.tasks._dense import whole

LEAST = 0.002
"""Share of the pixels that the mask or the prediction has of a class, for it to be judged by."""
FAR = 3.0
"""Deviations above the median from which on a score is that of a probable error."""
_NORMAL = 1.4826
_SIDE = 160


@dataclass(frozen=True)
class MaskScore:
    """Overlap of a mask with a prediction.

    Attributes:
        score: from 0 to 1; the higher, the less.
        worst: position of the class that overlaps least.
        labeled, predicted: shares of the pixels that the mask and the prediction have of it.
    """

    score: float
    worst: int
    labeled: float
    predicted: float


def mask_score(probabilities: np.ndarray, mask: np.ndarray) -> MaskScore:
    """Score a mask by predicted probabilities.

    Args:
        probabilities: (height, width, k).
        mask: (height, width) positions of classes; ignored pixels do not count.
    """
    known = mask != IGNORED
    p, y = probabilities[known].astype("float64"), mask[known]
    k = p.shape[-1]
    if not len(y):
        return MaskScore(0.0, 0, 0.0, 0.0)
    labeled = np.bincount(y, minlength=k)[:k] / len(y)
    predicted = np.bincount(p.argmax(axis=-1), minlength=k) / len(y)
    mass = p.mean(axis=0)
    common = np.bincount(y, p[np.arange(len(y)), y], minlength=k)[:k] / len(y)
    dice = 2 * common / np.maximum(mass + labeled, 1e-12)
    dice[np.maximum(labeled, predicted) < LEAST] = 1.0
    worst = int(dice.argmin())
    return MaskScore(float(1 - dice[worst]), worst, float(labeled[worst]), float(predicted[worst]))


def judged_masks(
    run: OpenedRun, data: Data, split: np.ndarray, listener: Listener
) -> list[JudgedLabel]:
    """Return the masks that a model can judge that never saw them, the likeliest errors first.

    They are those of the test split, and with `--folds` all others by the member that held them
    out.

    Args:
        run: of a segmentation.
        data: its own.
        split: (n,) the split of each image.
        listener: hears of progress.
    """
    names = data.samples.class_names
    scores: dict[int, MaskScore] = {}
    count = sum(len(part) for part, _ in _unseen(run, data))
    for index, probabilities, mask in _predicted(run, data):
        scores[index] = mask_score(probabilities, mask)
        listener.progress(len(scores), count, "predicting")
    values = np.array([each.score for each in scores.values()])
    middle = float(np.median(values))
    deviation = _NORMAL * float(np.median(np.abs(values - middle)))
    rows = [
        JudgedLabel(
            index=index,
            name=data.samples.name_of(index),
            split=str(split[index]),
            label=f"{names[each.worst]} on {each.labeled:.1%}",
            suggested=f"{names[each.worst]} on {each.predicted:.1%}",
            score=round(each.score, 6),
            probable=bool(each.score > middle + FAR * deviation),
        )
        for index, each in scores.items()
    ]
    return sorted(rows, key=lambda row: -row.score)


def _unseen(run: OpenedRun, data: Data) -> list[tuple[Part, int | None]]:
    """Return images, and the member that judges them: None for the mean of all."""
    parts: list[tuple[Part, int | None]] = [(data.test, None)]
    if run.config.folds > 1:
        folds = split_folds(data, run.config, run.config.folds)
        parts += [(Part(data.samples, held), k) for k, (_, held) in enumerate(folds)]
    return [(part, member) for part, member in parts if len(part)]


def _predicted(
    run: OpenedRun, data: Data, wanted: set[int] | None = None
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield the position, the probabilities (height, width, k) and the mask of each image.

    Args:
        run: of a segmentation.
        data: its own.
        wanted: positions of the images; None: all that a model never saw.
    """
    inner = run.model
    if run.config.folds > 1:
        inner = keras.Model(run.model.inputs, run.model.get_layer("members").output)
    cut = run.tiling()
    for part, member in _unseen(run, data):

        def predict(inputs: np.ndarray, member: int | None = member) -> np.ndarray:
            return run.outputs(inputs) if member is None else outputs_of(inner, inputs)[:, member]

        for position, index in enumerate(part.indices.tolist()):
            if wanted is not None and index not in wanted:
                continue
            image = part.image(position)
            yield index, whole(image, predict, cut(*image.shape[:2]), False), part.target(position)


def mask_pictures(
    run: OpenedRun, data: Data, labels: list[JudgedLabel], maximum: float | None
) -> np.ndarray:
    """Return pictures (n, side, 2 side, 3) from 0 to 1: each image with its mask, and predicted.

    Args:
        run: of a segmentation.
        data: its own.
        labels: of the n images.
        maximum: largest value of an image.
    """
    from PIL import Image

    places = {label.index: place for place, label in enumerate(labels)}
    pictures = np.zeros((len(labels), _SIDE, 2 * _SIDE, 3), "float32")
    colors = palette(len(data.samples.class_names))
    for index, probabilities, mask in _predicted(run, data, set(places)):
        image = Part(data.samples, np.array([index])).image(0)
        drawn = np.rint(255 * as_picture(image, maximum)).astype("uint8")
        both = [overlay(drawn, m.astype("uint8"), colors) for m in (mask, probabilities.argmax(-1))]
        for side, each in enumerate(both):
            small = Image.fromarray(each).resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
            columns = slice(side * _SIDE, (side + 1) * _SIDE)
            pictures[places[index], :, columns] = np.asarray(small) / 255
    return pictures
