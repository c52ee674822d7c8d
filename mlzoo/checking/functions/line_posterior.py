"""The posterior of a line's two weights as samples come in, drawn as Bishop does.

Samples of y = w0 + w1 x with normal noise, and a normal prior on both weights: Bishop, "Pattern
Recognition and Machine Learning" (2006), figure 3.7.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from mlzoo.drawing.canvas import BLUE, GRAY, ORANGE, RED, new_figure, save, tidy, write_csv
from mlzoo.reporting.figures.bands import band
from mlzoo.statistics.regression.bayesian import Posterior, posterior
from mlzoo.statistics.regression.least_squares import reduce

NAME = "line-posterior"
"""Name on the command line."""
WEIGHTS = (-0.25, 0.6)
"""True intercept and slope."""
NOISE_VARIANCE, PRIOR_VARIANCE = 0.04, 0.5
COUNTS = (0, 1, 3, 20)
"""Samples after which the posterior is drawn."""
_LINES = 5
_GRID = np.linspace(-1, 1, 201)


@dataclass(frozen=True)
class Step:
    """Posterior after some samples.

    Attributes:
        x: (n,) inputs of the samples so far.
        y: (n,) their targets.
        weights: posterior of the intercept and the slope.
        lines: (5, g) lines drawn from it, over a grid from -1 to 1.
        mean: (g,) prediction over the grid.
        std: (g,) its standard deviation, noise included.
    """

    x: np.ndarray
    y: np.ndarray
    weights: Posterior
    lines: np.ndarray
    mean: np.ndarray
    std: np.ndarray


def steps(seed: int = 0) -> list[Step]:
    """Return the posterior after each of `COUNTS` samples, x uniform in [-1, 1]."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, max(COUNTS))
    y = WEIGHTS[0] + WEIGHTS[1] * x + rng.normal(0, NOISE_VARIANCE**0.5, len(x))
    grid = np.column_stack([np.ones_like(_GRID), _GRID])
    posteriors = []
    for count in COUNTS:
        design = np.column_stack([np.ones(count), x[:count]])
        system = reduce([(design, y[:count, None])], intercept=False)
        weights = posterior(system, 0, 1 / NOISE_VARIANCE, 1 / PRIOR_VARIANCE)
        lines = weights.draw(grid, _LINES, rng)
        posteriors.append(Step(x[:count], y[:count], weights, lines, *weights.predict(grid)))
    return posteriors


def write(folder: Path, posteriors: list[Step]) -> Path:
    """Draw the steps, a row each: posterior of the weights, drawn lines, mean with deviation.

    Args:
        folder: where `posterior.png` and `posterior.csv` are written.
        posteriors: the steps.
    """
    header = ["samples", "w0", "w1", "std_w0", "std_w1", "correlation"]
    write_csv(folder / "posterior.csv", header, [list(row(step).values()) for step in posteriors])
    figure = new_figure(10, 2.9 * len(posteriors))
    grid = figure.subplots(len(posteriors), 3, squeeze=False)
    for step, axes in zip(posteriors, grid, strict=True):
        _weights(axes[0], step)
        axes[1].plot(_GRID, step.lines.T, color=ORANGE, linewidth=1)
        band(axes[2], _GRID, step.mean, step.std, np.zeros((0, len(_GRID))))
        for each, title in ((axes[1], "lines drawn from it"), (axes[2], "mean and deviation")):
            each.plot(
                _GRID, WEIGHTS[0] + WEIGHTS[1] * _GRID, color=RED, linestyle="--", linewidth=1
            )
            each.scatter(step.x, step.y, s=14, color=GRAY, zorder=3)
            each.set_ylim(-2, 2)
            tidy(each, title, "x", "y")
    return save(figure, folder / "posterior.png")


def row(step: Step) -> dict[str, float]:
    """Return mean and spread of the weights after some samples."""
    covariance = step.weights.covariance
    std = np.sqrt(np.diag(covariance))
    return {
        "samples": len(step.x),
        "w0": float(step.weights.mean[0]),
        "w1": float(step.weights.mean[1]),
        "std_w0": float(std[0]),
        "std_w1": float(std[1]),
        "correlation": float(covariance[0, 1] / (std[0] * std[1])),
    }


def _weights(axes: Axes, step: Step) -> None:
    """Draw the density of both weights, and the true ones."""
    w0, w1 = np.meshgrid(_GRID, _GRID)
    away = np.stack([w0, w1], axis=-1) - step.weights.mean
    squares = np.einsum("abi,ij,abj->ab", away, np.linalg.inv(step.weights.covariance), away)
    axes.pcolormesh(w0, w1, np.exp(-squares / 2), cmap="Blues", shading="gouraud")
    axes.plot(*WEIGHTS, marker="+", color=RED, markersize=9, markeredgewidth=2)
    axes.plot(*step.weights.mean, marker="o", color=BLUE, markersize=4)
    axes.set_aspect("equal")
    tidy(
        axes,
        f"posterior, {len(step.x)} sample{'' if len(step.x) == 1 else 's'}",
        "intercept",
        "slope",
    )
