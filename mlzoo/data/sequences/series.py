"""Long series as windows of the past and the values that follow them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.core.files import expand
from mlzoo.core.messages import few
from mlzoo.core.registry import unknown
from mlzoo.data.samples import Samples
from mlzoo.data.sequences.axes.seasons import (
    choose_season,
    common_step,
    default_window,
    different_steps,
)
from mlzoo.data.sequences.axes.times import TimeAxis, calendar, check_calendar
from mlzoo.data.sequences.reader import SeriesColumns, SeriesReader
from mlzoo.data.sequences.sequences import Sequences, Series, shared_axis
from mlzoo.data.sequences.static_codes import check_static, find_codes, with_codes
from mlzoo.data.sequences.steps import (
    Steps,
    fill_stretches,
    find_time,
    open_steps,
    read_steps,
    refuse_missing,
    split_future,
    with_time,
)
from mlzoo.data.sequences.windows import Windows
from mlzoo.data.tables.columns import numbers
from mlzoo.data.tables.labels import class_name
from mlzoo.data.tables.tables import Table

_FEW = 5
_FEWEST_STEPS = 4
"""Steps of what deserves to be called a series."""


def load_series(config: Any) -> Samples:
    """The windows of a table; `config` is that of the source `series`.

    Raises:
        DataError: columns or times that can't be used, or series too short for a window.
    """
    path = expand(config.data)
    named = [*config.drop, *([config.group_by] if config.group_by else [])]
    table = open_steps(path, config.delimiter, config.header, [*named, *_asked_targets(config)])
    left = {name: values for name, values in table.columns.items() if name not in config.drop}
    time = None
    if config.time != "none":
        time = find_time(replace(table, columns=left), config.time)
    table = with_time(table, time)
    coded = find_codes(table, config.static, config.group_by)
    plain, table = table, with_codes(table, coded, config.group_by)[0]
    static = [name for name in config.static if name not in coded]
    static += [f"{name}={value}" for name, values in coded.items() for value in values]
    targets, channels, notes = _columns(config, table, time, static)
    check_static(plain, config.static, config.group_by)
    notes = [*table.notes, *_time_note(time, table), *notes]
    given = [name for name in config.known_ahead if name != "none"]
    columns = SeriesColumns(
        channels=tuple(channels),
        targets=tuple(targets),
        time=time,
        group=config.group_by,
        missing=config.missing,
        calendar=tuple(config.calendar),
        ahead=tuple(given),
        static=tuple(static),
        coded=coded,
        horizon=config.horizon,
        dtype="float32",
        delimiter=config.delimiter,
        header=config.header,
    )
    all_series, warnings = read_series(table, path.name, columns)
    season, why = choose_season(all_series, len(targets), config.season)
    window = config.window or default_window(all_series, config.horizon, season)
    _check_groups(all_series, config.group_by, window + config.horizon)
    if given and window < config.horizon:
        raise DataError(
            f"--source-set known_ahead= needs a window as long as the {config.horizon} steps to "
            f"forecast, and it has {window}; use a longer --window or a shorter --horizon"
        )
    whole = "none" not in config.known_ahead and window >= config.horizon
    angles = _angle_names(config.calendar) if whole and _regular(all_series) else []
    ahead = [*given, *angles]
    reader = SeriesReader(
        **{**columns.model_dump(exclude_unset=True), "ahead": ahead},
        window=window,
        stride=config.stride or 1,
        season=season,
        step=common_step(all_series),
    )
    samples = cut_windows(known_ahead(all_series, reader), reader)
    warnings += [*without_windows(all_series, reader), *different_steps(all_series)]
    steps = sum(len(series.values) for series in all_series)
    several = f"{len(all_series)} series" if config.group_by else "one series"
    assert samples.windows is not None
    axis = samples.windows.labels
    notes = [
        f"series: {several} of {steps} steps, {axis[0]} to {axis[-1]}"
        + (f", by {time!r}" if time else ""),
        *notes,
        f"windows: {window} steps of {', '.join(channels)}, then {config.horizon} of "
        f"{', '.join(targets)} (--window, --horizon, --stride)",
        *(
            [f"known ahead: {', '.join(ahead)}; a window has them of the steps to forecast"]
            if ahead
            else []
        ),
        f"season: {why} (--source-set season=)",
        *filled_note(all_series, reader),
    ]
    return replace(samples, notes=tuple(notes), warnings=tuple(warnings))


def _regular(all_series: Sequence[Series]) -> bool:
    """Return whether the times that follow every series are known."""
    return all(each.times is not None and each.times.step is not None for each in all_series)


def known_ahead(all_series: Sequence[Series], reader: SeriesReader) -> list[Series]:
    """Return series in which what is known ahead stands `horizon` steps earlier."""
    return [series.shifted(reader.ahead_places, reader.horizon) for series in all_series]


def _time_note(time: str | None, table: Table) -> list[str]:
    """Which columns are one time, where there are several."""
    if time is None or "," not in time:
        return []
    return [
        f"time: {time} are one time and no channels (--source-set time=); where a step stands in "
        "the day, week or year becomes an input with --source-set calendar="
    ]


def _asked_targets(config: Any) -> list[str]:
    return [] if config.target is None else [name.strip() for name in config.target.split(",")]


def read_series(
    table: Table,
    what: str,
    reader: SeriesColumns,
    trained: bool = False,
    last: int | None = None,
) -> tuple[list[Series], list[str]]:
    """The series of a table, by the group column where there is one, and warnings.

    Args:
        table: as `open_steps` gives it.
        what: how messages call the file.
        reader: how the columns are read.
        trained: whether they are read for a model that is trained already.
        last: how many steps from the end on matter; all by default.
    """
    table = with_time(table, reader.time)
    warnings: list[str] = []
    if not {*reader.static} <= {*table.columns}:
        table, warnings = with_codes(table, reader.coded, reader.group)
    groups = {"": table} if reader.group is None else _grouped(table, reader.group, what)
    all_series: list[Series] = []
    angles_ = _angle_names(reader.calendar)
    table_channels = [name for name in reader.channels if name not in angles_]
    for name, rows in groups.items():
        called = f"{what}, series {name}" if name else what
        try:
            steps: Steps = read_steps(rows, called, reader.time, table_channels)
            columns_ahead = [name for name in table_channels if name in reader.ahead]
            steps, future = split_future(steps, columns_ahead, reader.static, called)
            end = steps.values if last is None else steps.values[-last:]
            refuse_missing(end, reader.missing, steps.channels, trained)
        except DataError as error:
            raise DataError(f"{called}: {str(error).removeprefix(f'{called}: ')}") from None
        missing = np.isnan(steps.values)
        breaks = np.arange(0) if steps.times is None else steps.times.breaks
        filled = fill_stretches(steps.values, reader.missing, breaks)
        following = np.full((reader.horizon, filled.shape[1]), np.nan, np.float32)
        following[: len(future)] = future[: reader.horizon]
        if reader.calendar:
            check_calendar(steps.times, called)
            assert steps.times is not None
            angles, after = _angles(steps.times, reader)
            filled = np.concatenate([filled, angles], axis=1)
            following = np.concatenate([following, after], axis=1)
            missing = np.concatenate([missing, np.zeros(angles.shape, bool)], axis=1)
        unknown = missing if missing.any() else None
        all_series.append(Series(name, filled, steps.times, unknown, following))
        across = "; no window reaches across a break"
        if steps.times is not None:
            has = len(steps.times.breaks) > 0
            warnings += [w + across * (has and "break" in w) for w in steps.times.warnings]
    return all_series, warnings


def _angles(times: TimeAxis, reader: SeriesColumns) -> tuple[np.ndarray, np.ndarray]:
    """Return the calendar of the steps, and of those that follow, NaN where these are unknown."""
    following = times.following(reader.horizon)
    angles = calendar(times.stamps, reader.calendar).astype(np.float32)
    if following is None:
        return angles, np.full((reader.horizon, angles.shape[1]), np.nan, np.float32)
    return angles, calendar(following, reader.calendar).astype(np.float32)


def _grouped(table: Table, column: str, what: str) -> dict[str, Table]:
    """The rows of each series, in the order of their first rows."""
    if column not in table.columns:
        raise DataError(
            f"{what} has no column {column!r}, which tells the series apart (--group-by); it has "
            f"{', '.join(table.columns)}"
        )
    raw = table.columns[column]
    missing = np.array([value is None or value != value for value in raw])
    if missing.any():
        raise DataError(
            f"{what}: {column!r}, which tells the series apart, is missing in "
            f"{table.where(int(missing.argmax()))} ({int(missing.sum())} such rows); add it, or "
            "leave those rows out"
        )
    values = np.array([class_name(value) for value in raw])
    return {name: table.only(values == name) for name in dict.fromkeys(values.tolist())}


def _check_groups(all_series: Sequence[Series], column: str | None, needed: int) -> None:
    """Raise DataError where a column tells too much apart: most series hold no window."""
    lengths = [len(series.values) for series in all_series]
    short = sum(length < max(needed, _FEWEST_STEPS) for length in lengths)
    if column is None or len(all_series) < 3 or short <= len(all_series) / 2:
        return
    raise DataError(
        f"--group-by {column!r}: it makes {len(all_series)} series, of which {short} are too short "
        f"for the {needed} steps of a window and what follows (half of them have at most "
        f"{int(np.median(lengths))} steps); name a column that tells whole series apart, or use a "
        "shorter --window or --horizon"
    )


def without_windows(all_series: Sequence[Series], reader: SeriesReader) -> list[str]:
    """A warning where some of several series are too short for a window."""
    needed = reader.window + reader.horizon
    short = [
        f"{series.name} ({len(series.values)})"
        for series in all_series
        if longest_run(series) < needed
    ]
    if not short or len(all_series) == 1:
        return []
    return [
        f"{len(short)} of {len(all_series)} series have no window, which takes {needed} steps in a "
        f"row: {few(short, _FEW)} (--window, --horizon)"
    ]


def filled_note(all_series: Sequence[Series], reader: SeriesReader) -> list[str]:
    """Return a note on the missing values that were filled, by channel, and what it means."""
    missing = [series.missing for series in all_series if series.missing is not None]
    if not missing:
        return []
    counts = np.sum([mask.sum(axis=0) for mask in missing], axis=0)
    channels = ", ".join(
        f"{name} {count}" for name, count in zip(reader.channels, counts, strict=True) if count
    )
    how = {
        "linear": "by a line between their neighbors; no window ends in a gap",
        "previous": "by the last value before them",
    }[reader.missing]
    total = sum(series.values.size for series in all_series)
    return [
        f"missing values: {counts.sum()} of {total} filled ({channels}), {how}; filled values are "
        "inputs alone, as targets they neither train nor count (--source-set missing=)"
    ]


def longest_run(series: Series) -> int:
    """Steps of the longest stretch without a break in time."""
    return int(np.diff([0, *series.breaks, len(series.values)]).max())


def cut_windows(all_series: Sequence[Series], reader: SeriesReader) -> Samples:
    """Return windows of some series as samples.

    Raises:
        DataError: no series is as long as a window and the horizon.
    """
    window, horizon, k = reader.window, reader.horizon, len(reader.targets)
    stamps, labels = shared_axis(all_series)
    starts, spans, history, targets, names = [], [], [], [], []
    filled = np.zeros(len(labels), dtype=int)
    offset = 0
    for series, axis in zip(all_series, stamps, strict=True):
        steps = len(series.values)
        first = np.arange(0, steps - window - horizon + 1, reader.stride)
        last = first + window + horizon - 1
        whole = _stretch_starts(series.breaks, first) == _stretch_starts(series.breaks, last)
        first = first[whole]
        if series.missing is not None:
            first = first[_usable(series, first, reader)]
            np.add.at(filled, axis, series.missing.sum(axis=1))
        starts.append(first + offset)
        history.append(first + window - _stretch_starts(series.breaks, first))
        spans.append(np.stack([axis[first], axis[first + window + horizon - 1] + 1], axis=1))
        targets.append(axis[first + window])
        prefix = f"{series.name} " if series.name else ""
        names += [f"{prefix}from {series.label(i + window)}" for i in first.tolist()]
        offset += steps
    start = np.concatenate(starts)
    if not len(start):
        longest = max(longest_run(series) for series in all_series)
        raise DataError(
            f"no window fits: the longest stretch without a break in time has {longest} steps, but "
            f"a window of {window} and a horizon of {horizon} take {window + horizon} in a row; "
            "use a shorter --window or --horizon, or more data"
            + (", or other --source-set missing=" if filled.any() else "")
        )
    values = np.concatenate([series.values for series in all_series])
    lengths = np.ones(len(start), dtype=int)
    inputs = Sequences(values, start, window * lengths)
    return Samples(
        inputs=inputs,
        hashes=inputs.digests(),
        targets=Sequences(
            np.concatenate([series.truth(k) for series in all_series]),
            start + window,
            horizon * lengths,
        ),
        task="forecasting",
        kind="sequence",
        target_names=reader.targets,
        names=names,
        windows=Windows(
            np.concatenate(spans),
            np.concatenate(history),
            reader.season,
            labels,
            np.repeat(np.arange(len(all_series)), [len(each) for each in starts]),
            filled if filled.any() else None,
            np.concatenate(targets),
        ),
        reader=reader.model_copy(update={"reach_back": True}),
    )


def _usable(series: Series, starts: np.ndarray, reader: SeriesReader) -> np.ndarray:
    """Return whether windows have all inputs, a target, and no interpolated end."""
    window, horizon, k = reader.window, reader.horizon, len(reader.targets)
    assert series.missing is not None
    unknown = np.asarray(np.isnan(series.values).any(axis=1))
    true = np.asarray(~series.missing[:, :k].all(axis=1))
    gap = np.asarray(series.missing.any(axis=1))
    usable = ~_some(unknown, starts, window) & _some(true, starts + window, horizon)
    if reader.missing == "linear":
        usable &= ~gap[starts + window - 1]
    return usable


def _some(flags: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    """Return whether any of `length` flags from each start on is set."""
    counts = np.r_[0, np.cumsum(flags)]
    return counts[starts + length] > counts[starts]


def _columns(
    config: Any, table: Table, time: str | None, static: Sequence[str]
) -> tuple[list[str], list[str], list[str]]:
    """Targets, all channels (targets first), and notes."""
    names = [name for name in table.columns if name not in (time, config.group_by)]
    named_columns = [("--drop", name) for name in config.drop]
    if config.group_by is not None:
        named_columns.append(("--group-by", config.group_by))
    targets = _asked_targets(config)
    named_columns += [("--target", name) for name in targets]
    ahead = [name for name in config.known_ahead if name != "none"]
    named_columns += [("--source-set known_ahead=", name) for name in ahead]
    wrong = [
        f"{flag}: {unknown('column', name, table.columns)}"
        for flag, name in named_columns
        if name not in table.columns
    ]
    if wrong:
        raise DataError("\n".join(wrong) + f"\nthere are {', '.join(table.columns)}")
    for name in targets:
        taken = {time: "the time", config.group_by: "what tells the series apart"}
        taken |= dict.fromkeys(config.drop, "left out by --drop")
        if name in taken:
            raise DataError(f"--target: {name!r} is {taken[name]}; name a column of numbers")
    for setting, name in [*(("known_ahead", n) for n in ahead), *(("static", n) for n in static)]:
        taken = {time: "the time", config.group_by: "what tells the series apart"}
        taken |= dict.fromkeys(config.drop, "left out by --drop")
        taken |= dict.fromkeys(targets, "to be forecast")
        if name in taken:
            raise DataError(f"--source-set {setting}=: {name!r} is {taken[name]}; name another")
    notes = []
    names = [name for name in names if name not in config.drop]
    if not names:
        beside = f" beside the time {time!r}" if time else ""
        raise DataError(
            f"{config.data}: no column to forecast is left{beside}; it has "
            f"{', '.join(table.columns)} (--drop, --group-by)"
        )
    targets = list(dict.fromkeys(targets))
    if not targets:
        numeric = [name for name in names if _is_numeric(table, name)]
        numeric = [name for name in numeric if name not in (*ahead, *static)]
        targets = [(numeric or names)[-1]]
        notes = [f"target: {targets[0]!r}, the last column of numbers (--target)"]
    others = [name for name in names if name not in targets]
    angles = _angle_names(config.calendar)
    clash = [name for name in angles if name in names]
    if clash:
        raise DataError(
            f"{config.data} has a column {clash[0]!r} already, which --source-set calendar= adds; "
            f"leave one of them out, with --drop {clash[0]!r} or without calendar="
        )
    return targets, [*targets, *others, *angles], notes


def _is_numeric(table: Table, name: str) -> bool:
    try:
        return numbers(table, name) is not None
    except DataError:
        return True  # numbers with a fault, which reading reports


def _angle_names(features: Sequence[str]) -> list[str]:
    return [f"{name}_{part}" for name in features for part in ("sin", "cos")]


def _stretch_starts(breaks: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Where the stretch without a break that each step lies in begins."""
    return np.r_[0, breaks].astype(int)[np.searchsorted(breaks, steps, side="right")]
