"""Widths of intervals of fields, from held-out images, and their test coverage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import keras
import numpy as np

from mlzoo.data.samples import Data, Part
from mlzoo.runs.models import outputs_of
from mlzoo.statistics import intervals
from mlzoo.statistics.calibration.error_scale import MOST, ErrorScale, fit_error_scale
from mlzoo.statistics.calibration.field_widths import (
    FieldWidths,
    field_widths,
    pixel_features,
    scales,
)
from mlzoo.statistics.calibration.risk import needed_images
from mlzoo.statistics.metrics import number
from mlzoo.statistics.scorers import weighted_mean
from mlzoo.tasks._dense import whole
from mlzoo.training.calibration.coverage import LEVEL, CoverageRecord, PartCoverage

if TYPE_CHECKING:
    from mlzoo.training.members import Ensemble

PIXELS = 400_000
"""Pixels that widths are found from, drawn from all images alike."""
IMAGES = 200
"""Images of a split that a scale is fitted on, at most."""


def widths_of(
    model: keras.Model, data: Data, part: Part | None, ensemble: Ensemble | None, seed: int
) -> FieldWidths | None:
    """Return the widths of intervals; None without held-out images.

    Of a model of several members they are those of the errors of members on images that they never
    saw. Their mean's errors are no larger in the mean (Jensen's inequality), so that intervals are
    expected to miss no more than they may; a bound that is proven is only that of one model.

    Args:
        model: as it is saved.
        data: as split for the run, without images that were set aside.
        part: images that were set aside.
        ensemble: the members of the model, if there are several.
        seed: of the pixels that are drawn.
    """
    if not data.outputs.target.field:
        return None
    rng = np.random.default_rng([seed, 0xF1E1D])
    if ensemble is not None and ensemble.outputs is not None:
        rows, member = ensemble.pool, ensemble.fold - 1
        scale = _scale_out_of_fold(ensemble, rng, seed)
        predicted = _out_of_fold(ensemble)
    elif part is not None:
        rows, member = part, np.zeros(len(part), int)
        scale = _scale(model, data, rng, seed)
        predicted = _predicted(model, data, part)
    else:
        return None
    most, ratios = max(PIXELS // len(rows), 1), []
    for of, (image, y_pred, truth) in zip(member, predicted, strict=True):
        errors = np.abs(truth - y_pred) / scales(scale, image, y_pred, of)
        ratios.append(_drawn(rng, most, errors)[0])
    if not any(np.isfinite(each).any() for each in ratios):
        return None
    return field_widths(ratios, scale)


def _out_of_fold(ensemble: Ensemble) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the same as `_predicted`, of the member that never saw the image."""
    assert ensemble.outputs is not None
    for i in range(len(ensemble.pool)):
        yield ensemble.pool.image(i), ensemble.outputs[i], ensemble.pool.target(i)


