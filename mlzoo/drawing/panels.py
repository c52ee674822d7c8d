"""Pixel-exact figures: pasted pictures, lines of text and color legends."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from functools import cache

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from mlzoo.drawing.canvas import DPI, label

MARGIN, LINE, SQUARE = 14, 18, 11
"""Pixels around a figure, between lines of text, and of a legend's square."""
_BASELINE, _POINTS = 11, 9

Key = list[tuple[np.ndarray | None, str]]
"""Legend entries: a color square (None for a heading) and its text."""
Legend = list[tuple[int, int, np.ndarray | None, str]]
"""Legend entries with their positions: pixels from the left, and the line."""


def blank(width: int, height: int) -> Figure:
    """Return a figure of a size in pixels; 0.01 more avoids losing one to rounding."""
    return Figure(figsize=((width + 0.01) / DPI, (height + 0.01) / DPI), dpi=DPI)


def extent(figure: Figure) -> tuple[int, int]:
    """Return a figure's width and height in pixels."""
    return int(figure.bbox.width), int(figure.bbox.height)


def paste(figure: Figure, x: int, y: int, picture: np.ndarray) -> None:
    """Paste an RGB picture at x pixels from the left and y from the top."""
    figure.figimage(picture, x, extent(figure)[1] - y - picture.shape[0], origin="upper")


def write(figure: Figure, x: int, y: int, text: str, weight: str = "normal") -> None:
    """Write a line of text.

    Args:
        figure: the figure.
        x: pixels from its left edge to the text.
        y: pixels from its top edge to the text.
        text: the text.
        weight: of the font.
    """
    across, down = extent(figure)
    figure.text(x / across, 1 - (y + _BASELINE) / down, text, fontsize=_POINTS, weight=weight)


def fitted(
    name: object, room: int, before: str = "", after: str = "", weight: str = "normal"
) -> str:
    """Shorten a name in its middle until it fits.

    Args:
        name: the name.
        room: width in pixels for name and surrounding text.
        before: text before the name.
        after: text after it.
        weight: of the font.
    """
    for most in range(40, 3, -1):
        text = before + label(name, most) + after
        if text_width(text, weight) <= room:
            break
    return text


def text_width(text: str, weight: str = "normal") -> int:
    """Return the width of a drawn text in pixels."""
    font = FontProperties(size=_POINTS, weight=weight)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        width, _, _ = _renderer().get_text_width_height_descent(text, font, ismath=False)
    return math.ceil(width)


def square(color: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return a legend's square of one color."""
    return np.full((SQUARE, SQUARE, 3), np.rint(color), "uint8")


def flowed(key: Key, room: int) -> Legend:
    """Return positions for legend entries in lines of `room` pixels."""
    placed: Legend = []
    x = line = 0
    for square, text in key:
        width = (0 if square is None else SQUARE + 5) + text_width(text)
        if x > 0 and x + width > room:
            x, line = 0, line + 1
        placed.append((x, line, square, text))
        x += width + 16
    return placed


def legend_height(legend: Legend) -> int:
    """Return the height of a legend in pixels."""
    return (legend[-1][1] + 1) * LINE


def draw_legend(figure: Figure, y: int, legend: Legend) -> None:
    """Draw a legend whose upper edge is y pixels from the top."""
    for x, line, square, text in legend:
        left, top = MARGIN + x, y + line * LINE
        if square is not None:
            paste(figure, left, top + 1, square)
            left += SQUARE + 5
        write(figure, left, top, text)


@cache
def _renderer() -> RendererAgg:
    """Return a renderer that measures texts as drawn, with letters on whole pixels."""
    return RendererAgg(1, 1, DPI)
