"""Differences of new images from the training data: channels, size, depth, range."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mlzoo.core.messages import few
from mlzoo.data.images.headers import Header
from mlzoo.data.images.reader import ImageStatistics, PixelReader
from mlzoo.data.reader import Reader

CHANNEL_NAMES = {1: "gray", 2: "gray with alpha", 3: "RGB", 4: "RGB with alpha"}
_COMMON = 0.05
"""The share of training images from which on their number of channels is a usual one."""
_DARK = 1 / 8
"""Values that stay below this share of the range that was trained on are of another range."""
_BEYOND = 0.1
"""Share of the range trained on by which values may lie beyond it."""


@dataclass(frozen=True)
class Content:
    """Content of an image's pixels, whatever its header says.

    `channels` leaves out an opaque alpha channel and colors that are all gray; `low` and `high`
    are the smallest and the largest value as shares of the largest that the type can hold.
    """

    channels: int
    low: float
    high: float


def content_of(pixels: np.ndarray) -> Content:
    """Measure decoded pixels (height, width, channels), uint8 or uint16."""
    most = np.iinfo(pixels.dtype).max
    count = pixels.shape[-1]
    values = pixels[..., : 1 if count <= 2 else 3]
    opaque = count % 2 == 1 or bool((pixels[..., -1] == most).all())
    channels = 1 if count <= 2 or _gray(values[:1]) and _gray(values) else 3
    low, high = float(values.min()) / most, float(values.max()) / most
    return Content(channels + (not opaque), low, high)


def _gray(colors: np.ndarray) -> bool:
    return bool((colors[..., :1] == colors[..., 1:]).all())


def measure(headers: Sequence[Header], contents: Sequence[Content]) -> ImageStatistics:
    """Return the measurements of training images that new images are compared with."""
    return ImageStatistics(
        channels=_common_channels(headers, contents),
        heights=_span(header.height for header in headers),
        widths=_span(header.width for header in headers),
        values=(min(each.low for each in contents), max(each.high for each in contents)),
        darkest=min(each.high for each in contents),
    )


def _common_channels(headers: Sequence[Header], contents: Sequence[Content]) -> tuple[int, ...]:
    """The numbers of channels that some more than single images have, by header or content."""
    pairs = zip(headers, contents, strict=True)
    counts = Counter(n for header, each in pairs for n in {header.channels, each.channels})
    return tuple(sorted(n for n, count in counts.items() if count >= _COMMON * len(headers)))


def measure_arrays(x: np.ndarray, maximum: float) -> ImageStatistics:
    """Return the same of images in an array (n, height, width, channels)."""
    height, width, channels = x.shape[1:4]
    return ImageStatistics(
        channels=(channels,),
        heights=(height, height),
        widths=(width, width),
        values=(float(x.min()) / maximum, float(x.max()) / maximum),
        darkest=float(x.max(axis=(1, 2, 3)).min()) / maximum,
    )


def _span(values: Iterable[int]) -> tuple[int, int]:
    numbers = list(values)
    return min(numbers), max(numbers)


def differences(
    headers: Sequence[Header], contents: Sequence[Content], reader: PixelReader, maximum: float
) -> tuple[str, ...]:
    """Return a warning for each way in which new images differ from those of the training data.

    Args:
        headers: of the new images.
        contents: of the new images.
        reader: how the training data were read; older runs say less of them.
        maximum: the largest value that the new images can hold.
    """
    warnings = (
        _channels(headers, contents, reader),
        _size(headers, reader),
        _depth(reader, maximum),
        _range([each.low for each in contents], [each.high for each in contents], reader),
    )
    return tuple(text for text in warnings if text)


def array_differences(x: np.ndarray, reader: Reader) -> tuple[str, ...]:
    """Return a warning where values of an array of images are of another range."""
    maximum = reader.maximum
    if not isinstance(reader, PixelReader) or not maximum or not x.size:
        return ()
    pixels = tuple(range(1, x.ndim))
    lows, highs = (f(axis=pixels) / maximum for f in (x.min, x.max))
    text = _range(lows.tolist(), highs.tolist(), reader)
    return (text,) if text else ()


def _channels(headers: Sequence[Header], contents: Sequence[Content], reader: PixelReader) -> str:
    trained = (reader.images.channels if reader.images else ()) or (reader.channels,)
    other = [
        header.channels
        for header, content in zip(headers, contents, strict=True)
        if header.channels not in trained and content.channels not in trained
    ]
    if not other:
        return ""
    return (
        f"channels: {len(other)} of {len(headers)} images are {_named(other)}, but those of the "
        f"training data {_named(trained)}; they are converted to "
        f"{CHANNEL_NAMES[reader.channels]}"
    )


def _named(channels: Iterable[int]) -> str:
    return " and ".join(CHANNEL_NAMES[each] for each in sorted(set(channels)))


def _size(headers: Sequence[Header], reader: PixelReader) -> str:
    if reader.size is None or reader.images is None:
        return ""  # images of any size keep their own
    (low, high), (left, right) = reader.images.heights, reader.images.widths
    other = {
        (header.height, header.width): None
        for header in headers
        if not (low <= header.height <= high and left <= header.width <= right)
    }
    if not other:
        return ""
    count = sum((header.height, header.width) in other for header in headers)
    sizes = few([f"{height}x{width}" for height, width in other], 3)
    known = f"{low}x{left}" if (low, left) == (high, right) else f"{low}x{left} to {high}x{right}"
    height, width = reader.size
    return (
        f"size: {count} of {len(headers)} images have another size ({sizes}) than those of the "
        f"training data ({known}); they are resized to {height}x{width}"
    )


def _depth(reader: PixelReader, maximum: float) -> str:
    """Name a depth that is scaled down; 8 bits are 16 exactly, times 257."""
    if reader.maximum is not None and maximum != reader.maximum:
        return (
            f"pixels run to {maximum:g}, but to {reader.maximum:g} in the training data; they "
            "are scaled down in proportion"
        )
    return ""


def _range(lows: Sequence[float], highs: Sequence[float], reader: PixelReader) -> str:
    """Compare each image's smallest and largest value, as shares of the largest possible one."""
    if reader.images is None or reader.images.values is None or reader.maximum is None:
        return ""
    low, high = reader.images.values
    span, most = high - low, reader.maximum
    lowest, highest = min(lows), max(highs)
    dark_below = low + _DARK * span
    beyond = lowest < low - _BEYOND * span or highest > high + _BEYOND * span
    advice = "predictions are of little use unless the images are brought to the same range"
    if beyond or highest < dark_below:
        return (
            f"range: values run from {lowest * most:.4g} to {highest * most:.4g}, but from "
            f"{low * most:.4g} to {high * most:.4g} in the training data; {advice}"
        )
    darkest = reader.images.darkest
    if darkest is None:  # a run of before it was measured
        return ""
    # An image that is darker than all that was trained on, among others that are not.
    dark = [each for each in highs if each < min(dark_below, darkest * (1 - _BEYOND))]
    if not dark:
        return ""
    count = "1 of" if len(dark) == 1 else f"{len(dark)} of"
    return (
        f"range: {count} {len(highs)} images have no value over {max(dark) * most:.4g}, but those "
        f"of the training data reach at least {darkest * most:.4g}; {advice}"
    )
