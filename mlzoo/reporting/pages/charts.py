"""SVG charts that need no script; a script adds the values under the pointer.

They take a few kilobytes each and follow the page's light and dark colors; a library of charts
would take several megabytes in every run folder.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import pairwise
from typing import Literal

from markupsafe import Markup

from mlzoo.reporting.pages.rendering import number

WIDTH, HEIGHT = 420, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 12, 22, 36
SERIES = 6
"""Number of line colors; a seventh line repeats the first, dashed."""
MOST_POINTS = 400
"""Maximum number of drawn points per line; of more, evenly chosen ones."""
TABBED = ' tabindex="0"'
"""Lets keys scroll what is wider than a small screen."""
ROW = 32
"""Height of a row of a chart: a name with its value right below, apart from the next name."""
WHOLE = ("epoch", "trial")
"""Axes that are counted: their ticks are whole numbers."""


@dataclass(frozen=True)
class Line:
    """A line of a chart: its name and its finite points.

    Attributes:
        name: shown below the chart, where its button hides the line.
        points: (x, y) of each.
        drawn: as a line, as single points, or as steps that hold a value until the next one.
        errors: half the length of each point's error bar; none without.
        texts: shown for each point under the pointer; none without.
        band: lowest and highest value at each point, shaded; none without.
        color: number of its color; None: its place among the lines of the chart.
    """

    name: str
    points: Sequence[tuple[float, float]]
    drawn: Literal["line", "points", "steps"] = "line"
    errors: Sequence[float] = ()
    texts: Sequence[str] = ()
    band: Sequence[tuple[float, float]] = ()
    color: int | None = None

    def extent(self) -> list[float]:
        """Return the values that the chart has to hold: points, error bars and band."""
        errors = self.errors or [0.0] * len(self.points)
        bars = [
            y + sign * e for (_, y), e in zip(self.points, errors, strict=True) for sign in (1, -1)
        ]
        return [*bars, *(end for ends in self.band for end in ends)]


@dataclass(frozen=True)
class Scale:
    """Linear or logarithmic axis from values to SVG coordinates."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def place(self, value: float) -> float:
        """Return the SVG coordinate of a value."""
        low, high, at = (
            (math.log10(v) for v in (self.low, self.high, value))
            if self.log
            else (self.low, self.high, value)
        )
        return round(self.start + (self.end - self.start) * (at - low) / ((high - low) or 1), 1)


def line_chart(
    title: str,
    lines: Sequence[Line],
    x: str = "epoch",
    mark: tuple[float, str] | None = None,
    log: bool = False,
    log_x: bool = False,
    names: Sequence[str] = (),
) -> Markup:
    """Draw lines over a common axis.

    Args:
        title: the heading.
        lines: the lines.
        x: label of the axis.
        mark: position and label of a vertical dashed line.
        log: use a log scale for values if all are positive.
        log_x: the same for the x axis.
        names: of the categories at x = 0, 1, ...; without them x is a number.
    """
    drawn = [_thinned(line) for line in lines if line.points]
    if not drawn:
        return Markup("")
    xs = sorted({point[0] for line in drawn for point in line.points})
    ys = [value for line in drawn for value in line.extent()]
    log = log and min(ys) > 0
    ends = (-0.5, len(names) - 0.5) if names else (xs[0], xs[-1])
    across = Scale(*ends, _LEFT, WIDTH - _RIGHT, log_x and xs[0] > 0)
    low, high = (min(ys), max(ys)) if log else _padded(min(ys), max(ys))
    up = Scale(low, high, HEIGHT - _BOTTOM, _TOP, log)
    parts = [_grid(across, up, x, names)]
    if mark is not None:
        parts.append(_mark(across, *mark))
    parts += [_line(line, number_, across, up) for number_, line in enumerate(drawn)]
    parts.append(f'<line class="cursor" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}" x1="-9" x2="-9"/>')
    return _figure(title, "".join(parts), drawn, _hover(drawn, xs, across, x, names), x)


