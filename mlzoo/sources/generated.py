"""Generated from the seed: blobs, moons, circles, gaussian-mixture, or, and, nor, nand, xor, ...

stress-strain, noisy-sine and root-sine (the square root of x times its sine, 30 points) are
regressions; shapes are pictures of discs, squares and triangles with their masks; touching-cells
are pictures of cells, each pixel with its cell's number; scenes are pictures that hold any of five
shapes, a label each; flow-fields are images of the distance from a body with the velocities around
it at every pixel; burgers-fields and heat-fields are random starts of an equation and its
solutions; accelerometer has what a car does at every step of a ride; sine-mix and mackey-glass
(which is chaotic) are long series to forecast; delayed-xor asks for what was long ago; moving-spots
are films of what moves where; dates are days in words with their ISO form; the others are classes
of points in the plane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.data.samples import Samples
    from mlzoo.data.sequences.reader import SequenceReader

_GATES = ("or", "and", "nor", "nand", "xor")
_NOISE = {
    "blobs": 1.0,
    "moons": 0.1,
    "circles": 0.05,
    "gaussian-mixture": 1.0,
    **dict.fromkeys(_GATES, 0.1),
    "stress-strain": 5.0,
    "noisy-sine": 0.1,
    "root-sine": 0.2,
    "shapes": 12.0,
    "scenes": 8.0,
    "touching-cells": 8.0,
    "flow-fields": 0.0,
    "burgers-fields": 0.0,
    "heat-fields": 0.0,
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
    "shapes": 300,
    "scenes": 3000,
    "touching-cells": 300,
    "flow-fields": 240,
    "accelerometer": 120,
    "sine-mix": 2000,
    "mackey-glass": 2000,
    "delayed-xor": 2000,
    "moving-spots": 400,
    "dates": 6000,
}
_SERIES = {
    "sine-mix": (24, "sines of periods 24, 7.3 and 61"),
    "mackey-glass": (50, "Mackey and Glass's equation with a delay of 17"),
}
"""Season in steps, and what it is, of each series."""
_EQUATIONS = ("burgers-fields", "heat-fields")
_LAG = 5
NAMES = (
    "blobs",
    "moons",
    "circles",
    "gaussian-mixture",
    "or",
    "and",
    "nor",
    "nand",
    "xor",
    "stress-strain",
    "noisy-sine",
    "root-sine",
    "shapes",
    "scenes",
    "touching-cells",
    "flow-fields",
    "burgers-fields",
    "heat-fields",
    "accelerometer",
    "sine-mix",
    "mackey-glass",
    "delayed-xor",
    "moving-spots",
    "dates",
)


class Config(Settings):
    """Which data set, how much of it, and how noisy."""

    data: str
    """Its name."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Decides every sample."""
    samples: int | None = Field(None, ge=12)
    """How many samples; by default 1000, of root-sine 30, of shapes and touching-cells 300, of
    scenes 3000, of flow-fields 240, of accelerometer 120 rides, of sine-mix and mackey-glass 2000
    steps, of delayed-xor 2000, of moving-spots 400, of dates 6000."""
    resolution: int | None = Field(None, ge=16, le=4096)
    """burgers-fields, heat-fields: points of a field; by default 128. A seed means the same
    functions at every resolution."""
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
        "stress-strain": _stress_strain,
        "noisy-sine": _noisy_sine,
        "root-sine": _root_sine,
        "gaussian-mixture": _gaussian_mixture,
        "shapes": _shapes,
        "scenes": _scenes,
        "touching-cells": _touching_cells,
        "flow-fields": _flow_fields,
        "accelerometer": _accelerometer,
        "moving-spots": _moving_spots,
    }.get(name)
    if make is not None:
        return make(count, noise, rng)
    if name in _EQUATIONS:
        return _equation_fields(name, count, config.resolution, noise, rng)
    if name in _SERIES:
        return _series(config, name, count, noise, rng)
    if name == "dates":
        return _dates(count, rng)
    if name == "delayed-xor":
        return _delayed_xor(count, config.lag or _LAG, rng)
    if name in _GATES:
        return _gate(name, count, noise, rng)
    return _clouds(name, count, config.seed, noise)


