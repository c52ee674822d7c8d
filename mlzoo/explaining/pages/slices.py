"""Explanations of volumes as pictures: the middle slice, the strongest, and the share of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mlzoo.data.volumes.slices import slices_of
from mlzoo.drawing.canvas import BLUE, ORANGE, RED, label, new_figure, save, tidy
from mlzoo.drawing.pictures import as_picture
from mlzoo.explaining.explain import Explanation
from mlzoo.explaining.pages.rendering import four_panels, scaled, title


def draw_slices(
    path: Path,
    explanation: Explanation,
    maximum: float | None,
    depth: int,
    largest: float | None = None,
) -> Path:
    """Write the picture of the explanation of a volume.

    Args:
        path: the PNG to write.
        explanation: with x (depth * height, width, channels) and values (depth * height, width).
        maximum: the largest value that a voxel can hold.
        depth: number of slices.
        largest: the value at the end of the scale; by default the map's own.
    """
    return save(slices_figure(explanation, maximum, depth, largest), path)


def shares(values: np.ndarray, depth: int) -> np.ndarray:
    """Return each slice's share (depth,) of the sum of absolute attributions."""
    sums = np.abs(slices_of(values, depth)).sum(axis=(1, 2), dtype="float64")
    return sums / (sums.sum() or 1)


def slices_figure(
    explanation: Explanation, maximum: float | None, depth: int, largest: float | None = None
) -> Figure:
    """Draw the middle and the strongest slice as images are, and each slice's share of the map.

    Args:
        explanation: of a volume; see `draw_slices`.
        maximum: the largest value that a voxel can hold.
        depth: number of slices.
        largest: the value at the end of the scale.
    """
    values = scaled(explanation.values, largest)
    picture = as_picture(explanation.x, maximum)
    parts, maps = slices_of(picture, depth), slices_of(values, depth)
    share, middle = shares(explanation.values, depth), depth // 2
    strongest = int(share.argmax())
    chosen = {middle: "middle", strongest: "strongest"}
    if middle == strongest:
        chosen = {middle: "middle and strongest"}
    tall = float(np.clip(maps.shape[1] / maps.shape[2], 0.4, 2))
    figure = new_figure(10, (2.5 * tall + 0.2) * len(chosen) + 2.2)
    figure.suptitle(title(explanation), fontsize=10)
    heights = [*[2.5 * tall] * len(chosen), 1.5]
    rows: Any = figure.subfigures(len(chosen) + 1, 1, height_ratios=heights)
    level = float(np.quantile(values, 0.9))
    for row, (place, text) in zip(rows, chosen.items(), strict=False):
        texts = (
            f"slice {place + 1} of {depth}, {text}",
            "map, shared scale" if largest else "map, volume's scale",
            "overlay",
            "strongest 10 % of the volume",
        )
        panels = row.subplots(1, 4)
        four_panels(panels, parts[place], maps[place], texts, level)
        if explanation.flag:
            panels[1].set_title(label(explanation.flag, 40), fontsize=8, color=RED)
    axes = rows[-1].subplots()
    colors = [ORANGE if place == strongest else BLUE for place in range(depth)]
    axes.bar(np.arange(1, depth + 1), share, color=colors)
    tidy(axes, "", "slice", "share of the map")
    return figure
