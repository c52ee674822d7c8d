"""Stacks of slices in TIFF files of several pages."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, TiffImagePlugin

from mlzoo.core.errors import DataError
from mlzoo.core.files import special_kind
from mlzoo.data.images.headers import (
    IMAGEJ_STACK,
    BadFileError,
    SeveralPagesError,
    read_header,
)
from mlzoo.data.quality.bad_files import listed
from mlzoo.data.reader import MAX_VOXELS

ENDINGS = (".tif", ".tiff")
_MODES = {"1": "uint8", "L": "uint8", "RGB": "uint8", "F": "float32"}
_DESCRIPTION = 270
_DAMAGED = (
    *(OSError, SyntaxError, ValueError, TypeError, EOFError),
    *(KeyError, IndexError, struct.error),
)
"""Errors that Pillow raises on files that are cut short or damaged."""


def is_stack(path: Path) -> bool:
    """Return whether a file is a TIFF of several pages."""
    if path.suffix.lower() not in ENDINGS:
        return False
    try:
        read_header(path)
    except SeveralPagesError:
        return True
    except BadFileError:
        return False
    return False


def read_stack(path: Path, max_voxels: int = MAX_VOXELS) -> np.ndarray:
    """Return the volume (depth, height, width, channels) of a file, uint8, uint16 or float32.

    Raises:
        BadFileError: it is no TIFF, damaged, too large, of pages that differ in size or type, or
            of a type that is not read.
    """
    kind = special_kind(path)
    if kind is not None:
        raise BadFileError(f"is {kind}, not a file")
    if path.suffix.lower() not in ENDINGS:
        raise BadFileError("is no TIFF file; volumes are TIFF files of several pages")
    try:
        with path.open("rb") as file, Image.open(file, formats=("TIFF",)) as image:
            assert isinstance(image, TiffImagePlugin.TiffImageFile)
            return _pages(image, max_voxels)
    except Image.DecompressionBombError as error:
        raise BadFileError("too many pixels to be decoded safely") from error
    except _DAMAGED as error:
        raise BadFileError(f"cut short or damaged: {error}") from None


def _pages(image: TiffImagePlugin.TiffImageFile, max_voxels: int) -> np.ndarray:
    depth, size, mode = image.n_frames, image.size, image.mode
    if depth * size[0] * size[1] > max_voxels:
        raise BadFileError(
            f"{depth} slices of {size[0]}x{size[1]} pixels are more than the limit of "
            f"{max_voxels:,} (--source-set max_voxels=)"
        )
    described = IMAGEJ_STACK.search(str(image.tag_v2.get(_DESCRIPTION, "")))
    if described and int(described[1]) != depth:
        raise BadFileError(
            f"says that it holds {described[1]} images, of which {depth} can be read; save them "
            "as pages"
        )
    dtype = "uint16" if mode.startswith("I;16") else _MODES.get(mode)
    if dtype is None:
        raise BadFileError(
            f"pages of Pillow's mode {mode}, which are not read; save gray, RGB, 16-bit or "
            "floating-point pages, or one .npz array"
        )
    pages = []
    for number in range(depth):
        image.seek(number)
        if (image.size, image.mode) != (size, mode):
            raise BadFileError(
                f"page {number + 1} is {image.size[0]}x{image.size[1]} {image.mode}, the first is "
                f"{size[0]}x{size[1]} {mode}"
            )
        page = np.asarray(image).astype(dtype)
        pages.append(page[..., None] if page.ndim == 2 else page)
    return np.stack(pages)


def read_stacks(
    files: Sequence[Path], names: Sequence[str], max_voxels: int = MAX_VOXELS
) -> np.ndarray:
    """Return the volumes (n, depth, height, width, channels) of files.

    Raises:
        DataError: files that can't be read, or differ in shape or type; all are named.
    """
    volumes: list[np.ndarray] = []
    problems: dict[str, str] = {}
    for path, name in zip(files, names, strict=True):
        try:
            volume = read_stack(path, max_voxels)
        except BadFileError as error:
            problems[name] = str(error)
            continue
        first = volumes[0] if volumes else volume
        if (volume.shape, volume.dtype) != (first.shape, first.dtype):
            problems[name] = f"is {_described(volume)}, the first is {_described(first)}"
        else:
            volumes.append(volume)
    if problems:
        count = f"{len(problems)} of {len(files)} volumes can't be used"
        raise DataError(f"{count}:\n{listed(problems)}")
    return np.stack(volumes)


def _described(volume: np.ndarray) -> str:
    return f"{'x'.join(map(str, volume.shape))} {volume.dtype}"
