"""Series that a trained model is to continue, or to be scored on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.data.samples import Samples
from mlzoo.data.sequences.axes.times import same_step, step_text
from mlzoo.data.sequences.reader import SeriesReader
from mlzoo.data.sequences.series import (
    Series,
    cut_windows,
    filled_note,
    known_ahead,
    read_series,
    without_windows,
)
from mlzoo.data.sequences.steps import open_steps
from mlzoo.data.tables.tables import Table


@dataclass(frozen=True)
class LastWindows:
    """The last window of each of n series, and the times that follow.

    Attributes:
        names: of the series; one "" where there are no groups.
        windows: (n, window, channels) float32.
        times: of the steps to forecast, a list of `horizon` texts a series.
        notes: what was assumed, a sentence each.
        warnings: what is odd about the series.
    """

    names: list[str]
    windows: np.ndarray
    times: list[list[str]]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def last_windows(location: Path, reader: SeriesReader) -> LastWindows:
    """The last window of every series in a table.

    Raises:
        DataError: columns that are missing, times that can't be read, or too few steps.
    """
    window, horizon = reader.window, reader.horizon
    table = _open(location, reader)
    all_series, warnings = read_series(table, location.name, reader, trained=True, last=window)
    all_series = known_ahead(all_series, reader)
    notes = []
    for series in all_series:
        called = f"series {series.name}" if series.name else location.name
        if len(series.values) < window:
            raise DataError(
                f"{called} has {len(series.values)} steps, but the model forecasts from the last "
                f"{window}; give more of its past"
            )
        first = len(series.values) - window
        _check_ahead(series, called, reader)
        notes += _gaps(series, first, called, reader)
        notes.append(
            f"{called}: forecast from the last {window} steps, {series.label(first)} to "
            f"{series.label(len(series.values) - 1)}"
        )
        warnings += _odd(series, first, called, reader)
    return LastWindows(
        [series.name for series in all_series],
        np.stack([series.values[-window:] for series in all_series]),
        [_following(series, horizon) for series in all_series],
        (*notes, _assumed(all_series, horizon)),
        tuple(warnings),
    )


def read_windows(location: Path, reader: SeriesReader) -> Samples:
    """All windows of a table's series, with the values that follow them."""
    all_series, warnings = read_series(_open(location, reader), location.name, reader, trained=True)
    samples = cut_windows(known_ahead(all_series, reader), reader)
    warnings += without_windows(all_series, reader)
    return replace(samples, notes=tuple(filled_note(all_series, reader)), warnings=tuple(warnings))


def _open(location: Path, reader: SeriesReader) -> Table:
    """A file's columns, read as those of the training data."""
    names = [name for name in (*reader.targets, reader.time, reader.group, *reader.coded) if name]
    return open_steps(location, reader.delimiter, reader.header, names)


def _check_ahead(series: Series, called: str, reader: SeriesReader) -> None:
    """Raise DataError unless what the model knows ahead is given for all steps to forecast."""
    unknown = np.isnan(series.values[-reader.horizon :])
    for place in reader.ahead_places:
        if not unknown[:, place].any():
            continue
        name, given = reader.channels[place], reader.horizon - int(unknown[:, place].sum())
        raise DataError(
            f"{called}: the model knows {name!r} of the {reader.horizon} steps to forecast, and "
            f"{given} are given; add a row for each of these steps, with what is known ahead and "
            "without the other values"
            if name in _columns_of(reader)
            else f"{called}: the model knows {name!r} of the steps to forecast, but the times have "
            "no usual step; give times at one step"
        )


def _columns_of(reader: SeriesReader) -> tuple[str, ...]:
    """Return the channels that are columns, not of the calendar."""
    return reader.channels[: len(reader.channels) - 2 * len(reader.calendar)]


def _gaps(series: Series, first: int, called: str, reader: SeriesReader) -> list[str]:
    """A note on the values from a step on that were missing.

    Raises:
        DataError: one that no earlier value fills.
    """
    unknown = np.argwhere(np.isnan(series.values[first:]))
    if len(unknown):
        step, channel = unknown[0]
        raise DataError(
            f"{called}: {reader.channels[channel]!r} is missing at {series.label(first + step)},"
            " and so is what came before it since the series began or broke off; give it"
        )
    filled = 0 if series.missing is None else int(series.missing[first:].sum())
    if not filled:
        return []
    return [f"{called}: {filled} missing in the last window, filled (missing={reader.missing})"]


def _assumed(all_series: Sequence[Series], horizon: int) -> str:
    """Return the assumed times of the steps to forecast."""
    steps = dict.fromkeys(None if s.times is None else s.times.step for s in all_series)
    usual = " or ".join(step_text(step) for step in steps if step is not None)
    if not usual:
        return "no usual step of time is known, so steps are counted"
    unknown = "; where there is none, steps are counted" if None in steps else ""
    return f"the {horizon} steps that follow are taken to come at the usual step, {usual}{unknown}"


def _following(series: Series, horizon: int) -> list[str]:
    if series.times is None:
        return [f"+{step}" for step in range(1, horizon + 1)]
    return series.times.after(horizon)


def _odd(series: Series, first: int, called: str, reader: SeriesReader) -> list[str]:
    if series.times is None:
        return []
    warnings = []
    if (series.times.breaks > first).any():
        warnings.append(f"{called}: the last window reaches across a break in time")
    if reader.step is not None and not same_step(reader.step, series.times.step):
        warnings.append(
            f"{called}: the step is {step_text(series.times.step)}, but the model was trained on "
            f"steps of {step_text(reader.step)}"
        )
    return warnings
