"""Pictures of what is left of images at several ranks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mlzoo.drawing.canvas import BLUE, ORANGE, new_figure, save, tidy
from mlzoo.drawing.pictures import as_picture

_ACROSS = 3


def draw_ranks(
    path: Path,
    pictures: Mapping[str, np.ndarray],
    singular_values: np.ndarray,
    errors: Sequence[tuple[int, float]],
) -> Path:
    """Draw one picture at several ranks, its singular values, and the error by rank.

    Args:
        path: of the PNG.
        pictures: (height, width, channels) from 0 to 1, by title; the first is the original.
        singular_values: falling, of the root mean square over channels.
        errors: rank and root mean squared error of each approximation.
    """
    across = min(_ACROSS, len(pictures))
    down = math.ceil(len(pictures) / across)
    height, width = next(iter(pictures.values())).shape[:2]
    side = 3.6
    figure = new_figure(side * across, down * (side * height / width + 0.35) + 2.6)
    heights = [down * (side * height / width + 0.35), 2.6]
    parts = figure.add_gridspec(2, 1, height_ratios=heights)
    top, bottom = figure.add_subfigure(parts[0, 0]), figure.add_subfigure(parts[1, 0])
    panels = np.ravel(top.subplots(down, across, squeeze=False))
    for axes in panels:
        axes.set_axis_off()
    for axes, (title, picture) in zip(panels, pictures.items(), strict=False):
        axes.imshow(as_picture(picture, 1.0), interpolation="antialiased")
        axes.set_title(title, fontsize=9)
    left, right = bottom.subplots(1, 2)
    left.semilogy(np.arange(1, len(singular_values) + 1), singular_values, color=BLUE)
    for rank, _ in errors:
        left.axvline(rank, color=ORANGE, linewidth=0.8)
    tidy(left, "Singular values", "number", "value")
    right.plot(*zip(*errors, strict=True), color=ORANGE, marker="o", markersize=4)
    right.set_ylim(bottom=0)
    tidy(right, "Error", "rank", "RMSE of pixels from 0 to 1")
    return save(figure, path)


def draw_components(
    path: Path,
    mean: np.ndarray,
    components: np.ndarray,
    restored: Mapping[str, np.ndarray],
) -> Path:
    """Draw the mean and the first components of images, and samples restored from a few numbers.

    Args:
        path: of the PNG.
        mean: (height, width, channels), from 0 to 1.
        components: (n, height, width, channels), of any sign.
        restored: samples (n, height, width, channels) by title, a row each.
    """
    across = max(len(components) + 1, *(len(row) for row in restored.values()))
    figure = new_figure(1.2 + 0.95 * across, 1.05 * (len(restored) + 1) + 0.3)
    panels = figure.subplots(len(restored) + 1, across, squeeze=False)
    for axes in panels.flat:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_frame_on(False)
    panels[0, 0].imshow(as_picture(mean, 1.0))
    panels[0, 0].set_title("mean", fontsize=8)
    for number, component in enumerate(components, 1):
        axes = panels[0, number]
        most = np.abs(component).max()
        axes.imshow(component.mean(axis=-1), cmap="RdBu_r", vmin=-most, vmax=most)
        axes.set_title(f"component {number}", fontsize=8)
    for row, (title, images) in zip(panels[1:], restored.items(), strict=True):
        row[0].set_ylabel(title, fontsize=8, rotation=0, ha="right", va="center")
        for axes, image in zip(row, images, strict=False):
            axes.imshow(as_picture(image, 1.0))
    return save(figure, path)
