"""Arrays that are images: channel axis, and the largest value that their pixels can have."""

from __future__ import annotations

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.data.arrays import check_finite, check_inputs

_CHANNELS = (1, 2, 3, 4)


def as_images(x: np.ndarray, what: str, kind: str = "auto") -> tuple[np.ndarray, float | None, str]:
    """Checked inputs, the largest pixel value (None where they are no images), and a note.

    (n, height, width) gets a channel axis. 8- and 16-bit pixels keep their type; others become
    float32, whose largest value is 1 or 255, whichever holds them.

    Raises:
        DataError: as `check_inputs`; channels first; float pixels below 0 or above 65535.
    """
    image = kind == "image" or (
        kind == "auto" and (x.ndim == 4 or (x.ndim == 3 and x.dtype in (np.uint8, np.uint16)))
    )
    if not image:
        # As an array even 8-bit values are standardized in float32.
        return check_inputs(x.astype(np.float32) if x.dtype.kind in "biu" else x, what), None, ""
    if x.ndim not in (3, 4):
        raise DataError(f"{what}: images have 3 or 4 axes, but these have shape {x.shape}")
    x = x[..., None] if x.ndim == 3 else x
    if x.shape[-1] not in _CHANNELS and x.shape[1] in _CHANNELS:
        raise DataError(
            f"{what}: shape {x.shape} looks like channels before rows; save it as (n, height, "
            "width, channels) with np.moveaxis(x, 1, -1)"
        )
    x = check_inputs(x, what)
    maximum = _maximum(x, what)
    height, width, channels = x.shape[1:]
    note = f"inputs: {len(x)} images of {height}x{width}x{channels}, values to {maximum:g}"
    return x, maximum, f"{note} (--source-set kind=array)"


def _maximum(x: np.ndarray, what: str) -> float:
    if x.dtype.kind == "u":
        return float(np.iinfo(x.dtype).max)
    check_finite(x, what)
    low, high = float(x.min()), float(x.max())
    for maximum in (1.0, 255.0, 65535.0):
        if low >= 0 and high <= maximum:
            return maximum
    raise DataError(
        f"{what}: pixels run from {low:g} to {high:g}, but images must lie in 0 to 1, "
        "255 or 65535; use --source-set kind=array to standardize each channel instead"
    )
