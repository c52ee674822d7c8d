"""Settings of a search, besides the run that it varies. Imports neither Keras nor NumPy."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from mlzoo.core.configs import Settings
from mlzoo.core.fields import Flag

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class TuneConfig(Settings):
    """Settings of a search, besides its run and its space."""

    # -- Search
    strategy: Annotated[str, Flag(basic=True)] = "random"
    """Strategy that proposes the candidates (`mlzoo strategies`)."""
    strategy_set: dict[str, object] = Field(default_factory=dict)
    """Strategy setting name=value, repeatable; `mlzoo strategies show NAME` lists them."""
    trials: Annotated[int | None, Flag(basic=True)] = Field(None, ge=1)
    """Candidates to try, at most; by default all of a grid, else 20."""
    folds: Annotated[int, Flag(basic=True)] = Field(1, ge=1)
    """Score each candidate on this many folds of the training and validation splits; 1: on the
    validation split."""
    metric: Annotated[str | None, Flag(basic=True)] = None
    """Score to choose by; by default accuracy for classes, RMSE for numbers, mean IoU for masks."""
    budget: Annotated[float | None, Flag(basic=True, metavar="TIME")] = Field(None, gt=0)
    """Start no further fit after this time: 90s, 10m, 2h."""
    max_failures: int | None = Field(None, ge=1)
    """Stop after this many failed trials; by default only where the first 10 all fail."""
    race: Annotated[bool, Flag(basic=True)] = False
    """Drop a candidate after two folds where it trails the best by 3 standard errors."""
    max_memory: int | None = Field(None, ge=100)
    """Stop a worker that takes more megabytes than this; its fit counts as failed."""
    nested: Annotated[int, Flag(basic=True)] = Field(0, ge=0)
    """Outer folds of nested cross-validation, which measures how optimistic the winner's score
    is; --budget is for each search, and --dry-run estimates the time of all."""
    engine: Literal["local", "ray"] = "local"
    """Where fits run: local, in processes of this machine; ray, on the workers of a Ray cluster,
    whose machines see the same files."""
    address: str | None = None
    """The Ray cluster: auto, or HOST:PORT; by default one is started on this machine."""
    workers: Annotated[int, Flag(basic=True)] = Field(1, ge=1, le=256)
    """Number of processes that train in parallel."""
    fast: Literal["auto", "off"] = "auto"
    """auto: candidates of one architecture share compiled code; off: each fit compiles anew."""

    @field_validator("nested")
    @classmethod
    def _two_folds(cls, value: int) -> int:
        if value == 1:
            raise ValueError("must be at least 2")
        return value

    @model_validator(mode="after")
    def _together(self) -> TuneConfig:
        if self.address is not None and self.engine != "ray":
            raise ValueError("address has no effect without engine ray")
        if self.max_memory is not None and self.engine == "ray":
            raise ValueError(
                "max_memory is for workers of this machine; Ray ends its own where a machine's "
                "memory runs out"
            )
        return self

    @field_validator("budget", mode="before")
    @classmethod
    def _seconds(cls, value: Any) -> Any:
        return seconds(value) if isinstance(value, str) else value


def seconds(text: str) -> float:
    """Parse `90s`, `10m`, `1h30m` or a number of seconds.

    Raises:
        ValueError: the text has none of these forms.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        raise ValueError("write a time as 90s, 10m, 2h or 1h30m")
    return math.fsum(float(number) * _UNITS[unit or "s"] for number, unit in parts)


def shown(time: float) -> str:
    """Format seconds for people."""
    if time < 90:
        return f"{time:.1f} s" if time < 9.95 else f"{time:.0f} s"
    return f"{time / 60:.1f} min" if time < 5400 else f"{time / 3600:.1f} h"
