"""Pictures of forecasts: with band and truth, errors by step ahead, and residuals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from mlzoo.data.samples import Samples
from mlzoo.drawing.canvas import (
    BLUE,
    GRAY,
    GREEN,
    ORANGE,
    RED,
    label,
    new_figure,
    save,
    tidy,
    write_csv,
)
from mlzoo.statistics.forecasts import LEVEL
from mlzoo.tasks.forecasting import ForecastOutcome

MOST_TARGETS, MOST_STEPS = 3, 400
_COLORS = {"persistence": ORANGE, "seasonal": GREEN, "linear": GRAY, "mean": ORANGE}


@dataclass(frozen=True)
class ForecastCase:
    """A forecast: `past` (steps, k) or without columns, `y_true` and `y_pred` (horizon, k).

    `ends` (2, horizon, k) are those of its prediction interval; None without.
    """

    title: str
    name: str
    past: np.ndarray
    y_true: np.ndarray
    y_pred: np.ndarray
    ends: np.ndarray | None = None


def forecast_cases(
    folder: Path, cases: Sequence[ForecastCase], target_names: Sequence[str]
) -> Path:
    """Draw forecasts of some windows: one row per window, one column per target.

    Args:
        folder: where `forecasts.png` and `forecasts.csv` (all drawn values) are written.
        cases: one per window.
        target_names: k names.
    """
    shown = min(len(target_names), MOST_TARGETS)
    figure = new_figure(max(5.2 * shown, 7.5), 2.6 * len(cases))
    grid = figure.subplots(len(cases), shown, squeeze=False)
    rows: list[list[Any]] = []
    for case, line in zip(cases, grid, strict=True):
        ahead = np.arange(1, len(case.y_true) + 1)
        for i, axes in enumerate(line):
            past = case.past[:, i] if case.past.shape[1] else np.zeros(0)
            before = np.arange(1 - len(past), 1)
            axes.plot(before, past, color=GRAY, linewidth=1.2, label="known")
            axes.plot(ahead, case.y_true[:, i], color="black", linewidth=1.4, label="truth")
            axes.plot(ahead, case.y_pred[:, i], color=BLUE, linewidth=1.6, label="forecast")
            drawn = [case.y_true[:, i], case.y_pred[:, i]]
            if case.ends is not None:
                low, high = case.ends[..., i]
                drawn += [low, high]
                axes.fill_between(
                    ahead, low, high, color=BLUE, alpha=0.18, linewidth=0, label=f"{LEVEL:.0%} band"
                )
            if len(ahead) == 1:
                for values, color in zip(drawn, ("black", BLUE, GRAY, GRAY), strict=False):
                    axes.plot(ahead, values, color=color, marker="o", markersize=3.5)
            below = (
                "steps" if case is cases[-1] else ""
            )  # An axis' label is close to a title below.
            tidy(axes, f"{case.title}: {label(case.name)}", below, label(target_names[i]))
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            what = [case.title, case.name, target_names[i]]
            nothing = [None] * (len(drawn) - 1)
            rows += [
                [*what, int(step), value, *nothing]
                for step, value in zip(before, past.tolist(), strict=True)
            ]
            rows += [
                [*what, int(step), *values]
                for step, *values in zip(ahead, *(each.tolist() for each in drawn), strict=True)
            ]
    grid[0][0].legend(fontsize=8, frameon=False, ncols=4, loc="best")
    ends = ["low", "high"] if cases[0].ends is not None else []
    header = ["case", "window", "target", "step", "truth", "forecast", *ends]
    write_csv(folder / "forecasts.csv", header, rows)
    return save(figure, folder / "forecasts.png")


def over_time(folder: Path, outcome: ForecastOutcome, samples: Samples) -> Path:
    """Draw the forecasts one step ahead, and the furthest ones, over the time of the test split.

    The last 400 windows are drawn; of several series, the longest one.

    Args:
        folder: where `over_time.png` and `.csv` are written.
        outcome: forecasts of the test split.
        samples: the data they belong to.
    """
    shown = min(len(samples.target_names), MOST_TARGETS)
    assert samples.windows is not None
    horizon = outcome.targets.shape[1]
    windows = samples.windows.only(outcome.indices)
    series = np.zeros(len(windows.spans), int) if windows.series is None else windows.series
    names, counts = np.unique(series, return_counts=True)
    order = np.flatnonzero(series == names[counts.argmax()])
    at = windows.spans[:, 1] - horizon
    order = order[np.argsort(at[order])][-MOST_STEPS:]
    begin = int(at[order[0]])
    at = at[order] - begin + 1

    def time(step: float, _: Any = None) -> str:
        position = begin + round(step) - 1
        return str(windows.labels[position]) if 0 <= position < len(windows.labels) else ""

    figure = new_figure(9.5, 2.8 * shown)
    grid = figure.subplots(shown, 1, squeeze=False)
    for i, axes in enumerate(grid[:, 0]):
        axes.plot(at, outcome.targets[order, 0, i], color="black", linewidth=1.2, label="truth")
        axes.plot(at, outcome.outputs[order, 0, i], color=BLUE, linewidth=1, label="1 step ahead")
        if horizon > 1:
            last = outcome.outputs[order, -1, i]
            axes.plot(
                at + horizon - 1, last, color=RED, linewidth=0.9, label=f"{horizon} steps ahead"
            )
        if outcome.ends is not None:
            low, high = outcome.ends[:, order, 0, i]
            axes.fill_between(at, low, high, color=BLUE, alpha=0.15, linewidth=0)
        first, end = (label(samples.name_of(int(outcome.indices[j])), 30) for j in order[[0, -1]])
        tidy(axes, f"{first} … {end}", "", label(samples.target_names[i]))
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.xaxis.set_major_formatter(time)
        axes.legend(fontsize=8, frameon=False, ncols=3)
    rows: list[list[Any]] = []
    for step, j in zip(at.tolist(), order.tolist(), strict=True):
        name = samples.name_of(int(outcome.indices[j]))
        for i in range(shown):
            y_pred = float(outcome.outputs[j, 0, i])
            values = [float(outcome.targets[j, 0, i]), y_pred]
            if outcome.ends is not None:
                values += outcome.ends[:, j, 0, i].tolist()
            if horizon > 1:
                values.append(float(outcome.outputs[j, -1, i]))
            rows.append([name, step, samples.target_names[i], *values])
    header = ["window", "step", "target", "truth", "forecast"]
    header += ["low", "high"] if outcome.ends is not None else []
    header += [f"forecast of step {horizon} ahead"] if horizon > 1 else []
    write_csv(folder / "over_time.csv", header, rows)
    return save(figure, folder / "over_time.png")


def horizon_errors(folder: Path, per_horizon: Sequence[Mapping[str, Any]]) -> Path:
    """Draw the mean absolute error by steps ahead, with the baselines'.

    Writes `horizon.png` and `.csv`.
    """
    header = list(per_horizon[0])
    write_csv(folder / "horizon.csv", header, [[row[n] for n in header] for row in per_horizon])
    figure = new_figure(6, 3.4)
    axes = figure.subplots()
    steps = [row["step"] for row in per_horizon]
    for column in [name for name in header if name.startswith("mae")]:
        name = column.removeprefix("mae_")
        ours = column == "mae"
        axes.plot(
            steps,
            [row[column] for row in per_horizon],
            color=BLUE if ours else _COLORS.get(name, GRAY),
            marker="o" if len(steps) <= 30 else "",
            markersize=3.5,
            linewidth=1.8 if ours else 1.1,
            label="model" if ours else name,
        )
    tidy(axes, "error by step ahead", "steps ahead", "mean absolute error")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(fontsize=8, frameon=False)
    return save(figure, folder / "horizon.png")


def residual_correlation(folder: Path, correlation: Mapping[str, Any]) -> Path:
    """Draw the autocorrelation of the residuals one step ahead: `residual_correlation.png`.

    White noise stays within the dashed lines at 95 % of the lags.
    """
    lags = correlation["lags"]
    steps = [correlation["stride"] * (k + 1) for k in range(len(lags))]
    rows = [[step, value, correlation["bound"]] for step, value in zip(steps, lags, strict=True)]
    write_csv(folder / "residual_correlation.csv", ["lag", "correlation", "bound"], rows)
    figure = new_figure(6, 3)
    axes = figure.subplots()
    axes.bar(steps, lags, color=BLUE, width=0.6 * correlation["stride"])
    for sign in (1, -1):
        axes.axhline(sign * correlation["bound"], color=GRAY, linestyle="--", linewidth=1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    tidy(axes, "autocorrelation of the residuals one step ahead", "lag in steps", "correlation")
    return save(figure, folder / "residual_correlation.png")
