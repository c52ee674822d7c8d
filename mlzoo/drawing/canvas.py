"""Figures of one style without pyplot, which would keep global state and open windows."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mlzoo.core.files import write_rows

# Okabe and Ito's palette, which color-blind readers can tell apart.
BLUE, ORANGE, GREEN, RED, GRAY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#666666"
COLORS = (BLUE, ORANGE, GREEN, RED)
DPI = 100
LAYOUT: Literal["constrained"] | None = "constrained"
"""Matplotlib's layout in which nothing overlaps."""


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches, laid out without overlap."""
    return Figure(figsize=(width, height), dpi=DPI, layout=LAYOUT)


def tidy(axes: Axes, title: str = "", x: str = "", y: str = "") -> None:
    """Set title and axis labels, a light grid, and no box.

    Args:
        axes: the axes.
        title: title of the axes.
        x: label of the x axis.
        y: label of the y axis.
    """
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(True, color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def label(text: Any, most: int = 24) -> str:
    """Escape and shorten text for matplotlib, which reads $ as a formula.

    Longer texts than `most` characters lose their middle, since names often differ at their ends.
    """
    text = " ".join(str(text).split())
    if len(text) > most:
        end = most // 3
        text = f"{text[: most - end - 1]}…{text[-end:]}"
    return text.replace("$", r"\$")


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG. A glyph that the font lacks becomes a box, without a warning."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        with whole(path):
            FigureCanvasAgg(figure).print_png(str(path))
    return path


@contextmanager
def whole(path: Path) -> Iterator[None]:
    """Remove an incomplete file if the disk is full."""
    try:
        yield
    except OSError:
        path.unlink(missing_ok=True)
        raise


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    """Write the numbers of a picture as CSV beside it.

    Args:
        path: of the file; its folder is made if missing.
        header: names of the columns.
        rows: one sequence of cells per row.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path), path.open("w", newline="", encoding="utf-8") as file:
        write_rows(file, header, rows)
    return path
