"""Pictures of samples: inputs of the network, and its most confident mistakes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlzoo.drawing.canvas import COLORS, DPI, label, new_figure, save, write_csv

MOST = 32
TABLE_ROWS = 16
TABLE_NUMBERS = 16
"""Tables of up to this many columns have their numbers written into the picture."""


def sample_grid(
    folder: Path,
    inputs: np.ndarray,
    labels: Sequence[Any],
    kind: str = "array",
    column_names: Sequence[str] = (),
    maximum: float | None = None,
) -> Path:
    """Draw up to 32 inputs of a training batch as the network received them.

    Args:
        folder: where `samples.png` and `samples.csv` are written.
        inputs: (n, *shape). Images are drawn as pictures, signals (length, channels) as curves,
            films (frames, height, width, channels) as strips of 8 frames, rows of a table as a
            heat map of each column's values.
        labels: n class names or target values.
        kind: `image`, `table` or `array`.
        column_names: names of a table's columns.
        maximum: the largest value that an image can hold; its own range by default.
    """
    inputs, labels = np.asarray(inputs)[:MOST], [_short(value) for value in labels[:MOST]]
    if kind == "image" and inputs.ndim == 4:
        _samples_csv(folder, inputs, labels)
        texts = [label(text, 15) for text in labels]
        return save(_image_grid(inputs, texts, maximum), folder / "samples.png")
    if inputs.ndim == 3 and inputs.shape[2] <= 16:
        _samples_csv(folder, inputs, labels)
        texts = [label(text, 30) for text in labels]
        return save(_signal_grid(inputs, texts), folder / "samples.png")
    if inputs.ndim == 5 and inputs.shape[4] in (1, 3):
        _samples_csv(folder, inputs, labels)
        texts = [label(text, 30) for text in labels]
        return save(_image_grid(strips(inputs), texts, maximum, 2, 4.6), folder / "samples.png")
    flat = inputs.reshape(len(inputs), -1)
    names = list(column_names) or [f"input {i}" for i in range(flat.shape[1])]
    if inputs.ndim > 2:  # thousands of numbers each, maybe
        _samples_csv(folder, inputs, labels)
    else:
        rows = [[text, *row] for text, row in zip(labels, flat.tolist(), strict=True)]
        write_csv(folder / "samples.csv", ["label", *names], rows)
    return save(heat_map(flat, labels, names), folder / "samples.png")


def mistakes(
    folder: Path,
    read: Callable[[np.ndarray], np.ndarray],
    targets: np.ndarray,
    probabilities: np.ndarray,
    class_names: Sequence[str],
    names: Sequence[str] = (),
    kind: str = "image",
    maximum: float | None = None,
    most: int = 16,
) -> Path | None:
    """Draw the images that the model was most sure of and wrong.

    Args:
        folder: where `mistakes.csv` (also for inputs that are not images) and `mistakes.png` go.
        read: returns the inputs (n, *shape) at positions in the split; `Part.inputs`.
        targets: (n,) positions in `class_names`.
        probabilities: (n, k), from 0 to 1.
        class_names: k names, one per column of `probabilities`.
        names: n names of the samples; their positions by default.
        kind: `image`, `table` or `array`.
        maximum: the largest value that an image can hold; its own range by default.
        most: number of images, at most.

    Returns:
        The picture's path; None without mistakes or images.
    """
    chosen = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(chosen != targets)
    worst = wrong[np.argsort(-probabilities[wrong, chosen[wrong]], kind="stable")][:most]
    rows = [
        [
            names[i] if len(names) else i,
            class_names[targets[i]],
            class_names[chosen[i]],
            float(probabilities[i, chosen[i]]),
        ]
        for i in worst
    ]
    write_csv(folder / "mistakes.csv", ["sample", "true", "predicted", "probability"], rows)
    if kind != "image" or not rows:
        return None
    texts = [f"{label(t, 20)}\nas {label(p, 18)}\n{sure:.1%}" for _, t, p, sure in rows]
    title = "most confident mistakes"
    return captioned_images(folder / "mistakes.png", read(worst), texts, maximum, title)


def captioned_images(
    path: Path,
    images: np.ndarray,
    texts: Sequence[str],
    maximum: float | None = None,
    title: str = "",
) -> Path:
    """Draw images (n, height, width, channels), four in a row, each under its lines of text."""
    return save(_image_grid(images, texts, maximum, 4, 1.7, title), path)


def class_label(target: Any, names: Sequence[str]) -> str:
    """Return the name of a class, or of the two of a mixed sample with their shares."""
    if np.ndim(target) == 0:
        return names[int(target)]
    first, second = np.argsort(-target, kind="stable")[:2]
    if target[second] < 0.005:
        return names[first]
    return f"{names[first]} {target[first]:.2f} + {names[second]} {target[second]:.2f}"


def as_picture(image: np.ndarray, maximum: float | None = None) -> np.ndarray:
    """Convert an image (h, w, c) of any depth and channel count to RGB (h, w, 3) in 0..1.

    Three and more channels show the first three, one or two the first.
    """
    channels = image[..., :3] if image.shape[-1] >= 3 else np.repeat(image[..., :1], 3, axis=-1)
    values = np.nan_to_num(channels.astype("float64"))
    low, high = (0.0, maximum) if maximum else (values.min(), values.max())
    return np.clip((values - low) / (high - low or 1), 0, 1)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


def _samples_csv(folder: Path, inputs: np.ndarray, labels: Sequence[str]) -> None:
    flat = inputs.reshape(len(inputs), -1).astype("float64")
    columns = (flat.min(axis=1), flat.mean(axis=1), flat.max(axis=1))
    rows = zip(labels, *(column.tolist() for column in columns), strict=True)
    write_csv(folder / "samples.csv", ["label", "minimum", "mean", "maximum"], rows)


def strips(films: np.ndarray) -> np.ndarray:
    """Lay out 8 frames of each film (n, frames, height, width, c) side by side."""
    chosen = np.unique(np.linspace(0, films.shape[1] - 1, 8).round().astype(int))
    line = np.full((*films.shape[2:3], 1, films.shape[4]), films.max(), films.dtype)
    images = []
    for film in films[:, chosen]:
        pieces = [piece for frame in film for piece in (line, frame)]
        images.append(np.concatenate(pieces[1:], axis=1))
    return np.stack(images)


def _image_grid(
    images: np.ndarray,
    texts: Sequence[str],
    maximum: float | None,
    columns: int = 8,
    size: float = 1.15,
    title: str = "",
) -> Figure:
    """Draw images in rows, each under its text; one shared axes is faster than one each."""
    height, width = images.shape[1:3]
    tall = float(np.clip(height / width, 0.1, 2))
    scale = 0.92 * min(1 / width, tall / height)
    figure, corners = _cells(texts, columns, size, tall, title)
    axes = figure.axes[0]
    step = max(1, max(height, width) // 256)
    for (left, bottom), image in zip(corners, images, strict=True):
        middle, half = left + 0.5, width * scale / 2
        extent = (middle - half, middle + half, bottom, bottom + height * scale)
        axes.imshow(as_picture(image[::step, ::step], maximum), extent=extent, aspect="auto")
    _frame(axes, corners, texts, tall)
    return figure


def _signal_grid(signals: np.ndarray, texts: Sequence[str]) -> Figure:
    """Draw signals (n, length, channels) in rows, scaled by the range of the whole batch."""
    figure, corners = _cells(texts, columns=4, size=2.2, tall=0.5, title="")
    axes = figure.axes[0]
    low, high = np.nanmin(signals), np.nanmax(signals)
    for (left, bottom), signal in zip(corners, signals, strict=True):
        time = left + 0.04 + np.linspace(0, 0.92, len(signal))
        for channel, color in zip(signal.T, COLORS * 4, strict=False):
            level = bottom + 0.46 * (channel - low) / (high - low or 1)
            axes.plot(time, level, color=color, linewidth=0.9)
    _frame(axes, corners, texts, tall=0.5)
    return figure


def _cells(
    texts: Sequence[str], columns: int, size: float, tall: float, title: str
) -> tuple[Figure, list[tuple[float, float]]]:
    """Return a figure with one axes, and the lower left corner of each cell of width 1."""
    columns = min(columns, len(texts))
    rows = math.ceil(len(texts) / columns)
    lines = max(text.count("\n") for text in texts) + 1
    pitch = tall + (0.15 * lines + 0.08) / size
    top = rows * pitch + (0.3 / size if title else 0.05)
    figure = Figure(figsize=(max(size * columns, 2.6), size * top), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    if title:
        axes.text(columns / 2, top - 0.06, title, ha="center", va="top", fontsize=10)
    spare = (2.6 / size - columns) / 2 if size * columns < 2.6 else 0
    axes.set(xlim=(-spare, columns + spare), ylim=(-0.04, top))
    places = [divmod(i, columns) for i in range(len(texts))]
    return figure, [(float(column), (rows - 1 - row) * pitch) for row, column in places]


def _frame(
    axes: Axes, corners: Sequence[tuple[float, float]], texts: Sequence[str], tall: float
) -> None:
    """Write texts above the cells, and restore the limits, which drawing moved."""
    limits = axes.get_xlim(), axes.get_ylim()
    for (left, bottom), text in zip(corners, texts, strict=True):
        axes.text(left + 0.5, bottom + 0.92 * tall + 0.03, text, ha="center", fontsize=8)
    axes.set(xlim=limits[0], ylim=limits[1])


def heat_map(
    table: np.ndarray, texts: Sequence[str], names: Sequence[str], most: int = TABLE_ROWS
) -> Figure:
    """Draw a table, each column colored from its lowest to its highest value.

    Args:
        table: (rows, columns) numbers, NaN where missing.
        texts: labels of the rows.
        names: labels of the columns.
        most: number of rows, at most.
    """
    table, texts = table[:most].astype("float64"), texts[:most]
    rows, columns = table.shape
    width = float(np.clip(0.62 * columns + 1.6, 4, 12))
    figure = new_figure(width, 0.28 * rows + 1.6)
    axes = figure.subplots()
    low, high = (_quiet(f, table) for f in (np.nanmin, np.nanmax))
    shades = np.ma.masked_invalid((table - low) / np.where(high > low, high - low, 1))
    axes.imshow(shades, cmap="cividis", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    every = math.ceil(columns / 60)
    shown = [label(name, 18) for name in names[::every]]
    # A character of this size is about 0.07 inches wide.
    turned = 0.07 * (max(map(len, shown)) + 1) > (width - 1.6) * every / columns
    axes.set_xticks(range(0, columns, every), shown, fontsize=8, rotation=90 if turned else 0)
    axes.set_yticks(
        range(rows), [label(text, 40 if most > TABLE_ROWS else 18) for text in texts], fontsize=8
    )
    axes.tick_params(length=0)
    figure.suptitle("each column from its lowest (dark) to its highest value", fontsize=9)
    if columns <= TABLE_NUMBERS:
        for i, j in np.ndindex(rows, columns):
            color = "white" if shades.filled(1)[i, j] < 0.5 else "black"
            text = "missing" if np.isnan(table[i, j]) else f"{table[i, j]:.4g}"
            axes.text(j, i, text, ha="center", va="center", color=color, fontsize=7)
    return figure


def _quiet(function: Callable[..., np.ndarray], table: np.ndarray) -> np.ndarray:
    """Return a minimum or maximum of each column; NaN for a column without numbers."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="All-NaN")
        return function(table, axis=0)
