"""Interactive page of a landscape: one offline file, in the style of the reports."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

import numpy as np
from markupsafe import Markup

from mlzoo.checking.functions.descent import Path
from mlzoo.reporting.pages.charts import Line, line_chart
from mlzoo.reporting.pages.rendering import render

_TEMPLATE = File(__file__).with_name("page.html.jinja")


@dataclass(frozen=True)
class Section:
    """A heading with a note and a figure."""

    title: str
    figure: Markup
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
    shown = [
        {
            "title": table.title,
            "header": table.header,
            "rows": [[_cell(row.get(name)) for name in table.header] for row in table.rows],
        }
        for table in tables
    ]
    render(path, _TEMPLATE, title=title, sentences=sentences, sections=sections, tables=shown)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def progress(paths: Sequence[Path], height: str) -> Markup:
    """Draw the values over the steps of each path.

    Args:
        paths: the paths; one that rises above the highest start ends there, where it would flatten
            all others.
        height: name of the values.
    """
    top = max((float(path.values[0]) for path in paths), default=0.0)
    lines = [
        Line(
            path_name(path), [(float(step), float(path.values[step])) for step in _below(path, top)]
        )
        for path in paths
    ]
    return line_chart(f"{height} over steps", lines, x="step")


def _below(path: Path, top: float) -> range:
    """Return the steps until a path rises above a value."""
    above = np.flatnonzero(~(path.values <= top))
    return range(int(above[0]) if len(above) else len(path.values))


def path_name(path: Path) -> str:
    """Return the optimizer of a path with its rate."""
    return path.optimizer if path.rate is None else f"{path.optimizer} {path.rate:g}"


def curves(
    x: Sequence[Any],
    lines: Mapping[str, Sequence[float | None]],
    titles: tuple[str, str],
    log: bool,
) -> Markup:
    """Draw lines over one quantity.

    Args:
        x: values of the quantity; where one of them is not a number, all are shown as names.
        lines: values (len(x),) by name; None where there is none.
        titles: of the x and y axes.
        log: logarithmic x axis.
    """
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in x)
    places = [float(v) for v in x] if numbers else [float(i) for i in range(len(x))]
    drawn = [
        Line(
            name,
            [
                (place, value)
                for place, value in zip(places, values, strict=True)
                if value is not None and math.isfinite(value)
            ],
        )
        for name, values in lines.items()
    ]
    names = () if numbers else [str(value) for value in x]
    return line_chart(titles[1], drawn, x=titles[0], log_x=log and numbers, names=names)
