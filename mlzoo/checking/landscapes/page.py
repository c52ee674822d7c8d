"""Interactive page of a landscape: one offline file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

import jinja2
import numpy as np
import plotly.graph_objects as go
import plotly.offline

from mlzoo.checking.functions.descent import Path
from mlzoo.checking.landscapes.pictures import COLORS, Grid
from mlzoo.core import files

_TEMPLATE = "page.html.jinja"
_LEGEND = {"orientation": "h", "yanchor": "top", "y": 0}
"""Below the axes, where it leaves phones their width, and the tools above theirs."""
_MARGIN = {"l": 60, "r": 20, "t": 30, "b": 50}


@dataclass(frozen=True)
class Section:
    """A heading with a note and plotly figures."""

    title: str
    figures: list[go.Figure]
    note: str = ""


@dataclass(frozen=True)
class PageTable:
    """A heading with rows that share their keys."""

    title: str
    rows: Sequence[Mapping[str, object]]
    header: list[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "header", list(self.rows[0]) if self.rows else [])


def write_page(
    path: File,
    title: str,
    sentences: Sequence[str],
    sections: Sequence[Section],
    tables: Sequence[PageTable] = (),
) -> None:
    """Write a self-contained HTML page.

    Args:
        path: the file to write.
        title: heading of the page.
        sentences: text above the figures.
        sections: headings with figures.
        tables: headings with rows.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(File(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    drawn = [
        {
            "title": each.title,
            "note": each.note,
            "figures": [f.to_html(full_html=False, include_plotlyjs=False) for f in each.figures],
        }
        for each in sections
    ]
    shown = [
        {
            "title": table.title,
            "header": table.header,
            "rows": [[_cell(row.get(name)) for name in table.header] for row in table.rows],
        }
        for table in tables
    ]
    text = environment.get_template(_TEMPLATE).render(
        title=title,
        sentences=sentences,
        sections=drawn,
        tables=shown,
        plotly=plotly.offline.get_plotlyjs(),
    )
    files.write_text(path, text)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def landscape(grid: Grid, paths: Sequence[Path]) -> go.Figure:
    """Return the surface with its paths in 3D; heights above its 95th percentile are cut off."""
    fine = grid.z[np.isfinite(grid.z)]
    low, high = (float(fine.min()), float(np.quantile(fine, 0.95))) if fine.size else (0.0, 1.0)
    z = np.where(np.isfinite(grid.z), np.clip(grid.z, low, high), np.nan)
    figure = go.Figure(
        go.Surface(
            x=_few(grid.x), y=_few(grid.y), z=np.round(z, 6).tolist(), colorscale="Greys",
            opacity=0.85, showscale=False, name=grid.height,
        )
    )  # fmt: skip
    for place, path in enumerate(paths):
        points = np.clip(path.points, [grid.x[0], grid.y[0]], [grid.x[-1], grid.y[-1]])
        figure.add_scatter3d(
            x=_few(points[:, 0]), y=_few(points[:, 1]),
            z=_few(np.clip(path.values, low, high)), mode="lines",
            line={"width": 6, "color": COLORS[place % len(COLORS)]},
            name=path.optimizer if path.rate is None else f"{path.optimizer} {path.rate:g}",
        )  # fmt: skip
    figure.update_layout(
        height=620,
        margin={"l": 0, "r": 0, "t": 40, "b": 0},
        legend=_LEGEND,
        scene={
            "xaxis": {"title": {"text": grid.labels[0]}},
            "yaxis": {"title": {"text": grid.labels[1]}},
            "zaxis": {"title": {"text": grid.height}, "range": [low, high]},
        },
    )
    return figure


def progress(paths: Sequence[Path], height: str) -> go.Figure:
    """Return the values over the steps of each path."""
    figure = go.Figure()
    for place, path in enumerate(paths):
        figure.add_scatter(
            y=_few(np.clip(path.values, -1e12, 1e12)), mode="lines", name=path.optimizer,
            line={"color": COLORS[place % len(COLORS)]},
        )  # fmt: skip
    high = max((float(path.values[0]) for path in paths), default=0.0)
    low = min((float(np.clip(path.values, -1e12, high).min()) for path in paths), default=0.0)
    if low < high:  # what diverges leaves the picture, where it would flatten all others
        figure.update_yaxes(range=[low - 0.05 * (high - low), high + 0.05 * (high - low)])
    return named(figure, "step", height)


def curves(
    x: Sequence[float],
    lines: Mapping[str, Sequence[float | None]],
    titles: tuple[str, str],
    log: bool,
) -> go.Figure:
    """Return lines over one quantity.

    Args:
        x: values of the quantity.
        lines: values (len(x),) by name.
        titles: of the x and y axes.
        log: logarithmic y axis.
    """
    figure = go.Figure()
    for place, (name, values) in enumerate(lines.items()):
        figure.add_scatter(
            x=list(x), y=list(values), mode="lines+markers", name=name,
            line={"color": COLORS[(place + 1) % len(COLORS)]},
        )  # fmt: skip
    named(figure, *titles)
    if log:
        figure.update_xaxes(type="log")
    return figure


def named(figure: go.Figure, x: str, y: str) -> go.Figure:
    """Set the titles of the axes and the layout.

    Args:
        figure: changed in place.
        x: title of the x axis.
        y: title of the y axis.
    """
    figure.update_layout(
        template="plotly_white",
        height=380,
        margin=_MARGIN,
        legend={**_LEGEND, "y": -0.2},
        xaxis={"title": {"text": x}},
        yaxis={"title": {"text": y}},
    )
    return figure


def _few(values: np.ndarray) -> list[float]:
    """Seven digits are enough to draw, and keep the page small."""
    return [float(f"{value:.7g}") for value in values]
