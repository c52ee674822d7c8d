"""Pictures of where and how a network misses a solution: residual, slices at times, frequencies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from mlzoo.data.problems.problem import Problem
from mlzoo.drawing.canvas import BLUE, GRAY, RED, label, new_figure, save, tidy, write_csv

Values = Callable[[np.ndarray], np.ndarray]
"""From points (n, inputs) to the unknowns (n, unknowns)."""
_TIMES = 4
_NODES = 256
_LINES = 16
_LEAST = 1e-12


def residual_map(
    folder: Path, problem: Problem, points: np.ndarray, sizes: np.ndarray
) -> Path | None:
    """Draw how large the residual of the equations is over the domain, on a logarithmic scale.

    Args:
        folder: where `residual.png` and `.csv` are written.
        problem: what was solved.
        points: (n, inputs); of more than two nothing is drawn.
        sizes: (n,) root of the summed squared residuals.
    """
    header = [*problem.inputs, "residual"]
    write_csv(folder / "residual.csv", header, np.column_stack([points, sizes]).tolist())
    if points.shape[1] > 2:
        return None
    figure = new_figure(5.4, 3.6)
    axes = figure.subplots()
    logs = np.log10(np.maximum(sizes, _LEAST))
    if points.shape[1] == 1:
        order = np.argsort(points[:, 0])
        axes.plot(points[order, 0], logs[order], color=RED, linewidth=1.2)
        tidy(axes, "residual of the equations", problem.inputs[0], "log10 of the residual")
        return save(figure, folder / "residual.png")
    across = 1 if problem.time == 1 else 0
    shown = axes.scatter(points[:, across], points[:, 1 - across], c=logs, s=9, cmap="magma")
    figure.colorbar(shown, ax=axes, label="log10 of the residual")
    names = problem.inputs
    tidy(axes, "residual of the equations", names[across], names[1 - across])
    axes.grid(False)
    return save(figure, folder / "residual.png")


def slices(folder: Path, problem: Problem, predict: Values) -> Path | None:
    """Draw the first unknown over the place at several times, beside the exact solution.

    Nothing is drawn of problems that are not of one place and a time.

    Args:
        folder: where `slices.png` and `.csv` are written.
        problem: what was solved.
        predict: the network.
    """
    if len(problem.inputs) != 2 or problem.time is None or problem.holes:
        return None
    time, place = problem.time, 1 - problem.time
    x = np.linspace(*problem.box[place], _NODES)
    times = np.linspace(*problem.box[time], _TIMES)
    figure = new_figure(3.0 * _TIMES, 2.8)
    rows: list[list[float]] = []
    name = problem.unknowns[0]
    for axes, t in zip(figure.subplots(1, _TIMES, sharey=True), times, strict=True):
        points = np.empty((_NODES, 2))
        points[:, place], points[:, time] = x, t
        exact = problem.solution(points)[:, 0] if problem.exact else np.full(_NODES, np.nan)
        y_pred = predict(points)[:, 0]
        if problem.exact:
            axes.plot(x, exact, color=GRAY, linewidth=3, alpha=0.5, label="exact")
        axes.plot(x, y_pred, color=BLUE, linewidth=1.2, linestyle="--", label="predicted")
        at = f"{problem.coordinates[time]} = {t:.3g}"
        tidy(axes, at, problem.inputs[place], label(name) if t == times[0] else "")
        rows += np.column_stack([np.full(_NODES, t), x, exact, y_pred]).tolist()
    figure.axes[0].legend(fontsize=8, frameon=False)
    header = [problem.inputs[time], problem.inputs[place], "exact", "predicted"]
    write_csv(folder / "slices.csv", header, rows)
    return save(figure, folder / "slices.png")


def error_spectrum(folder: Path, problem: Problem, predict: Values) -> Path | None:
    """Draw amplitudes by frequency of the first unknown's error and of the exact solution.

    Frequencies are along the first coordinate that is no time, means over lines along it, in
    periods per interval. A network learns low ones first (spectral bias). Nothing is drawn where
    the exact solution is not known, or of domains with holes.

    Args:
        folder: where `error_spectrum.png` and `.csv` are written.
        problem: what was solved.
        predict: the network.
    """
    if not problem.exact or problem.holes:
        return None
    places = [place for place in range(len(problem.coordinates)) if place != problem.time]
    along = places[0] if places else 0
    low, high = np.array(problem.box).T
    lines = np.random.default_rng(0).uniform(low, high, (_LINES, len(low)))
    points = np.repeat(lines, _NODES, axis=0)
    points[:, along] = np.tile(np.linspace(low[along], high[along], _NODES), _LINES)
    exact, y_pred = problem.solution(points)[:, 0], predict(points)[:, 0]
    window = np.hanning(_NODES)
    amplitudes = [
        np.abs(np.fft.rfft(each.reshape(_LINES, _NODES) * window)).mean(axis=0) / _NODES
        for each in (exact, y_pred - exact)
    ]
    frequencies = np.arange(len(amplitudes[0]))
    figure = new_figure(5.4, 3.4)
    axes = figure.subplots()
    for values, color, text in zip(amplitudes, (GRAY, RED), ("exact", "error"), strict=True):
        axes.semilogy(frequencies, np.maximum(values, _LEAST), color=color, label=text)
    axes.set_xlim(0, _NODES // 4)
    axes.legend(fontsize=8, frameon=False)
    name = problem.coordinates[along]
    tidy(axes, "error by frequency", f"periods over the interval of {name}", "mean amplitude")
    header = ["frequency", "exact", "error"]
    write_csv(folder / "error_spectrum.csv", header, np.column_stack([frequencies, *amplitudes]))
    return save(figure, folder / "error_spectrum.png")
