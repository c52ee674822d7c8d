"""Pictures of masks, instances, fields and restored images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from mlzoo.data.masks.instances import instances_of
from mlzoo.data.samples import Data
from mlzoo.data.specs import IGNORED
from mlzoo.data.volumes.slices import shown, side_by_side
from mlzoo.drawing import pictures
from mlzoo.drawing.palette import class_colors
from mlzoo.reporting.figures import reconstructions
from mlzoo.reporting.figures.pixels import instances, masks
from mlzoo.reporting.figures.pixels.field_lines import field_lines
from mlzoo.runs.models import outputs_of
from mlzoo.tasks._dense import whole
from mlzoo.tasks._tallies import TallyOutcome
from mlzoo.training.figures.cases import chosen_cases
from mlzoo.training.loop.batches import Batch


def draw_pixels(
    folder: Path,
    model: keras.Model,
    data: Data,
    fed: tuple[Batch, list[str]],
    outcome: TallyOutcome,
) -> None:
    """Draw a batch, and the best, median and worst images of the test split."""
    samples, classes = data.samples, data.samples.target.pixel_class
    (inputs, targets, _), names = fed
    depth = data.inputs.depth
    inputs, targets = shown(inputs, depth), shown(targets, depth)
    colors = (
        class_colors(samples.reader.class_colors, len(samples.class_names)) if classes else None
    )
    if colors is not None:
        if targets.ndim == 4:  # mixed: the class of the larger share
            targets = np.where(targets.sum(axis=-1) > 0, targets.argmax(axis=-1), IGNORED)
        masks.mask_grid(
            folder, inputs, targets, names, samples.class_names, colors, samples.maximum
        )
    elif data.inputs.flat:
        pictures.sample_grid(folder, inputs[:, 0], names)
    else:
        maximum = samples.maximum if samples.target.restores else None
        pictures.sample_grid(folder, inputs, names, "image", (), maximum)
    scores = outcome.tally.scores()
    cases: list[Any] = []
    for title, place in chosen_cases(scores):
        image, truth = data.test.image(place), data.test.target(place)
        if outcome.outputs is not None:  # classes, out of fold
            y_pred = outcome.outputs[place].argmax(axis=-1).astype("uint8")
        else:
            cut = data.cut(*image.shape[:2])
            y_pred = whole(
                image, lambda x: outputs_of(model, x), cut, classes, None, data.mask_rule
            )
        name = samples.name_of(int(outcome.indices[place]))
        score = float(scores[place])
        if samples.target.restores:
            arrays = image, y_pred, truth
            cases.append(reconstructions.RestorationCase(title, name, *arrays, score))
            continue
        if samples.target.separate:
            arrays = image, data.test.instances(place), instances_of(y_pred)
            cases.append(instances.InstanceCase(title, name, *arrays, score))
            continue
        if depth:
            image, truth, y_pred = (side_by_side(each, depth) for each in (image, truth, y_pred))
        case = masks.MaskCase if classes else masks.FieldCase
        cases.append(case(title, name, image, truth, y_pred, abs(score)))
    if samples.target.restores:
        reconstructions.restoration_cases(folder, cases)
    elif samples.target.separate:
        instances.instance_cases(folder, cases, samples.maximum)
    elif colors is not None:
        masks.segmentation_cases(folder, cases, samples.class_names, colors, samples.maximum)
    elif data.inputs.flat:
        field_lines(folder, cases, samples.target_names)
    else:
        masks.field_cases(folder, cases, samples.target_names)
