"""Plot of a learning-rate range test."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mlzoo.drawing.canvas import BLUE, GRAY, RED, new_figure, save, tidy, write_csv


def draw_rates(
    folder: Path,
    rates: np.ndarray,
    losses: np.ndarray,
    smooth: np.ndarray,
    suggestion: float | None,
) -> Path:
    """Draw the loss over the learning rate.

    Args:
        folder: where `rate.png` and `rate.csv` are written.
        rates: (n,) increasing learning rates.
        losses: (n,) loss of each step.
        smooth: (n,) smoothed losses.
        suggestion: a learning rate to mark, or None.
    """
    rows = zip(rates.tolist(), losses.tolist(), smooth.tolist(), strict=True)
    write_csv(folder / "rate.csv", ["learning_rate", "loss", "smoothed"], rows)
    figure = new_figure(6, 3.6)
    axes = figure.subplots()
    axes.plot(rates, losses, color=GRAY, linewidth=0.8, alpha=0.6, label="each step")
    axes.plot(rates, smooth, color=BLUE, linewidth=1.8, label="smoothed")
    axes.set_xscale("log")
    top = float(smooth[0] + 0.5 * (smooth[0] - smooth.min()))
    axes.set_ylim(float(smooth.min()) - 0.1 * (top - float(smooth.min())), top)
    if suggestion is not None:
        axes.axvline(suggestion, color=RED, linestyle="--", linewidth=1.2)
        axes.annotate(
            f"{suggestion:.2g}",
            (suggestion, top),
            (4, -12),
            textcoords="offset points",
            color=RED,
            fontsize=9,
        )
    tidy(axes, "loss over the learning rate", "learning rate", "loss")
    axes.legend(fontsize=8, frameon=False, loc="lower left")
    return save(figure, folder / "rate.png")