def _samples(
    matrix: np.ndarray, targets: np.ndarray, inputs: tuple[str, ...], target: str, note: str
) -> Samples:
    """A table of numbers; whole-number targets are classes."""
    import numpy as np

    from mlzoo.data.quality.digests import row_digests
    from mlzoo.data.samples import Samples
    from mlzoo.data.tables.reader import Column, TableReader, TargetColumn

    matrix = matrix.astype(np.float32)
    regression = targets.dtype.kind == "f"
    columns = tuple(Column(name) for name in inputs)
    return Samples(
        inputs=matrix,
        targets=targets.astype(np.float32 if regression else np.int32),
        task="regression" if regression else "classification",
        kind="table",
        class_names=() if regression else tuple(map(str, range(int(targets.max()) + 1))),
        target_names=(target,),
        columns=columns,
        names=[f"sample {i + 1}" for i in range(len(matrix))],
        hashes=row_digests(matrix),
        reader=TableReader(
            columns=columns, target=TargetColumn(target), delimiter=None, header="auto"
        ),
        notes=(f"{note} (--source-set samples=, --source-set noise=)",),
    )


def _clouds(name: str, count: int, seed: int, noise: float) -> Samples:
    from sklearn import datasets

    common: dict[str, object] = {"n_samples": count, "random_state": seed}
    if name == "blobs":
        x, y = datasets.make_blobs(centers=3, cluster_std=noise, **common)
    elif name == "moons":
        x, y = datasets.make_moons(noise=noise, **common)
    else:
        x, y = datasets.make_circles(noise=noise, factor=0.5, **common)
    return _samples(x, y, ("x1", "x2"), "class", f"{name}: {len(x)} points, noise {noise:g}")


def _gaussian_mixture(count: int, noise: float, rng: np.random.Generator) -> Samples:
    """Three normal distributions about (0, 2), (2, -2) and (-2, -2), drawn equally often."""
    import numpy as np

    means = np.array([(0.0, 2.0), (2.0, -2.0), (-2.0, -2.0)])
    y = np.arange(count) % 3
    x = means[y] + rng.normal(0, noise, (count, 2))
    note = f"gaussian-mixture: {count} points about (0,2), (2,-2), (-2,-2), spread {noise:g}"
    return _samples(x, y, ("x1", "x2"), "class", note)


def _gate(name: str, count: int, noise: float, rng: np.random.Generator) -> Samples:
    """The four rows of a truth table, repeated with noise so that they can be split."""
    import numpy as np

    corners = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])[np.arange(count) % 4]
    a, b = corners.astype(bool).T
    gates = {"or": a | b, "and": a & b, "nor": ~(a | b), "nand": ~(a & b), "xor": a ^ b}
    x = corners + rng.normal(0, noise, (count, 2))
    note = f"{name}: the four rows of its truth table, {count} times in all, noise {noise:g}"
    return _samples(x, gates[name].astype(int), ("x1", "x2"), "output", note)


def _stress_strain(count: int, noise: float, rng: np.random.Generator) -> Samples:
    """Mild steel in tension: elastic to the yield point, then Voce hardening.

    stress = E e below the yield strain s0 / E, and s0 + Q (1 - exp(-b (e - s0 / E))) above it,
    with E = 200 GPa, s0 = 250 MPa, Q = 200 MPa, b = 30 and strains from 0 to 0.1.

    Source:
        E. Voce, "The relationship between stress and strain for homogeneous deformation",
        Journal of the Institute of Metals 74 (1948), 537-562.
    """
    import numpy as np

    modulus, yields, hardening, rate = 200_000.0, 250.0, 200.0, 30.0
    # The elastic range is 1/80 of the curve; a fifth of the samples lies in it.
    elastic = rng.uniform(0, yields / modulus, count)
    strain = np.where(rng.random(count) < 0.2, elastic, rng.uniform(0, 0.1, count))
    plastic = np.maximum(strain - yields / modulus, 0)
    stress = np.minimum(modulus * strain, yields) + hardening * (1 - np.exp(-rate * plastic))
    stress = stress + rng.normal(0, noise, count)
    note = f"stress-strain: {count} points of a curve in MPa, noise {noise:g} MPa"
    return _samples(strain[:, None], stress, ("strain",), "stress", note)


