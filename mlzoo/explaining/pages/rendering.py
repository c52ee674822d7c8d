"""Explanations as pictures: the sample, its map, the map on it, and the map's contour.

Signed maps are drawn in diverging colours with white in the middle, others from dark to light;
both are told apart by colour-blind readers. A map is divided by its own largest absolute value, so
its picture does not depend on its scale, or by that of all samples (`--shared-scale`); the raw
values are in maps.npz.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """Values in -1..1: divided by the largest absolute one, or by `largest`."""
    top = np.abs(values).max(initial=0.0) if largest is None else largest
    return values / top if top > 0 else np.zeros_like(values)


def coloured(values: np.ndarray) -> np.ndarray:
    """Values in -1..1 as colours (..., 3): diverging where any is negative."""
    if (values < 0).any():
        return colormaps[DIVERGING]((values + 1) / 2)[..., :3]
    return colormaps[RISING](values)[..., :3]


def laid_over(picture: np.ndarray, values: np.ndarray) -> np.ndarray:
    """A map's colours over a gray picture (h, w, 3), the stronger the more it says."""
    gray = picture.mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    weight = _SHARE * np.sqrt(np.abs(values))[..., None]
    return (1 - weight) * (0.25 + 0.75 * gray) + weight * coloured(values)


def draw(
    path: Path,
    found: Explanation,
    maximum: float | None,
    names: Sequence[str],
    largest: float | None = None,
    letters: Sequence[str] = (),
) -> Path:
    """Write the picture of one explanation.

    Args:
        path: the PNG to write.
        found: what is drawn.
        maximum: the largest value that an image can hold.
        names: of a table's columns or a sequence's channels.
        largest: the value that stands at the end of the scale; by default the map's own.
        letters: of a text the characters that its codes stand for.
    """
    if letters:
        return save(letters_figure(found, letters, largest), path)
    if found.x.ndim == 3 and found.values.ndim == 2:
        return save(image_figure(found, maximum, largest), path)
    if found.values.ndim == 1 and found.x.ndim == 1:
        return save(bars_figure(found, names, largest), path)
    return save(steps_figure(found, names, largest), path)


def title(found: Explanation) -> str:
    """What a picture shows, in a line."""
    truth = f", truly {label(found.truth, 20)}" if found.truth else ""
    said = label(found.predicted, 40)
    return f"{label(found.name, 40)}: {said}{truth}\n{found.method} for {label(found.target, 40)}"


def image_figure(found: Explanation, maximum: float | None, largest: float | None = None) -> Figure:
    """Four panels of an image: as it is, its map, the map over it, and where it is strongest."""
    picture, values = as_picture(found.x, maximum), scaled(found.values, largest)
    tall = float(np.clip(values.shape[0] / values.shape[1], 0.4, 2))
    figure = new_figure(10, 2.5 * tall + 0.75)
    figure.suptitle(title(found), fontsize=10)
    panels = figure.subplots(1, 4)
    contents = (picture, coloured(values), laid_over(picture, values), picture)
    texts = ("image", "map, shared scale" if largest else "map", "overlay", "strongest 10 %")
    for axes, content, text in zip(panels, contents, texts, strict=True):
        axes.imshow(np.clip(content, 0, 1), interpolation="nearest")
        axes.set_title(text, fontsize=9)
        axes.set_axis_off()
    _contour(panels[3], values)
    if found.flag:
        panels[1].set_title(label(found.flag, 40), fontsize=8, color=RED)
    return figure


def _contour(axes: Axes, values: np.ndarray) -> None:
    level = np.quantile(values, 0.9)
    if values.min() < level < values.max():
        axes.contour(values, levels=[level], colors="white", linewidths=2.4)
        axes.contour(values, levels=[level], colors=[BLUE], linewidths=1.2)


def bars_figure(found: Explanation, names: Sequence[str], largest: float | None = None) -> Figure:
    """What each column adds to the score or takes from it, the strongest at the top.

    Where signs differ, each bar begins where the last one ended, and all end at their sum.
    """
    order = np.argsort(-np.abs(found.values), kind="stable")
    first, rest = order[:_BARS], order[_BARS:]
    known = [names[i] if i < len(names) else f"column {i + 1}" for i in first]
    texts = [f"{label(name)} = {found.x[i]:.4g}" for name, i in zip(known, first, strict=True)]
    values = found.values[first].astype("float64")
    if len(rest):
        texts.append(f"{len(rest)} others")
        values = np.append(values, found.values[rest].sum(dtype="float64"))
    signed = bool((found.values < 0).any())
    starts = np.concatenate([[0], np.cumsum(values)[:-1]]) if signed else np.zeros(len(values))
    figure = new_figure(6.5, 0.27 * len(values) + 1.3)
    axes = figure.subplots()
    colours = [RED if value > 0 else BLUE for value in values]
    axes.barh(range(len(values)), values, left=starts, color=colours)
    axes.set_yticks(range(len(values)), texts)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    if largest and not signed:
        axes.set_xlim(0, 1.05 * largest)
    what = f"attribution, together {values.sum():.4g}" if signed else "attribution"
    tidy(axes, title(found), what)
    return figure


_LINE = 32
_SHOWN = {" ": "·", "\n": "¶", "\t": "→"}


def letters_figure(
    found: Explanation, letters: Sequence[str], largest: float | None = None
) -> Figure:
    """A text, each character on the colour of its step: red speaks for it, blue against."""
    codes = found.x.reshape(-1)
    totals = scaled(found.values.reshape(len(codes), -1).sum(axis=1), largest)
    lines = -(-len(codes) // _LINE)
    figure = new_figure(8, 0.34 * lines + 0.8)
    figure.suptitle(title(found), fontsize=10)
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


def steps_figure(found: Explanation, names: Sequence[str], largest: float | None = None) -> Figure:
    """A sequence's channels, the map of each step and channel, and the sum of each step."""
    x = found.x.reshape(len(found.x), -1)
    values = found.values.reshape(len(found.values), -1)
    figure = new_figure(8, 5)
    figure.suptitle(title(found), fontsize=10)
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
