"""Masks that stay in their files until they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mlzoo.data.decoded.cache import content_key
from mlzoo.data.decoded.images import open_mask_cache
from mlzoo.data.decoded.rows import StoredRows
from mlzoo.data.decoded.space import UNCACHED, CacheChoice
from mlzoo.data.images.decoding import ImageForm, read_content
from mlzoo.data.images.headers import BadFileError
from mlzoo.data.images.images import CACHE_BYTES, LazyFiles
from mlzoo.data.masks.instances import classes_of
from mlzoo.data.masks.reader import ClassMap
from mlzoo.data.masks.values import MaskFile, encode, examine, read_ids, read_values
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


@dataclass(frozen=True)
class IdReader:
    """Conversion of a mask of instances to ids, or to the classes of its pixels.

    Resizing comes before classes are told apart, so that borders keep their width.
    """

    form: ImageForm
    max_pixels: int
    classes: bool

    def read(self, path: Path) -> np.ndarray:
        """Return ids (height, width) uint16, 0 beyond the image, or classes as `MaskReader`.

        Raises:
            BadFileError: the file can't be read, or holds no ids.
        """
        ids = read_ids(path, self.max_pixels)
        if self.form.fit == "resize":
            ids = shape_mask(ids, self.form)
        if self.classes:
            return shape_mask(classes_of(ids), self.form)
        return shape_mask(ids, self.form, 0)


@dataclass(frozen=True, slots=True)
class MaskPath:
    """A file that was checked, and its size."""

    path: Path
    height: int
    width: int


class LazyMasks(LazyFiles):
    """Mask files as rows (n, height, width) of class positions, uint8, or of ids, uint16."""

    def __init__(
        self,
        files: Sequence[MaskPath],
        reader: MaskReader | IdReader,
        cache: np.ndarray | None = None,
        stored: StoredRows | None = None,
    ) -> None:
        super().__init__(files, cache, stored)
        self._reader = reader

    @property
    def row_shape(self) -> tuple[int, ...]:
        """(height, width)."""
        return self._reader.form.shape[:2]

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8, of ids uint16."""
        ids = isinstance(self._reader, IdReader) and not self._reader.classes
        return np.dtype("uint16" if ids else "uint8")

    def own(self, index: int) -> np.ndarray:
        """The mask at a position without padding."""
        if self._reader.form.fit == "resize":
            return self[index]
        file = self._files[index]
        if self.decoded:
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


def shape_mask(mask: np.ndarray, form: ImageForm, fill: int = IGNORED) -> np.ndarray:
    """Return a mask in the size of a form: resized to the nearest pixel, or padded."""
    if mask.shape == form.shape[:2]:
        return mask
    if form.fit == "resize":
        size = (form.width, form.height)
        return cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST_EXACT)
    padded = np.full(form.shape[:2], fill, mask.dtype)
    padded[: mask.shape[0], : mask.shape[1]] = mask
    return padded


def examine_all(
    paths: Sequence[Path],
    sizes: Sequence[tuple[int, int]],
    max_pixels: int,
    progress: Progress | None = None,
    look_at: Callable[[Path, int], MaskFile] = examine,
) -> tuple[dict[int, MaskFile], dict[int, str]]:
    """Return every mask's values by position, and the reasons of those that can't be used.

    Args:
        paths: the masks.
        sizes: (height, width) of their images, which the masks' must equal.
        max_pixels: files with more are refused.
        progress: called with how many were read.
        look_at: reads one mask and counts its values.
    """

    def look(index: int) -> MaskFile | str:
        def work() -> MaskFile:
            mask = look_at(paths[index], max_pixels)
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
    reader: MaskReader | IdReader,
    summarize: Callable[[np.ndarray], Any],
    progress: Progress | None = None,
    cache_bytes: int = CACHE_BYTES,
    choice: CacheChoice = UNCACHED,
) -> tuple[LazyMasks, np.ndarray]:
    """Return masks as rows, and what a function gives for each, such as its digest.

    Args:
        files: the masks.
        reader: what is made of each.
        summarize: called with each mask as it is read.
        progress: called with how many were read.
        cache_bytes: masks that take no more are kept in memory.
        choice: where other masks are kept as they are read.
    """
    rows = LazyMasks(files, reader)
    held = np.empty(rows.shape, rows.dtype) if rows.nbytes <= cache_bytes else None
    pixels = sum(file.height * file.width for file in files)
    kept = open_mask_cache(
        choice, [file.path for file in files], pixels, reader, rows.row_shape, rows.dtype.str
    )
    keys = [b""] * len(files)

    def read(index: int) -> np.ndarray:
        content = None if kept is None else reason(lambda: read_content(files[index].path))
        if kept is None or not isinstance(content, bytes):
            return rows[index]  # which raises where the file can't be read
        keys[index] = content_key(content)
        entry = kept.find(keys[index])
        mask = None if entry is None else kept.read(entry)
        if mask is None:
            mask = rows[index]
            kept.add(keys[index], mask, (0,))
        return mask

    def work(index: int) -> Any:
        mask = read(index)
        if held is not None:
            held[index] = mask
        return summarize(mask)

    counts = [each for _, each in parallel(work, range(len(files)), progress, "reading masks")]
    stored = None if kept is None else kept.finish(keys)
    return LazyMasks(files, reader, held, stored), np.array(counts)
