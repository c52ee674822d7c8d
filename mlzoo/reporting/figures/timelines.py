"""Pictures of labeled sequences: the signal over its true and its predicted states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from mlzoo.drawing.canvas import COLORS, label, new_figure, save, tidy, write_csv
from mlzoo.drawing.palette import palette
from mlzoo.statistics.steps import segments

MOST_CHANNELS, MOST_CLASSES = 6, 20


@dataclass(frozen=True)
class Timeline:
    """A sequence: `signal` (steps, channels), `y_true` and `y_pred` (steps,) class positions."""

    title: str
    name: str
    signal: np.ndarray
    y_true: np.ndarray
    y_pred: np.ndarray
    score: float


def timelines(
    folder: Path,
    cases: Sequence[Timeline],
    class_names: Sequence[str],
    channels: Sequence[str] = (),
) -> Path:
    """Draw sequences with a bar of true and one of predicted classes under each.

    Args:
        folder: where `timelines.png` and `timelines.csv` (one row per segment) are written.
        cases: the sequences.
        class_names: names of the classes.
        channels: names of the channels; numbers by default.
    """
    colors = palette(len(class_names) + 1)[1:] / 255
    figure = new_figure(9.5, 2.7 * len(cases) + 0.5)
    ratios = [r for _ in cases for r in (5, 1)]
    grid = figure.subplots(2 * len(cases), 1, gridspec_kw={"height_ratios": ratios}, squeeze=False)
    rows = []
    for number, case in enumerate(cases):
        above, below = grid[2 * number][0], grid[2 * number + 1][0]
        _signal(above, case, channels)
        for level, (what, labels) in enumerate((("predicted", case.y_pred), ("true", case.y_true))):
            for start, end, position in segments(labels):
                # Bars are centered on their step, as the signal is.
                below.barh(level, end - start, left=start - 0.5, color=colors[position], height=0.9)
                rows.append([case.title, case.name, what, start, end, class_names[position]])
        below.set_yticks([0, 1], ["predicted", "true"], fontsize=8)
        below.set_xlim(above.get_xlim())
        below.xaxis.set_major_locator(MaxNLocator(integer=True))
        below.tick_params(labelsize=8)
        for side in ("top", "right", "left"):
            below.spines[side].set_visible(False)
    keys = [
        Patch(color=color, label=label(name, 20))
        for name, color in list(zip(class_names, colors, strict=True))[:MOST_CLASSES]
    ]
    figure.legend(handles=keys, loc="outside lower center", ncols=6, fontsize=8, frameon=False)
    header = ["case", "sequence", "labels", "first step", "step after the last", "class"]
    write_csv(folder / "timelines.csv", header, rows)
    return save(figure, folder / "timelines.png")


def _signal(axes: Axes, case: Timeline, channels: Sequence[str]) -> None:
    for i in range(min(case.signal.shape[1], MOST_CHANNELS)):
        name = label(channels[i]) if i < len(channels) else f"channel {i + 1}"
        axes.plot(
            case.signal[:, i], linewidth=1, color=COLORS[i % len(COLORS)], label=name,
            linestyle="-" if i < len(COLORS) else "--",
        )  # fmt: skip
    axes.set_xlim(-0.5, len(case.signal) - 0.5)
    tidy(axes, f"{case.title}: {label(case.name, 30)}, accuracy {case.score:.4g}")
    axes.tick_params(labelbottom=False)
    # Beside the title: within the axes it would lie on a signal.
    beside: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0}
    axes.legend(fontsize=8, frameon=False, ncols=MOST_CHANNELS, **beside)
