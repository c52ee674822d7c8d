"""Headers of image files, read without decoding pixels."""

from __future__ import annotations

import re
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

# Pillow knows only the formats whose plug-ins were imported; it opens MPO by way of JPEG.
from PIL import (  # noqa: F401
    BmpImagePlugin,
    Image,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from mlzoo.core.files import special_kind
from mlzoo.data.images.layouts import SUFFIXES
from mlzoo.data.images.reader import MAX_PIXELS

_FORMATS = ("JPEG", "PNG", "BMP", "DIB", "TIFF", "WEBP")
_SAME = {"MPO": "JPEG", "DIB": "BMP"}
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"BM", b"II*\0", b"MM\0*", b"RIFF")
_CHANNELS = {"1": 1, "L": 1, "I;16": 1, "I;16L": 1, "I;16B": 1, "LA": 2, "La": 2}
_CHANNELS |= {"RGBA": 4, "RGBa": 4, "PA": 4}
_NUMBERS = ("I", "F", "I;32", "I;32B")
_BITS = 258
_ORIENTATION = 0x0112

# Too many pixels and broken headers are reported with the file's name; Pillow's warnings are not.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


class BadFileError(Exception):
    """A file can't be used; the message is the reason, without the file's name."""


class SeveralPagesError(BadFileError):
    """A file holds several images, of which only the first would be read."""


@dataclass(frozen=True, slots=True)
class Header:
    """Size as it will be seen (after orientation), channels, bits a channel, and how to decode."""

    height: int
    width: int
    channels: int
    bits: int
    orientation: int = 1
    decoder: str = "pillow"

    @property
    def dtype(self) -> str:
        """The NumPy type that holds a channel."""
        return "uint8" if self.bits <= 8 else "uint16"


def read_header(path: Path, max_pixels: int = MAX_PIXELS) -> Header:
    """Read a header.

    Raises:
        BadFileError: empty, a pipe or a device, unreadable, no image, of another format than its
            name says, of a kind that can't be decoded, of several pages, or with more than
            `max_pixels`.
    """
    kind = special_kind(path)
    if kind is not None:
        raise BadFileError(f"is {kind}, not a file")
    try:
        with path.open("rb") as file:
            start = file.read(32)
            if not start:
                raise BadFileError("empty file")
            file.seek(0)
            header, kind = _read(file, start)
    except OSError as error:
        if error.errno is None:
            raise BadFileError(f"cut short or damaged: {error}") from None
        raise BadFileError(f"can't be read: {error.strerror}") from None
    expected = SUFFIXES.get(path.suffix.lower())
    if expected and kind != expected:
        raise BadFileError(f"is a {kind} image, but its name says {path.suffix}; rename it")
    if header.height * header.width > max_pixels:
        raise BadFileError(
            f"{header.width}x{header.height} pixels are more than the limit of {max_pixels:,} "
            "(--source-set max_pixels=)"
        )
    return header


def _read(file: BinaryIO, start: bytes) -> tuple[Header, str]:
    try:
        with Image.open(file, formats=_FORMATS) as image:
            kind = _SAME.get(image.format or "", image.format or "")
            header = _from_pillow(image, kind, start)
            if kind == "TIFF":
                _refuse_pages(file)
            elif kind != "JPEG" and (frames := getattr(image, "n_frames", 1)) > 1:
                raise SeveralPagesError(_SEVERAL.format(f"{frames} frames"))
            return header, kind
    except UnidentifiedImageError:
        if start.startswith((b"II*\0", b"MM\0*")):
            file.seek(0)
            header = _from_tiff(file)
            _refuse_pages(file)
            return header, "TIFF"
        if start.startswith(_MAGIC):
            raise BadFileError("cut short or damaged: its header is incomplete") from None
        if start.startswith(b"GIF8"):
            raise BadFileError(
                "is a GIF image, which is not read; save each of its frames as PNG"
            ) from None
        raise BadFileError(f"not an image (it starts with {start[:12]!r})") from None
    except Image.DecompressionBombError as error:
        raise BadFileError("too many pixels to be decoded safely") from error
    except (SyntaxError, ValueError, TypeError, EOFError, struct.error) as error:
        raise BadFileError(f"cut short or damaged: {error}") from None


