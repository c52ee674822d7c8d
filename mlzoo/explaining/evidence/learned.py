"""Checks that a model has learned anything that maps could show."""

from __future__ import annotations

import keras
import numpy as np

from mlzoo.data.specs import IGNORED
from mlzoo.explaining.samples import Chosen
from mlzoo.explaining.subjects import Subject
from mlzoo.runs.models import outputs_of
from mlzoo.statistics.metrics import as_probabilities

SMALLEST_SKILL = 0.1
"""Smallest skill that earns a claim: 0 is that of guessing, 1 that of a perfect model."""
_OFFSETS = ("bias", "beta", "moving_mean")


def why_no_claim(subject: Subject, chosen: Chosen) -> str:
    """Return why the maps of a model are no evidence of anything learned; "" where they may be.

    Where the truth of samples is known, the model must predict better than guessing: balanced
    accuracy over that of chance, or R², each as a skill from 0 to 1. Balanced accuracy must also
    lie two standard errors over chance.
    """
    if untrained(subject.model):
        return "its weights are those of an untrained network (all biases and means are initial)"
    pairs = _predictions(subject, chosen)
    if not pairs:
        return ""
    if subject.classes:
        y_true = np.concatenate([np.ravel(truth) for truth, _ in pairs])
        probabilities = [as_probabilities(out.reshape(-1, out.shape[-1])) for _, out in pairs]
        y_pred = np.concatenate(probabilities).argmax(axis=1)
        return _guesses(y_true, y_pred) if len(y_true) == len(y_pred) else ""
    units = pairs[0][1].shape[-1]
    y_true, y_pred = (
        np.concatenate([np.reshape(pair[i], (-1, units)) for pair in pairs]) for i in (0, 1)
    )
    return _means(y_true, y_pred) if len(y_true) == len(y_pred) else ""


def untrained(model: keras.Model) -> bool:
    """Return True if every bias and moving mean of a model has its initial Keras value."""
    offsets = [w for w in model.weights if w.path.rpartition("/")[2] in _OFFSETS]
    # An LSTM's forget gates begin at 1.
    return bool(offsets) and all(
        np.isin(keras.ops.convert_to_numpy(keras.ops.cast(w, "float32")), (0, 1)).all()
        for w in offsets
    )


def _predictions(subject: Subject, chosen: Chosen) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of true values and the model's outputs, of samples that were not chosen by either."""
    if chosen.known is not None and chosen.known.truth is not None:
        return [(chosen.known.truth, outputs_of(subject.model, chosen.known.x))]
    if any(truth is None for truth in chosen.truths):
        return []
    once = {id(x): (x, truth) for x, truth in zip(chosen.inputs, chosen.truths, strict=True)}
    return [(np.asarray(y), outputs_of(subject.model, x[None])[0]) for x, y in once.values()]


def _guesses(y_true: np.ndarray, y_pred: np.ndarray) -> str:
    """Why classes are no better than guessed; "" where they are, or where one class occurs."""
    counted = (y_true != IGNORED) & (y_true >= 0)
    classes, sizes = np.unique(y_true[counted], return_counts=True)
    if len(classes) < 2:
        return ""
    chance = 1 / len(classes)
    accuracy = float(np.mean([(y_pred[counted & (y_true == k)] == k).mean() for k in classes]))
    error = float(np.sqrt(chance * (1 - chance) * (1 / sizes).sum())) * chance
    if accuracy - chance >= max(2 * error, SMALLEST_SKILL * (1 - chance)):
        return ""
    return (
        "the model is not shown to predict better than guessing (balanced accuracy "
        f"{accuracy:.2f}, chance {chance:.2f})"
    )


def _means(y_true: np.ndarray, y_pred: np.ndarray) -> str:
    """Why numbers are no better than their mean; "" where they are, or where they don't vary."""
    rows = np.isfinite(y_true).all(axis=1) & np.isfinite(y_pred).all(axis=1)
    y_true, y_pred = y_true[rows].astype("float64"), y_pred[rows].astype("float64")
    varies = np.ptp(y_true, axis=0) > 0 if len(y_true) > 1 else np.zeros(0, bool)
    if not varies.any():
        return ""
    from sklearn.metrics import r2_score

    r2 = float(r2_score(y_true[:, varies], y_pred[:, varies]))
    if r2 >= SMALLEST_SKILL:
        return ""
    return f"the model is not shown to predict better than the mean of the targets (R² {r2:.2f})"
