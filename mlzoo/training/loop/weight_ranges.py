"""Ranges of each layer's weights over the epochs, for `mlzoo train --weight-ranges`.

They show what an initializer begins with, and which layers a training moves: weights that stay as
they were drawn, that grow without end, or that fall to zero.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from keras import Model, ops
from matplotlib.figure import Figure

from mlzoo.core.files import read_rows, write_text
from mlzoo.drawing.canvas import BLUE, label, new_figure, save, tidy

FILE = "weights.csv"
_COLUMNS = ("epoch", "weights", "least", "low", "median", "high", "largest", "deviation")
_QUANTILES = (0.0, 0.05, 0.5, 0.95, 1.0)
_MOST = 12
"""Panels of the picture."""


def record(folder: Path, epoch: int, models: Iterable[Model]) -> None:
    """Write the ranges of the present weights, in place of those of this epoch and later ones.

    Args:
        folder: of the checkpoints of a training.
        epoch: that is done; 0: none, so that the weights are initial ones.
        models: the networks.
    """
    lines = []
    if (folder / FILE).exists():
        header, rows = read_rows(folder / FILE)
        lines = [row for row in rows if int(row[0]) < epoch]
    for model in models:
        for variable in model.trainable_variables:
            values = np.asarray(ops.convert_to_numpy(variable.value), "float64")
            numbers = [*np.quantile(values, _QUANTILES), values.std()]
            lines.append([str(epoch), variable.path, *(f"{number:.6g}" for number in numbers)])
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / FILE, "\n".join(",".join(line) for line in [_COLUMNS, *lines]) + "\n")


def finish(checkpoints: Path, folder: Path) -> bool:
    """Copy the table of a training to its run folder, and draw `plots/weights.png`.

    Args:
        checkpoints: folder of its checkpoints.
        folder: of the run.

    Returns:
        Whether there is a table.
    """
    if not (checkpoints / FILE).exists():
        return False
    shutil.copyfile(checkpoints / FILE, folder / FILE)
    _, rows = read_rows(folder / FILE)
    kernels: dict[str, list[list[float]]] = {}
    for row in rows:
        if "kernel" in row[1] or "embedding" in row[1]:
            kernels.setdefault(row[1], []).append([float(row[0]), *map(float, row[2:7])])
    if kernels:
        save(_figure(kernels), folder / "plots" / "weights.png")
    return True


def _figure(kernels: dict[str, list[list[float]]]) -> Figure:
    """Draw least, 5 %, median, 95 % and largest weight of each layer over the epochs."""
    names = list(kernels)
    chosen = np.unique(np.linspace(0, len(names) - 1, min(len(names), _MOST)).round().astype(int))
    across = min(4, len(chosen))
    down = -(-len(chosen) // across)
    figure = new_figure(max(2.6 * across, 4), 2.1 * down + 0.4)
    panels = np.ravel(figure.subplots(down, across, squeeze=False))
    for axes in panels[len(chosen) :]:
        axes.set_axis_off()
    for axes, position in zip(panels, chosen, strict=False):
        epochs, least, low, median, high, largest = np.array(kernels[names[position]]).T
        axes.fill_between(epochs, least, largest, color=BLUE, alpha=0.15, linewidth=0)
        axes.fill_between(epochs, low, high, color=BLUE, alpha=0.35, linewidth=0)
        axes.plot(epochs, median, color=BLUE, linewidth=1.5)
        axes.axhline(0, color="black", linewidth=0.5)
        tidy(axes, label(names[position].removesuffix("/kernel"), 30), "epoch")
    figure.suptitle("weights: median, 5 to 95 %, least to largest", fontsize=10)
    return figure
