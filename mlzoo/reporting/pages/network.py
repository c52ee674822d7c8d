"""A model as a drawing: its layers from top to bottom, and what skips some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from markupsafe import Markup

MOST_BOXES = 80
"""A drawing of more is no help; the table has them all."""
_WIDTH, _BOX, _STEP, _TOP = 420, 24, 33, 4
_LEFT, _LANE = 6, 7


@dataclass
class Box:
    """Layers that follow one another and do not change the shape."""

    names: list[str]
    kinds: list[str]
    shape: str
    parameters: int
    before: list[str] = field(default_factory=list)


def draw(layers: Sequence[Mapping[str, Any]]) -> Markup:
    """Draw a model's layers as SVG; empty where there are too many.

    Args:
        layers: in order, each with `name`, `type`, `output` (text), `parameters`, and `inputs`, the
            names of the layers before it.
    """
    found = boxes(layers)
    if not found or len(found) > MOST_BOXES:
        return Markup("")
    where = {name: place for place, box in enumerate(found) for name in box.names}
    skips = [
        (where[name], place)
        for place, box in enumerate(found)
        for name in box.before
        if name in where and where[name] < place - 1
    ]
    lanes = _lanes(skips)
    indent = _LEFT + _LANE * (max(lanes, default=-1) + 2)
    height = _TOP * 2 + _STEP * len(found) - (_STEP - _BOX)
    parts = []
    for (start, end), lane in zip(skips, lanes, strict=True):
        x, a, b = indent - _LANE * (lane + 1), _middle(start), _middle(end)
        parts.append(f'<path d="M{indent},{a} H{x} V{b} H{indent}"/>')
    for place, box in enumerate(found):
        y = _TOP + _STEP * place
        if any(where.get(name) == place - 1 for name in box.before):
            middle = (indent + _WIDTH) // 2
            parts.append(f'<path d="M{middle},{y - _STEP + _BOX} V{y}"/>')
        said = _spoken(box.kinds)
        size = box.shape + (f", {box.parameters:,}" if box.parameters else "")
        room = (_WIDTH - indent - 16 - 6.4 * len(size)) / 6.6
        shown = said if len(said) <= room else said[: max(int(room) - 1, 4)] + "…"
        parts.append(
            f"<g><title>{escape(f'{said}: {size} parameters' if box.parameters else said)}</title>"
            f'<rect x="{indent}" y="{y}" width="{_WIDTH - indent - 1}" height="{_BOX}" rx="4"/>'
            f'<text x="{indent + 8}" y="{y + 16}">{escape(shown)}</text>'
            f'<text class="size" x="{_WIDTH - 8}" y="{y + 16}" text-anchor="end">{size}</text></g>'
        )
    total = sum(box.parameters for box in found)
    said = f"Drawing of the model: {len(layers)} layers, {total:,} parameters"
    return Markup(
        f'<div class="network"><svg viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{said}">{"".join(parts)}</svg></div>'
    )


def boxes(layers: Sequence[Mapping[str, Any]]) -> list[Box]:
    """Layers with those that follow them alone, without another shape, in one box."""
    followers: dict[str, int] = {}
    for layer in layers:
        for name in layer["inputs"]:
            followers[name] = followers.get(name, 0) + 1
    found: list[Box] = []
    for layer in layers:
        before, shape = list(layer["inputs"]), _size(layer["output"])
        last = found[-1] if found else None
        alone = last is not None and before == [last.names[-1]] and followers[before[0]] == 1
        if last is not None and alone and shape == last.shape and last.kinds != ["InputLayer"]:
            last.names.append(layer["name"])
            last.kinds.append(layer["type"])
            last.parameters += int(layer["parameters"])
        else:
            own = int(layer["parameters"])
            found.append(Box([layer["name"]], [layer["type"]], shape, own, before))
    return found


def _spoken(kinds: Sequence[str]) -> str:
    """`Conv2D + Activation`, with a pattern that comes again written once."""
    for length in range(1, len(kinds) + 1):
        times = len(kinds) // length
        if list(kinds) == list(kinds[:length]) * times:
            once = " + ".join(kinds[:length])
            return (
                once if times == 1 else f"{times} × ({once})" if length > 1 else f"{times} × {once}"
            )
    return ""


def _size(output: Sequence[int | None]) -> str:
    """`(None, 8, 8, 16)` as 8×8×16; a side of any length is a dot."""
    return "×".join("·" if side is None else str(side) for side in output[1:]) or "1"


def _middle(place: int) -> int:
    return _TOP + _STEP * place + _BOX // 2


def _lanes(skips: Sequence[tuple[int, int]]) -> list[int]:
    """A lane beside the boxes for each skip, so that none runs over another."""
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