def _predicted(
    model: keras.Model, data: Data, part: Part
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the image, and its predicted and true fields (height, width, k), one by one."""
    for i in range(len(part)):
        image = part.image(i)
        cut = data.cut(*image.shape[:2])
        yield image, whole(image, lambda x: outputs_of(model, x), cut, False), part.target(i)


def _drawn(rng: np.random.Generator, most: int, *arrays: np.ndarray) -> list[np.ndarray]:
    """Return the values of at most so many pixels, (m, k) of each array (height, width, k)."""
    flat = [each.reshape(-1, each.shape[-1]).astype("float64") for each in arrays]
    if len(flat[0]) <= most:
        return flat
    at = rng.choice(len(flat[0]), most, replace=False)
    return [each[at] for each in flat]


def _scale(
    model: keras.Model, data: Data, rng: np.random.Generator, seed: int
) -> ErrorScale | None:
    """Return the scale of the errors, from the training split and the rest of validation.

    Errors of training images are too small; they are made as large, in the mean, as the others.
    """
    parts = []
    for split in (data.valid, data.train):
        if not len(split):
            continue
        rows = Part(data.samples, _some(rng, split.indices))
        parts.append(_described(rng, _predicted(model, data, rows), rows.indices))
    if len(parts) == 2 and all(len(values[0]) for values in parts):
        held_out, fitted = (values[2].mean(axis=0) for values in parts)
        parts[1][2][:] *= np.divide(held_out, fitted, out=np.ones_like(fitted), where=fitted > 0)
    features, y_pred, errors, unit = (np.concatenate(v) for v in zip(*parts, strict=True))
    return fit_error_scale(features, y_pred, errors, _codes(unit), None, seed)


def _scale_out_of_fold(
    ensemble: Ensemble, rng: np.random.Generator, seed: int
) -> ErrorScale | None:
    """Return the scale of the errors out of fold, for each member from the others' images."""
    chosen = _some(rng, np.arange(len(ensemble.pool)))
    kept = set(chosen.tolist())
    some = (each for i, each in enumerate(_out_of_fold(ensemble)) if i in kept)
    features, y_pred, errors, unit = _described(rng, some, chosen)
    member = ensemble.fold[unit] - 1
    groups = ensemble.pool.groups
    unit = unit if groups is None else groups[unit]
    count = len(ensemble.members)
    return fit_error_scale(features, y_pred, errors, _codes(unit), member, seed, count)


def _some(rng: np.random.Generator, indices: np.ndarray) -> np.ndarray:
    """Return at most `IMAGES` of these, ascending."""
    return np.sort(rng.choice(indices, min(len(indices), IMAGES), replace=False))


def _codes(labels: np.ndarray) -> np.ndarray:
    return np.unique(labels, return_inverse=True)[1].reshape(-1)


def _described(
    rng: np.random.Generator,
    predicted: Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]],
    labels: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return features, predictions, absolute errors and image of some pixels with known values.

    Args:
        rng: draws the pixels.
        predicted: of each image what `_predicted` yields.
        labels: (n,) what each image is called.
    """
    each: list[list[np.ndarray]] = []
    for image, y_pred, truth in predicted:
        features, error = pixel_features(image, y_pred), np.abs(truth - y_pred)
        each.append(_drawn(rng, max(MOST // 2 // len(labels), 1), features, y_pred, error))
    unit = np.repeat(labels, [len(values[0]) for values in each])
    features, y_pred, errors = (np.concatenate(values) for values in zip(*each, strict=True))
    known = np.isfinite(errors).all(axis=1)
    return features[known], y_pred[known], errors[known], unit[known]


def tested(
    model: keras.Model, data: Data, widths: FieldWidths | None, seed: int, folds: bool
) -> CoverageRecord | None:
    """Return how often intervals hold the values of the test split, and how wide they are.

    None without a test split with known values, or where too few images were held out. The record
    is that of `coverage.tested`; its parts are fifths of the widths, whose coverage is a mean over
    images.

    Args:
        model: as it is saved.
        data: as split for the run.
        widths: of the intervals.
        seed: of the interval of the coverage.
        folds: the widths are those of errors out of fold.
    """
    if widths is None or not len(data.test) or widths.images < needed_images(1 - LEVEL):
        return None
    rng = np.random.default_rng([seed, 0xF1E1D])
    most, held, sizes = max(PIXELS // len(data.test), 1), [], []
    for image, predicted, truth in _predicted(model, data, data.test):
        low, high = widths.ends(image, predicted, 1 - LEVEL)
        inside = np.where(np.isnan(truth), np.nan, (low <= truth) & (truth <= high))
        both = _drawn(rng, most, inside, high - low)
        held.append(both[0])
        sizes.append(both[1])
    known = [i for i, each in enumerate(held) if np.isfinite(each).any()]
    if not known:
        return None
    held, sizes = [held[i] for i in known], [sizes[i] for i in known]
    means = np.array([np.nanmean(each) for each in held])
    units = None if data.test.groups is None else data.test.groups[known]
    scorers = {"coverage": weighted_mean(means)}
    return {
        "level": LEVEL,
        "scores": widths.images,
        "unit": "images",
        "method": "folds" if folds else "split",
        "coverage": number(means.mean()),
        "interval": intervals.intervals(scorers, len(means), units, seed)["coverage"],
        "width": np.mean([each.mean(axis=0) for each in sizes], axis=0).tolist(),
        "adaptive": widths.scale is not None,
        "parts": _fifths(held, sizes, units) if widths.scale is not None else [],
    }


def _fifths(
    held: list[np.ndarray], sizes: list[np.ndarray], groups: np.ndarray | None
) -> list[PartCoverage]:
    """Return the coverage of fifths of the widths, of all fields together.

    Args:
        held: of each image, whether values are held, (m, k) with NaN where they are not known.
        sizes: of each image, the widths (m, k) there.
        groups: (n,) labels of images that are alike, of which each counts as one; None: all count.
    """
    labels = np.arange(len(held)) if groups is None else groups
    edges = np.quantile(np.concatenate(sizes), np.linspace(0, 1, 6))
    parts: list[PartCoverage] = []
    for low, high in zip(edges, edges[1:], strict=False):
        shares, units = [], []
        for inside, size, label in zip(held, sizes, labels, strict=True):
            chosen = inside[(size >= low) & (size <= high) & np.isfinite(inside)]
            if len(chosen):
                shares.append(chosen.mean())
                units.append(label)
        place = np.unique(units, return_inverse=True)[1].reshape(-1)
        each = np.bincount(place, shares) / np.maximum(np.bincount(place), 1)
        if len(each) < 2:
            continue
        half = intervals.student(len(each)) * np.std(each, ddof=1) / len(each) ** 0.5
        parts.append(
            {
                "part": f"widths {low:.4g} to {high:.4g}",
                "samples": len(shares),
                "coverage": number(np.mean(shares)),
                "under": bool(each.mean() < LEVEL - half),
            }
        )
    return parts
