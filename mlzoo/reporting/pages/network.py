"""Drawing of a model: its layers from top to bottom, with skip connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from markupsafe import Markup

MOST_BOXES = 80
"""Larger models are not drawn; the table lists all layers."""
_WIDTH, _BOX, _STEP, _TOP = 420, 24, 33, 4
_LEFT, _LANE = 6, 7


@dataclass
class Box:
    """Consecutive layers that do not change the shape."""

    names: list[str]
    kinds: list[str]
    shape: str
    parameters: int
    before: list[str] = field(default_factory=list)


def draw(layers: Sequence[Mapping[str, Any]]) -> Markup:
    """Draw a model's layers as SVG; empty if there are too many.

    Args:
        layers: in order, each with `name`, `type`, `output` (text), `parameters`, and `inputs`, the
            names of the layers before it.
    """
    drawn = boxes(layers)
    if not drawn or len(drawn) > MOST_BOXES:
        return Markup("")
    positions = {name: position for position, box in enumerate(drawn) for name in box.names}
    skips = [
        (positions[name], position)
        for position, box in enumerate(drawn)
        for name in box.before
        if name in positions and positions[name] < position - 1
    ]
    lanes = _lanes(skips)
    indent = _LEFT + _LANE * (max(lanes, default=-1) + 2)
    height = _TOP * 2 + _STEP * len(drawn) - (_STEP - _BOX)
    parts = []
    for (start, end), lane in zip(skips, lanes, strict=True):
        x, a, b = indent - _LANE * (lane + 1), _middle(start), _middle(end)
        parts.append(f'<path d="M{indent},{a} H{x} V{b} H{indent}"/>')
    for position, box in enumerate(drawn):
        y = _TOP + _STEP * position
        if any(positions.get(name) == position - 1 for name in box.before):
            middle = (indent + _WIDTH) // 2
            parts.append(f'<path d="M{middle},{y - _STEP + _BOX} V{y}"/>')
        text = _layer_types(box.kinds)
        size = box.shape + (f", {box.parameters:,}" if box.parameters else "")
        room = (_WIDTH - indent - 16 - 6.4 * len(size)) / 6.6
        shown = text if len(text) <= room else text[: max(int(room) - 1, 4)] + "…"
        parts.append(
            f"<g><title>{escape(f'{text}: {size} parameters' if box.parameters else text)}</title>"
            f'<rect x="{indent}" y="{y}" width="{_WIDTH - indent - 1}" height="{_BOX}" rx="4"/>'
            f'<text x="{indent + 8}" y="{y + 16}">{escape(shown)}</text>'
            f'<text class="size" x="{_WIDTH - 8}" y="{y + 16}" text-anchor="end">{size}</text></g>'
        )
    total = sum(box.parameters for box in drawn)
    text = f"Drawing of the model: {len(layers)} layers, {total:,} parameters"
    return Markup(
        f'<div class="network"><svg viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{text}">{"".join(parts)}</svg></div>'
    )


def boxes(layers: Sequence[Mapping[str, Any]]) -> list[Box]:
    """Group consecutive layers of the same shape into boxes."""
    followers: dict[str, int] = {}
    for layer in layers:
        for name in layer["inputs"]:
            followers[name] = followers.get(name, 0) + 1
    grouped: list[Box] = []
    for layer in layers:
        before, shape = list(layer["inputs"]), _size(layer["output"])
        last = grouped[-1] if grouped else None
        alone = last is not None and before == [last.names[-1]] and followers[before[0]] == 1
        if last is not None and alone and shape == last.shape and last.kinds != ["InputLayer"]:
            last.names.append(layer["name"])
            last.kinds.append(layer["type"])
            last.parameters += int(layer["parameters"])
        else:
            parameters = int(layer["parameters"])
            grouped.append(Box([layer["name"]], [layer["type"]], shape, parameters, before))
    return grouped


def _layer_types(kinds: Sequence[str]) -> str:
    """Return `Conv2D + Activation`; a repeated pattern is written once, with its count."""
    for length in range(1, len(kinds) + 1):
        times = len(kinds) // length
        if list(kinds) == list(kinds[:length]) * times:
            once = " + ".join(kinds[:length])
            return (
                once if times == 1 else f"{times} × ({once})" if length > 1 else f"{times} × {once}"
            )
    return ""


def _size(output: Sequence[int | None]) -> str:
    """Format `(None, 8, 8, 16)` as 8×8×16; a variable side is a dot."""
    return "×".join("·" if side is None else str(side) for side in output[1:]) or "1"


def _middle(place: int) -> int:
    return _TOP + _STEP * place + _BOX // 2


def _lanes(skips: Sequence[tuple[int, int]]) -> list[int]:
    """Return a lane beside the boxes for each skip, so that they do not overlap."""
    order = sorted(range(len(skips)), key=lambda i: skips[i][1] - skips[i][0])
    taken: list[list[tuple[int, int]]] = []
    lanes = [0] * len(skips)
    for i in order:
        start, end = skips[i]
        lane = next(
            (k for k, others in enumerate(taken) if all(end <= a or b <= start for a, b in others)),
            len(taken),
        )
        if lane == len(taken):
            taken.append([])
        taken[lane].append((start, end))
        lanes[i] = lane
    return lanes
