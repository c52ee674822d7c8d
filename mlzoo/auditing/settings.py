"""Settings of `mlzoo data audit`, `compare`, `embed`, ... Keras and NumPy are not imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from mlzoo.core.configs import Settings
from mlzoo.core.fields import Flag
from mlzoo.core.setting_types import as_list


class AuditConfig(Settings):
    """Where the findings go, and how many are shown."""

    out: Path | None = None
    """Folder of the findings; by default `audit` in the run folder. What it holds is replaced."""
    limit: Annotated[int, Field(ge=1, le=32)] = 16
    """Probable label errors that are printed and drawn, and outliers that --json has; the CSV files
    have all."""
    unlabeled: Annotated[str | None, Flag(metavar="NEW")] = None
    """Samples without labels: label_next.csv lists which of them to label next, uncertain and
    unlike each other."""
    label_next: int = Field(20, ge=1)
    """Samples of --unlabeled to list."""


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


class EmbedConfig(Settings):
    """Projections of `mlzoo data embed`, and where they are drawn."""

    picture: Path = Path("embedding.png")
    """PNG to write; the positions stand in a CSV file beside it."""
    perplexities: Annotated[tuple[float, ...], BeforeValidator(as_list)] = (5.0, 30.0, 100.0)
    """Perplexities of t-SNE, comma-separated; each is a fit of its own."""
    samples: int = Field(1000, ge=10, le=20_000)
    """Samples to embed, drawn at random."""


class CompressConfig(Settings):
    """Ranks of `mlzoo data compress`, and where they are drawn."""

    picture: Path = Path("compressed.png")
    """PNG to write; the errors stand in a CSV file beside it."""
    ranks: Annotated[tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(as_list)] = (
        1, 5, 20, 50,
    )  # fmt: skip
    """Ranks, comma-separated: of one picture singular values a channel, of a data set numbers a
    sample."""
    components: int = Field(8, ge=1, le=32)
    """Data sets: components and samples that are drawn."""


class BoundariesConfig(Settings):
    """Where `mlzoo data boundaries` draws."""

    picture: Path = Path("boundaries.png")
    """PNG to write."""
