"""Bicubic interpolation from fewer pixels."""

from __future__ import annotations

from mlzoo.data.contracts import Baseline
from mlzoo.data.images.degradation import degradation_of
from mlzoo.data.samples import Data

TARGETS = ("numbers per pixel",)
LEARNS = False
FAST = True


def fit(data: Data, seed: int) -> Baseline | None:
    """Return what enlarged images are before they are restored; None for any others."""
    how = degradation_of(data.samples)
    if how is None or how.factor == 1:
        return None
    return Baseline(lambda image: image, f"enlarged {how.factor} times")
