"""Rendering of templates to self-contained pages with one stylesheet and one script."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from PIL import Image

from mlzoo.core import files
from mlzoo.core.messages import few

_BASE = Path(__file__).with_name("base.html.jinja")
PICTURE_BYTES = 1_500_000
"""Maximum bytes of all pictures of a page; base64 adds a third."""
MOST_BYTES = 60_000
"""Maximum bytes of one picture, so that run folders stay small enough for git."""
_SIZES = ((1000, 82), (800, 78), (640, 74), (480, 68), (360, 60), (240, 45), (160, 30))
"""Longest sides (pixels) and WebP qualities to try, until a picture is small enough."""


def render(path: Path, template: Path, **values: Any) -> None:
    """Write a page from a template that extends `base.html.jinja`.

    Args:
        path: path of the page.
        template: the template's file; inserted text is escaped.
        **values: variables of the template.
    """
    files.write_text(path, rendered(template, **values))


def rendered(template: Path, **values: Any) -> str:
    """Return the text of a page; see `render`."""
    return _environment(template.parent).get_template(template.name).render(values)


def script() -> str:
    """Return the text of the script that all pages have."""
    script = re.search(r"<script>(.*?)</script>", rendered(_BASE, title=""), re.DOTALL)
    assert script
    return script[1]


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
    """Format a number with up to four significant digits, a list with commas, None as a dash."""
    if value is None:
        return "–"
    if isinstance(value, list | tuple):
        return ", ".join(map(number, value)) or "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def interval(ends: Sequence[float] | None) -> str:
    """Return `low to high`; a dash if there is no interval."""
    return f"{number(ends[0])} to {number(ends[1])}" if ends else "–"


def embedded(paths: Iterable[Path], budget: int = PICTURE_BYTES) -> dict[Path, str]:
    """Return pictures as `data:` URLs, downsized to a common budget.

    Args:
        paths: PNGs and other pictures; files that are not pictures are left out.
        budget: bytes of all pictures. What small ones leave over goes to larger ones.

    Returns:
        A URL for each path, in order.
    """
    unique = list(dict.fromkeys(paths))
    urls: dict[Path, str] = {}
    left = budget
    for count, path in enumerate(sorted(unique, key=lambda p: p.stat().st_size)):
        try:
            content = downsized(path, min(left // (len(unique) - count), MOST_BYTES))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            continue
        left -= len(content)
        urls[path] = "data:image/webp;base64," + base64.b64encode(content).decode("ascii")
    return {path: urls[path] for path in unique if path in urls}


def downsized(path: Path, most: int) -> bytes:
    """Return a picture as WebP of at most `most` bytes, or the smallest size tried."""
    with Image.open(path) as opened:
        # Transparent pixels become white, as in image viewers.
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
