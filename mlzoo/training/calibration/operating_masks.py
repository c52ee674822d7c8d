"""Operating point of masks of two classes, chosen on held-out images; see `--operating-point`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import numpy as np

from mlzoo.core.configs import RunConfig
from mlzoo.core.progress import Listener
from mlzoo.data.masks.operating_point import MaskRule
from mlzoo.data.samples import Data, Part
from mlzoo.layers.temperature import SMALLEST
from mlzoo.runs.models import outputs_of
from mlzoo.runs.predicting.decisions import mask_sentence
from mlzoo.statistics.calibration.operating_points import FEWEST, RARE, choose
from mlzoo.statistics.calibration.temperature import tempered
from mlzoo.tasks._dense import whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlzoo.runs.contents.metrics import MaskRuleRecord
    from mlzoo.training.members import Ensemble

_NONE = "masks: no operating point was chosen"


class ChosenMaskRule(NamedTuple):
    """An operating point, and the content of `operating_point.json`."""

    rule: MaskRule
    record: MaskRuleRecord


def operating_mask(
    config: RunConfig,
    model: keras.Model,
    data: Data,
    ensemble: Ensemble | None,
    temperature: Mapping[str, Any] | None,
    seed: int,
    listener: Listener,
) -> ChosenMaskRule | None:
    """Return the operating point of masks; None: the more probable class is decided for.

    Args:
        config: `operating_point` says what is wanted.
        model: as it is saved, calibrated.
        data: as split for the run.
        ensemble: the members of the model, if there are several.
        temperature: the record of the temperature that the model's logits are divided by.
        seed: of the folds that it is judged on.
        listener: is told what was chosen.
    """
    samples = data.samples
    two = data.outputs.target.pixel_class and len(samples.class_names) == 2
    if config.operating_point == "none" or not two or samples.reader.depth:
        return None
    assert samples.pixels is not None
    counts = samples.pixels[data.train.indices].sum(axis=0)
    positive = int(counts.argmin())
    auto = config.operating_point == "auto"
    if auto and counts.min() > RARE * counts.sum():
        return None
    rows, split, outputs = data.valid, "valid", of_images(model, data, data.valid)
    if ensemble is not None and ensemble.outputs is not None:
        rows, split = ensemble.pool, "out_of_fold"
        outputs = out_of_fold(ensemble, temperature)
    units = np.arange(len(rows)) if rows.groups is None else _codes(rows.groups)
    number = len(np.unique(units))
    if not number or (auto and number < FEWEST):
        unit = "images" if rows.groups is None else "groups"
        needed = FEWEST if auto else 1
        listener.note(f"{_NONE}: {number} held-out {unit}, and at least {needed} needed")
        return None
    probabilities = [np.ascontiguousarray(each[..., positive]) for each in outputs]
    masks = [rows.target(position) for position in range(len(rows))]
    choice = choose(probabilities, masks, units, positive, seed)
    if auto and choice.after <= choice.before:
        name, after, before = samples.class_names[positive], choice.after, choice.before
        listener.note(
            f"{_NONE}: on images that it was not chosen on, the IoU of {name} was {after:.3f}, and "
            f"{before:.3f} without it"
        )
        return None
    record: MaskRuleRecord = {
        "positive": samples.class_names[positive],
        "threshold": choice.rule.threshold,
        "smallest": choice.rule.smallest,
        "chosen_on": split,
        "images": len(rows),
        "iou": {"before": choice.before, "after": choice.after},
    }
    listener.note(mask_sentence(record))
    return ChosenMaskRule(choice.rule, record)


def _codes(groups: np.ndarray) -> np.ndarray:
    return np.unique(groups, return_inverse=True)[1].reshape(-1)


def of_images(model: keras.Model, data: Data, rows: Part) -> Iterator[np.ndarray]:
    """Yield the probabilities (height, width, 2) of each image of a split."""
    for position in range(len(rows)):
        image = rows.image(position)
        cut = data.cut(*image.shape[:2])
        yield whole(image, lambda x: outputs_of(model, x), cut, classes=False)


def out_of_fold(ensemble: Ensemble, temperature: Mapping[str, Any] | None) -> Iterator[np.ndarray]:
    """Yield the same of each image of the pool, by the member that never saw it."""
    assert ensemble.outputs is not None
    for each in ensemble.outputs:
        if temperature is None or not temperature["kept"]:
            yield each
            continue
        logits = np.log(np.clip(each.astype("float32"), SMALLEST, 1)).reshape(-1, each.shape[-1])
        yield tempered(logits, temperature["temperature"]).reshape(each.shape)
