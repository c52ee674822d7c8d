"""Explanations as pictures: the sample, its map, the map on it, and the map's contour.

Signed maps are drawn in diverging colors with white in the middle, others from dark to light;
both are told apart by color-blind readers. A map is divided by its own largest absolute value, so
its picture does not depend on its scale, or by that of all samples (`--shared-scale`); the raw
values are in maps.npz.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlzoo.drawing.canvas import BLUE, RED, label, new_figure, save, tidy
from mlzoo.drawing.pictures import as_picture
from mlzoo.explaining.explain import Explanation

DIVERGING, RISING = "RdBu_r", "inferno"
_SHARE = 0.85
_BARS = 20


def scaled(values: np.ndarray, largest: float | None = None) -> np.ndarray:
    """Return values in -1..1: divided by the largest absolute one, or by `largest`."""
    top = np.abs(values).max(initial=0.0) if largest is None else largest
    return values / top if top > 0 else np.zeros_like(values)


def colored(values: np.ndarray) -> np.ndarray:
    """Return the colors (..., 3) of values in -1..1: diverging if any is negative."""
    if (values < 0).any():
        return colormaps[DIVERGING]((values + 1) / 2)[..., :3]
    return colormaps[RISING](values)[..., :3]


def laid_over(picture: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return a map's colors over a gray picture (h, w, 3), stronger for larger values."""
    gray = picture.mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    weight = _SHARE * np.sqrt(np.abs(values))[..., None]
    return (1 - weight) * (0.25 + 0.75 * gray) + weight * colored(values)


def draw(
    path: Path,
    explanation: Explanation,
    maximum: float | None,
    names: Sequence[str],
    largest: float | None = None,
    letters: Sequence[str] = (),
    paint: Callable[[np.ndarray], np.ndarray | None] | None = None,
) -> Path:
    """Write the picture of one explanation.

    Args:
        path: the PNG to write.
        explanation: what is drawn.
        maximum: the largest value that an image can hold.
        names: of a table's columns or a sequence's channels.
        largest: the value that stands at the end of the scale; by default the map's own.
        letters: of a text the characters that its codes stand for.
        paint: draws an image (height, width, 3) of 0 to 255 of a sample that is none itself, each
            of its cells as many pixels.
    """
    if letters:
        return save(letters_figure(explanation, letters, largest), path)
    if explanation.x.ndim == 3 and explanation.values.ndim == 2:
        return save(image_figure(explanation, maximum, largest, paint), path)
    if explanation.values.ndim == 1 and explanation.x.ndim == 1:
        return save(bars_figure(explanation, names, largest), path)
    return save(steps_figure(explanation, names, largest), path)


def title(explanation: Explanation) -> str:
    """Return a picture's title, in a line."""
    truth = f", truly {label(explanation.truth, 20)}" if explanation.truth else ""
    predicted = label(explanation.predicted, 40)
    target = f"{explanation.method} for {label(explanation.target, 40)}"
    return f"{label(explanation.name, 40)}: {predicted}{truth}\n{target}"


def image_figure(
    explanation: Explanation,
    maximum: float | None,
    largest: float | None = None,
    paint: Callable[[np.ndarray], np.ndarray | None] | None = None,
) -> Figure:
    """Draw an image in four panels: the image, its map, the overlay, and the strongest pixels.

    Args:
        explanation: with x (height, width, channels) and values (height, width).
        maximum: the largest value that an image can hold.
        largest: the value at the end of the scale.
        paint: draws an image of a sample that is none itself; see `draw`.
    """
    picture, values = as_picture(explanation.x, maximum), scaled(explanation.values, largest)
    painted = None if paint is None else paint(explanation.x)
    if painted is not None:
        picture = painted / 255
        rows, columns = (
            np.arange(size) * cells // size
            for size, cells in zip(picture.shape[:2], values.shape, strict=True)
        )
        values = values[np.ix_(rows, columns)]
    tall = float(np.clip(values.shape[0] / values.shape[1], 0.4, 2))
    figure = new_figure(10, 2.5 * tall + 0.75)
    figure.suptitle(title(explanation), fontsize=10)
    panels = figure.subplots(1, 4)
    texts = ("image", "map, shared scale" if largest else "map", "overlay", "strongest 10 %")
    four_panels(panels, picture, values, texts)
    if explanation.flag:
        panels[1].set_title(label(explanation.flag, 40), fontsize=8, color=RED)
    return figure


def four_panels(
    panels: Sequence[Axes],
    picture: np.ndarray,
    values: np.ndarray,
    texts: Sequence[str],
    level: float | None = None,
) -> None:
    """Draw a picture, its map, the overlay, and the contour of the strongest pixels.

    Args:
        panels: four axes.
        picture: (height, width, 3) from 0 to 1.
        values: the map (height, width) in -1..1.
        texts: titles of the panels.
        level: what the contour stands at; by default the map's 90 % quantile.
    """
    contents = (picture, colored(values), laid_over(picture, values), picture)
    for axes, content, text in zip(panels, contents, texts, strict=True):
        axes.imshow(np.clip(content, 0, 1), interpolation="nearest")
        axes.set_title(text, fontsize=9)
        axes.set_axis_off()
    _contour(panels[3], values, level)


