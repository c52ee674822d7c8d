"""Masks that stay in their files until they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mlzoo.data.images.decoding import ImageForm
from mlzoo.data.images.headers import BadFileError
from mlzoo.data.images.images import CACHE_BYTES, LazyFiles
from mlzoo.data.masks.reader import ClassMap
from mlzoo.data.masks.values import MaskFile, encode, examine, read_values
from mlzoo.data.quality.validation import Progress, parallel, reason
from mlzoo.data.specs import IGNORED


@dataclass(frozen=True)
class MaskReader:
    """Conversion of a mask file to class positions of the image's size."""

    classes: ClassMap
    form: ImageForm
    max_pixels: int

    def read(self, path: Path) -> np.ndarray:
        """Class positions (height, width) uint8; `IGNORED` where a pixel does not count.

        Raises:
            BadFileError: the file can't be read, or holds a value that is no class.
        """
        mask = encode(self.classes, read_values(path, self.max_pixels)[0])
        return shape_mask(mask, self.form)


@dataclass(frozen=True, slots=True)
class MaskPath:
    """A file that was checked, and its size."""

    path: Path
    height: int
    width: int


class LazyMasks(LazyFiles):
    """Mask files as rows (n, height, width) uint8 of class positions."""

    def __init__(
        self, files: Sequence[MaskPath], reader: MaskReader, cache: np.ndarray | None = None
    ) -> None:
        super().__init__(files, cache)
        self._reader = reader

    @property
    def row_shape(self) -> tuple[int, ...]:
        """(height, width)."""
        return self._reader.form.shape[:2]

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8."""
        return np.dtype("uint8")

    def own(self, index: int) -> np.ndarray:
        """The mask at a position without padding."""
        if self._reader.form.fit == "resize":
            return self[index]
        file = self._files[index]
        if self.cached:
            return self[index][: file.height, : file.width]
        form = replace(self._reader.form, height=file.height, width=file.width)
        return LazyMasks([file], replace(self._reader, form=form))[0]

    def _read(self, file: MaskPath) -> np.ndarray:
        return self._reader.read(file.path)

    def _path(self, file: MaskPath) -> Path:
        return file.path

    def only(self, indices: np.ndarray) -> LazyMasks:
        """The masks at some positions."""
        return LazyMasks(*self._picked(indices, self._reader))


def shape_mask(mask: np.ndarray, form: ImageForm) -> np.ndarray:
    """A mask in the size of a form: resized to the nearest pixel, or padded with `IGNORED`."""
    if mask.shape == form.shape[:2]:
        return mask
    if form.fit == "resize":
        size = (form.width, form.height)
        return cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST_EXACT)
    padded = np.full(form.shape[:2], IGNORED, np.uint8)
    padded[: mask.shape[0], : mask.shape[1]] = mask
    return padded


def examine_all(
    paths: Sequence[Path],
    sizes: Sequence[tuple[int, int]],
    max_pixels: int,
    progress: Progress | None = None,
) -> tuple[dict[int, MaskFile], dict[int, str]]:
    """Every mask's values by position, and the reasons of those that can't be used.

    `sizes` are the images', (height, width), which the masks' must equal.
    """

    def look(index: int) -> MaskFile | str:
        def work() -> MaskFile:
            mask = examine(paths[index], max_pixels)
            if (mask.height, mask.width) != sizes[index]:
                height, width = sizes[index]
                raise BadFileError(
                    f"the mask is {mask.height}x{mask.width}, but its image is {height}x{width}"
                )
            return mask

        return reason(work)

    mask_files: dict[int, MaskFile] = {}
    problems: dict[int, str] = {}
    for index, result in parallel(look, range(len(paths)), progress, "checking masks"):
        if isinstance(result, str):
            problems[index] = result
        else:
            mask_files[index] = result
    return mask_files, problems


def lazy_masks(
    files: Sequence[MaskPath],
    reader: MaskReader,
    digest: Callable[[np.ndarray], str],
    progress: Progress | None = None,
    cache_bytes: int = CACHE_BYTES,
) -> tuple[LazyMasks, np.ndarray]:
    """Masks as rows, kept in memory where they take at most `cache_bytes`, and their digests."""
    rows = LazyMasks(files, reader)
    cache = np.empty(rows.shape, np.uint8) if rows.nbytes <= cache_bytes else None

    def work(index: int) -> str:
        mask = rows[index]
        if cache is not None:
            cache[index] = mask
        return digest(mask)

    digests = [
        row_digest for _, row_digest in parallel(work, range(len(files)), progress, "reading masks")
    ]
    return LazyMasks(files, reader, cache), np.array(digests)
