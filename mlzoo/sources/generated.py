"""Generated from the seed: blobs, moons, circles, lines, gaussian-mixture, or, and, nor, nand, ...

xor is a gate as well. stress-strain, noisy-sine, box (a step up and one down) and root-sine (the
square root of x times its sine, 30 points) are regressions, and so is swiss-roll (a sheet rolled up
in space); faces are drawn pictures of six people; shapes are pictures of discs, squares and
triangles with their masks; touching-cells are pictures of cells, each pixel with its cell's number;
captions are pictures of two shapes with a sentence each; scenes are pictures that hold any of five
shapes, a label each; flow-fields are images of the distance from a body with the velocities around
it at every pixel; burgers-fields and heat-fields are random starts of an equation and its
solutions, reaction-fields sources in a square and what diffusion makes of them; pendulum has states
on several swings with their rates of change; accelerometer has what a car does at every step of a
ride; sine-mix and mackey-glass (which is chaotic) are long series to forecast; delayed-xor asks for
what was long ago; moving-spots are films of what moves where; dates are days in words with their
ISO form; the others are classes of points in the plane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from mlzoo.core.configs import Settings
from mlzoo.sources import _generated_pictures as pictures
from mlzoo.sources import _generated_sequences as sequences
from mlzoo.sources import _generated_tables as tables
from mlzoo.sources._pendulum import pendulum_samples

if TYPE_CHECKING:
    from mlzoo.data.samples import Samples

COMPUTED = True
"""Samples are computed from the seed: their last digits depend on the machine."""

_GATES = ("or", "and", "nor", "nand", "xor")
_NOISE = {
    "blobs": 1.0,
    "moons": 0.1,
    "circles": 0.05,
    "lines": 0.15,
    "gaussian-mixture": 1.0,
    **dict.fromkeys(_GATES, 0.1),
    "stress-strain": 5.0,
    "noisy-sine": 0.1,
    "root-sine": 0.2,
    "box": 0.0,
    "swiss-roll": 0.0,
    "faces": 8.0,
    "shapes": 12.0,
    "scenes": 8.0,
    "touching-cells": 8.0,
    "captions": 4.0,
    "flow-fields": 0.0,
    "burgers-fields": 0.0,
    "heat-fields": 0.0,
    "reaction-fields": 0.0,
    "pendulum": 0.1,
    "accelerometer": 0.2,
    "sine-mix": 0.1,
    "mackey-glass": 0.0,
    "delayed-xor": 0.0,
    "moving-spots": 0.3,
    "dates": 0.0,
}
_COUNT = 1000
_COUNTS = {
    "root-sine": 30,
    "faces": 600,
    "shapes": 300,
    "scenes": 3000,
    "touching-cells": 300,
    "captions": 6000,
    "flow-fields": 240,
    "pendulum": 40,
    "accelerometer": 120,
    "sine-mix": 2000,
    "mackey-glass": 2000,
    "delayed-xor": 2000,
    "moving-spots": 400,
    "dates": 6000,
}
_EQUATIONS = ("burgers-fields", "heat-fields", "reaction-fields")
_LAG = 5
NAMES = (
    "blobs",
    "moons",
    "circles",
    "lines",
    "gaussian-mixture",
    "or",
    "and",
    "nor",
    "nand",
    "xor",
    "stress-strain",
    "noisy-sine",
    "root-sine",
    "box",
    "swiss-roll",
    "faces",
    "shapes",
    "scenes",
    "touching-cells",
    "flow-fields",
    "burgers-fields",
    "heat-fields",
    "reaction-fields",
    "pendulum",
    "accelerometer",
    "sine-mix",
    "mackey-glass",
    "delayed-xor",
    "moving-spots",
    "dates",
    "captions",
)


class Config(Settings):
    """Which data set, how much of it, and how noisy."""

    data: str
    """Its name."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Decides every sample."""
    samples: int | None = Field(None, ge=12)
    """Number of samples; by default 1000, of root-sine 30, of shapes and touching-cells 300, of
    faces 600, of scenes 3000, of captions 6000, of flow-fields 240, of pendulum 40 swings, of
    accelerometer 120 rides, of sine-mix and mackey-glass 2000 steps, of delayed-xor 2000, of
    moving-spots 400, of dates 6000."""
    resolution: int | None = Field(None, ge=16, le=4096)
    """burgers-fields, heat-fields, reaction-fields: points of a field a side; by default 128, in a
    square 32. A seed means the same functions at every resolution."""
    noise: float | None = Field(None, ge=0)
    """Standard deviation of the noise, in the data set's units; by default its usual one."""
    lag: int | None = Field(None, ge=1)
    """delayed-xor: steps from the second bit to the question; by default 5."""
    window: int | None = Field(None, ge=1)
    """sine-mix, mackey-glass: steps of the past that a forecast is made from; by default four
    horizons or one season."""
    horizon: int = Field(1, ge=1)
    """sine-mix, mackey-glass: steps to forecast."""
    stride: int | None = Field(None, ge=1)
    """sine-mix, mackey-glass: steps from one window to the next; by default 1."""

    @model_validator(mode="after")
    def _together(self) -> Config:
        if self.lag is not None and self.data.replace("_", "-") != "delayed-xor":
            raise ValueError(f"lag has no effect on {self.data}: it is for delayed-xor")
        if self.resolution and self.data.replace("_", "-") not in _EQUATIONS:
            raise ValueError(
                f"resolution has no effect on {self.data}: it is for {' and '.join(_EQUATIONS)}"
            )
        if self.noise and self.data.replace("_", "-") in ("delayed-xor", "dates"):
            raise ValueError(
                f"noise has no effect on {self.data.replace('_', '-')}: it has symbols"
            )
        return self


def recognizes(path: str) -> bool:
    """Return whether it is one of the names."""
    return path.replace("_", "-") in NAMES


def load(config: Config, progress: Any = None) -> Samples:
    """Draw the samples."""
    import numpy as np

    name = config.data.replace("_", "-")
    count = config.samples or _COUNTS.get(name, _COUNT)
    noise = _NOISE[name] if config.noise is None else config.noise
    rng = np.random.default_rng(config.seed)
    make = {
        "stress-strain": tables.stress_strain,
        "noisy-sine": tables.noisy_sine,
        "root-sine": tables.root_sine,
        "box": tables.box,
        "swiss-roll": tables.swiss_roll,
        "gaussian-mixture": tables.gaussian_mixture,
        "lines": tables.lines,
        "faces": pictures.faces_samples,
        "shapes": pictures.shapes_samples,
        "scenes": pictures.scenes_samples,
        "touching-cells": pictures.touching_cells,
        "captions": pictures.captions_samples,
        "flow-fields": pictures.flow_fields_samples,
        "accelerometer": sequences.accelerometer_samples,
        "moving-spots": sequences.moving_spots_samples,
        "pendulum": pendulum_samples,
    }.get(name)
    if make is not None:
        return make(count, noise, rng)
    if name in _EQUATIONS:
        return pictures.equation_fields(name, count, config.resolution, noise, rng)
    if name in sequences.SEASONS:
        window, horizon, stride = config.window, config.horizon, config.stride
        return sequences.series(
            name, count, noise, rng, window=window, horizon=horizon, stride=stride
        )
    if name == "dates":
        return sequences.dates_samples(count, rng)
    if name == "delayed-xor":
        return sequences.delayed_xor_samples(count, config.lag or _LAG, rng)
    if name in _GATES:
        return tables.gate(name, count, noise, rng)
    return tables.clouds(name, count, config.seed, noise)
