"""Settings of `mlzoo check`. Neither Keras nor NumPy is imported here."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.fields import Flag


class CheckConfig(Settings):
    """The samples that gradients are checked on and, of a model, its shape and settings."""

    input: Annotated[str | None, Flag(metavar="SHAPE")] = None
    """Model: sample shape, 28x28x1, 60x4 or 11; by default a small one that it takes."""
    classes: int = Field(3, ge=2)
    """Model: number of classes."""
    set: dict[str, Any] = Field(default_factory=dict)
    """Model setting name=value, repeatable; `mlzoo models show NAME` lists them."""
    samples: int = Field(4, ge=2)
    """Samples to check it on."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Seed of weights and samples."""
