"""Real samples of a run: those that an export is scored on, and those that int8 ranges come from.

They are what a program would feed: whole sequences, images of their own size. Formats of one size
get sequences padded to the longest and images in one frame.
"""

from __future__ import annotations

import numpy as np

from mlzoo.data.samples import Part
from mlzoo.data.sequences.sequences import Sequences
from mlzoo.formats._contract import Form

SIDE = 512
"""Images with something at every pixel are cut to this many pixels a side, at most."""
PIXELS = 2**22
"""Pixels of such images in all, at most; a few images are enough to tell graphs apart."""
_TOGETHER = 32


def form_of(part: Part, dense: bool) -> Form:
    """The shape that formats of one size are written for."""
    shape = tuple(int(side) for side in part.samples.inputs.shape[1:])
    return Form((min(shape[0], SIDE), min(shape[1], SIDE), shape[2]) if dense else shape)


def drawn(part: Part, count: int, form: Form, dense: bool, fixed: bool) -> list[np.ndarray]:
    """`count` samples spread evenly over a part, in batches (n, *shape); all where it has fewer.

    Args:
        part: where they come from.
        count: how many, fewer of large images.
        form: the shape of formats of one size.
        dense: whether something is predicted at every pixel.
        fixed: whether all must have the form's shape.
    """
    if dense:
        count = min(count, max(4, PIXELS // (form.fixed[0] * form.fixed[1])))
    places = np.unique(np.linspace(0, len(part) - 1, min(count, len(part))).astype(int))
    if dense and not fixed:
        return [part.image(int(place))[None, :SIDE, :SIDE] for place in places]
    found = []
    for start in range(0, len(places), _TOGETHER):
        few = places[start : start + _TOGETHER]
        inputs = part.samples.inputs
        if fixed and isinstance(inputs, Sequences):
            found.append(inputs.padded(part.indices[few], form.fixed[0]))
        else:
            rows = part.inputs(few)
            found.append(rows[:, :SIDE, :SIDE] if dense else rows)
    return found
