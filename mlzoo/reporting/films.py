"""Films of episodes, and of solutions over epochs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mlzoo.core.files import write_bytes

_MILLISECONDS = 120
"""Time that a picture is shown; the last stays ten times as long."""
_MOST = 300
"""Pictures of a film; of a longer episode every second, third, ... is shown."""


def write_film(path: Path, pictures: Sequence[np.ndarray]) -> Path:
    """Write pictures (height, width, 3) uint8 as an animated GIF that is shown again and again."""
    every = -(-len(pictures) // _MOST)
    shown = [*pictures[:-1:every], pictures[-1]]
    first, *others = (Image.fromarray(picture) for picture in shown)
    buffer = io.BytesIO()
    times = [_MILLISECONDS] * len(others) + [10 * _MILLISECONDS]
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=times, loop=0)
    write_bytes(path, buffer.getvalue())
    return path
