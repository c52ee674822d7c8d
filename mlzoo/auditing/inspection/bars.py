"""Charts of counts: bars below each other, and histograms."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from markupsafe import Markup

from mlzoo.reporting.pages.charts import HEIGHT, ROW, WIDTH, Scale, framed, ticks
from mlzoo.reporting.pages.rendering import number

_BINS = 24
_EDGE = 14
_FLOOR = HEIGHT - 36


def bar_chart(title: str, rows: Sequence[tuple[str, float, str]], most: float = 0.0) -> Markup:
    """Draw values from 0 on as bars below each other; negative ones in another color.

    Args:
        title: the heading.
        rows: name, value, and the value as text.
        most: the value of a whole bar; by default the largest.
    """
    if not rows:
        return Markup("")
    most = most or max(abs(value) for _, value, _ in rows) or 1.0
    across = Scale(0, most, 0, WIDTH - 2 * _EDGE)
    parts = []
    for position, (name, value, text) in enumerate(rows):
        y = ROW * position + 22
        caption = escape(f"{name}: {text}")
        parts.append(
            f'<g class="s{int(value < 0)}"><title>{caption}</title><rect class="span" '
            f'x="{_EDGE}" y="{y}" width="{max(across.place(abs(value)), 1)}" height="9"/>'
            f'<text class="halo" x="{_EDGE}" y="{y - 5}">{caption}</text></g>'
        )
    return framed(title, "".join(parts), ROW * len(rows) + 12)


def histogram(title: str, values: np.ndarray) -> Markup:
    """Draw how finite values (n,) spread, in bins of one width; whole numbers have their own.

    Args:
        title: the heading.
        values: the numbers.
    """
    if not len(values):
        return Markup("")
    low, high = float(values.min()), float(values.max())
    whole = bool((values == np.round(values)).all()) and high - low < _BINS
    edges = (
        low - 0.5 + np.arange(int(high - low) + 2)
        if whole or high <= low
        else np.linspace(low, high, _BINS + 1)
    )
    counts, _ = np.histogram(values, edges)
    across = Scale(float(edges[0]), float(edges[-1]), _EDGE, WIDTH - _EDGE)
    up = Scale(0, max(int(counts.max()), 1), _FLOOR, 26)
    parts = []
    for count, left, right in zip(counts.tolist(), edges[:-1], edges[1:], strict=True):
        x, end, y = across.place(left), across.place(right), up.place(count)
        middle = number(float((left + right) / 2)) if whole else f"{left:.4g} to {right:.4g}"
        parts.append(
            f'<rect class="span" x="{x}" y="{y}" width="{end - x:.1f}" height="{_FLOOR - y:.1f}">'
            f"<title>{escape(middle)}: {count:,}</title></rect>"
        )
    marks = [
        f'<text x="{x}" y="{_FLOOR + 17}" text-anchor="middle">{number(tick)}</text>'
        for tick in ticks(low, high, 4)
        if not whole or tick == round(tick)
        for x in [across.place(tick)]
    ]
    top = f'<text x="{_EDGE}" y="16">most in a bin: {int(counts.max()):,}</text>'
    axis = f'<line class="axis" x1="{_EDGE}" x2="{WIDTH - _EDGE}" y1="{_FLOOR}" y2="{_FLOOR}"/>'
    content = f'<g class="s0">{"".join(parts)}</g>{axis}{"".join(marks)}{top}'
    return framed(title, content, _FLOOR + 28)
