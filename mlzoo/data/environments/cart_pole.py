"""Picture of a cart with its pole; Gymnasium's own needs a library of games."""

from __future__ import annotations

import numpy as np

from mlzoo.data.environments.grids import BACKGROUND

_WIDTH, _HEIGHT = 240, 120
_REACH = 2.4
"""Position, in meters to each side, at which an episode ends."""
_POLE = 80.0
_CART = (30, 14)


def paint(observation: np.ndarray) -> np.ndarray:
    """Return an image (120, 240, 3) of position in meters and angle in radians.

    Args:
        observation: (4,) position, velocity, angle (0: upright) and its velocity.
    """
    from PIL import Image, ImageDraw

    position, angle = float(observation[0]), float(observation[2])
    image = Image.new("RGB", (_WIDTH, _HEIGHT), BACKGROUND)
    draw = ImageDraw.Draw(image)
    x, floor = _WIDTH / 2 * (1 + position / (1.1 * _REACH)), _HEIGHT - 16
    width, height = _CART
    draw.line((0, floor, _WIDTH, floor), fill=(150, 150, 150))
    cart = (x - width / 2, floor - height, x + width / 2, floor)
    draw.rectangle(cart, fill=(60, 60, 60))
    top = (x + _POLE * np.sin(angle), floor - height - _POLE * np.cos(angle))
    draw.line((x, floor - height, *top), fill=(213, 94, 0), width=5)
    return np.asarray(image)
