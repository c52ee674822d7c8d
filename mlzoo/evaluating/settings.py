"""Settings of `mlzoo evaluate`. Neither Keras nor NumPy is imported here."""

from __future__ import annotations

from typing import Literal

from mlzoo.core.configs import Settings


class EvaluateConfig(Settings):
    """The samples that a run is scored on."""

    part: Literal["train", "valid", "test"] = "test"
    """Split of the run's own data."""