def _noisy_sine(count: int, noise: float, rng: np.random.Generator) -> Samples:
    """sin(x) for x from 0 to two pi."""
    import numpy as np

    x = rng.uniform(0, 2 * np.pi, count)
    y = np.sin(x) + rng.normal(0, noise, count)
    return _samples(x[:, None], y, ("x",), "y", f"noisy-sine: {count} points, noise {noise:g}")


def _root_sine(count: int, noise: float, rng: np.random.Generator) -> Samples:
    """Square root of x times sin(x) for x from 0 to 10."""
    import numpy as np

    x = rng.uniform(0, 10, count)
    y = np.sqrt(x) * np.sin(x) + rng.normal(0, noise, count)
    return _samples(x[:, None], y, ("x",), "y", f"root-sine: {count} points, noise {noise:g}")


def _shapes(count: int, noise: float, rng: np.random.Generator) -> Samples:
    """Pictures of shapes, and masks that tell what each is."""
    from mlzoo.data.images.reader import MAX_PIXELS
    from mlzoo.data.masks.arrays import count_masks, encode_masks
    from mlzoo.data.masks.classes import choose_classes
    from mlzoo.data.masks.reader import DenseReader
    from mlzoo.data.masks.values import GRAY
    from mlzoo.data.quality.digests import row_digests
    from mlzoo.data.samples import Samples
    from mlzoo.sources._shapes import CLASSES, SIDE, shapes

    pictures, masks = shapes(count, noise, rng)
    whole, counted = count_masks(masks, "shapes")
    classes, _ = choose_classes(counted, [(i * GRAY, name) for i, name in enumerate(CLASSES)])
    targets, pixels = encode_masks(whole, counted, classes)
    return Samples(
        inputs=pictures,
        targets=targets,
        task="segmentation",
        kind="image",
        class_names=classes.names,
        target_names=("mask",),
        maximum=255,
        names=[f"picture {i + 1}" for i in range(count)],
        hashes=row_digests(pictures),
        target_hashes=row_digests(targets),
        pixels=pixels,
        reader=DenseReader(
            kind="image",
            size=None,
            channels=1,
            dtype="uint8",
            maximum=255,
            max_pixels=MAX_PIXELS,
            masks=classes,
        ),
        notes=(
            f"shapes: {count} pictures of {SIDE}x{SIDE} with one to four {', '.join(CLASSES[1:])}, "
            f"noise {noise:g} gray levels (--source-set samples=, --source-set noise=)",
        ),
    )


def _scenes(count: int, noise: float, rng: np.random.Generator) -> Samples:
    """Pictures, and which shapes lie in each."""
    from mlzoo.data.images.reader import ImageReader
    from mlzoo.data.quality.digests import row_digests
    from mlzoo.data.samples import Samples
    from mlzoo.sources._scenes import LABELS, SIDE, scenes

    pictures, labels = scenes(count, noise, rng)
    return Samples(
        inputs=pictures,
        targets=labels,
        task="multilabel",
        kind="image",
        class_names=LABELS,
        target_names=("shapes",),
        maximum=255,
        names=[f"scene {i + 1}" for i in range(count)],
        hashes=row_digests(pictures),
        reader=ImageReader(size=(SIDE, SIDE), channels=1, dtype="uint8", maximum=255),
        notes=(
            f"scenes: {count} pictures of {SIDE}x{SIDE} with any of {', '.join(LABELS)}, "
            f"noise {noise:g} gray levels (--source-set samples=, --source-set noise=)",
        ),
    )


def _touching_cells(count: int, noise: float, rng: np.random.Generator) -> Samples:
    """Pictures of cells, and masks that number them."""
    from mlzoo.data.images.reader import MAX_PIXELS
    from mlzoo.data.masks.arrays import dense_instances
    from mlzoo.data.masks.reader import DenseReader
    from mlzoo.data.quality.digests import row_digests
    from mlzoo.data.samples import Samples
    from mlzoo.sources._cells import SIDE, cells

    pictures, ids = cells(count, noise, rng)
    sample_fields = dense_instances(ids, "touching-cells")
    return Samples(
        inputs=pictures,
        kind="image",
        maximum=255,
        names=[f"picture {i + 1}" for i in range(count)],
        hashes=row_digests(pictures),
        reader=DenseReader(
            kind="image",
            size=None,
            channels=1,
            dtype="uint8",
            maximum=255,
            max_pixels=MAX_PIXELS,
            masks=sample_fields.pop("classes"),
        ),
        **{
            **sample_fields,
            "notes": (
                f"touching-cells: {count} pictures of {SIDE}x{SIDE} with "
                f"{int(ids.max(axis=(1, 2)).sum()):,} cells, noise {noise:g} gray levels "
                "(--source-set samples=, --source-set noise=)",
            ),
        },
    )


