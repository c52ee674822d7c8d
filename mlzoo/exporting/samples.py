"""Real samples of a run, for scoring an export and for calibrating int8 ranges.

They are what a program would feed: whole sequences, images of their own size. Fixed-size formats
get sequences padded to the longest and images in one frame.
"""

from __future__ import annotations

import numpy as np

from mlzoo.data.samples import Part
from mlzoo.data.sequences.sequences import Sequences
from mlzoo.data.specs import Beside
from mlzoo.formats._contract import SampleShape
from mlzoo.layers.joined import COLUMNS, IMAGE

SIDE = 512
"""Images with something at every pixel are cut to this many pixels a side, at most."""
PIXELS = 2**22
"""Pixels of such images in all, at most; a few images are enough to tell graphs apart."""
_TOGETHER = 32


def sample_shape_of(part: Part, dense: bool) -> SampleShape:
    """Return the sample shape that fixed-size formats are written for."""
    shape = tuple(int(side) for side in part.samples.inputs.shape[1:])
    return SampleShape((min(shape[0], SIDE), min(shape[1], SIDE), shape[2]) if dense else shape)


def drawn(
    part: Part, count: int, sample_shape: SampleShape, dense: bool, fixed: bool
) -> list[np.ndarray]:
    """Return up to `count` samples spread evenly over a split, in batches (n, *shape).

    Args:
        part: the split that they come from.
        count: how many, fewer of large images.
        sample_shape: the shape of formats of one size.
        dense: a value is predicted at every pixel.
        fixed: all must have the shape `sample_shape`.
    """
    if dense:
        count = min(count, max(4, PIXELS // (sample_shape.fixed[0] * sample_shape.fixed[1])))
    places = np.unique(np.linspace(0, len(part) - 1, min(count, len(part))).astype(int))
    if dense and not fixed:
        return [part.image(int(place))[None, :SIDE, :SIDE] for place in places]
    batches = []
    for start in range(0, len(places), _TOGETHER):
        few = places[start : start + _TOGETHER]
        inputs = part.samples.inputs
        if fixed and isinstance(inputs, Sequences):
            batches.append(inputs.padded(part.indices[few], sample_shape.fixed[0]))
        else:
            rows = part.inputs(few)
            batches.append(rows[:, :SIDE, :SIDE] if dense else rows)
    return batches


def taken_apart(rows: np.ndarray, beside: Beside) -> dict[str, np.ndarray]:
    """Return images and the columns below them (n, height + extra, width, channels), by name."""
    columns = rows[:, beside.height :].reshape(len(rows), -1)[:, : beside.count]
    return {IMAGE: rows[:, : beside.height], COLUMNS: columns}
