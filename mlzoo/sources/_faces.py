"""Drawn faces of six people, seen from different sides and in different light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SIDE = 32
"""Pixels a side of a picture."""
PEOPLE = ("ada", "ben", "cleo", "dan", "eve", "finn")
_MOST_TURN = 2.0
"""Pixels by which the features of a turned head move, at most."""


@dataclass(frozen=True)
class _Person:
    """Features of one person in all pictures, lengths in pixels, tones from 0 to 1."""

    width: float
    height: float
    skin: float
    hair: float
    fringe: float
    eyes: float
    brow: float
    nose: float
    mouth: float
    glasses: bool = False
    beard: bool = False


_PEOPLE = (
    _Person(9.0, 12.5, 0.80, 0.15, 7.0, 4.0, 0.3, 3.0, 3.5),
    _Person(10.5, 12.0, 0.68, 0.25, 4.5, 4.6, -0.2, 3.6, 4.5, beard=True),
    _Person(8.5, 13.0, 0.45, 0.08, 6.0, 3.8, 0.0, 3.0, 4.2, glasses=True),
    _Person(10.0, 13.0, 0.75, 0.55, 3.0, 4.4, 0.2, 4.2, 3.4, glasses=True),
    _Person(9.5, 11.5, 0.60, 0.70, 8.0, 4.2, -0.3, 2.6, 3.0),
    _Person(9.0, 13.0, 0.52, 0.12, 5.0, 3.6, 0.4, 4.0, 4.0, beard=True),
)


def faces(count: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw the six people in turn, each time turned, lit and in a mood of its own.

    Args:
        count: of pictures.
        noise: standard deviation of the noise, in gray levels of 256.
        rng: decides everything but who the people are.

    Returns:
        (count, SIDE, SIDE, 1) uint8 gray levels, and (count,) int32 positions in PEOPLE.
    """
    people = np.arange(count, dtype=np.int32) % len(PEOPLE)
    pictures = 255 * np.stack([_face(_PEOPLE[person], rng) for person in people])
    pictures += rng.normal(0, noise, pictures.shape)
    return np.clip(np.rint(pictures), 0, 255).astype(np.uint8)[..., None], people


def _face(person: _Person, rng: np.random.Generator) -> np.ndarray:
    """Return a picture (SIDE, SIDE) of gray levels from 0 to 1."""
    line = np.arange(SIDE) + 0.5
    y, x = np.meshgrid(line, line, indexing="ij")
    x = x - SIDE / 2 - rng.uniform(-1, 1)
    y = y - SIDE / 2 - 1 - rng.uniform(-1, 1)
    turn, smile, opening = rng.uniform(-_MOST_TURN, _MOST_TURN), rng.uniform(-1, 1), rng.random()
    picture = np.full((SIDE, SIDE), rng.uniform(0.2, 0.4))
    head = _ellipse(x, y, 0, 0, person.width, person.height)
    _paint(picture, _ellipse(x, y, 0, -1.5, person.width + 1.5, person.height + 0.5), person.hair)
    below_hair = y + person.height - person.fringe
    _paint(picture, np.minimum(head, below_hair), person.skin)
    if person.beard:
        _paint(picture, np.minimum(head, y - 5.5), 0.5 * (person.hair + person.skin))
    dark = 0.35 * person.skin
    for side in (-1, 1):
        eye = side * person.eyes + turn
        _paint(picture, _ellipse(x, y, eye, -1.5, 1.8, 1.0), 0.95)
        _paint(picture, _ellipse(x, y, eye + 0.3 * turn, -1.5, 0.9, 1.0), 0.05)
        slanted = np.abs(y + 4.0 - side * person.brow * (x - eye))
        _paint(picture, np.minimum(0.5 - slanted, 2.0 - np.abs(x - eye)), dark)
        if person.glasses:
            rim = 0.5 - np.abs(np.hypot(x - eye, y + 1.5) - 2.9)
            _paint(picture, rim, 0.05)
    nose = np.minimum(0.5 - np.abs(x - 1.3 * turn - 0.6), 0.5 * person.nose - np.abs(y - 1.5))
    _paint(picture, nose, 0.75 * person.skin)
    across = (x - turn) / person.mouth
    bent = y - 6.5 - 1.5 * smile * (0.5 - across**2)
    lips = np.minimum(0.6 + 0.7 * opening - np.abs(bent), person.mouth * (1 - np.abs(across)))
    _paint(picture, lips, dark)
    light = 1 + rng.uniform(-0.025, 0.025) * x + rng.uniform(-0.012, 0.012) * y
    return picture * light * rng.uniform(0.85, 1.1)


def _ellipse(
    x: np.ndarray, y: np.ndarray, left: float, top: float, across: float, down: float
) -> np.ndarray:
    """Return about the depth of points within an ellipse, in pixels; negative outside."""
    depth = 1 - np.hypot((x - left) / across, (y - top) / down)
    return min(across, down) * depth


def _paint(picture: np.ndarray, depth: np.ndarray, tone: float) -> None:
    """Cover pixels of a picture by a tone, those at the edge in part."""
    share = np.clip(depth + 0.5, 0, 1)
    picture += share * (tone - picture)
