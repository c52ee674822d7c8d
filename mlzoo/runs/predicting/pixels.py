"""Masks and fields: something is predicted at every pixel of an image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlzoo.core.errors import DataError
from mlzoo.core.progress import Listener
from mlzoo.data.masks.reader import DenseReader
from mlzoo.runs.predicting import novelty
from mlzoo.runs.predicting.conformal import field_widths, mask_threshold
from mlzoo.runs.results import Painted, Predictions

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.data.images.inference_inputs import NewImages
    from mlzoo.runs.loaded import ChooseTiling, LoadedRun
    from mlzoo.statistics.calibration.field_widths import FieldWidths


def masks_of(
    run: LoadedRun,
    new: Any,
    cut: ChooseTiling,
    outputs: bool,
    listener: Listener,
    coverage: float | None = None,
    unlike: float = 0,
) -> Iterator[Painted]:
    """Predict at every pixel of new images, one after another; see `OpenedRun.masks`.

    Raises:
        DataError: the images do not fit what the model was trained on.
        UsageError: the run has no miss rates for such a coverage.
    """
    rule, widths = None, None
    if coverage is not None and run.target.field:
        widths = field_widths(run.path, coverage)
    elif coverage is not None:
        rule = mask_threshold(run.path, run.record["task"], coverage)
    images = images_of(run, new, listener)
    reference = run.reference if unlike else None
    if reference is not None and len(reference.distances) < novelty.fewest(unlike):
        reference = None
    for index, name in enumerate(images.names):
        keep = outputs or rule is not None
        pooled = reference is not None
        painted = _mask_of(run, images, index, name, cut, keep, pooled, rule is None)
        if reference is not None:
            painted = _marked(painted, run.pooled_model.features(), reference, unlike)
        if rule is not None:
            painted = _decided(painted, *rule, outputs)
        if widths is not None and coverage is not None:
            painted = _with_ends(painted, widths, 1 - coverage)
        yield painted
        listener.progress(index + 1, len(images), "predicting")


def as_masks(images: list[Painted], depth: int) -> Predictions:
    """Return masks or fields as predictions.

    Args:
        images: what was predicted of each.
        depth: slices of a volume, whose prediction begins with their axis; 0: no volumes.
    """
    import numpy as np

    from mlzoo.data.volumes.slices import slices_of

    names, values = [each.name for each in images], [each.prediction for each in images]
    if depth:
        values = [slices_of(each, depth) for each in values]
    result = Predictions(names, values, None, images[0].warnings if images else ())
    if images and images[0].low is not None:
        low, high = ([getattr(each, end) for each in images] for end in ("low", "high"))
        if depth:
            low, high = ([slices_of(each, depth) for each in ends] for ends in (low, high))
        result = replace(result, low=low, high=high)
    if images and images[0].unlike is not None:
        marks = [(bool(each.unlike), float(each.unlike_p or 0)) for each in images]
        unlike, p = (np.array(values) for values in zip(*marks, strict=True))
        result = replace(result, unlike=unlike, unlike_p=p)
    return result


def _marked(
    painted: Painted, features: np.ndarray, reference: novelty.Reference, rate: float
) -> Painted:
    """Return what was predicted, with whether the image is unlike the training data."""
    marks = novelty.marks(features[None], reference, rate)
    assert marks is not None
    unlike, p = marks
    return replace(painted, unlike=bool(unlike[0]), unlike_p=float(p[0]))


def _decided(painted: Painted, positive: int, threshold: float, outputs: bool) -> Painted:
    """Return a mask of two classes, one of which is decided for from a probability on.

    Args:
        painted: with outputs.
        positive: position of that class.
        threshold: the probability.
        outputs: keep the outputs.
    """
    import numpy as np

    assert painted.outputs is not None
    chosen = painted.outputs[..., positive] >= threshold
    values = np.where(chosen, positive, 1 - positive).astype("uint8")
    return replace(painted, values=values, outputs=painted.outputs if outputs else None)


def _with_ends(painted: Painted, widths: FieldWidths, most: float) -> Painted:
    """Return fields with the ends of their intervals.

    Args:
        painted: the fields of an image.
        widths: of the intervals.
        most: expected share of values outside of them.
    """
    from mlzoo.data.images.enlarging import in_size

    image, size = painted.image, painted.values.shape[:2]
    if image.shape[:2] != size:
        image = in_size(image.astype("float32"), size, False, False)[0]
    low, high = widths.ends(image, painted.values, most)
    return replace(painted, low=low, high=high)


def images_of(run: LoadedRun, new: Any, listener: Listener) -> NewImages:
    """Return new images as the model takes them."""
    import numpy as np

    from mlzoo.data.images.inference_inputs import as_images, enlarged_images, open_images

    reader = run.reader_as(DenseReader)
    if isinstance(new, (str, Path)):
        images = open_images(str(new), reader, listener.progress)
    else:
        images = as_images(np.asarray(new), reader)
    if not len(images):
        raise DataError(f"{new if isinstance(new, (str, Path)) else 'the array'} is empty")
    if reader.degradation is not None:
        images = enlarged_images(images, reader.degradation.factor)
    return images


def _mask_of(
    run: LoadedRun,
    images: NewImages,
    index: int,
    name: str,
    cut: ChooseTiling,
    outputs: bool,
    pooled: bool,
    decided: bool,
) -> Painted:
    """Predict one image.

    Args:
        run: the run.
        images: the new images.
        index: of the image among them.
        name: of the image.
        cut: how large images are cut.
        outputs: keep the model's outputs.
        pooled: `run.pooled_model` sees the image.
        decided: decide classes by the operating point of the run, if it has one.
    """
    import numpy as np

    from mlzoo.data.images.enlarging import in_size
    from mlzoo.data.images.tiles import seams
    from mlzoo.data.masks.instances import instances_of
    from mlzoo.data.masks.operating_point import most_probable
    from mlzoo.tasks._dense import whole

    image, size = images.image(index), images.sizes[index]
    strips: list[np.ndarray] = []
    classes = run.target.pixel_class
    height, width = image.shape[:2]
    resized = (height, width) != size
    keep = outputs or (classes and resized)
    tiling = cut(height, width)
    predict: Callable[[np.ndarray], np.ndarray] = run.outputs
    if pooled:
        run.pooled_model.begin()
        predict = run.pooled_model if run.tta == "none" else _beside(run)
    rule = run.mask_rule if classes and decided else None
    values = whole(image, predict, tiling, classes, strips.append if keep else None, rule)
    raw_outputs = np.concatenate(strips) if keep else None
    if resized:
        to_resize = values if raw_outputs is None else raw_outputs
        decide = most_probable if rule is None else rule.decide
        values, raw_outputs = in_size(to_resize, size, classes, outputs, decide)
        if rule is not None:
            values = rule.cleaned(values, values.size / (height * width))
    problem = seams(tiling, height, width, lambda: run.reach)
    warnings = (*images.warnings, problem) if problem else images.warnings
    instances = instances_of(values) if run.target.separate else None
    return Painted(name, image, values, raw_outputs, warnings, instances)


def _beside(run: LoadedRun) -> Callable[[np.ndarray], np.ndarray]:
    """Return the outputs of flipped images as a function that shows their tiles, too, unflipped."""

    def predict(inputs: np.ndarray) -> np.ndarray:
        run.pooled_model(inputs)
        return run.outputs(inputs)

    return predict
