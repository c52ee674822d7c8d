"""Compare the outputs of an export with those of the original model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from mlzoo.core.errors import MlzooError
from mlzoo.data.specs import target_of

TOLERANCE = 1e-4
"""Largest difference of a float format: in probability, or in spreads of the numbers predicted."""
INT8_AGREEMENT = 0.95
"""Smallest share of equal classes for int8."""
INT8_MEAN = 0.05
"""Mean difference of int8 where numbers are predicted, in their spreads."""


class ScoreRecord(TypedDict):
    """`Score` in `export.json`."""

    samples: int
    largest: float
    mean: float
    agreement: float | None


@dataclass(frozen=True)
class Score:
    """Differences between two models' outputs on the same samples.

    `largest` and `mean` are in probability where classes are predicted, else in standard
    deviations of the original's outputs; `agreement` is the share of equal classes, over samples,
    pixels or steps; None where there are none.
    """

    samples: int
    largest: float
    mean: float
    agreement: float | None

    def record(self) -> ScoreRecord:
        """Return plain values, for export.json."""
        return {
            "samples": self.samples,
            "largest": self.largest,
            "mean": self.mean,
            "agreement": self.agreement,
        }


def compare(task: str, y_model: Sequence[np.ndarray], y_export: Sequence[np.ndarray]) -> Score:
    """Score the outputs of an export against the original's, batch by batch.

    Args:
        task: one of `mlzoo.data.specs`.
        y_model: the original's outputs, one array (n, ..., k) per batch.
        y_export: the export's outputs, in the same shapes.

    Raises:
        MlzooError: they have other shapes, or are not finite where the original's are.
    """
    for one, other in zip(y_model, y_export, strict=True):
        if one.shape != other.shape:
            raise MlzooError(f"its outputs have shape {other.shape}, the model's {one.shape}")
    whole = np.concatenate([each.reshape(-1, each.shape[-1]) for each in y_model])
    other = np.concatenate([each.reshape(-1, each.shape[-1]) for each in y_export])
    whole, other = whole.astype(np.float64), other.astype(np.float64)
    if not np.isfinite(other[np.isfinite(whole)]).all():
        raise MlzooError("it gives outputs that are no finite numbers")
    classes = target_of(task).is_class
    scale = 1.0 if classes else np.maximum(np.nanstd(whole, axis=0), 1e-12)
    difference = np.abs(other - whole) / scale
    agreement = None
    if classes:
        agreement = float((_classes(whole) == _classes(other)).mean())
    return Score(
        sum(map(len, y_model)),
        float(np.nanmax(difference)),
        float(np.nanmean(difference)),
        agreement,
    )


def _classes(probabilities: np.ndarray) -> np.ndarray:
    if probabilities.shape[1] == 1:
        return np.asarray(probabilities[:, 0] > 0.5)
    return np.asarray(probabilities.argmax(axis=1))


def problem(score: Score, int8: bool) -> str:
    """Return why an export is refused; "" where its outputs are close enough."""
    if not int8:
        if score.largest <= TOLERANCE:
            return ""
        return f"its outputs differ by up to {score.largest:.3g}, more than {TOLERANCE:g}"
    if score.agreement is not None:
        if score.agreement >= INT8_AGREEMENT:
            return ""
        return (
            f"with int8 only {score.agreement:.1%} of the classes stay the same, fewer than "
            f"{INT8_AGREEMENT:.0%}"
        )
    if score.mean <= INT8_MEAN:
        return ""
    return f"with int8 outputs differ by {score.mean:.3g} spreads in the mean, over {INT8_MEAN:g}"
