"""Long series as windows of the past and the values that follow them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.data.columns import numbers
from mlzoo.data.labels import class_name
from mlzoo.data.samples import Samples
from mlzoo.data.sequences import Sequences
from mlzoo.data.steps import Steps, fill, find_time, open_steps, read_steps
from mlzoo.data.tables import Table
from mlzoo.data.times import TimeAxis, calendar, check_calendar
from mlzoo.data.windows import Windows
from mlzoo.errors import DataError
from mlzoo.registry import unknown

SEASONS = {
    "D": (7, 365),
    "B": (5,),
    "W": (52,),
    "7D": (52,),
    "M": (12,),
    "Q": (4,),
    "h": (24, 168),
    "30min": (48, 336),
    "15min": (96, 672),
    "10min": (144, 1008),
    "min": (60, 1440),
}
"""What series with a usual step may repeat themselves after, in steps."""
_SHORTEST, _LONGEST_SEASON = 16, 60
_FEW = 5


@dataclass(frozen=True)
class Series:
    """One series: `values` (steps, channels) float32, targets first, then all other channels."""

    name: str
    values: np.ndarray
    times: TimeAxis | None

    def label(self, step: int) -> str:
        """The time of a step as text."""
        return f"step {step + 1}" if self.times is None else self.times.text(step)


def load_series(config: Any) -> Samples:
    """The windows of a table; `config` is that of the source `series`.

    Raises:
        DataError: columns or times that can't be used, or series too short for a window.
    """
    path = Path(config.data).expanduser()
    table = open_steps(path)
    time = None if config.time == "none" else find_time(table, config.time)
    targets, channels, notes = _columns(config, table, time)
    reader = {
        "kind": "sequence",
        "channels": channels,
        "targets": targets,
        "time": time,
        "group": config.group_by,
        "missing": config.missing,
        "calendar": list(config.calendar),
        "dtype": "float32",
        "horizon": config.horizon,
        "stride": config.stride or 1,
    }
    found, warnings = read_series(table, path.name, reader)
    season, why = choose_season(found, len(targets), config.season)
    window = config.window or default_window(found, config.horizon, season)
    reader |= {"window": window, "season": season, "step": _step(found)}
    samples = cut_windows(found, reader)
    warnings += without_windows(found, reader)
    steps = sum(len(series.values) for series in found)
    several = f"{len(found)} series" if config.group_by else "one series"
    notes = [
        f"series: {several} of {steps} steps, {found[0].label(0)} to "
        f"{found[0].label(len(found[0].values) - 1)}" + (f", by {time!r}" if time else ""),
        *notes,
        f"windows: {window} steps of {', '.join(channels)}, then {config.horizon} of "
        f"{', '.join(targets)} (--window, --horizon, --stride)",
        f"season: {why} (--source-set season=)",
    ]
    return Samples(**samples, notes=tuple(notes), warnings=tuple(warnings))


def read_series(table: Table, what: str, reader: dict[str, Any]) -> tuple[list[Series], list[str]]:
    """The series of a table, by the group column where there is one, and warnings."""
    groups = {"": table} if reader["group"] is None else _grouped(table, reader["group"], what)
    found: list[Series] = []
    warnings: list[str] = []
    angles_ = _angle_names(reader["calendar"])
    own = [name for name in reader["channels"] if name not in angles_]
    for name, rows in groups.items():
        called = f"{what}, series {name}" if name else what
        try:
            steps: Steps = read_steps(rows, called, reader["time"], own)
            filled = fill(steps.values, reader["missing"], steps.channels)
        except DataError as error:
            raise DataError(f"{called}: {str(error).removeprefix(f'{called}: ')}") from None
        if reader["calendar"]:
            check_calendar(steps.times, called)
            assert steps.times is not None
            angles = calendar(steps.times.stamps, tuple(reader["calendar"]))
            filled = np.concatenate([filled, angles.astype(np.float32)], axis=1)
        found.append(Series(name, filled, steps.times))
        across = "; no window reaches across a break"
        if steps.times is not None:
            has = len(steps.times.breaks) > 0
            warnings += [w + across * (has and "break" in w) for w in steps.times.warnings]
    return found, warnings


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


def without_windows(found: Sequence[Series], reader: dict[str, Any]) -> list[str]:
    """A warning where some of several series are too short for a window."""
    needed = reader["window"] + reader["horizon"]
    short = [
        f"{series.name} ({len(series.values)})" for series in found if longest_run(series) < needed
    ]
    if not short or len(found) == 1:
        return []
    more = f" and {len(short) - _FEW} more" if len(short) > _FEW else ""
    return [
        f"{len(short)} of {len(found)} series have no window, which takes {needed} steps in a row: "
        f"{', '.join(short[:_FEW])}{more} (--window, --horizon)"
    ]


def longest_run(series: Series) -> int:
    """Steps of the longest stretch without a break in time."""
    breaks = () if series.times is None else series.times.breaks
    return int(np.diff([0, *breaks, len(series.values)]).max())


def cut_windows(found: Sequence[Series], reader: dict[str, Any]) -> dict[str, Any]:
    """The fields of `Samples` that windows of some series fill.

    Raises:
        DataError: no series is as long as a window and the horizon.
    """
    window, horizon, k = reader["window"], reader["horizon"], len(reader["targets"])
    stamps, labels = _shared_axis(found)
    starts, spans, history, names = [], [], [], []
    offset = 0
    for series, axis in zip(found, stamps, strict=True):
        steps = len(series.values)
        first = np.arange(0, steps - window - horizon + 1, reader["stride"])
        first = first[~_broken(series.times, first, window + horizon)]
        starts.append(first + offset)
        history.append(first + window)
        spans.append(np.stack([axis[first], axis[first + window + horizon - 1] + 1], axis=1))
        prefix = f"{series.name} " if series.name else ""
        names += [f"{prefix}from {series.label(i + window)}" for i in first.tolist()]
        offset += steps
    start = np.concatenate(starts)
    if not len(start):
        longest = max(longest_run(series) for series in found)
        raise DataError(
            f"no window fits: the longest stretch without a break in time has {longest} steps, but "
            f"a window of {window} and a horizon of {horizon} take {window + horizon} in a row; "
            "use a shorter --window or --horizon, or more data"
        )
    values = np.concatenate([series.values for series in found])
    lengths = np.ones(len(start), dtype=int)
    inputs = Sequences(values, start, window * lengths)
    return {
        "inputs": inputs,
        "hashes": inputs.digests(),
        "targets": Sequences(
            np.ascontiguousarray(values[:, :k]), start + window, horizon * lengths
        ),
        "task": "forecasting",
        "kind": "sequence",
        "target_names": tuple(reader["targets"]),
        "names": names,
        "windows": Windows(
            np.concatenate(spans), np.concatenate(history), reader["season"], labels
        ),
        "reader": reader,
    }


def choose_season(found: Sequence[Series], targets: int, asked: int | None) -> tuple[int, str]:
    """The season in steps, and why: that whose naive forecast is best on the first 60 %."""
    if asked is not None:
        return asked, f"{asked} steps" if asked > 1 else "none"
    step = _step(found)
    known = SEASONS.get(step) or SEASONS.get(str(step).partition("-")[0].rstrip("SE"), ())
    errors = {}
    for season in (1, *known):
        gaps = []
        for series in found:
            head = series.values[: int(0.6 * len(series.values)), :targets]
            if len(head) >= 2 * season + 2:
                gaps.append(np.abs(head[season:] - head[:-season]).mean(axis=0))
        if len(gaps) == len(found):
            errors[season] = float(np.mean(gaps))
    if not known or len(errors) < 2:
        return 1, "none that the step suggests"
    # One step back is no season: it wins wherever values change slowly.
    best = min((season for season in errors if season > 1), key=lambda s: errors[s])
    return best, f"{best} steps, as the step of {step} and the values suggest"


def default_window(found: Sequence[Series], horizon: int, season: int) -> int:
    """Four horizons or a season (of up to 60 steps), at most an eighth of the longest series."""
    wanted = max(4 * horizon, season if season <= _LONGEST_SEASON else 0, _SHORTEST)
    longest = max(len(series.values) for series in found)
    return max(1, min(wanted, longest // 8))


def _columns(config: Any, table: Table, time: str | None) -> tuple[list[str], list[str], list[str]]:
    """Targets, all channels (targets first), and notes."""
    names = [name for name in table.columns if name not in (time, config.group_by)]
    asked = [("--drop", name) for name in config.drop]
    if config.group_by is not None:
        asked.append(("--group-by", config.group_by))
    targets = [] if config.target is None else [t.strip() for t in config.target.split(",")]
    asked += [("--target", name) for name in targets]
    wrong = [
        f"{flag}: {unknown('column', name, table.columns)}"
        for flag, name in asked
        if name not in table.columns
    ]
    if wrong:
        raise DataError("\n".join(wrong) + f"\nthere are {', '.join(table.columns)}")
    for name in targets:
        taken = {time: "the time", config.group_by: "what tells the series apart"}
        taken |= dict.fromkeys(config.drop, "left out by --drop")
        if name in taken:
            raise DataError(f"--target: {name!r} is {taken[name]}; name a column of numbers")
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


def _step(found: Sequence[Series]) -> Any:
    return None if found[0].times is None else found[0].times.step


def _shared_axis(found: Sequence[Series]) -> tuple[list[np.ndarray], np.ndarray]:
    """The position of each step of each series on a time axis that all share, and its labels."""
    if any(series.times is None for series in found):
        longest = max(found, key=lambda series: len(series.values))
        labels = np.array([longest.label(i) for i in range(len(longest.values))], dtype=object)
        return [np.arange(len(series.values)) for series in found], labels
    stamps = [series.times.stamps for series in found if series.times is not None]
    union, where = np.unique(np.concatenate(stamps), return_inverse=True)
    first = found[0].times
    assert first is not None
    labels = np.array([first.written(stamp) for stamp in union], dtype=object)
    cuts = np.cumsum([len(own) for own in stamps])[:-1]
    return np.split(where, cuts), labels


def _broken(times: TimeAxis | None, starts: np.ndarray, length: int) -> np.ndarray:
    """Whether the steps of windows do not all follow on one another."""
    if times is None or not len(times.breaks):
        return np.zeros(len(starts), dtype=bool)
    before = np.searchsorted(times.breaks, starts, side="right")
    return before != np.searchsorted(times.breaks, starts + length - 1, side="right")
