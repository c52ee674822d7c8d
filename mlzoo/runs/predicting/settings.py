"""Settings of `mlzoo predict` and `mlzoo generate`. Neither Keras nor NumPy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from mlzoo.core.configs import Settings
from mlzoo.core.fields import Flag
from mlzoo.core.setting_types import Words

LENGTH = 200
"""Characters that a model of text writes."""
TEMPERATURE = 0.7
UNLIKE = 0.05
"""Rate of false alarms at which samples are marked as unlike the training data."""
COUNT = 64
"""Samples that a generative model draws."""


class PredictConfig(Settings):
    """Predictions of new samples, and what is written of them."""

    # -- Output
    output: Annotated[Path | None, Flag(basic=True, also="-o", metavar="PATH")] = None
    """CSV file to write, by default stdout. Where every pixel is predicted a folder, for masks/
    (index PNG), classes.txt and overlays/, or for fields/ (.npy); of restored images a folder too,
    for errors/ (maps) and restored/; of an episode a folder, for film.gif and steps.csv."""
    overwrite: Annotated[bool, Flag(basic=True)] = False
    """Replace files of --output that exist."""
    shards: Annotated[int | None, Flag(basic=True, metavar="ROWS")] = Field(None, ge=1)
    """Of a table larger than memory (.csv, .parquet): write a folder of CSV files of so many rows
    each. The same command goes on after those that are there."""
    workers: int = Field(1, ge=1, le=4096)
    """Processes that predict shards in turns, with --shards."""
    engine: Literal["local", "ray"] = "local"
    """Where they run: local, on this machine; ray, on a Ray cluster, whose machines see the same
    files."""
    address: str | None = None
    """The Ray cluster: auto, or HOST:PORT; by default one is started on this machine."""
    coverage: Annotated[float | None, Flag(basic=True, metavar="SHARE")] = None
    """Add intervals (low, high), or sets of classes, that hold the truth of this share of samples,
    as .9; of forecasts the band at each step; of fields low/ and high/ (.npy); of masks of two
    classes those that hold this share of the rarer class's pixels."""
    unlike: Annotated[float, Flag(basic=True)] = Field(UNLIKE, ge=0, lt=1)
    """Mark samples unlike the training data (columns unlike, unlike_p) at this rate of false
    alarms; 0 leaves the columns out."""
    features: Annotated[bool, Flag(basic=True)] = False
    """Write what the output layer sees of each sample instead, f1, f2..."""
    derivatives: Annotated[Words, Flag(basic=True)] = ()
    """Add columns of derivatives of the unknowns of equations, comma-separated, as u_x,u_xx."""
    # -- Masks
    probabilities: Annotated[bool, Flag(basic=True)] = False
    """Write probabilities/ (.npy, float16) too."""
    overlays: Annotated[bool, Flag(basic=True)] = True
    """Write overlays/, the masks on their images."""
    tile: Annotated[str | None, Flag(basic=True, metavar="SIDE")] = None
    """Cut images otherwise than in training: a side, or none."""
    overlap: Annotated[int | None, Flag(basic=True)] = None
    """Pixels that tiles share, with --tile."""
    # -- Rollouts
    steps: Annotated[int | None, Flag(basic=True)] = Field(None, ge=1)
    """Feed predicted fields back as the next input so often: a rollout in time, of models whose
    fields are the input's first channels one step later; or follow predicted rates of change of
    the columns (--time-step). A row a step; -o FOLDER has rollout.csv and a picture, rollout.png,
    of fields rollouts/ (.npy)."""
    truth: Annotated[Path | None, Flag(basic=True, metavar="FILE")] = None
    """True fields of a rollout, arrays (starts, steps, height, width, fields) or of one dimension
    (starts, steps, points, fields), to tell how its error grows."""
    time_step: Annotated[float | None, Flag(basic=True)] = Field(None, gt=0, allow_inf_nan=False)
    """Time from one step of states to the next, in the units of their rates."""
    energy: Annotated[str | None, Flag(metavar="EXPRESSION")] = None
    """Energy of a state, an expression of its columns, to tell how it drifts."""
    beside: Annotated[Path | None, Flag(metavar="RUN")] = None
    """Another run of the same states, whose rollout is drawn beside."""
    # -- Text and episodes
    length: Annotated[int, Flag(basic=True)] = Field(LENGTH, ge=1)
    """Characters to write."""
    temperature: Annotated[float, Flag(basic=True)] = Field(TEMPERATURE, ge=0, allow_inf_nan=False)
    """0 takes the likeliest character, 1 draws as the model says."""
    seed: Annotated[int, Flag(basic=True)] = Field(0, ge=0)
    """Seed of what is drawn."""

    @model_validator(mode="after")
    def _shared_out(self) -> PredictConfig:
        if self.shards is None:
            for name in ("workers", "engine", "address"):
                if name in self.model_fields_set:
                    raise ValueError(f"--{name}: has no effect without --shards")
        if self.address is not None and self.engine != "ray":
            raise ValueError("--address: has no effect without --engine ray")
        return self

    @model_validator(mode="after")
    def _rolled(self) -> PredictConfig:
        if self.truth is not None and self.steps is None:
            raise ValueError("--truth: has no effect without --steps")
        states = {"time-step": self.time_step, "energy": self.energy, "beside": self.beside}
        for name, value in states.items():
            if value is not None and self.steps is None:
                raise ValueError(f"--{name}: has no effect without --steps")
        if self.steps is not None and self.coverage is not None:
            raise ValueError("--steps and --coverage exclude each other")
        return self


class GenerateConfig(Settings):
    """Number of samples to draw, and the folder that they go into."""

    output: Annotated[Path | None, Flag(also="-o", metavar="FOLDER")] = None
    """Folder to write; by default generated, in the run's."""
    count: int = Field(COUNT, ge=1)
    """Samples to draw."""
    class_name: Annotated[str | None, Flag(also="--class", metavar="NAME")] = None
    """Class of all samples, of a conditional model; by default each class in turn."""
    number: float | None = None
    """Number of all samples, of a model that is conditional on one; by default spread as those of
    the training split."""
    seed: int = Field(0, ge=0)
    """Seed of what is drawn."""
    interpolate: Annotated[tuple[str, str] | None, Flag(metavar="A B")] = None
    """Draw samples on the way between two codes: seeds (a number is the first sample of that
    seed), samples of the run's data (test:3, from 0; train, valid), or files of one sample; the
    last two where the model has an encoder, such as vae."""
    latent_grid: bool = False
    """Draw samples at a square grid of codes: quantiles of the normal distribution, of the two
    numbers of a code, or along the two directions that change samples most."""
    overwrite: bool = False
    """Write into a folder that holds files."""

    @model_validator(mode="after")
    def _one_way(self) -> GenerateConfig:
        if self.interpolate is not None and self.latent_grid:
            raise ValueError("--interpolate and --latent-grid exclude each other")
        if self.interpolate is not None and self.count < 2:
            raise ValueError("--interpolate needs a --count of 2 at least: the two ends")
        return self
