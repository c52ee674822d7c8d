"""Settings of `mlzoo check`. Neither Keras nor NumPy is imported here."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator

from mlzoo.core.configs import Settings
from mlzoo.core.fields import Flag
from mlzoo.core.setting_types import Words

SYMMETRIES = ("rot90", "rot180", "flip", "flip_vertical", "shift")


class CheckConfig(Settings):
    """The samples that gradients are checked on and, of a model, its shape and settings."""

    input: Annotated[str | None, Flag(metavar="SHAPE")] = None
    """Model: sample shape, 28x28x1, 60x4 or 11; by default a small one that it takes."""
    classes: int = Field(3, ge=2)
    """Model: number of classes."""
    set: dict[str, Any] = Field(default_factory=dict)
    """Model setting name=value, repeatable; `mlzoo models show NAME` lists them."""
    symmetry: Annotated[Words, Flag(metavar="NAMES")] = ()
    """Run on images: measure how far it is from symmetries, and nothing else: rot90, rot180, flip,
    flip_vertical, shift, comma-separated."""
    samples: int = Field(4, ge=2)
    """Samples to check it on."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Seed of weights and samples."""

    @field_validator("symmetry")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in names if name not in SYMMETRIES]
        if unknown:
            raise ValueError(
                f"unknown symmetry {', '.join(map(repr, unknown))}; choose of "
                f"{', '.join(SYMMETRIES)}"
            )
        return names
