"""SVG diagrams of bars, spans of time and many dimensions, in the style of `charts`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

from mlzoo.reporting.pages.charts import ROW, WIDTH, Scale, framed, ticks
from mlzoo.reporting.pages.rendering import number

_ROW, _TOP, _BOTTOM = 26, 8, 30
_WIDE, _TALL = 900, 330


@dataclass(frozen=True)
class Span:
    """A span of a row: its ends, a text, and whether it failed."""

    start: float
    end: float
    text: str
    failed: bool = False


@dataclass(frozen=True)
class Axis:
    """An axis of parallel coordinates: its name, the ends, and texts at values."""

    name: str
    low: float
    high: float
    texts: Mapping[float, str]


def bar_chart(title: str, rows: Sequence[tuple[str, float, float]]) -> Markup:
    """Draw values from 0 as bars below each other, each with the half length of its error bar.

    Args:
        title: the heading.
        rows: name, value and error, of which all are 0 or more.
    """
    across = Scale(0.0, max(value + error for _, value, error in rows) or 1.0, 14, WIDTH - 14)
    height = _TOP + ROW * len(rows) + _BOTTOM
    parts = [_columns(across, height)]
    for position, (name, value, error) in enumerate(rows):
        y, x = _TOP + ROW * position + 18, across.place(value)
        a, b = across.place(max(0.0, value - error)), across.place(value + error)
        caption = f"{name}: {number(value)}" + (f" ± {number(error)}" if error else "")
        parts.append(
            f'<g class="s0"><line class="bar" x1="14" x2="{x}" y1="{y}" y2="{y}"/>'
            f'<line class="error" x1="{a}" x2="{b}" y1="{y}" y2="{y}"/>'
            f'<circle cx="{x}" cy="{y}" r="3.2"/>'
            f'<text class="halo" x="14" y="{y - 7}">{escape(caption)}</text></g>'
        )
    return framed(title, "".join(parts), height)


def span_chart(title: str, rows: Mapping[str, Sequence[Span]]) -> Markup:
    """Draw spans of time, a row a name, in seconds from the first one; failed ones differ.

    Args:
        title: the heading.
        rows: spans by name.
    """
    first = min(span.start for spans in rows.values() for span in spans)
    last = max(span.end for spans in rows.values() for span in spans)
    across = Scale(0.0, (last - first) or 1.0, 14, WIDTH - 14)
    height = _TOP + 1.4 * _ROW * len(rows) + _BOTTOM
    parts = [_columns(across, height)]
    for position, (name, spans) in enumerate(rows.items()):
        y = _TOP + 1.4 * _ROW * position + 16
        parts.append(f'<text x="14" y="{y - 4}">{escape(name)}</text>')
        for span in spans:
            a, b = across.place(span.start - first), across.place(span.end - first)
            parts.append(
                f'<rect class="span s{int(span.failed)}" x="{a}" y="{y}" '
                f'width="{max(0.6, round(b - a, 1))}" height="14">'
                f"<title>{escape(span.text)}</title></rect>"
            )
    return framed(title, "".join(parts), height)


def parallel_chart(
    title: str, axes: Sequence[Axis], lines: Sequence[tuple[Sequence[float], float, str]]
) -> Markup:
    """Draw parallel coordinates: a line through its value on each axis.

    Inselberg, "The plane with parallel coordinates" (1985). Lines of a high rank are drawn last and
    darkest; one under the pointer stands out and says its text.

    Args:
        title: the heading.
        axes: from left to right.
        lines: the values on the axes, a rank from 0 (last) to 1 (first), and the text of each.
    """
    first = axes[0]
    left = max(50, 14 + 7 * max(map(len, first.texts.values()), default=0), 4 * len(first.name))
    across = Scale(0, max(1, len(axes) - 1), left, _WIDE - 60)
    up = [Scale(axis.low, axis.high, _TALL - 20, 50) for axis in axes]
    parts = []
    for values, rank, text in sorted(lines, key=lambda line: line[1]):
        spots = (
            f"{across.place(i)},{scale.place(v)}"
            for i, (scale, v) in enumerate(zip(up, values, strict=True))
        )
        parts.append(
            f'<polyline class="trial" style="opacity: {0.12 + 0.88 * rank**3:.2f}" '
            f'points="{" ".join(spots)}"><title>{escape(text)}</title></polyline>'
        )
    for position, (axis, scale) in enumerate(zip(axes, up, strict=True)):
        x, last = across.place(position), position == len(axes) - 1
        parts.append(
            f'<line class="axis" x1="{x}" x2="{x}" y1="{scale.start}" y2="{scale.end}"/>'
            f'<text x="{x}" y="30" text-anchor="middle">{escape(axis.name)}</text>'
        )
        for value, text in axis.texts.items():
            side, at = ("start", x + 6) if last else ("end", x - 6)
            parts.append(
                f'<text class="halo" x="{at}" y="{scale.place(value) + 4}" '
                f'text-anchor="{side}">{escape(text)}</text>'
            )
    return framed(title, f'<g class="s0">{"".join(parts)}</g>', _TALL, _WIDE, wide=True)


def _columns(across: Scale, height: float) -> str:
    return "".join(
        f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{height - 26}"/>'
        f'<text x="{x}" y="{height - 10}" text-anchor="middle">{number(value)}</text>'
        for value in ticks(across.low, across.high, 4)
        for x in [across.place(value)]
    )
