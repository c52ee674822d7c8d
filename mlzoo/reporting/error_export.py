"""Folder of reconstructed images and of maps of their errors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from PIL import Image

from mlzoo.core.errors import UsageError
from mlzoo.core.files import disk_errors
from mlzoo.drawing.pictures import as_picture
from mlzoo.reporting.mask_export import file_stem, refuse_pairs

if TYPE_CHECKING:
    from mlzoo.runs.results import Reconstructed


def write_error_maps(folder: Path, restored: Reconstructed, overwrite: bool = False) -> float:
    """Write `errors/NAME.png`, the squared error of each pixel, and `restored/NAME.png`.

    Errors are drawn from black (0) to yellow (the largest of all images), so that maps can be
    compared.

    Args:
        folder: where to; it is made.
        restored: images, (n, height, width, channels).
        overwrite: replace files that exist.

    Returns:
        The largest squared error of a pixel, its mean over channels.

    Raises:
        UsageError: a file exists, or two images would have the same file.
    """
    refuse_pairs(restored.names)
    stems = [file_stem(name) for name in restored.names]
    paths = [folder / kind / f"{stem}.png" for stem in stems for kind in ("errors", "restored")]
    existing = [path for path in paths if path.exists()]
    if existing and not overwrite:
        raise UsageError(f"{existing[0]} exists already; choose another --output, or --overwrite")
    errors = ((restored.values - restored.scaled) ** 2).mean(axis=-1)
    largest = float(errors.max())
    maximum = 1.0 if restored.scaled.min() >= 0 and restored.scaled.max() <= 1 else None
    for i, stem in enumerate(stems):
        colored = colormaps["magma"](errors[i] / (largest or 1.0))[..., :3]
        _write(folder / "errors" / f"{stem}.png", colored)
        _write(folder / "restored" / f"{stem}.png", as_picture(restored.values[i], maximum))
    return largest


def _write(path: Path, picture: np.ndarray) -> None:
    """Write a picture (height, width, 3) from 0 to 1."""
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.rint(255 * picture).astype("uint8")).save(path)