def _flow_fields(count: int, noise: float, rng: np.random.Generator) -> Samples:
    """Signed distances from ellipses, and the velocities of a stream around them."""
    from mlzoo.sources._flow import SIDE, flow_fields

    distances, fields = flow_fields(count, noise, rng)
    note = (
        f"flow-fields: {count} ellipses in a stream, {SIDE}x{SIDE} pixels of signed distance; "
        f"velocities within a body don't count; noise {noise:g} (--source-set samples=, "
        "--source-set noise=)"
    )
    return _fields(distances, fields, ("velocity_x", "velocity_y"), "body", note)


def _equation_fields(
    name: str, count: int, points: int | None, noise: float, rng: np.random.Generator
) -> Samples:
    """Random starts of a differential equation, and what becomes of them."""
    from mlzoo.sources import _parametric

    points = points or _parametric.POINTS
    if name == "burgers-fields":
        starts, ends = (each[..., None] for each in _parametric.burgers(count, points, rng))
        names: tuple[str, ...] = ("u",)
        what = (
            f"Burgers' equation, viscosity {_parametric.VISCOSITY:g}, at time "
            f"{_parametric.BURGERS_TIME:g}"
        )
    else:
        starts, ends = _parametric.heat(count, points, rng)
        names = tuple(f"temperature_at_{time:g}" for time in _parametric.HEAT_TIMES)
        what = "heat in a rod of random conductivity"
    ends = ends + rng.normal(0, noise, ends.shape)
    note = (
        f"{name}: {count} random starts of {what}, {points} points, noise {noise:g} (--source-set "
        "samples=, --source-set resolution=, --source-set noise=)"
    )
    return _fields(starts[:, None], ends[:, None], names, "start", note)


def _fields(
    inputs: np.ndarray, fields: np.ndarray, names: tuple[str, ...], sample: str, note: str
) -> Samples:
    """Inputs (n, height, width, channels) with named fields of that height and width."""
    import numpy as np

    from mlzoo.data.images.reader import MAX_PIXELS
    from mlzoo.data.masks.reader import DenseReader
    from mlzoo.data.quality.digests import row_digests
    from mlzoo.data.samples import Samples

    inputs, fields = inputs.astype(np.float32), fields.astype(np.float32)
    return Samples(
        inputs=inputs,
        targets=fields,
        task="fields",
        target_names=names,
        names=[f"{sample} {i + 1}" for i in range(len(inputs))],
        hashes=row_digests(inputs),
        target_hashes=row_digests(fields),
        reader=DenseReader(
            kind="array",
            line=inputs.shape[1] == 1,
            size=None,
            channels=inputs.shape[-1],
            dtype="float32",
            maximum=None,
            max_pixels=MAX_PIXELS,
        ),
        notes=(note,),
    )


def _accelerometer(count: int, noise: float, rng: np.random.Generator) -> Samples:
    """Rides of a car with its state at every step."""
    from mlzoo.data.samples import Samples
    from mlzoo.data.sequences.sequences import Sequences
    from mlzoo.data.sequences.signals import RATE, STATES, accelerometer

    signals, states = accelerometer(count, noise, rng)
    inputs, targets = Sequences.of(signals), Sequences.of(states)
    return Samples(
        inputs=inputs,
        targets=targets,
        task="labeling",
        kind="sequence",
        class_names=STATES,
        target_names=("state",),
        names=[f"ride {i + 1}" for i in range(count)],
        hashes=inputs.digests(),
        target_hashes=targets.digests(),
        reader=_sequence_reader(("along", "across", "upwards"), "state", steps=True),
        notes=(
            f"accelerometer: {count} rides of {inputs.lengths.min()} to {inputs.longest} steps, "
            f"{RATE:g} a second; m/s² in 3 directions, states {', '.join(STATES)}; noise {noise:g} "
            "m/s² (--source-set samples=, --source-set noise=)",
        ),
    )