def _from_pillow(image: Image.Image, kind: str, start: bytes) -> Header:
    channels = _CHANNELS.get(image.mode, 3)
    bits = 16 if image.mode.startswith("I;16") else 8
    decoder = "pillow"
    if kind == "PNG" and start[24:25] == b"\x10":
        # Pillow would cut 16-bit color to 8 bits.
        channels = {0: 1, 2: 3, 4: 4, 6: 4}[start[25]]
        bits, decoder = 16, "opencv"
    elif isinstance(image, TiffImagePlugin.TiffImageFile) and channels > 1:
        if max(image.tag_v2.get(_BITS, (8,))) > 8:
            bits, decoder = 16, "opencv"
            _check_tiff(channels, max(image.tag_v2[_BITS]))
    elif image.mode in _NUMBERS:
        raise BadFileError("32-bit pixels, which have no largest value; save it as an .npy array")
    orientation = _orientation(image, kind)
    width, height = image.size
    if orientation >= 5:
        width, height = height, width
    return Header(height, width, channels, bits, orientation, decoder)


def _orientation(image: Image.Image, kind: str) -> int:
    if kind == "PNG" and "exif" not in image.info:
        return 1  # asking a PNG for EXIF data would decode all of it
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # broken EXIF data are no reason to refuse good pixels
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _from_tiff(file: BinaryIO) -> Header:
    """The header of a TIFF that Pillow has no mode for, such as 16-bit RGB."""
    try:
        directory = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
        file.seek(directory.next)
        directory.load(file)
        width, height = int(directory[256]), int(directory[257])
        channels = int(directory.get(277, 1))
        bits = max(directory.get(_BITS, (8,)))
        orientation = int(directory.get(_ORIENTATION, 1))
    except Exception as error:
        raise BadFileError(f"cut short or damaged: {error!r}") from None
    _check_tiff(channels, bits)
    if orientation >= 5:
        width, height = height, width
    return Header(height, width, channels, bits, orientation, "opencv")


def _refuse_pages(file: BinaryIO) -> None:
    """Raise SeveralPagesError for a TIFF of several pages; thumbnails and masks beside are none.

    ImageJ writes large stacks with the header of their first page alone, whose description says
    how many there are.
    """
    file.seek(0)
    start = file.read(8)
    big = _BIG in start[2:4]
    directory = TiffImagePlugin.ImageFileDirectory_v2(start + (file.read(8) if big else b""))
    seen: set[int] = set()
    pages = 0
    while directory.next and directory.next not in seen and pages < 2:
        seen.add(directory.next)
        file.seek(directory.next)
        directory.load(file)
        if _WIDTH not in directory:
            break  # what follows the last page is no page
        pages += not int(directory.get(_SUBFILE, 0)) & _BESIDE
        described = IMAGEJ_STACK.search(str(directory.get(_DESCRIPTION, "")))
        depth = max(int(described[1]) if described else 1, int(directory.get(_DEPTH, 1)))
        if depth > 1:
            raise SeveralPagesError(_SEVERAL.format(f"a stack of {depth} images"))
    if pages > 1:
        raise SeveralPagesError(_SEVERAL.format("several pages"))


_SEVERAL = "holds {}, of which only the first would be read; save each as a file of its own"
_BIG = 43
"""The version of TIFF files beyond 4 GB."""
_SUBFILE, _WIDTH, _DESCRIPTION, _DEPTH = 254, 256, 270, 32997
_BESIDE = 0b101
"""Bits of the subfile type: a smaller version of another page, a mask for its transparency."""
IMAGEJ_STACK = re.compile(r"(?s)^ImageJ=.*?^images=(\d+)", re.MULTILINE)
"""Description of a TIFF file by ImageJ that says how many images it holds."""


def _check_tiff(channels: int, bits: int) -> None:
    if channels not in (1, 3, 4) or bits not in (8, 16):
        raise BadFileError(
            f"a TIFF of {channels} channels with {bits} bits, which can't be decoded; "
            "save such images as one .npz array"
        )
