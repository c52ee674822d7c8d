"""Generated sequences, series and texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.data.samples import Samples
    from mlzoo.data.sequences.reader import SequenceReader

SEASONS = {
    "sine-mix": (24, "sines of periods 24, 7.3 and 61"),
    "mackey-glass": (50, "Mackey and Glass's equation with a delay of 17"),
}
"""Season in steps, and what it is, of each series."""


def accelerometer_samples(count: int, noise: float, rng: np.random.Generator) -> Samples:
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


def moving_spots_samples(count: int, noise: float, rng: np.random.Generator) -> Samples:
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


def dates_samples(count: int, rng: np.random.Generator) -> Samples:
    """Days in words, and their ISO form."""
    from dataclasses import replace

    from mlzoo.data.text.pairs import pair_samples
    from mlzoo.sources._dates import dates

    words, iso = dates(count, rng)
    names = [f"date {i + 1}" for i in range(count)]
    samples = pair_samples(words, iso, ("words", "iso"), names)
    note = f"dates: {count} days of 1950 to 2049 in words, to be written as YYYY-MM-DD"
    return replace(samples, notes=(f"{note} (--source-set samples=)",))


def series(
    name: str,
    count: int,
    noise: float,
    rng: np.random.Generator,
    *,
    window: int | None,
    horizon: int,
    stride: int | None,
) -> Samples:
    """Windows of one long series.

    Args:
        name: of `SEASONS`.
        count: steps of the series.
        noise: standard deviation of what is added to it.
        rng: draws it.
        window: steps of the past; None: four horizons or one season.
        horizon: steps to forecast.
        stride: steps from one window to the next; None: 1.
    """
    from dataclasses import replace

    from mlzoo.data.sequences import signals
    from mlzoo.data.sequences.reader import SequenceTarget, SeriesReader
    from mlzoo.data.sequences.sequences import Series
    from mlzoo.data.sequences.series import cut_windows

    make = getattr(signals, name.replace("-", "_"))
    all_series = [Series("", make(count, noise, rng), None)]
    season, what = SEASONS[name]
    window = window or max(1, min(max(4 * horizon, season), count // 8))
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
        horizon=horizon,
        stride=stride or 1,
        season=season,
        step=None,
    )
    note = (
        f"{name}: {count} steps, {what}, noise {noise:g}; windows of "
        f"{window} steps, then {horizon} (--window, --horizon, --stride, --source-set "
        "samples=, --source-set noise=)"
    )
    return replace(cut_windows(all_series, reader), notes=(note,))


def delayed_xor_samples(count: int, lag: int, rng: np.random.Generator) -> Samples:
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
