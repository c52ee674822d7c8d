"""Pictures of fields of one dimension: the inputs, and true and predicted values, as curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from mlzoo.drawing.canvas import BLUE, COLORS, GRAY, ORANGE, label, new_figure, save, tidy
from mlzoo.reporting.figures.pixels.masks import MOST_CASES, MOST_FIELDS, FieldCase, fields_csv


def field_lines(folder: Path, cases: Sequence[FieldCase], field_names: Sequence[str]) -> Path:
    """Draw one row per case: its input's channels, and each field's true and predicted values.

    Args:
        folder: where `fields.png` and `fields.csv` (errors of each case's every field) go.
        cases: 1 to 6 of a single row each; up to three fields are drawn.
        field_names: names of the fields, with units where they have them.
    """
    cases = list(cases)[:MOST_CASES]
    fields_csv(folder / "fields.csv", cases, field_names)
    drawn = min(len(field_names), MOST_FIELDS)
    figure = new_figure(3.3 * (1 + drawn), 2.4 * len(cases) + 0.3)
    grid = figure.subplots(len(cases), 1 + drawn, squeeze=False)
    for row, case in zip(grid, cases, strict=True):
        _input(row[0], case)
        for i, axes in enumerate(row[1:]):
            _field(axes, case.truth[0, :, i], case.predicted[0, :, i], field_names[i])
    for axes in grid[-1]:
        axes.set_xlabel("point", fontsize=9)
    handles, labels = grid[0][1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    return save(figure, folder / "fields.png")


def _input(axes: Axes, case: FieldCase) -> None:
    """Draw the channels, each on its own scale where there are two."""
    tidy(axes, f"{case.title}: {label(case.name, 18)}, RMSE {case.score:.3g}", y="input")
    channels = case.image[0].T[: len(COLORS)]
    if len(channels) == 2:
        beside = axes.twinx()
        axes.set_ylabel("channel 1", fontsize=9, color=GRAY)
        beside.set_ylabel("channel 2", fontsize=9, color=ORANGE)
        beside.plot(channels[1], color=ORANGE, linewidth=1.2)
        beside.tick_params(labelsize=8)
        beside.spines["top"].set_visible(False)
        channels = channels[:1]
    for values, color in zip(channels, (GRAY, *COLORS[1:]), strict=False):
        axes.plot(values, color=color, linewidth=1.2)


def _field(axes: Axes, truth: np.ndarray, predicted: np.ndarray, name: str) -> None:
    tidy(axes, label(name, 40))
    axes.plot(truth, color=GRAY, linewidth=2.4, alpha=0.6, label="true")
    axes.plot(predicted, color=BLUE, linewidth=1.1, label="predicted")
