"""Pictures of episodes: returns beside those of baselines, and values of the cells of a grid."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mlzoo.drawing.canvas import BLUE, GRAY, new_figure, save, tidy, write_csv


def returns(folder: Path, model: np.ndarray, baselines: Mapping[str, np.ndarray]) -> Path:
    """Draw the returns (n,) of test episodes, sorted, beside those of baselines.

    Args:
        folder: where `returns.png` and `.csv` are written.
        model: (n,) those of the model.
        baselines: (n,) those of each baseline, of the same episodes.
    """
    rows = {"model": model, **baselines}
    write_csv(folder / "returns.csv", list(rows), np.stack(list(rows.values()), axis=1).tolist())
    figure = new_figure(5.6, 3.8)
    axes = figure.subplots()
    styles = ("--", ":", "-.")
    for number, (name, values) in enumerate(rows.items()):
        axes.plot(
            np.sort(values),
            (np.arange(len(values)) + 1) / len(values),
            color=GRAY if number else BLUE,
            linestyle=styles[(number - 1) % len(styles)] if number else "-",
            label=f"{name}, mean {values.mean():.3g}",
        )
    axes.legend(fontsize=8, frameon=False)
    tidy(axes, "Returns of test episodes", "return", "share of episodes up to it")
    return save(figure, folder / "returns.png")
