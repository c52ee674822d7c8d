"""Contact sheets: many samples in one picture, also by class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mlzoo.drawing.canvas import label, new_figure, save
from mlzoo.drawing.pictures import as_picture, heat_map

MOST = 256
"""Samples of a sheet, at most."""
_SIDE = 64
"""Pixels to which smaller images are enlarged, by whole factors."""
_GAP = 4


def contact_sheet(
    path: Path,
    samples: np.ndarray,
    maximum: float | None = None,
    columns: Sequence[str] = (),
    across: int = 0,
) -> Path:
    """Draw samples side by side, the first at the top left.

    Args:
        path: of the PNG file.
        samples: (n, *shape) raw samples: images, or rows of numbers, which make a heat map.
        maximum: largest value that a pixel can hold; by default the largest of each image.
        columns: names of a table's columns.
        across: images in a row; 0: about as many as there are rows.
    """
    samples = samples[:MOST]
    if samples.ndim != 4:
        rows = samples.reshape(len(samples), -1)[:32]
        names = list(columns) or [f"input {number}" for number in range(rows.shape[1])]
        return save(heat_map(rows, [str(number) for number in range(len(rows))], names), path)
    from PIL import Image

    height, width = samples.shape[1:3]
    factor = max(1, round(_SIDE / max(height, width)))
    across = across or math.ceil(math.sqrt(len(samples)))
    down = math.ceil(len(samples) / across)
    size = factor * np.array([height, width]) + _GAP
    sheet = np.full((*(size * (down, across) + _GAP), 3), 255, "uint8")
    for number, sample in enumerate(samples):
        pixels = (255 * as_picture(sample, maximum)).round().astype("uint8")
        top, left = size * divmod(number, across) + _GAP
        enlarged = pixels.repeat(factor, axis=0).repeat(factor, axis=1)
        sheet[top : top + factor * height, left : left + factor * width] = enlarged
    Image.fromarray(sheet).save(path)
    return path


def class_sheet(
    path: Path,
    classes: Sequence[np.ndarray],
    names: Sequence[str],
    maximum: float | None = None,
) -> Path:
    """Draw a row of images a class, under each other and with its name.

    Args:
        path: of the PNG file.
        classes: images (n, height, width, channels) of each class; n may differ.
        names: of the classes.
        maximum: largest value that a pixel can hold; by default the largest of each image.
    """
    height, width = classes[0].shape[1:3]
    most = max(len(images) for images in classes)
    figure = new_figure(1.6 + 0.7 * most, 0.12 + 0.78 * len(classes) * min(height / width, 2.0))
    panels = figure.subplots(len(classes), 1, squeeze=False)[:, 0]
    gap = max(1, round(0.06 * width))
    for axes, images, name in zip(panels, classes, names, strict=True):
        row = np.ones((height, most * (width + gap), 3))
        for place, image in enumerate(images):
            left = place * (width + gap)
            row[:, left : left + width] = as_picture(image, maximum)
        axes.imshow(row)
        axes.set_axis_off()
        text = label(name, 14)
        axes.text(-gap * 2, height / 2, text, ha="right", va="center", fontsize=9)
    return save(figure, path)
