"""Pictures of predictive distributions over one input: mean, band and drawn functions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from mlzoo.drawing.canvas import BLUE, GRAY, ORANGE, label, new_figure, save, tidy, write_csv


def error_band(
    folder: Path,
    training: tuple[np.ndarray, np.ndarray],
    x: np.ndarray,
    mean: np.ndarray,
    std: np.ndarray,
    functions: np.ndarray,
    names: tuple[str, str],
) -> Path:
    """Draw the mean of a prediction with its deviation, and functions drawn from the posterior.

    Args:
        folder: where `error_band.png` and `.csv` are written.
        training: inputs (m,) and targets (m,) of training samples.
        x: (n,) inputs, ascending.
        mean: (n,) predictions.
        std: (n,) their standard deviations, noise included.
        functions: (k, n) drawn functions; k may be 0.
        names: of the input and the target.
    """
    header = [names[0], "mean", "std", *(f"function {i}" for i in range(1, len(functions) + 1))]
    rows = np.column_stack([x, mean, std, *functions])
    write_csv(folder / "error_band.csv", header, rows.tolist())
    figure = new_figure(7, 4)
    axes = figure.subplots()
    band(axes, x, mean, std, functions)
    axes.scatter(*training, s=12, color=GRAY, alpha=0.6, linewidths=0, label="training samples")
    low, high = training[1].min(), training[1].max()
    room = 0.5 * max(float(high - low), 1e-12)
    axes.set_ylim(low - room, high + room)
    tidy(axes, "mean and standard deviation", label(names[0]), label(names[1]))
    axes.legend(fontsize=8, frameon=False)
    return save(figure, folder / "error_band.png")


def band(
    axes: Axes, x: np.ndarray, mean: np.ndarray, std: np.ndarray, functions: np.ndarray
) -> None:
    """Draw a mean with one and two standard deviations, and functions.

    Args:
        axes: the axes.
        x: (n,) inputs, ascending.
        mean: (n,).
        std: (n,).
        functions: (k, n).
    """
    for times, alpha in ((2, 0.15), (1, 0.25)):
        text = f"± {times} standard deviation{'s' if times > 1 else ''}"
        ends = mean - times * std, mean + times * std
        axes.fill_between(x, *ends, color=BLUE, alpha=alpha, linewidth=0, label=text)
    for i, values in enumerate(functions):
        name = None if i else "drawn from the posterior"
        axes.plot(x, values, color=ORANGE, linewidth=0.9, alpha=0.8, label=name)
    axes.plot(x, mean, color=BLUE, linewidth=1.8, label="mean")
