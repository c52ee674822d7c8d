"""Every image file decoded once before training, in parallel, with reasons for bad ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.data.images.decoding import ImageForm, decode, shape_up
from mlzoo.data.images.headers import BadFileError, Header, read_header
from mlzoo.data.images.images import CACHE_BYTES, WORKERS, ImageFile, LazyImages
from mlzoo.data.quality.differences import CHANNEL_NAMES, Content, content_of
from mlzoo.data.quality.digests import difference_hash, digest

KEEP_SIDE = 256
DEFAULT_SIDE = 128
Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[int, int, str], Any]


@dataclass(frozen=True)
class Checked:
    """The good files as rows, their positions in the list, and the bad ones with reasons.

    `headers` and `contents` are those of the good files, in the same order.
    """

    images: LazyImages
    form: ImageForm
    good: np.ndarray
    headers: list[Header]
    contents: list[Content]
    hashes: np.ndarray
    near_hashes: np.ndarray
    problems: dict[int, str]
    notes: tuple[str, ...]


def check_images(
    paths: Sequence[Path],
    choose: Callable[[Sequence[Header]], tuple[ImageForm, list[str]]],
    max_pixels: int,
    progress: Progress | None = None,
    cache_bytes: int = CACHE_BYTES,
) -> Checked:
    """Read all headers, choose the form of the images by them, then decode every file once.

    The decoded images are kept where all of them together take at most `cache_bytes`.

    Raises:
        DataError: no file has a readable header.
    """
    problems: dict[int, str] = {}
    headers: dict[int, Header] = {}

    def header_of(index: int) -> Header | str:
        return reason(lambda: read_header(paths[index], max_pixels))

    for index, header in parallel(header_of, range(len(paths)), progress, "reading headers"):
        if isinstance(header, str):
            problems[index] = header
        else:
            headers[index] = header
    if not headers:
        raise DataError(f"none of {len(paths)} images can be read; {_first(paths, problems)}")
    form, notes = choose(list(headers.values()))
    slots = {index: slot for slot, index in enumerate(headers)}
    size = len(headers) * int(np.prod(form.shape)) * np.dtype(form.dtype).itemsize
    cache = np.empty((len(headers), *form.shape), form.dtype) if size <= cache_bytes else None

    def examine(index: int) -> tuple[str, int, Content] | str:
        def work() -> tuple[str, int, Content]:
            pixels = decode(paths[index], headers[index])
            if cache is not None:
                cache[slots[index]] = shape_up(pixels, form)
            return digest(pixels), difference_hash(pixels), content_of(pixels)

        return reason(work)

    results: dict[int, tuple[str, int, Content]] = {}
    for index, result in parallel(examine, headers, progress, "checking images"):
        if isinstance(result, str):
            problems[index] = result
        else:
            results[index] = result
    if not results:
        raise DataError(f"none of {len(paths)} images can be read; {_first(paths, problems)}")
    good = np.array(list(results), dtype=int)
    if cache is not None and len(results) < len(headers):
        cache = cache[[slots[index] for index in results]]
    return Checked(
        images=LazyImages([ImageFile(paths[i], headers[i]) for i in results], form, cache),
        form=form,
        good=good,
        headers=[headers[i] for i in results],
        contents=[content for _, _, content in results.values()],
        hashes=np.array([exact for exact, _, _ in results.values()]),
        near_hashes=np.array([near for _, near, _ in results.values()], dtype=np.uint64),
        problems=dict(sorted(problems.items())),
        notes=(*notes, *_turned([headers[i] for i in results])),
    )


def choose_form(
    headers: Sequence[Header], size: tuple[int, int] | None, color: str, keep: bool = False
) -> tuple[ImageForm, list[str]]:
    """One size, type and number of channels for all images, and sentences on why.

    With `keep` and without a `size` images keep their own in a frame that holds the largest.
    """
    sizes = Counter((header.height, header.width) for header in headers)
    (side, _), *others = sizes.most_common()
    notes = []
    fit = "pad" if keep and size is None else "resize"
    if fit == "pad":
        size = max(height for height, _ in sizes), max(width for _, width in sizes)
        what = f"{side[0]}x{side[1]}" if not others else f"of {len(sizes)} sizes"
        notes.append(f"images: {len(headers)}, {what}, kept (--size, --tile)")
    elif size is None:
        size = side if not others and max(side) <= KEEP_SIDE else (DEFAULT_SIDE, DEFAULT_SIDE)
        what = f"{side[0]}x{side[1]}" if not others else f"of {len(sizes)} sizes"
        done = "kept" if size == side and not others else f"resized to {size[0]}x{size[1]}"
        notes.append(f"images: {len(headers)}, {what}, {done} (--size)")
    else:
        notes.append(f"images: {len(headers)}, resized to {size[0]}x{size[1]} where they differ")
    channels, channel_notes = _channels(headers, color)
    deep = Counter(header.dtype for header in headers)
    dtype = "uint16" if deep["uint16"] else "uint8"
    if len(deep) > 1:
        channel_notes.append(f"bit depth: {deep['uint8']} of 8 bits are widened to 16")
    assert size is not None
    return ImageForm(*size, channels, dtype, fit), notes + channel_notes


def _channels(headers: Sequence[Header], color: str) -> tuple[int, list[str]]:
    counts = Counter(header.channels for header in headers)
    most = counts.most_common(1)[0][0]
    channels = {"gray": 1, "rgb": 3}.get(color, most)
    if color != "auto":
        return channels, []
    notes = [f"channels: {channels}, {CHANNEL_NAMES[channels]} (--color)"]
    if len(counts) > 1:
        each = ", ".join(f"{count} {CHANNEL_NAMES[c]}" for c, count in counts.most_common())
        notes = [f"channels: {each}; all are made {CHANNEL_NAMES[channels]} (--color)"]
    return channels, notes


def _turned(headers: Sequence[Header]) -> list[str]:
    turned = sum(header.orientation != 1 for header in headers)
    return [f"EXIF orientation: {turned} images are turned as it says"] if turned else []


def reason(work: Callable[[], Result]) -> Result | str:
    """Return the result of some work on a file, or why the file can't be used."""
    try:
        return work()
    except BadFileError as error:
        return str(error)


def _first(paths: Sequence[Path], problems: dict[int, str]) -> str:
    index = min(problems)
    return f"the first is {paths[index]}: {problems[index]}"


def parallel(
    work: Callable[[int], Result],
    indices: Any,
    progress: Progress | None,
    what: str,
) -> Any:
    """(index, result) in order, worked out in a few threads."""
    total = len(indices)
    with ThreadPoolExecutor(WORKERS) as pool:
        for done, pair in enumerate(zip(indices, pool.map(work, indices), strict=True), start=1):
            if progress is not None:
                progress(done, total, what)
            yield pair
