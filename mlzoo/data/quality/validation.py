"""Every image file decoded once before training, in parallel, with reasons for bad ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.data.decoded.cache import DecodedCache, content_key
from mlzoo.data.decoded.images import open_image_cache
from mlzoo.data.decoded.rows import StoredRows
from mlzoo.data.decoded.space import UNCACHED, CacheChoice
from mlzoo.data.images.decoding import ImageForm, decode, read_content, shape_up
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
    choice: CacheChoice = UNCACHED,
) -> Checked:
    """Read all headers, choose the form of the images by them, then decode every file once.

    Args:
        paths: the files.
        choose: the form of all images from their headers, and sentences on it.
        max_pixels: files with more are refused.
        progress: called as files are checked.
        cache_bytes: decoded images that together take no more are kept in memory.
        choice: where decoded images are kept on disk. A file whose content is known there is not
            decoded.

    Raises:
        DataError: no file has a readable header.
        UsageError: the folder of decoded images can't be written to.
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
    held = np.empty((len(headers), *form.shape), form.dtype) if size <= cache_bytes else None
    kept = open_image_cache(choice, [paths[i] for i in headers], list(headers.values()), form)

    def examine(index: int) -> _Facts | str:
        row = None if held is None else held[slots[index]]
        return reason(lambda: _examine(paths[index], headers[index], form, row, kept))

    results: dict[int, _Facts] = {}
    for index, result in parallel(examine, headers, progress, "checking images"):
        if isinstance(result, str):
            problems[index] = result
        else:
            results[index] = result
    if not results:
        raise DataError(f"none of {len(paths)} images can be read; {_first(paths, problems)}")
    good = np.array(list(results), dtype=int)
    if held is not None and len(results) < len(headers):
        held = held[[slots[index] for index in results]]
    stored = None if kept is None else kept.finish([facts.key for facts in results.values()])
    files = [ImageFile(paths[i], headers[i]) for i in results]
    return Checked(
        images=LazyImages(files, form, held, stored),
        form=form,
        good=good,
        headers=[headers[i] for i in results],
        contents=[facts.content for facts in results.values()],
        hashes=np.array([facts.digest for facts in results.values()]),
        near_hashes=np.array([facts.near for facts in results.values()], dtype=np.uint64),
        problems=dict(sorted(problems.items())),
        notes=(*notes, *_turned([headers[i] for i in results]), *_kept_notes(kept, stored)),
    )


class _Facts(NamedTuple):
    """Measurements of a decoded file, and the digest of its bytes where they were read whole."""

    digest: str
    near: int
    content: Content
    key: bytes = b""


def _examine(
    path: Path, header: Header, form: ImageForm, row: np.ndarray | None, kept: DecodedCache | None
) -> _Facts:
    """Decode and measure a file, or take what is kept of one of its content.

    Args:
        path: the file.
        header: of the file.
        form: of all images.
        row: filled with the image in its form; None where images are not held in memory.
        kept: where decoded images are kept; None where they are not.

    Raises:
        BadFileError: the file can't be decoded.
    """
    if kept is None:
        pixels, key = decode(path, header), b""
    else:
        data = read_content(path)
        key = content_key(data)
        entry = kept.find(key)
        known = None if entry is None or row is None else kept.read(entry)
        if entry is not None and (row is None or known is not None):
            if row is not None:
                row[...] = known
            digits, near, *measured = entry.facts
            return _Facts(digits.decode(), near, Content(*measured), key)
        pixels = decode(path, header, data)
    facts = _Facts(digest(pixels), difference_hash(pixels), content_of(pixels), key)
    if row is None and kept is None:
        return facts
    shaped = shape_up(pixels, form)
    if row is not None:
        row[...] = shaped
    if kept is not None:
        content = facts.content
        numbers = content.channels, content.low, content.high
        kept.add(key, shaped, (facts.digest, facts.near, *numbers))
    return facts


def _kept_notes(kept: DecodedCache | None, stored: StoredRows | None) -> list[str]:
    """Return a note on the decoded images that are kept on disk."""
    if kept is None:
        return []
    if stored is None:
        return ["decoded images: not kept, for the folder or the disk is full (--cache-size)"]
    return [f"decoded images: kept in {stored.path.parent} (--cache)"]


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
