"""Images within tar files, read at their place without unpacking, and what stands beside each.

As WebDataset writes them: the files of a sample follow one another and share their name up to the
first point, as `0001.jpg` and `0001.cls` or `0001.json` (Aizman, Maltby and Breuel, "High
Performance I/O For Large Scale Deep Learning", 2019).
"""

from __future__ import annotations

import glob
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlzoo.core.errors import DataError
from mlzoo.core.files import expand, refuse_special
from mlzoo.data.images.layouts import PART_FOLDERS, SUFFIXES

ENDING = ".tar"
_LABEL_BYTES = 2**16
"""Bytes of a label beyond which it is not read."""
_SHOWN = 5
NAMING = (
    "the files of a sample share their name up to its first point, as 0001.jpg and 0001.cls; "
    "rename the files where a point stands within the name"
)

Progress = Callable[[int, int, str], Any]


class ShardMember(type(Path())):  # type: ignore[misc]
    """The path of an image within a tar file, such as `shards/a.tar/0001.jpg`, which can be read.

    Attributes:
        tar: the tar file.
        offset: of the image's first byte in it.
        size: in bytes.
    """

    __slots__ = ("offset", "size", "tar")

    @classmethod
    def at(cls, tar: Path, name: str, offset: int, size: int) -> ShardMember:
        """Return the image of a name at a place in a tar file.

        Args:
            tar: the tar file.
            name: of the image within it.
            offset: of its first byte.
            size: in bytes.
        """
        member = cls(tar, name)
        member.tar, member.offset, member.size = tar, offset, size
        return member

    def read_bytes(self) -> bytes:
        """Return the image's bytes."""
        with self.tar.open("rb") as file:
            file.seek(self.offset)
            return bytes(file.read(self.size))

    def open(self, *_: Any, **__: Any) -> Any:
        """Return the image's bytes as a file."""
        return io.BytesIO(self.read_bytes())

    def __reduce__(self) -> Any:
        name = str(self.relative_to(self.tar))
        return ShardMember.at, (self.tar, name, self.offset, self.size)


@dataclass
class ShardSample:
    """An image and what stands beside it.

    Attributes:
        image: of the sample.
        beside: contents of its `.cls` and `.json`, by the ending; None where one is too long.
        others: names of further images, such as `0001.mask.png`, which are not read.
    """

    image: ShardMember
    beside: dict[str, bytes | None] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)


def shards_at(path: str) -> list[Path]:
    """Return the tar files that a path means: a file, a pattern, or a folder of nothing else."""
    location = expand(path)
    if location.is_file():
        return [location] if location.suffix == ENDING else []
    if location.is_dir():
        files = sorted(each for each in location.iterdir() if not each.name.startswith("."))
        tars = [each for each in files if each.suffix == ENDING]
        return tars if len(tars) == len(files) else []
    if location.suffix != ENDING or "*" not in location.name:
        return []
    return [Path(each) for each in sorted(glob.glob(str(location)))]


def part_of(shard: Path) -> str:
    """Return the split that a shard's name begins with, as in `train-000.tar`; "" for none."""
    word = shard.stem.lower().partition("-")[0].partition("_")[0].rstrip("0123456789")
    return PART_FOLDERS.get(word, "")


def samples_of(shards: list[Path], progress: Progress | None = None) -> list[ShardSample]:
    """Return the samples of shards, in their order.

    Raises:
        DataError: a shard can't be read, or a sample holds no image, or several.
    """
    samples: list[ShardSample] = []
    for done, shard in enumerate(shards, 1):
        refuse_special(shard)
        try:
            with tarfile.open(shard, "r:") as tar:
                samples += _grouped(shard, tar)
        except (tarfile.TarError, OSError, EOFError) as error:
            raise DataError(f"{shard} can't be read as a tar file: {error}") from None
        if progress is not None:
            progress(done, len(shards), "listing shards")
    if not samples:
        known = ", ".join(SUFFIXES)
        raise DataError(
            f"{shards[0]}: there is no image in {len(shards)} shards; names of images end with "
            f"{known}, and labels stand beside them, as 0001.jpg and 0001.cls"
        )
    return samples


def _grouped(shard: Path, tar: tarfile.TarFile) -> Iterator[ShardSample]:
    """Yield the samples of one shard."""
    key: str | None = None
    images: list[ShardMember] = []
    beside: dict[str, bytes | None] = {}
    others: list[str] = []

    def whole() -> list[ShardSample]:
        if key is None or not (images or beside or others):
            return []
        if len(images) != 1:
            listed = ", ".join([*(each.name for each in images), *others][:_SHOWN]) or "none"
            raise DataError(
                f"{shard}: the sample {key!r} needs one image, and has {len(images)} ({listed}); "
                f"{NAMING}"
            )
        return [ShardSample(images[0], beside, others)]

    for entry in tar:
        name = entry.name.removeprefix("./").lstrip("/")
        folder, _, file = name.rpartition("/")
        if not entry.isreg() or file.startswith("."):
            continue
        stem, _, ending = file.partition(".")
        if (own := f"{folder}/{stem}") != key:
            yield from whole()
            key, images, beside, others = own, [], {}, []
        if f".{ending.lower()}" in SUFFIXES:
            images.append(ShardMember.at(shard, name, entry.offset_data, entry.size))
        elif ending in ("cls", "json"):
            content = tar.extractfile(entry) if entry.size <= _LABEL_BYTES else None
            beside[ending] = None if content is None else content.read()
        elif f".{ending.lower().rpartition('.')[2]}" in SUFFIXES:
            others.append(file)
    yield from whole()


def label_of(sample: ShardSample, target: str | None) -> str | float | None:
    """Return the label of a sample: of its `.json` by a name, else its `.cls`; None without.

    Args:
        sample: the sample.
        target: name in the `.json`; None: the `.cls`, or what is called class, label or target.

    Raises:
        DataError: what holds the label can't be read, or is too long.
    """
    if target is None and "cls" in sample.beside:
        return _text(sample.image, _content(sample, "cls"))
    if "json" not in sample.beside:
        return None
    try:
        values = json.loads(_content(sample, "json"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{sample.image}: its .json can't be read: {error}") from None
    names = [target] if target is not None else ["class", "label", "target", "cls"]
    known = next((values[n] for n in names if isinstance(values, dict) and n in values), None)
    return known if isinstance(known, str | int | float) and not isinstance(known, bool) else None


def _content(sample: ShardSample, ending: str) -> bytes:
    """Return what stands beside an image."""
    content = sample.beside[ending]
    if content is None:
        raise DataError(
            f"{sample.image}: its .{ending} has more than {_LABEL_BYTES:,} bytes, which no label "
            "has; write the label alone into a .cls file, or into a shorter .json"
        )
    return content


def _text(image: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise DataError(f"{image}: its .cls is no UTF-8 text") from None
