"""From the bytes of an image file to what the model takes, as the training images were read."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from mlzoo.packing.served.errors import InputError
from mlzoo.packing.served.resizing import resize

_FORMATS = ("JPEG", "PNG", "BMP", "DIB", "TIFF", "WEBP")
_GRAY = {"1": ("L", 1), "L": ("L", 1), "LA": ("LA", 2), "La": ("LA", 2)}
_COLOR = {"RGBA": ("RGBA", 4), "RGBa": ("RGBA", 4), "PA": ("RGBA", 4)}
_MODES = {**_GRAY, **_COLOR}
_DEEP = ("I", "F")
_ORIENTATION, _BITS = 0x0112, 258
_FLIPS = {2: (1,), 3: (0, 1), 4: (0,), 6: (1,), 7: (0, 1), 8: (0,)}
_LUMINANCE = np.array([9798, 19235, 3735], np.int64)
"""Shares of red, green and blue in 32,768, OpenCV's for RGB to gray."""

warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


class ImageInputs:
    """Reader of single image files.

    Args:
        facts: of the model: `height`, `width`, `channels`, `dtype`, `maximum` (the value that
            white has) and `max_pixels`.
    """

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self._size = int(facts["height"]), int(facts["width"])
        self._channels, self._dtype = int(facts["channels"]), np.dtype(facts["dtype"])
        self._factor = float(facts["maximum"]) / 255
        self._max_pixels = int(facts["max_pixels"])

    def read(self, content: bytes) -> tuple[np.ndarray, list[str]]:
        """Return an image as (height, width, channels), and no warnings.

        Raises:
            InputError: it is no image, damaged, too large, or of a kind that is not read.
        """
        if not content:
            raise InputError("the file is empty")
        pixels = _convert(self._decode(content), self._channels)
        pixels = resize(np.ascontiguousarray(pixels), *self._size)
        if self._factor == 1 and self._dtype == np.uint8:
            return pixels, []
        scaled = pixels.astype(np.float32) * self._factor
        whole = self._dtype.kind == "u"
        return (np.rint(scaled) if whole else scaled).astype(self._dtype), []

    def _decode(self, content: bytes) -> np.ndarray:
        """Return the pixels (rows, columns, channels), turned as the EXIF orientation says."""
        try:
            with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
                self._check(image, content)
                orientation = _orientation(image)
                mode, channels = _MODES.get(image.mode, ("RGB", 3))
                image.load()
                pixels = np.asarray(image if image.mode == mode else image.convert(mode))
        except InputError:
            raise
        except Image.UnidentifiedImageError:
            raise InputError("the file is no image (JPEG, PNG, BMP, TIFF or WebP)") from None
        except Exception as error:  # Damaged files fail in many ways.
            raise InputError(f"the image is cut short or damaged: {error}") from None
        return _turned(pixels.reshape(*pixels.shape[:2], channels), orientation)

    def _check(self, image: Image.Image, content: bytes) -> None:
        width, height = image.size
        if width * height > self._max_pixels:
            raise InputError(
                f"the image has {width}x{height} pixels, more than the limit of "
                f"{self._max_pixels:,}"
            )
        bits: Any = getattr(image, "tag_v2", {}).get(_BITS, (8,))
        deep_png = image.format == "PNG" and content[24:25] == b"\x10"
        if image.mode.startswith(_DEEP) or deep_png or max(bits) > 8:
            raise InputError("the image has more than 8 bits a channel; save it with 8")
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format not in ("JPEG", "MPO"):
            raise InputError(f"the file holds {frames} images; save each as a file of its own")


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation from 1 to 8; 1 where there is none that can be read."""
    if image.format == "PNG" and "exif" not in image.info:
        return 1
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # Broken EXIF data are no reason to refuse good pixels.
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    return np.flip(pixels, _FLIPS[orientation]) if orientation in _FLIPS else pixels


def _convert(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Return another number of channels: color to gray by luminance, alpha dropped or opaque."""
    have = pixels.shape[-1]
    if have == channels:
        return pixels
    color = pixels[..., : 1 if have <= 2 else 3]
    if channels <= 2 < have:
        sums = color.astype(np.int64) @ _LUMINANCE
        color = ((sums + (1 << 14)) >> 15).astype(np.uint8)[..., None]
    elif have <= 2 < channels:
        color = np.repeat(color, 3, axis=-1)
    if channels % 2:
        return color
    alpha = pixels[..., -1:] if have % 2 == 0 else np.full_like(pixels[..., :1], 255)
    return np.concatenate([color, alpha], axis=-1)
