"""Settings of `mlzoo data audit` and `data compare`. Neither Keras nor NumPy is imported here."""

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


class CompareConfig(Settings):
    """The rate of false alarms, and where the findings of a comparison go."""

    rate: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Probability of a false alarm: of the batch, and of each sample that is marked."""
    out: Path | None = None
    """Folder of the findings; by default `compare` in the run folder. What it holds is replaced."""
    limit: Annotated[int, Field(ge=1, le=32)] = 16
    """Samples that are printed and drawn, the most unlike first; unlike.csv has all."""
    seed: int = Field(0, ge=0)
    """Seed of the permutations, and of the samples that are tested (1,000 at most)."""
