"""Folder of reconstructed images, of maps of their errors, and of masks of what is anomalous."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib import colormaps

from mlzoo.core.errors import UsageError
from mlzoo.drawing.pictures import as_picture
from mlzoo.reporting.mask_export import file_stem, refuse_pairs, write_picture

if TYPE_CHECKING:
    from mlzoo.runs.results import Reconstructed


def write_error_maps(folder: Path, restored: Reconstructed, overwrite: bool = False) -> float:
    """Write `errors/NAME.png`, `masks/NAME.png` and `restored/NAME.png` of each image.

    Errors are drawn from black (0) to yellow (the largest of all images), so that maps can be
    compared. A mask is white where the error exceeds `restored.threshold`; without a threshold
    there is none, and without reconstructions there are no restored images.

    Args:
        folder: where to; it is made.
        restored: images, (n, height, width, channels).
        overwrite: replace files that exist.

    Returns:
        The largest squared error of a pixel, its mean over channels.

    Raises:
        UsageError: a file exists, or two images would have the same file.
    """
    assert restored.maps is not None
    kinds = ["errors"]
    kinds += ["masks"] if restored.threshold is not None else []
    kinds += ["restored"] if restored.values is not None else []
    refuse_pairs(restored.names)
    stems = [file_stem(name) for name in restored.names]
    paths = [folder / kind / f"{stem}.png" for stem in stems for kind in kinds]
    existing = [path for path in paths if path.exists()]
    if existing and not overwrite:
        raise UsageError(f"{existing[0]} exists already; choose another --output, or --overwrite")
    largest = float(restored.maps.max())
    maximum = 1.0 if restored.scaled.min() >= 0 and restored.scaled.max() <= 1 else None
    for i, stem in enumerate(stems):
        colored = colormaps["magma"](restored.maps[i] / (largest or 1.0))[..., :3]
        write_picture(folder / "errors" / f"{stem}.png", colored)
        if restored.threshold is not None:
            mask = (restored.maps[i] > restored.threshold)[..., None].astype("float64")
            write_picture(folder / "masks" / f"{stem}.png", as_picture(mask, 1.0))
        if restored.values is not None:
            picture = as_picture(restored.values[i], maximum)
            write_picture(folder / "restored" / f"{stem}.png", picture)
    return largest