def interval_chart(title: str, rows: Sequence[tuple[str, float, Sequence[float] | None]]) -> Markup:
    """Draw values below each other, each with its interval as a bar.

    Args:
        title: the heading.
        rows: name, value, and the ends of the interval or None.
    """
    values = [v for _, value, ends in rows for v in (value, *(ends or ()))]
    low, high = _padded(min(values), max(values))
    step, top = ROW, 8
    height = top + step * len(rows) + 30
    # Names are above their bars, so that long ones fit a phone.
    across = Scale(low, high, 14, WIDTH - 14)
    parts = [
        f'<line class="grid" x1="{across.place(t)}" x2="{across.place(t)}" y1="{top}" '
        f'y2="{height - 26}"/><text x="{across.place(t)}" y="{height - 10}" '
        f'text-anchor="middle">{number(t)}</text>'
        for t in ticks(low, high, 4)
    ]
    for position, (name, value, ends) in enumerate(rows):
        y, dot = top + step * position + 18, across.place(value)
        caption = f"{name}: {number(value)}" + (f" ({interval_text(ends)})" if ends else "")
        bar = ""
        if ends:
            a, b = (across.place(end) for end in ends)
            bar = f'<line class="bar s{min(position, 1)}" x1="{a}" x2="{b}" y1="{y}" y2="{y}"/>'
        parts.append(
            f"<g><title>{escape(caption)}</title>{bar}"
            f'<circle class="dot s{min(position, 1)}" cx="{dot}" cy="{y}" r="4.5"/>'
            f'<text class="halo" x="14" y="{y - 7}">{escape(caption)}</text></g>'
        )
    return framed(title, "".join(parts), height)


def interval_text(ends: Sequence[float]) -> str:
    """Return an interval in words."""
    return f"95 % interval {number(ends[0])} to {number(ends[1])}"


