"""Settings of `mlzoo evaluate`. Neither Keras nor NumPy is imported here."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mlzoo.core.configs import Settings


class EvaluateConfig(Settings):
    """The samples that a run is scored on."""

    part: Literal["train", "valid", "test"] = "test"
    """Split of the run's own data."""
    tolerance: float | None = Field(None, gt=0)
    """Masks: distance in pixels within which pixels also count as right; by default the run's."""
