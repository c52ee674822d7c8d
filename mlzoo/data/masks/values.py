"""Mask files: from the values of their pixels to classes.

A pixel's value is its gray level, its index where the file has a palette, or its color. All
three are kept as one number: colors as red, green and blue bytes, gray levels and indices as
the gray color of that level, so that files of both kinds can stand side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mlzoo.data.images.decoding import orient
from mlzoo.data.images.headers import BadFileError, read_header
from mlzoo.data.images.layouts import SUFFIXES
from mlzoo.data.masks.reader import GRAY, ClassMap
from mlzoo.data.specs import IGNORED

MOST_VALUES = 64
"""More different values than this in one mask are no classes but smeared edges."""
MOST_IDS = 65535
"""The largest id of an instance that is read."""


@dataclass(frozen=True)
class MaskFile:
    """Content of a mask file: pixels of each value, its size, and the palette, if any.

    `values` is empty where there are more than 256 different ones (which only colors can be),
    `distinct` says how many there are. `lossy` files, JPEG, don't keep values as they were saved.
    `alpha` says of a mask of one value that its transparency, which is not read, differs.
    """

    height: int
    width: int
    values: dict[int, int]
    distinct: int
    palette: tuple[tuple[int, int, int], ...] = ()
    lossy: bool = False
    alpha: bool = False

    @property
    def colored(self) -> bool:
        """Return whether some pixels are no gray level."""
        return self.distinct > 256 or any(value % GRAY for value in self.values)

    def smeared(self, most: int = MOST_VALUES) -> bool:
        """Return whether it holds more values than classes do."""
        return self.distinct > (2 if self.lossy else most)


def encode(classes: ClassMap, values: np.ndarray) -> np.ndarray:
    """Return values (height, width) as class positions, uint8, `IGNORED` where they don't count.

    Raises:
        BadFileError: a value stands for no class.
    """
    if classes.threshold is not None:
        return (values >= classes.threshold * GRAY).astype(np.uint8)
    pairs = [
        (value, position)
        for position, class_values in enumerate(classes.classes)
        for value in class_values
    ]
    pairs += [(value, IGNORED) for value in classes.ignored]
    known, positions = (np.array(column) for column in zip(*sorted(pairs), strict=True))
    place = np.minimum(np.searchsorted(known, values), len(known) - 1)
    unknown = known[place] != values
    if unknown.any():
        raise BadFileError(f"holds the value {shown(int(values[unknown][0]))}, which is none")
    return positions.astype(np.uint8)[place]


def shown(value: int) -> str:
    """A value as people write it: 255, or (255, 0, 0)."""
    red, green, blue = value >> 16, value >> 8 & 255, value & 255
    return str(blue) if red == green == blue else f"({red}, {green}, {blue})"


def read_values(path: Path, max_pixels: int) -> tuple[np.ndarray, tuple[tuple[int, int, int], ...]]:
    """The value of every pixel (height, width) int32, and the palette's colors, if it has one.

    Raises:
        BadFileError: the file is no image, damaged, too large, or its values are over 255.
    """
    pixels, palette = _read_pixels(path, max_pixels)
    if pixels.max(initial=0) > 255:
        raise BadFileError(
            f"values run to {pixels.max()}; a mask has at most 255 classes (if they number "
            "instances: --task instances)"
        )
    wide = pixels.astype(np.int32)
    if wide.shape[-1] == 1:
        return wide[..., 0] * GRAY, palette
    return (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2], palette


def read_ids(path: Path, max_pixels: int) -> np.ndarray:
    """Return the gray level or index of every pixel, (height, width) uint16.

    Raises:
        BadFileError: the file is no image, damaged, too large, colored, or has higher values.
    """
    pixels, _ = _read_pixels(path, max_pixels)
    if pixels.shape[-1] > 1:
        raise BadFileError("colored; ids of instances are gray levels of 8 or 16 bits")
    low, high = pixels.min(initial=0), pixels.max(initial=0)
    if low < 0 or high > MOST_IDS:
        raise BadFileError(f"ids run from {low} to {high}; they are numbers from 0 to {MOST_IDS}")
    return pixels[..., 0].astype(np.uint16)


def examine_ids(path: Path, max_pixels: int) -> MaskFile:
    """Read a mask of instances; the values are left out.

    Raises:
        BadFileError: as `read_ids`.
    """
    ids = read_ids(path, max_pixels)
    height, width = ids.shape
    return MaskFile(height, width, {}, len(np.unique(ids)))


def _read_pixels(
    path: Path, max_pixels: int
) -> tuple[np.ndarray, tuple[tuple[int, int, int], ...]]:
    """Return the pixels (height, width, 1 or 3) of a file, turned upright, and its palette."""
    header = read_header(path, max_pixels)
    if header.bits > 8 and header.channels > 1:
        raise BadFileError("colors of 16 bits, which can't be classes; save the mask with 8 bits")
    try:
        with Image.open(path) as image:
            image.load()
            palette: tuple[tuple[int, int, int], ...] = ()
            if image.mode == "P":
                pixels = np.asarray(image)
                flat = image.getpalette() or []
                palette = tuple(tuple(flat[i : i + 3]) for i in range(0, len(flat), 3))  # type: ignore[misc]
            elif image.mode == "1":
                pixels = np.asarray(image).astype(np.uint8)
            elif image.mode in ("L", "I", "I;16", "I;16B"):
                pixels = np.asarray(image)
            elif image.mode == "LA":
                pixels = np.asarray(image)[..., 0]
            else:
                pixels = np.asarray(image.convert("RGB"))
    except Exception as error:
        raise BadFileError(f"cut short or damaged: {error}") from None
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    return orient(pixels, header.orientation), palette


def examine(path: Path, max_pixels: int) -> MaskFile:
    """Read a mask and count its values.

    Raises:
        BadFileError: as `read_values`.
    """
    values, palette = read_values(path, max_pixels)
    gray = values.min() >= 0 and not (values % GRAY).any()
    if gray:
        counts = np.bincount((values // GRAY).ravel(), minlength=256)
        value_counts = {int(v) * GRAY: int(counts[v]) for v in np.flatnonzero(counts)}
    else:
        known, each = np.unique(values, return_counts=True)
        value_counts = dict(zip(known.tolist(), each.tolist(), strict=True))
    distinct, lossy = len(value_counts), SUFFIXES.get(path.suffix.lower()) == "JPEG"
    height, width = values.shape
    alpha = distinct == 1 and _alpha_differs(path)
    return MaskFile(
        height, width, value_counts if distinct <= 256 else {}, distinct, palette, lossy, alpha
    )


def _alpha_differs(path: Path) -> bool:
    """Return whether some pixels of an image are more transparent than others."""
    with Image.open(path) as image:
        if not image.has_transparency_data:
            return False
        low, high = image.convert("RGBA").getchannel("A").getextrema()
    return low != high
