"""Logistic or ridge regression, bounded in cost."""

from __future__ import annotations

from mlzoo.baselines import _linear_forecasts, _linear_pixels, _linear_samples, _linear_steps
from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data

TARGETS = (
    "classes per sample",
    "numbers per sample",
    "classes per pixel",
    "numbers per pixel",
    "classes per step",
    "numbers per horizon",
)
LEARNS = True
FAST = True
_FITS = {
    "sample": _linear_samples.fit,
    "pixel": _linear_pixels.fit,
    "step": _linear_steps.fit,
    "horizon": _linear_forecasts.fit,
}


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the linear model; None where the training split holds one class alone."""
    if not len(data.train):
        return None
    return _FITS[data.samples.target.per](data, seed)