def framed(
    title: str, content: str, height: float, width: float = WIDTH, wide: bool = False
) -> Markup:
    """Return a figure around the content of an SVG picture.

    Args:
        title: the heading, also for those who can't see the picture.
        content: SVG elements.
        height: of the picture, in its own units.
        width: of the picture.
        wide: as wide as the page, not as a chart.
    """
    return Markup(
        f'<figure class="chart {"wide" if wide else "small"}"{TABBED if wide else ""}>'
        f"<figcaption>{escape(title)}</figcaption>"
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'
        f"{content}</svg></figure>"
    )


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round values between two ends.

    Args:
        low: lower end.
        high: upper end.
        most: maximum number of values.
    """
    if high <= low:
        return [low]
    raw = (high - low) / most
    size = 10 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(step * k, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Return powers of ten between two ends, also times 2 and 5 if the ends are close."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1,) if last - first > 2 else (1, 2, 5)
    every = max(1, (last - first) // 5)
    candidates = [f * 10.0**k for k in range(first, last + 1, every) for f in factors]
    return [value for value in candidates if low * 0.999 <= value <= high * 1.001]


def _padded(low: float, high: float) -> tuple[float, float]:
    room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room


def _thinned(line: Line) -> Line:
    """Return a line with at most `MOST_POINTS` points, evenly chosen."""
    if len(line.points) <= MOST_POINTS:
        return line
    last = len(line.points) - 1
    chosen = [round(i * last / (MOST_POINTS - 1)) for i in range(MOST_POINTS)]
    return replace(
        line,
        points=[line.points[i] for i in chosen],
        errors=[line.errors[i] for i in chosen] if line.errors else (),
        texts=[line.texts[i] for i in chosen] if line.texts else (),
        band=[line.band[i] for i in chosen] if line.band else (),
    )


def _grid(across: Scale, up: Scale, x: str, names: Sequence[str] = ()) -> str:
    rows = log_ticks(up.low, up.high) if up.log else ticks(up.low, up.high)
    columns = log_ticks(across.low, across.high) if across.log else ticks(across.low, across.high)
    if x in WHOLE:
        columns = [value for value in columns if value == int(value)]
    labels = [number(int(v) if v == int(v) and v < 1e6 else v) for v in columns]
    if names:
        columns, labels = list(map(float, range(len(names)))), list(names)
    parts = [
        f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{number(value)}</text>'
        for value in rows
        for y in [up.place(value)]
    ]
    parts += [
        f'<text x="{across.place(v)}" y="{HEIGHT - _BOTTOM + 15}" text-anchor="middle">'
        f"{escape(label)}</text>"
        for v, label in zip(columns, labels, strict=True)
    ]
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 5}" text-anchor="middle">{escape(x)}</text>')
    return "".join(parts)


def _mark(across: Scale, value: float, text: str) -> str:
    x = across.place(value)
    side = "end" if x > WIDTH / 2 else "start"
    return (
        f'<line class="mark" x1="{x}" x2="{x}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}"/>'
        f'<text x="{x}" y="{_TOP - 6}" text-anchor="{side}">{escape(text)}</text>'
    )


def _style(place: int, line: Line) -> str:
    place = place if line.color is None else line.color
    return f"s{place % SERIES}" + (" dashed" if place >= SERIES else "")


def _line(line: Line, place: int, across: Scale, up: Scale) -> str:
    spots = [(across.place(x), up.place(y)) for x, y in line.points]
    parts = []
    if line.band:
        low, high = (
            [(x, up.place(pair[end])) for (x, _), pair in zip(spots, line.band, strict=True)]
            for end in (0, 1)
        )
        parts.append(f'<polygon class="band" points="{_path([*low, *reversed(high)])}"/>')
    if line.errors:
        for (x, _), (_, value), error in zip(spots, line.points, line.errors, strict=True):
            a, b = up.place(value - error), up.place(value + error)
            parts.append(f'<line class="error" x1="{x}" x2="{x}" y1="{a}" y2="{b}"/>')
    if line.drawn == "steps":
        corners = [(after[0], before[1]) for before, after in pairwise(spots)]
        steps = [spot for pair in zip(corners, spots[1:], strict=True) for spot in pair]
        parts.append(f'<polyline points="{_path([spots[0], *steps])}"/>')
    elif line.drawn == "line":
        parts.append(f'<polyline points="{_path(spots)}"/>')
    if line.drawn == "points" or (line.drawn == "line" and len(spots) <= 40):
        radius = 3.2 if line.drawn == "points" else 2.4
        for (x, y), text in zip(spots, line.texts or [""] * len(spots), strict=True):
            title = f"<title>{escape(text)}</title>" if text else ""
            parts.append(f'<circle cx="{x}" cy="{y}" r="{radius}">{title}</circle>')
    return f'<g class="{_style(place, line)}" data-line="{place}">{"".join(parts)}</g>'


def _path(spots: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in spots)


def _hover(
    lines: Sequence[Line], xs: Sequence[float], across: Scale, x: str, names: Sequence[str] = ()
) -> dict[str, object]:
    values = [dict(line.points) for line in lines]
    at = [f"{x} {number(int(v) if v == int(v) else v)}" for v in xs]
    return {
        "x": [across.place(value) for value in xs],
        "at": [names[int(v)] for v in xs] if names else at,
        "names": [line.name for line in lines],
        "values": [[number(points[v]) if v in points else "" for v in xs] for points in values],
    }


def _figure(
    title: str, content: str, lines: Sequence[Line], hover: Mapping[str, object], x: str
) -> Markup:
    keys = "".join(
        f'<button type="button" class="key {_style(place, line)}" data-line="{place}" '
        f'aria-pressed="true"><span class="swatch"></span>{escape(line.name)}</button>'
        for place, line in enumerate(lines)
    )
    last = "; ".join(f"{line.name} ends at {number(line.points[-1][1])}" for line in lines)
    description = escape(f"{title} over {x}: {last}")
    data = escape(json.dumps(hover, ensure_ascii=False, separators=(",", ":")))
    return Markup(
        f'<figure class="chart" data-hover="{data}"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" tabindex="0" aria-label="{description}">'
        f'{content}</svg><div class="keys">{keys}</div>'
        f'<p class="readout" aria-live="polite"></p></figure>'
    )
