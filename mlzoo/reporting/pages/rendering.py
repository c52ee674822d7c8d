"""Templates to pages: one look, one stylesheet and one script, all within the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from PIL import Image

from mlzoo.core import files
from mlzoo.core.messages import few

PICTURE_BYTES = 1_500_000
"""What all pictures of a page take at most; in the page they are a third larger."""
MOST_BYTES = 60_000
"""What one picture takes at most, so that run folders stay small enough to be kept in git."""
_SIZES = ((1000, 82), (800, 78), (640, 74), (480, 68), (360, 60), (240, 45), (160, 30))
"""Longest sides (pixels) and WebP qualities to try, until a picture is small enough."""


def render(path: Path, template: Path, **values: Any) -> None:
    """Write a page from a template that extends `base.html.jinja`.

    Args:
        path: where the page goes.
        template: its file; text that is put into it is escaped.
        **values: what it shows.
    """
    files.write_text(path, _environment(template.parent).get_template(template.name).render(values))


@lru_cache
def _environment(folder: Path) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([Path(__file__).parent, folder]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    environment.filters |= {
        "number": number,
        "interval": interval,
        "percent": lambda share: f"{100 * share:.3g} %",
        "listed": few,
    }
    return environment


def number(value: Any) -> str:
    """A number in up to four significant digits, a list with commas; a dash for None."""
    if value is None:
        return "–"
    if isinstance(value, list | tuple):
        return ", ".join(map(number, value)) or "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def interval(ends: Sequence[float] | None) -> str:
    """`low to high`; a dash where there is none."""
    return f"{number(ends[0])} to {number(ends[1])}" if ends else "–"


def embedded(paths: Iterable[Path], budget: int = PICTURE_BYTES) -> dict[Path, str]:
    """Pictures as `data:` addresses, downsized so that together they keep to a budget.

    Args:
        paths: of PNGs and other pictures; a file that is no picture is left out.
        budget: bytes of all of them. What small pictures leave over goes to the larger ones.

    Returns:
        An address for each path, in order.
    """
    wanted = list(dict.fromkeys(paths))
    found: dict[Path, str] = {}
    left = budget
    for count, path in enumerate(sorted(wanted, key=lambda p: p.stat().st_size)):
        try:
            content = downsized(path, min(left // (len(wanted) - count), MOST_BYTES))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            continue
        left -= len(content)
        found[path] = "data:image/webp;base64," + base64.b64encode(content).decode("ascii")
    return {path: found[path] for path in wanted if path in found}


def downsized(path: Path, most: int) -> bytes:
    """A picture as WebP of at most that many bytes, or the smallest that is tried."""
    with Image.open(path) as opened:
        # What is transparent is drawn on white, as by those who look at the file.
        image = opened.convert("RGBA")
    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    content = b""
    for side, quality in _SIZES:
        smaller = image.copy()
        smaller.thumbnail((side, side))
        buffer = io.BytesIO()
        smaller.save(buffer, "WEBP", quality=quality, method=2)
        content = buffer.getvalue()
        if len(content) <= most:
            break
    return content
