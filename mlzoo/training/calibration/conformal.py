"""Conformal scores of a trained model, and how often its intervals and sets hold the truth.

The scores are those of a part of the validation split that is set aside before training: it decides
neither when training stops nor the temperature. With `--folds` they are those of each sample by the
member that never saw it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import keras
import numpy as np

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError
from mlzoo.core.progress import Listener
from mlzoo.data.samples import Data, Part
from mlzoo.data.sequences.windows import folds_by_time
from mlzoo.data.splits.splitting import share_evenly
from mlzoo.layers.predictive import distribution_model, levels_of
from mlzoo.runs.models import outputs_of
from mlzoo.runs.predicting.conformal import description_of, outer_quantiles
from mlzoo.statistics import intervals
from mlzoo.statistics.calibration.conformal import ConformalScores
from mlzoo.statistics.calibration.error_scale import MOST, ErrorScale, fit_error_scale
from mlzoo.statistics.forecasts import ResidualQuantiles
from mlzoo.statistics.metrics import as_probabilities

if TYPE_CHECKING:
    from mlzoo.training.members import Ensemble

AUTO_SHARE = 3
"""The validation split is shared out in so many equal parts, one of which is set aside."""
AUTO_FEWEST = 50
"""Samples or groups that such a part needs; with fewer none is set aside by default."""


def set_aside(
    config: RunConfig, data: Data, seed: int, listener: Listener
) -> tuple[Data, Part | None]:
    """Return the data without a part of their validation split, and that part; None without one.

    Groups stay together, and classes are in proportion. Of series it is the last part, where a
    share is given.

    Args:
        config: `conformal` says how much; with folds nothing is set aside.
        data: as split for the run.
        seed: decides which samples.
        listener: is told how much it is.

    Raises:
        DataError: too few samples, groups, or samples of a class for a share that was given.
    """
    target, share = data.outputs.target, config.conformal
    by_time = target.ahead and share != "auto" and data.samples.windows is not None
    two = target.pixel_class and not target.separate and len(data.samples.class_names) == 2
    one = target.sample_class or target.sample_numbers
    if not (one or target.field or by_time or two) or config.folds > 1 or not share:
        return data, None
    count = AUTO_SHARE if share == "auto" else max(round(1 / float(share)), 2)
    units = intervals.count_units(len(data.valid), data.valid.groups)
    if share == "auto" and units < count * AUTO_FEWEST:
        return data, None
    try:
        if by_time:
            windows = data.samples.windows
            assert windows is not None
            parts = [*folds_by_time(windows, data.valid.indices, count - 1, config.gap)[-1]]
        else:
            parts = share_evenly(data.samples, data.valid.indices, count, config.split, seed)
    except DataError as error:
        if share == "auto":
            return data, None
        raise DataError(
            f"--conformal {share}: the validation split is too small to set a part aside ({error})"
        ) from None
    part = Part(data.samples, parts[-1])
    listener.note(
        f"{len(part)} of the {len(data.valid)} validation samples are set aside for `predict "
        "--coverage` (--conformal)"
    )
    rest = parts[0] if by_time else np.setdiff1d(data.valid.indices, part.indices)
    return replace(data, valid=Part(data.samples, rest)), part


def scores_of(
    model: keras.Model, data: Data, part: Part | None, ensemble: Ensemble | None, seed: int
) -> ConformalScores | None:
    """Return the scores of held-out samples; None where there are none.

    Args:
        model: as it is saved.
        data: as split for the run.
        part: samples that were set aside.
        ensemble: the members of the model, if there are several.
        seed: of the folds that a scale of errors is chosen on.
    """
    target = data.outputs.target
    if not (target.sample_class or target.sample_numbers):
        return None
    if ensemble is not None and ensemble.outputs is not None:
        outputs, rows, member = np.asarray(ensemble.outputs), ensemble.pool, ensemble.fold - 1
    elif part is not None:
        chunks = [outputs_of(model, part.inputs(at)) for at in part.chunks()]
        outputs, rows, member = np.concatenate(chunks), part, None
    else:
        return None
    if target.is_class:
        y_true = rows.targets.astype("int64")
        values = 1 - as_probabilities(outputs)[np.arange(len(rows)), y_true]
        return ConformalScores(values, _units(rows), member)
    if levels_of(model):
        return ConformalScores(_beyond(model, rows, member), _units(rows), member, beyond=True)
    errors = _errors(rows, outputs)
    if part is not None and (std := deviations(model, part)) is not None:
        return ConformalScores(errors / std, _units(rows), member, scaled=True)
    y_pred = outputs.reshape(errors.shape).astype("float64")
    features = descriptions(model, rows)
    if member is None:
        scale = _scale_of_fitted(model, data, seed)
        at = np.zeros(len(rows), int)
    else:
        scale = fit_error_scale(features, y_pred, errors, _units(rows), member, seed)
        at = member
    if scale is not None:
        each = np.repeat(y_pred[:, None], len(scale.weights), axis=1)
        errors = errors / scale(features, each)[np.arange(len(rows)), at]
    return ConformalScores(errors, _units(rows), member, scale=scale)


def residuals_of(model: keras.Model, data: Data, part: Part | None) -> ResidualQuantiles | None:
    """Return quantiles of the residuals of held-out forecasts; None where there are none.

    They are those of the samples that were set aside, without any those of the validation split.

    Args:
        model: as it is saved.
        data: as split for the run.
        part: samples that were set aside.
    """
    rows = data.valid if part is None else part
    if not data.outputs.target.ahead or not len(rows):
        return None
    spread = distribution_model(model) or model
    outputs = np.concatenate([outputs_of(spread, rows.inputs(at)) for at in rows.chunks()])
    return ResidualQuantiles.of_residuals(rows.targets.astype("float64"), outputs)


def _units(rows: Part) -> np.ndarray:
    """Return the group, or the sample, of each row, from 0."""
    labels = np.arange(len(rows)) if rows.groups is None else rows.groups
    return np.unique(labels, return_inverse=True)[1].reshape(-1)


def _errors(rows: Part, outputs: np.ndarray) -> np.ndarray:
    """Return absolute errors (n, t)."""
    y_true = rows.targets.reshape(len(rows), -1).astype("float64")
    return np.abs(y_true - outputs.reshape(y_true.shape))


def descriptions(model: keras.Model, rows: Part) -> np.ndarray:
    """Return what the size of errors may depend on, (n, width); see `description_of`."""
    return np.concatenate([description_of(model, rows.inputs(at)) for at in rows.chunks()])


def _scale_of_fitted(model: keras.Model, data: Data, seed: int) -> ErrorScale | None:
    """Return the scale of a model's errors, from the training split and the rest of validation.

    Errors of training samples are too small; they are made as large, in the mean, as the others.
    """
    rng = np.random.default_rng([seed, 0x5CA1E])
    parts: list[tuple[np.ndarray, ...]] = []
    for split in (data.valid, data.train):
        rows = split
        if not len(rows):
            continue
        if len(rows) > MOST // 2:
            drawn = rng.choice(rows.indices, MOST // 2, replace=False)
            rows = Part(data.samples, np.sort(drawn))
        outputs = np.concatenate([outputs_of(model, rows.inputs(at)) for at in rows.chunks()])
        errors = _errors(rows, outputs)
        y_pred = outputs.reshape(errors.shape).astype("float64")
        parts.append((descriptions(model, rows), y_pred, errors, rows.indices))
    if len(parts) == 2:
        known, fitted = parts[0][2].mean(axis=0), parts[1][2].mean(axis=0)
        factor = np.divide(known, fitted, out=np.ones_like(known), where=fitted > 0)
        parts[1][2][:] *= factor
    features, y_pred, errors, indices = (np.concatenate(each) for each in zip(*parts, strict=True))
    unit = _units(Part(data.samples, indices))
    return fit_error_scale(features, y_pred, errors, unit, None, seed)


def _beyond(model: keras.Model, rows: Part, member: np.ndarray | None) -> np.ndarray:
    """Return distances (n, t) beyond the outermost quantiles, of the member that each row has."""
    ends = ends_of(model, rows, member is not None)
    low, high = ends if member is None else ends[:, np.arange(len(rows)), member]
    y_true = rows.targets.reshape(len(rows), -1).astype("float64")
    return np.maximum(low - y_true, y_true - high)


def ends_of(model: keras.Model, rows: Part, by_member: bool) -> np.ndarray:
    """Return the outermost quantiles (2, n, t), or (2, n, K, t) those of the members."""
    chunks = [outer_quantiles(model, rows.inputs(at), by_member) for at in rows.chunks()]
    return np.concatenate(chunks, axis=1)


def deviations(model: keras.Model, rows: Part) -> np.ndarray | None:
    """Return the standard deviations (n, t) that a model predicts; None where it has none."""
    spread = distribution_model(model)
    if spread is None:
        return None
    return np.concatenate([outputs_of(spread, rows.inputs(at))[:, 1] for at in rows.chunks()])


def scores_record(scores: ConformalScores, grouped: bool) -> dict[str, object]:
    """Return what `calibration.json` holds of scores."""
    return {
        "unit": "groups" if grouped else "samples",
        "scores": scores.values.tolist(),
        "group": scores.unit.tolist() if grouped else None,
        "member": None if scores.member is None else scores.member.tolist(),
        "scaled": scores.scaled,
        "beyond": scores.beyond,
        "scale": None if scores.scale is None else scores.scale.record(),
    }
