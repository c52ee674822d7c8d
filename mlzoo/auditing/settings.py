"""Settings of `mlzoo data audit`. Neither Keras nor NumPy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from mlzoo.core.configs import Settings


class AuditConfig(Settings):
    """Where the findings go, and how many are shown."""

    out: Path | None = None
    """Folder of the findings; by default `audit` in the run folder. What it holds is replaced."""
    limit: Annotated[int, Field(ge=1, le=32)] = 16
    """Probable label errors that are printed and drawn; the CSV files have all."""
