"""Pictures of forecasts: beside the truth with their band, by step ahead, and what they leave."""

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
from mlzoo.statistics.forecasts import LEVEL, Band
from mlzoo.tasks.forecasting import ForecastOutcome

MOST_TARGETS, MOST_STEPS = 3, 400
_COLORS = {"persistence": ORANGE, "seasonal": GREEN, "linear": GRAY, "mean": ORANGE}


@dataclass(frozen=True)
class Case:
    """One forecast: `past` (steps, targets) or without columns, `truth` and `said` (horizon, k)."""

    title: str
    name: str
    past: np.ndarray
    truth: np.ndarray
    said: np.ndarray


def forecast_cases(
    folder: Path, cases: Sequence[Case], target_names: Sequence[str], band: Band | None
) -> Path:
    """Draw forecasts of some windows against the truth: a row a window, a column a target.

    Writes `forecasts.png`, and `forecasts.csv` with all values drawn.
    """
    shown = min(len(target_names), MOST_TARGETS)
    figure = new_figure(max(5.2 * shown, 7.5), 2.6 * len(cases))
    grid = figure.subplots(len(cases), shown, squeeze=False)
    rows: list[list[Any]] = []
    for case, line in zip(cases, grid, strict=True):
        ahead = np.arange(1, len(case.truth) + 1)
        for i, axes in enumerate(line):
            past = case.past[:, i] if case.past.shape[1] else np.zeros(0)
            before = np.arange(1 - len(past), 1)
            axes.plot(before, past, color=GRAY, linewidth=1.2, label="known")
            axes.plot(ahead, case.truth[:, i], color="black", linewidth=1.4, label="truth")
            axes.plot(ahead, case.said[:, i], color=BLUE, linewidth=1.6, label="forecast")
            drawn = [case.truth[:, i], case.said[:, i]]
            if band is not None:
                low, high = case.said[:, i] + band.low[:, i], case.said[:, i] + band.high[:, i]
                drawn += [low, high]
                axes.fill_between(
                    ahead, low, high, color=BLUE, alpha=0.18, linewidth=0, label=f"{LEVEL:.0%} band"
                )
            if len(ahead) == 1:
                for values, color in zip(drawn, ("black", BLUE, GRAY, GRAY), strict=False):
                    axes.plot(ahead, values, color=color, marker="o", markersize=3.5)
            tidy(axes, f"{case.title}: {label(case.name)}", "steps", label(target_names[i]))
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
    ends = ["low", "high"] if band is not None else []
    header = ["case", "window", "target", "step", "truth", "forecast", *ends]
    write_csv(folder / "forecasts.csv", header, rows)
    return save(figure, folder / "forecasts.png")


def over_time(folder: Path, outcome: ForecastOutcome, samples: Samples) -> Path:
    """Draw the forecasts one step ahead, and the furthest ones, over the test part's time.

    Up to 400 windows from the last on, of several series those of the first one that has most;
    writes `over_time.png` and `.csv`.
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
        place = begin + round(step) - 1
        return str(windows.labels[place]) if 0 <= place < len(windows.labels) else ""

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
        if outcome.band is not None:
            low = outcome.outputs[order, 0, i] + outcome.band.low[0, i]
            high = outcome.outputs[order, 0, i] + outcome.band.high[0, i]
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
            said = float(outcome.outputs[j, 0, i])
            values = [float(outcome.targets[j, 0, i]), said]
            if outcome.band is not None:
                values += [said + float(e[0, i]) for e in (outcome.band.low, outcome.band.high)]
            if horizon > 1:
                values.append(float(outcome.outputs[j, -1, i]))
            rows.append([name, step, samples.target_names[i], *values])
    header = ["window", "step", "target", "truth", "forecast"]
    header += ["low", "high"] if outcome.band is not None else []
    header += [f"forecast of step {horizon} ahead"] if horizon > 1 else []
    write_csv(folder / "over_time.csv", header, rows)
    return save(figure, folder / "over_time.png")


def horizon_errors(folder: Path, per_horizon: Sequence[Mapping[str, Any]]) -> Path:
    """Draw the mean absolute error by steps ahead, beside the baselines'.

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


def residual_correlation(folder: Path, found: Mapping[str, Any]) -> Path:
    """Draw the autocorrelation of the residuals one step ahead: `residual_correlation.png`.

    Dashed lines are those that white noise stays within at 95 % of the lags.
    """
    lags = found["lags"]
    steps = [found["stride"] * (k + 1) for k in range(len(lags))]
    rows = [[step, value, found["bound"]] for step, value in zip(steps, lags, strict=True)]
    write_csv(folder / "residual_correlation.csv", ["lag", "correlation", "bound"], rows)
    figure = new_figure(6, 3)
    axes = figure.subplots()
    axes.bar(steps, lags, color=BLUE, width=0.6 * found["stride"])
    for sign in (1, -1):
        axes.axhline(sign * found["bound"], color=GRAY, linestyle="--", linewidth=1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    tidy(axes, "autocorrelation of the residuals one step ahead", "lag in steps", "correlation")
    return save(figure, folder / "residual_correlation.png")
