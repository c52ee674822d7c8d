"""From image files to arrays of one size, type and number of channels."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

# What OpenCV has to say of a broken file is said once, by us, with the file's name. It reads this
# when it is imported; no function that changes it exists in both its versions 4 and 5.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

from mlzoo.data.images.headers import BadFileError, Header  # noqa: E402
from mlzoo.data.shards.members import ShardMember  # noqa: E402


@dataclass(frozen=True)
class ImageForm:
    """Size, channels and type that every image is converted to.

    `fit` is `resize`, or `pad`: images keep their size and are mirrored at the right and below
    until they fill the frame.
    """

    height: int
    width: int
    channels: int
    dtype: str = "uint8"
    fit: str = "resize"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.height, self.width, self.channels

    @property
    def maximum(self) -> float:
        """The largest value of a pixel."""
        return 255.0 if self.dtype == "uint8" else 65535.0


def decode(path: Path, header: Header, content: bytes | None = None) -> np.ndarray:
    """The pixels (height, width, channels) of a file, turned as its EXIF orientation says.

    Args:
        path: the file.
        header: of the file.
        content: its bytes, where they were read already.

    Raises:
        BadFileError: the file is cut short or damaged.
    """
    if content is None and isinstance(path, ShardMember):
        content = read_content(path)
    try:
        if header.decoder == "opencv":
            pixels = _with_opencv(path, header, content)
        else:
            pixels = _with_pillow(path if content is None else io.BytesIO(content), header)
    except BadFileError:
        raise
    except Exception as error:
        raise BadFileError(f"cut short or damaged: {error}") from None
    return orient(pixels, header.orientation)


def read_content(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        BadFileError: it can't be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadFileError(f"can't be read: {error.strerror}") from None


def _with_pillow(file: Path | io.BytesIO, header: Header) -> np.ndarray:
    with Image.open(file) as image:
        image.load()
        if header.bits > 8:
            return np.asarray(image).astype(np.uint16)[..., None]
        mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[header.channels]
        pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _with_opencv(path: Path, header: Header, content: bytes | None) -> np.ndarray:
    data = np.fromfile(path, np.uint8) if content is None else np.frombuffer(content, np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise BadFileError("cut short or damaged")
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[pixels.shape[-1]]
    return np.ascontiguousarray(pixels[..., order]).astype(header.dtype, copy=False)


def orient(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn and mirror an image as an EXIF orientation from 1 to 8 says."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    flips = {2: (1,), 3: (0, 1), 4: (0,), 6: (1,), 7: (0, 1), 8: (0,)}.get(orientation)
    return np.flip(pixels, flips) if flips else pixels


def shape_up(pixels: np.ndarray, form: ImageForm) -> np.ndarray:
    """Bring decoded pixels into a form: type, channels, then size.

    Shrinking averages over areas, enlarging interpolates between pixels; proportions are not kept
    unless the form says `pad`.
    """
    if pixels.dtype != form.dtype:
        pixels = pixels.astype(np.uint16) * np.uint16(257)
    pixels = convert(pixels, form.channels)
    if form.fit == "pad":
        return mirrored(pixels, form.height, form.width)
    if pixels.shape[:2] != (form.height, form.width):
        shrinks = form.height < pixels.shape[0] or form.width < pixels.shape[1]
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        small = cv2.resize(
            np.ascontiguousarray(pixels), (form.width, form.height), interpolation=how
        )
        pixels = small.reshape(form.shape)
    return pixels


def mirrored(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """An image (height, width, ...) continued by its mirror image to the right and below."""
    if pixels.shape[:2] == (height, width):
        return pixels
    rows, columns = (
        np.abs((np.arange(wanted) + have) % (2 * have) - have + 0.5).astype(int)
        for wanted, have in zip((height, width), pixels.shape[:2], strict=True)
    )
    return pixels[rows][:, columns]


def convert(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Another number of channels: color to gray by luminance, gray repeated, alpha dropped."""
    have = pixels.shape[-1]
    if have == channels:
        return pixels
    opaque = np.iinfo(pixels.dtype).max
    color = pixels[..., : 1 if have <= 2 else 3]
    if channels <= 2 and have > 2:
        color = cv2.cvtColor(np.ascontiguousarray(color), cv2.COLOR_RGB2GRAY)[..., None]
    elif channels > 2 and have <= 2:
        color = np.repeat(color, 3, axis=-1)
    if channels % 2:
        return color
    alpha = pixels[..., -1:] if have % 2 == 0 else np.full_like(pixels[..., :1], opaque)
    return np.concatenate([color, alpha], axis=-1)