def _moving_spots(count: int, noise: float, rng: np.random.Generator) -> Samples:
    """Films of a spot, and where it moves."""
    from mlzoo.data.quality.digests import row_digests
    from mlzoo.data.reader import ArrayReader
    from mlzoo.data.samples import Samples
    from mlzoo.data.sequences.signals import DIRECTIONS, moving_spots

    films, answers = moving_spots(count, noise, rng)
    return Samples(
        inputs=films,
        targets=answers,
        task="classification",
        class_names=DIRECTIONS,
        target_names=("direction",),
        names=[f"film {i + 1}" for i in range(count)],
        hashes=row_digests(films),
        reader=ArrayReader(shape=films.shape[1:], dtype="float32"),
        notes=(
            f"moving-spots: {count} films of {films.shape[1]} images of 16x16, noise {noise:g} "
            "(--source-set samples=, --source-set noise=)",
        ),
    )


def _dates(count: int, rng: np.random.Generator) -> Samples:
    """Days in words, and their ISO form."""
    from dataclasses import replace

    from mlzoo.data.text.pairs import pair_samples
    from mlzoo.sources._dates import dates

    words, iso = dates(count, rng)
    names = [f"date {i + 1}" for i in range(count)]
    samples = pair_samples(words, iso, ("words", "iso"), names)
    note = f"dates: {count} days of 1950 to 2049 in words, to be written as YYYY-MM-DD"
    return replace(samples, notes=(f"{note} (--source-set samples=)",))


def _series(
    config: Config, name: str, count: int, noise: float, rng: np.random.Generator
) -> Samples:
    """Windows of one long series."""
    from mlzoo.data.samples import Samples
    from mlzoo.data.sequences import signals
    from mlzoo.data.sequences.reader import SequenceTarget, SeriesReader
    from mlzoo.data.sequences.sequences import Series
    from mlzoo.data.sequences.series import cut_windows

    make = getattr(signals, name.replace("-", "_"))
    all_series = [Series("", make(count, noise, rng), None)]
    season, what = _SERIES[name]
    window = config.window or max(1, min(max(4 * config.horizon, season), count // 8))
    reader = SeriesReader(
        channels=("value",),
        dtype="float32",
        time=None,
        missing="error",
        target=SequenceTarget("value"),
        targets=("value",),
        group=None,
        calendar=(),
        window=window,
        horizon=config.horizon,
        stride=config.stride or 1,
        season=season,
        step=None,
    )
    note = (
        f"{name}: {count} steps, {what}, noise {noise:g}; windows of "
        f"{window} steps, then {config.horizon} (--window, --horizon, --stride, --source-set "
        "samples=, --source-set noise=)"
    )
    return Samples(**cut_windows(all_series, reader), notes=(note,))


def _delayed_xor(count: int, lag: int, rng: np.random.Generator) -> Samples:
    """Sequences of bits with the answer long after the bits that count."""
    from mlzoo.data.samples import Samples
    from mlzoo.data.sequences.sequences import Sequences
    from mlzoo.data.sequences.signals import delayed_xor

    bits, answers = delayed_xor(count, lag, rng)
    # Without digests: short sequences repeat by nature, and each is a sample of its own.
    return Samples(
        inputs=Sequences.of(list(bits)),
        targets=answers,
        task="classification",
        kind="sequence",
        class_names=("equal", "different"),
        target_names=("answer",),
        names=[f"sample {i + 1}" for i in range(count)],
        reader=_sequence_reader(("bit", "mark"), "answer", steps=False),
        notes=(
            f"delayed-xor: {count} sequences, whether the first two bits differ is asked {lag} "
            "steps after them (--source-set samples=, --source-set lag=)",
        ),
    )


def _sequence_reader(channels: tuple[str, ...], target: str, steps: bool) -> SequenceReader:
    """Return a reader of tables with these columns."""
    from mlzoo.data.sequences.reader import SequenceReader, SequenceTarget

    return SequenceReader(
        channels=channels,
        dtype="float32",
        time=None,
        missing="error",
        target=SequenceTarget(target, steps=steps),
    )
