"""Settings of `mlzoo pack`. Neither Keras nor NumPy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.fields import Flag

MAX_PIXELS = 40_000_000
"""Pixels of an image that a server decodes, at most."""


class PackConfig(Settings):
    """The folder of a packed model."""

    output: Annotated[Path | None, Flag(also="-o", metavar="FOLDER", basic=True)] = None
    """Folder to write; by default exports/pack in the run folder."""
    max_pixels: int = Field(MAX_PIXELS, ge=1)
    """Images with more are refused undecoded."""
    overwrite: bool = False
    """Replace a packed model that is there."""
