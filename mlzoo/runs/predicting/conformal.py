"""Prediction intervals and sets of a finished run, from what its `calibration.json` holds.

They rest on the scores of held-out samples. A model that predicts a normal distribution has
intervals without any too, which hold as often as that distribution is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlzoo.core import files
from mlzoo.core.errors import UsageError
from mlzoo.data.specs import target_of
from mlzoo.runs.models import chunk_size, outputs_of
from mlzoo.runs.predicting.spread import both_classes, means, member_outputs
from mlzoo.runs.results import Predictions
from mlzoo.statistics.calibration import conformal
from mlzoo.statistics.calibration.conformal import ConformalScores
from mlzoo.statistics.calibration.error_scale import ErrorScale

if TYPE_CHECKING:
    import keras
    import numpy as np

    from mlzoo.statistics.calibration.field_widths import FieldWidths
    from mlzoo.statistics.forecasts import Band


def scores_for(folder: Path, task: str, coverage: float) -> ConformalScores | None:
    """Return a run's conformal scores, which must be enough for a coverage.

    None: there are not enough, but the model predicts a distribution.

    Args:
        folder: of the run.
        task: of the run.
        coverage: share of samples whose truth is to be held.

    Raises:
        UsageError: the run has none, or too few; or the coverage is no share.
        DataError: `calibration.json` is damaged.
    """
    import numpy as np

    _check(coverage)
    target = target_of(task)
    if not (target.sample_class or target.sample_numbers):
        raise UsageError(
            "--coverage: is for one class or number a sample, for forecasts, fields and masks of "
            f"two classes; this run is of {task}"
        )
    path = folder / "calibration.json"
    calibration = files.read_mapping(path) if path.is_file() else {}
    record, normal = calibration.get("conformal"), calibration.get("distribution") == "normal"
    if not record and normal:
        return None
    if not record:
        raise UsageError(
            f"--coverage: {folder} has no held-out scores; train it again with --folds 5, or set "
            "a part of the validation split aside with --conformal .5"
        )
    try:
        values = np.array(record["scores"], "float64")
        unit = np.arange(len(values)) if record["group"] is None else np.array(record["group"])
        member = None if record["member"] is None else np.array(record["member"], "int64")
        scaled = bool(record.get("scaled", False))
        scale = ErrorScale.of(record["scale"]) if record.get("scale") else None
    except (KeyError, TypeError, ValueError) as error:
        raise files.damaged(path, f"is damaged: it holds no scores ({error!r})") from None
    beyond = bool(record.get("beyond", False))
    scores = ConformalScores(values, unit, member, scaled, scale, beyond)
    if scores.units < (least := conformal.needed(coverage)):
        if normal:
            return None
        most = scores.units / (scores.units + 1)
        raise UsageError(
            f"--coverage {coverage:g} needs at least {least} held-out {record['unit']} and this "
            f"run has {scores.units}; ask for at most {np.floor(most * 1000) / 1000:g}, or train "
            "with more validation samples or --folds 5"
        )
    return scores


def _check(coverage: float) -> None:
    if not 0 < coverage < 1:
        raise UsageError(f"--coverage: must be between 0 and 1, as .9 (got {coverage:g})")


def forecast_band(folder: Path, coverage: float) -> Band:
    """Return the band of a run's forecasts that holds a share of the true values at each step.

    Raises:
        UsageError: the run has no held-out residuals, or too few; or the coverage is no share.
        DataError: `calibration.json` is damaged.
    """
    import numpy as np

    from mlzoo.statistics.forecasts import ResidualQuantiles, needed_windows

    path, record = _record(folder, coverage, "residuals")
    if not record:
        raise UsageError(
            f"--coverage: {folder} has no held-out residuals of forecasts; train it again with a "
            "validation split"
        )
    try:
        values = np.array(record["values"], "float64")
        upper = np.array(record["upper"], "float64") if record.get("upper") else None
        residuals = ResidualQuantiles(int(record["windows"]), values, upper)
        if (
            values.ndim != 3
            or len(values) < 2
            or (upper is not None and upper.shape != values.shape)
        ):
            raise ValueError(f"quantiles have shape {values.shape}")
    except (KeyError, TypeError, ValueError) as error:
        raise files.damaged(path, f"is damaged: it holds no residuals ({error!r})") from None
    if residuals.windows < (least := needed_windows(coverage)):
        raise UsageError(
            f"--coverage {coverage:g} needs at least {least} held-out windows and this run has "
            f"{residuals.windows}; ask for less, or train with more validation windows"
        )
    return residuals.band(coverage)


def field_widths(folder: Path, coverage: float) -> FieldWidths:
    """Return the widths of intervals of a run's fields, of images enough for a coverage.

    Raises:
        UsageError: the run held no images out, or too few; or the coverage is no share.
        DataError: `calibration.json` is damaged.
    """
    from mlzoo.statistics.calibration.field_widths import FieldWidths

    path, record = _record(folder, coverage, "field_widths")
    if not record:
        raise UsageError(
            f"--coverage: {folder} has no widths of intervals of fields; train it again with "
            "--folds 5, or set images aside with --conformal .5"
        )
    try:
        widths = FieldWidths.of(record)
    except (KeyError, TypeError, ValueError) as error:
        raise files.damaged(path, f"is damaged: it holds no widths ({error!r})") from None
    _enough_images(widths.images, coverage)
    return widths


def _record(folder: Path, coverage: float, name: str) -> tuple[Path, Any]:
    """Return the path of `calibration.json`, and what it holds under a name; None for nothing."""
    _check(coverage)
    path = folder / "calibration.json"
    return path, (files.read_mapping(path) if path.is_file() else {}).get(name)


def _enough_images(images: int, coverage: float) -> None:
    """Raise UsageError where too few images were held out."""
    from mlzoo.statistics.calibration.risk import needed_images

    if images < (least := needed_images(1 - coverage)):
        raise UsageError(
            f"--coverage {coverage:g} needs at least {least} held-out images and this run has "
            f"{images}; ask for less, or train with more validation images"
        )


def mask_threshold(folder: Path, task: str, coverage: float) -> tuple[int, float]:
    """Return a class of masks, and the probability from which on pixels are of it.

    So at most a share 1 - coverage of its pixels in a new image is missed, in expectation.

    Raises:
        UsageError: the run held no images out, or too few; or the coverage is no share.
        DataError: `calibration.json` is damaged.
    """
    from mlzoo.statistics.calibration.risk import MissRates

    path, record = _record(folder, coverage, "miss_rates")
    if not record:
        raise UsageError(
            f"--coverage: {folder} has no miss rates of masks; train it again on masks of two "
            "classes with --folds 5, or set images aside with --conformal .5 (this run is of "
            f"{task})"
        )
    try:
        rates = MissRates.of(record)
    except (KeyError, TypeError, ValueError) as error:
        raise files.damaged(path, f"is damaged: it holds no miss rates ({error!r})") from None
    _enough_images(rates.images, coverage)
    return rates.positive, rates.threshold(1 - coverage)


def error_scales(
    features: np.ndarray, y_pred: np.ndarray, members: np.ndarray | None, scale: ErrorScale
) -> np.ndarray:
    """Return what scores are multiplied by: (m, t), with members (m, K, t).

    Args:
        features: (m, width) of the samples, as `description_of` gives them.
        y_pred: (m, t) predictions.
        members: (m, K, t) those of the members; None without any.
        scale: of the errors.
    """
    if members is not None:
        return scale(features, members.astype("float64"))
    scales: np.ndarray = scale(features, y_pred[:, None])[:, 0]
    return scales


def description_of(model: keras.Model, rows: Any) -> np.ndarray:
    """Return what the size of errors may depend on, (m, width); width may be 0.

    Args:
        model: of one prediction a sample.
        rows: (m, *shape) raw inputs.
    """
    import keras
    import numpy as np

    from mlzoo.layers.features import described

    extractor = described(model)
    if extractor is None:
        return np.zeros((len(rows), 0))
    size, chunks = chunk_size(rows.shape[1:]), []
    for start in range(0, len(rows), size):
        part = np.asarray(rows[start : start + size]).astype(extractor.inputs[0].dtype)
        # Compiling a graph would take longer than these few layers.
        chunks.append(keras.ops.convert_to_numpy(extractor([part], training=False)))
    return np.concatenate(chunks).astype("float64")


def outer_quantiles(model: keras.Model, rows: Any, by_member: bool) -> np.ndarray:
    """Return the lowest and the highest quantile that a model predicts, (2, m, t).

    Args:
        model: of quantiles, with a layer `members` where there are several.
        rows: (m, *shape) raw inputs.
        by_member: return those of the K members, (2, m, K, t).
    """
    import numpy as np

    from mlzoo.layers.predictive import distribution_model, levels_of

    levels = levels_of(model)
    outer = [levels.index(min(levels)), levels.index(max(levels))]
    if by_member:
        predicted = member_outputs(model, rows)
    else:
        size = chunk_size(rows.shape[1:])
        spread = distribution_model(model)
        assert spread is not None
        chunks = range(0, len(rows), size)
        predicted = np.concatenate([outputs_of(spread, rows[at : at + size]) for at in chunks])
    ends: np.ndarray = np.moveaxis(predicted, -2, 0)[outer].astype("float64")
    return ends


def normal_quantile(coverage: float) -> float:
    """Return how many standard deviations about the mean hold a share of a normal distribution."""
    from scipy.special import ndtri

    return float(ndtri((1 + coverage) / 2))


def with_coverage(
    model: keras.Model,
    class_names: Sequence[str],
    rows: Any,
    predictions: Predictions,
    scores: ConformalScores | None,
    coverage: float,
) -> Predictions:
    """Return predictions with intervals of numbers, or sets of classes.

    Args:
        model: that made them.
        class_names: of its classes.
        rows: the raw inputs of the samples.
        predictions: of these.
        scores: of the run's held-out samples; None: intervals are those of the normal distribution
            that the model predicts.
        coverage: share of the samples that intervals or sets are to hold the truth of.
    """
    import numpy as np

    if scores is None:
        half = normal_quantile(coverage) * predictions.std
        y_pred = np.array(predictions.labels, "float64").reshape(half.shape)
        return replace(predictions, low=y_pred - half, high=y_pred + half)
    members = None
    if scores.member is not None:
        members = means(member_outputs(model, rows))
    if predictions.probabilities is None:
        y_pred = np.array(predictions.labels, "float64").reshape(len(predictions.labels), -1)
        std = predictions.std if scores.scaled else None
        if scores.scale is not None:
            std = error_scales(description_of(model, rows), y_pred, members, scores.scale)
        ends = outer_quantiles(model, rows, members is not None) if scores.beyond else None
        low, high = conformal.intervals(y_pred, members, scores, coverage, std, ends)
        return replace(predictions, low=low, high=high)
    members = None if members is None else both_classes(members)
    held = conformal.class_sets(predictions.probabilities, members, scores, coverage)
    sets = [[class_names[k] for k in np.flatnonzero(row).tolist()] for row in held]
    return replace(predictions, sets=sets)
