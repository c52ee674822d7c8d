"""Plots of a finished run on axes of matplotlib: `run.plot.confusion()`."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlzoo.core.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mlzoo.runs.opened import OpenedRun

_ROOM = 8
"""Characters of a class name that fit below its column."""


class RunPlots:
    """Plots of one run.

    Each returns the axes that it drew on: those given, or of a new figure (`.figure`).

    Args:
        run: a finished run.
    """

    def __init__(self, run: OpenedRun) -> None:
        self._run = run

    def confusion(self, ax: Axes | None = None) -> Axes:
        """Draw the confusion matrix of the test split; color is the share of the true class.

        Raises:
            UsageError: the run predicts no class of each sample.
        """
        import numpy as np

        from mlzoo.reporting.figures.plots import draw_shares

        counts = self._run.metrics["test"]["metrics"].get("confusion")
        if counts is None:
            raise self._lacks("confusion matrix")
        counts = np.asarray(counts)
        side = max(3.5, min(12.0, 0.7 * len(counts) + 1))
        axes = _axes(ax, side, side)
        titles = "true", "predicted", "share of the true class"
        names = self._run.record["class_names"]
        turned = max(map(len, names)) > _ROOM
        draw_shares(axes, counts, counts.sum(axis=1), names, titles, turned)
        axes.set_title(f"{counts.sum():,} samples", fontsize=9)
        return axes

    def curves(self, metric: str = "loss", ax: Axes | None = None) -> Axes:
        """Draw a metric of the training and validation splits over the epochs.

        Args:
            metric: a column of `history.csv`, without `val_`.
            ax: axes to draw on.

        Raises:
            UsageError: the run has no such curve.
        """
        from mlzoo.reporting.figures.plots import draw_curve

        history = self._run.history
        known = {str(name).removeprefix("val_") for name in history} - {"epoch"}
        if metric not in known:
            names = ", ".join(sorted(known)) or "none"
            raise UsageError(f"{self._run.path} has no curve of {metric!r}; it has {names}")
        rows: Any = history.to_dict("records")
        axes = _axes(ax, 4.8, 3.4)
        draw_curve(axes, rows, metric, self._run.metrics["kept"].get("epoch"))
        return axes

    def residuals(self, target: str | None = None, ax: Axes | None = None) -> Axes:
        """Draw predicted against true numbers of the test split.

        Args:
            target: name of the number; by default the first.
            ax: axes to draw on.

        Raises:
            UsageError: the run predicts no numbers, or none of that name.
        """
        import numpy as np

        from mlzoo.reporting.figures.plots import draw_against_truth

        path = self._run.path / "plots" / "residuals.csv"
        if not path.is_file():
            raise self._lacks("residuals")
        columns = _columns(path)
        names = self._run.record["target_names"]
        name = names[0] if target is None else target
        if name not in names:
            raise UsageError(f"{self._run.path} predicts no {name!r}, but {', '.join(names)}")
        y_true, y_pred = (np.array(columns[f"{name} {what}"]) for what in ("true", "predicted"))
        axes = _axes(ax, 4.8, 4.4)
        draw_against_truth(axes, y_true, y_pred, name)
        return axes

    def _lacks(self, what: str) -> UsageError:
        task = self._run.record["task"]
        return UsageError(f"{self._run.path} has no {what}: it is a run of {task}")


def _axes(given: Axes | None, width: float, height: float) -> Axes:
    from mlzoo.drawing.canvas import new_figure

    return new_figure(width, height).subplots() if given is None else given


def _columns(path: Path) -> dict[str, list[float]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}
