"""The cache of decoded images: what a row depends on, and what is known of its file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import PIL

from mlzoo.data.decoded.cache import DecodedCache
from mlzoo.data.decoded.space import CacheChoice, cache_place
from mlzoo.data.images.decoding import ImageForm
from mlzoo.data.images.headers import Header

_FACTS = np.dtype(
    [("digest", "S32"), ("near", "<u8"), ("channels", "u1"), ("low", "<f8"), ("high", "<f8")]
)
_NO_FACTS = np.dtype([("none", "u1")])
VERSIONS = f"pillow {PIL.__version__}, opencv {cv2.__version__}"
"""Libraries that decode and resize: another version may round otherwise."""


def open_image_cache(
    choice: CacheChoice, paths: Sequence[Path], headers: Sequence[Header], form: ImageForm
) -> DecodedCache | None:
    """Return the cache for images, each with digest, perceptual hash and content; None: unused.

    Args:
        choice: where and how large the cache is.
        paths: the files.
        headers: of the files.
        form: that images are brought into.

    Raises:
        UsageError: the folder can't be written to.
    """
    pixels = sum(header.height * header.width for header in headers)
    return _opened(choice, paths, pixels, str(form), form.shape, form.dtype, _FACTS)


def open_mask_cache(
    choice: CacheChoice,
    paths: Sequence[Path],
    pixels: int,
    reader: object,
    shape: tuple[int, ...],
    dtype: str,
) -> DecodedCache | None:
    """Return the cache for masks, of which nothing else is known; None: unused.

    Args:
        choice: where and how large the cache is.
        paths: the files.
        pixels: of all files together.
        reader: what is made of a mask; its text tells it from others.
        shape: of a row.
        dtype: of a row.

    Raises:
        UsageError: the folder can't be written to.
    """
    return _opened(choice, paths, pixels, str(reader), shape, dtype, _NO_FACTS)


def _opened(
    choice: CacheChoice,
    paths: Sequence[Path],
    pixels: int,
    form: str,
    shape: tuple[int, ...],
    dtype: str,
    facts: np.dtype[np.void],
) -> DecodedCache | None:
    row_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    file_bytes = sum(map(_size, paths))
    folder = cache_place(choice, pixels, len(paths) * row_bytes, file_bytes)
    if folder is None:
        return None
    form = f"{form} {VERSIONS}"
    return DecodedCache(folder, form, shape, dtype, facts, len(paths), choice.limit)


def _size(path: Path) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0
