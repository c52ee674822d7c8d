"""Temperature scaling: a classifier's logits are divided by a fitted number.

It is fitted on held-out predictions: those of the validation split, which also decides when
training stops, and with `--folds` those of each sample by the member that never saw it. The test
split is not looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

import keras
import numpy as np

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.images.tiles import strips
from mlzoo.data.samples import Data, Part
from mlzoo.data.specs import IGNORED
from mlzoo.layers.temperature import SMALLEST, before_last_activation, with_temperature
from mlzoo.runs.models import outputs_of
from mlzoo.statistics.calibration.bins import expected_error, sample_bins, squared_error
from mlzoo.statistics.calibration.temperature import (
    cross_fitted,
    log_losses,
    temperature_of,
    temperature_sentence,
    tempered,
)
from mlzoo.statistics.metrics import number
from mlzoo.tasks._steps import step_outputs

if TYPE_CHECKING:
    from mlzoo.training.members import Ensemble

FOLDS = 5
FEWEST = 20
"""Images, sequences, groups or samples below which nothing is fitted by default."""
MOST = 200_000
"""Pixels or steps that a temperature is fitted on, drawn from all images alike."""


@dataclass(frozen=True)
class HeldOut:
    """Predictions that a temperature is fitted on.

    Attributes:
        logits: (m, k), also of two classes.
        y_true: (m,) positions of the true classes.
        unit: (m,) the image, sequence, group or sample of each, from 0.
        split: `valid` or `out_of_fold`.
    """

    logits: np.ndarray
    y_true: np.ndarray
    unit: np.ndarray
    split: str


def check_calibration(config: RunConfig, data: Data) -> None:
    """Raise UsageError where a temperature is wanted and there is nothing to fit it on."""
    if config.calibrate == "temperature" and not len(data.valid) and config.folds == 1:
        raise UsageError(
            "--calibrate temperature needs held-out predictions and there is no validation split: "
            "give it a share with --fractions, or use --folds 5"
        )


def calibrated(
    config: RunConfig,
    model: keras.Model,
    data: Data,
    ensemble: Ensemble | None,
    seed: int,
    listener: Listener,
) -> tuple[keras.Model, TemperatureRecord | None]:
    """Return a classifier with the temperature that it should have, and what was found.

    Args:
        config: `calibrate` says what is wanted.
        model: trained.
        data: as split for the run.
        ensemble: its members, if there are several.
        seed: of the folds that the temperature is judged on.
        listener: is told what was done.

    Returns:
        The model, itself where nothing is changed, and the record of `calibration.json`; None where
        nothing was looked at: no classes, `--calibrate none`, no held-out predictions or too few.
    """
    target = data.outputs.target
    if config.calibrate == "none" or not target.is_class or target.written:
        return model, None
    held_out = _held_out(model, data, ensemble, seed)
    units = 0 if held_out is None else int(held_out.unit.max()) + 1
    if held_out is None or (units < FEWEST and config.calibrate == "auto"):
        listener.note(
            f"no temperature was fitted: {units} held-out {_unit(data)}, and {FEWEST} are needed "
            "(--calibrate)"
        )
        return model, None
    fitted = _judged(held_out, units, seed)
    kept = config.calibrate == "temperature" or fitted["improves"]
    record: TemperatureRecord = {
        "method": config.calibrate,
        "kept": kept,
        "unit": _unit(data),
        **fitted,
    }
    listener.note(f"{temperature_sentence(record)} (--calibrate)")
    if not kept:
        return model, record
    changed = with_temperature(model, record["temperature"])
    if model.compiled:
        changed.compile(loss=model.loss, jit_compile=False)
    return changed, record


def _unit(data: Data) -> str:
    if data.samples.groups is not None:
        return "groups"
    return {"pixel": "images", "step": "sequences"}.get(data.outputs.target.per, "samples")


class BeforeAfter(TypedDict):
    """A score of the held-out predictions before and after."""

    before: float | None
    after: float | None


class FittedTemperature(TypedDict):
    """A temperature, and the scores it has on folds that it was not fitted on.

    Attributes:
        improves: the mean gain in log loss is more than one standard error, over units.
        temperature: fitted on all units.
        fitted_on: the split.
        units: number of independent units.
        predictions: number of held-out predictions.
        gain: in log loss, `value` and `standard_error`.
        log_loss, brier, calibration_error: each before and after.
    """

    improves: bool
    temperature: float
    fitted_on: str
    units: int
    predictions: int
    gain: dict[str, float | None]
    log_loss: BeforeAfter
    brier: BeforeAfter
    calibration_error: BeforeAfter


class TemperatureRecord(FittedTemperature):
    """The record of `metrics.json` and `calibration.json`.

    Attributes:
        method: as `--calibrate` says.
        kept: the model has the temperature.
        unit: what units are.
    """

    method: str
    kept: bool
    unit: str


def _judged(held_out: HeldOut, units: int, seed: int) -> FittedTemperature:
    """Return the temperature, and the scores that it has on folds that it was not fitted on."""
    logits, y_true, unit = held_out.logits, held_out.y_true, held_out.unit
    folds = min(FOLDS, units)
    # The constant makes a stream of its own: with the seed alone the folds would be drawn by the
    # same numbers as the split.
    fold = np.random.default_rng([seed, 0xCA1]).permutation(units)[unit] % folds
    temperatures = cross_fitted(logits, y_true, unit, fold) if folds > 1 else np.ones(len(unit))
    y_pred = {"before": tempered(logits), "after": tempered(logits, temperatures)}
    gains = log_losses(logits, y_true) - log_losses(logits / temperatures[:, None], y_true)
    size = np.bincount(unit, minlength=units)
    gain = gains.mean()
    apart = np.bincount(unit, gains, units) - gain * size
    error = (apart**2).sum() ** 0.5 / len(unit)
    ones = np.ones((1, len(unit)))
    bins = {when: sample_bins(y_true, each) for when, each in y_pred.items()}
    losses = {"before": log_losses(logits, y_true), "after": log_losses(logits, y_true) - gains}
    return {
        "improves": bool(gain > error),
        "temperature": temperature_of(logits, y_true, units),
        "fitted_on": held_out.split,
        "units": units,
        "predictions": len(unit),
        "gain": {"value": number(gain), "standard_error": number(error)},
        "log_loss": _both(lambda when: losses[when].mean()),
        "brier": _both(lambda when: squared_error(bins[when])(ones)[0]),
        "calibration_error": _both(lambda when: expected_error(bins[when])(ones)[0]),
    }


def _both(score: Callable[[str], float]) -> BeforeAfter:
    return {"before": number(score("before")), "after": number(score("after"))}


def _held_out(
    model: keras.Model, data: Data, ensemble: Ensemble | None, seed: int
) -> HeldOut | None:
    """Return held-out predictions; None without any."""
    drawn = np.random.default_rng([seed, 0xCA2])
    if ensemble is not None and ensemble.outputs is not None:
        rows, split = ensemble.pool, "out_of_fold"
        outputs = ensemble.outputs
        parts = (_logarithms(outputs[i]) for i in range(len(rows)))
    elif len(data.valid):
        rows, split = data.valid, "valid"
        tensor, _ = before_last_activation(model)
        parts = _logits(keras.Model(model.inputs, tensor), data, rows)
    else:
        return None
    most = max(MOST // len(rows), 1)
    logits, y_true, unit = [], [], []
    whole = data.outputs.target.per == "sample"
    for position, each in enumerate(parts):
        truth = rows.targets[[position]] if whole else np.ravel(rows.target(position))
        values = each.reshape(-1, each.shape[-1])[: len(truth)]
        known = np.arange(1) if whole else np.flatnonzero(truth != IGNORED)
        known = np.sort(drawn.choice(known, most, replace=False)) if len(known) > most else known
        logits.append(values[known])
        y_true.append(truth[known])
        unit.append(np.full(len(known), position))
    units = np.concatenate(unit)
    if not len(units):
        return None
    if rows.groups is not None:
        units = np.unique(rows.groups, return_inverse=True)[1].reshape(-1)[units]
    values = np.concatenate(logits).astype("float64")
    if values.shape[1] == 1:
        values = np.concatenate([np.zeros_like(values), values], axis=1)
    units = np.unique(units, return_inverse=True)[1].reshape(-1)
    return HeldOut(values, np.concatenate(y_true).astype("int64"), units, split)


def _logarithms(probabilities: np.ndarray) -> np.ndarray:
    """Return the logits of probabilities (..., k); of one column its log odds."""
    p = np.clip(probabilities.astype("float64"), SMALLEST, 1 - SMALLEST)
    return np.log(p) - np.log1p(-p) if p.shape[-1] == 1 else np.log(p)


def _logits(model: keras.Model, data: Data, rows: Part) -> Any:
    """Yield the outputs (..., k) of each sample of a split by a model that ends in logits."""

    def predict(inputs: np.ndarray) -> np.ndarray:
        return outputs_of(model, inputs)

    by_kind: dict[str, Callable[[], Any]] = {
        "sample": lambda: (row for at in rows.chunks() for row in predict(rows.inputs(at))),
        "step": lambda: step_outputs(predict, rows),
        "pixel": lambda: (_image(predict, data, rows, i) for i in range(len(rows))),
    }
    return by_kind[data.outputs.target.per]()


def _image(predict: Any, data: Data, rows: Part, position: int) -> np.ndarray:
    """Return the outputs (height, width, k) of one image, put together of its tiles."""
    image = rows.image(position)
    return np.concatenate(list(strips(image, predict, data.cut(*image.shape[:2]))))