def _contour(axes: Axes, values: np.ndarray, level: float | None = None) -> None:
    level = float(np.quantile(values, 0.9)) if level is None else level
    if values.min() < level < values.max():
        axes.contour(values, levels=[level], colors="white", linewidths=2.4)
        axes.contour(values, levels=[level], colors=[BLUE], linewidths=1.2)


def bars_figure(
    explanation: Explanation, names: Sequence[str], largest: float | None = None
) -> Figure:
    """Draw each column's contribution to the score, the strongest at the top.

    Where signs differ, each bar begins where the last one ended, and all end at their sum.

    Args:
        explanation: with x and values (columns,).
        names: of the columns.
        largest: the value at the end of the scale.
    """
    order = np.argsort(-np.abs(explanation.values), kind="stable")
    first, rest = order[:_BARS], order[_BARS:]
    known = [names[i] if i < len(names) else f"column {i + 1}" for i in first]
    texts = [
        f"{label(name)} = {explanation.x[i]:.4g}" for name, i in zip(known, first, strict=True)
    ]
    values = explanation.values[first].astype("float64")
    if len(rest):
        texts.append(f"{len(rest)} others")
        values = np.append(values, explanation.values[rest].sum(dtype="float64"))
    signed = bool((explanation.values < 0).any())
    starts = np.concatenate([[0], np.cumsum(values)[:-1]]) if signed else np.zeros(len(values))
    figure = new_figure(6.5, 0.27 * len(values) + 1.3)
    axes = figure.subplots()
    colors = [RED if value > 0 else BLUE for value in values]
    axes.barh(range(len(values)), values, left=starts, color=colors)
    axes.set_yticks(range(len(values)), texts)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    if largest and not signed:
        axes.set_xlim(0, 1.05 * largest)
    what = f"attribution, together {values.sum():.4g}" if signed else "attribution"
    tidy(axes, title(explanation), what)
    return figure


_LINE = 32
_SHOWN = {" ": "·", "\n": "¶", "\t": "→"}


def letters_figure(
    explanation: Explanation, letters: Sequence[str], largest: float | None = None
) -> Figure:
    """Draw a text, each character on the color of its step: red supports it, blue opposes.

    Args:
        explanation: with x (steps,) of character codes.
        letters: characters by code.
        largest: the value at the end of the scale.
    """
    codes = explanation.x.reshape(-1)
    totals = scaled(explanation.values.reshape(len(codes), -1).sum(axis=1), largest)
    lines = -(-len(codes) // _LINE)
    figure = new_figure(8, 0.34 * lines + 0.8)
    figure.suptitle(title(explanation), fontsize=10)
    axes = figure.subplots()
    axes.imshow(
        np.pad(totals, (0, lines * _LINE - len(codes))).reshape(lines, _LINE),
        cmap=DIVERGING,
        vmin=-1,
        vmax=1,
        aspect="auto",
    )
    for place, (code, value) in enumerate(zip(codes, totals, strict=True)):
        letter = letters[int(code)] if np.isfinite(code) and 0 <= code < len(letters) else "?"
        axes.text(
            place % _LINE,
            place // _LINE,
            label(_SHOWN.get(letter, letter)),
            ha="center",
            va="center",
            family="monospace",
            color="white" if abs(value) > 0.7 else "black",
        )
    axes.set_axis_off()
    return figure


def steps_figure(
    explanation: Explanation, names: Sequence[str], largest: float | None = None
) -> Figure:
    """Draw a sequence's channels, the map of each step and channel, and each step's sum.

    Args:
        explanation: with x (steps, channels).
        names: of the channels.
        largest: the value at the end of the scale.
    """
    x = explanation.x.reshape(len(explanation.x), -1)
    values = explanation.values.reshape(len(explanation.values), -1)
    figure = new_figure(8, 5)
    figure.suptitle(title(explanation), fontsize=10)
    top, middle, bottom = figure.subplots(3, 1, sharex=True)
    spread, steps = np.nanmax(np.abs(x), axis=0), np.arange(1, len(x) + 1)  # as --step counts
    for channel, high in zip(x.T[:12], spread, strict=False):
        top.plot(steps, channel / (high or 1), linewidth=0.9)
    tidy(top, "", "", "input, scaled")
    middle.imshow(
        scaled(values, largest).T,
        aspect="auto",
        cmap=DIVERGING,
        vmin=-1,
        vmax=1,
        interpolation="nearest",
        extent=(0.5, len(x) + 0.5, values.shape[1] - 0.5, -0.5),
    )
    if values.shape[1] == 1 < x.shape[1]:
        middle.set_yticks([0], ["all channels"], fontsize=8)
    elif len(names) == values.shape[1] <= 12:
        middle.set_yticks(range(len(names)), [label(name, 14) for name in names], fontsize=8)
    totals = values.sum(axis=1)
    bottom.bar(steps, totals, color=[RED if t > 0 else BLUE for t in totals], width=1.0)
    tidy(bottom, "", "step", "step's sum")
    return figure
