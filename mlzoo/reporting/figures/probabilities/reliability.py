"""Reliability diagram: how often predictions are right, by how confident they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.drawing.canvas import BLUE, GRAY, new_figure, save, tidy, write_csv

_COLUMNS = ("count", "confidence", "accuracy", "low", "high")


def reliability_diagram(
    folder: Path, rows: Sequence[Mapping[str, Any]], error: float | None
) -> Path:
    """Draw accuracy against confidence, with the line of a perfectly calibrated model.

    Args:
        folder: where `reliability.png` and `.csv` are written.
        rows: those of `mlzoo.statistics.calibration.bins.reliability`.
        error: the expected calibration error, for the title; None where it is undefined.
    """
    write_csv(folder / "reliability.csv", _COLUMNS, [[row[n] for n in _COLUMNS] for row in rows])
    count, confidence, accuracy, low, high = (np.array([r[n] for r in rows]) for n in _COLUMNS)
    figure = new_figure(4.6, 4.4)
    axes = figure.subplots()
    axes.plot((0, 1), (0, 1), color=GRAY, linestyle="--", linewidth=1, label="calibrated")
    ends = np.maximum([accuracy - low, high - accuracy], 0)
    axes.errorbar(
        confidence,
        accuracy,
        yerr=ends,
        color=BLUE,
        marker="o",
        markersize=5,
        linewidth=1.2,
        elinewidth=1,
        capsize=2,
        label="model, 95 % interval",
    )
    start = max(0.0, min(confidence.min(), low.min()) - 0.05)
    axes.set_xlim(start, 1.02)
    axes.set_ylim(start, 1.02)
    shown = "" if error is None else f"expected calibration error {error:.3f}\n"
    bins = f"{len(rows)} bins of about {round(count.mean()):,}" if len(rows) > 1 else "one bin"
    tidy(axes, f"{shown}{count.sum():,} predictions, {bins}", "confidence", "accuracy")
    axes.legend(fontsize=8, frameon=False, loc="upper left")
    return save(figure, folder / "reliability.png")
