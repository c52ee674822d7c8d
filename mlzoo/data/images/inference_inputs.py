"""New images for a model that predicts at every pixel: each in its own size, read when needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.core.files import as_text
from mlzoo.data.arrays import as_trained, is_array_file, open_inputs
from mlzoo.data.images.decoding import ImageForm, shape_up
from mlzoo.data.images.degradation import enlarged
from mlzoo.data.images.headers import Header
from mlzoo.data.images.images import LazyImages, rescaled
from mlzoo.data.images.layouts import has_masks
from mlzoo.data.images.reader import PixelReader
from mlzoo.data.masks.folders import images_alone
from mlzoo.data.new_samples import (
    Progress,
    check_new_images,
    existing,
    image_files,
    unlike_training,
)
from mlzoo.data.quality.differences import array_differences
from mlzoo.data.volumes.slices import as_trained_slices
from mlzoo.data.volumes.tiff import read_stacks


@dataclass(frozen=True)
class NewImages:
    """Images by position, as the model was trained on them: type, channels, range of values.

    `image(i)` gives (height, width, channels); `sizes` are the images' own (height, width), which
    differ from that where the training images were resized.
    """

    names: list[str]
    sizes: list[tuple[int, int]]
    image: Callable[[int], np.ndarray]
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)


def open_images(path: str, reader: PixelReader, progress: Progress | None = None) -> NewImages:
    """Check new images at a path: a file, a folder with all that is in it, or arrays.

    Raises:
        UsageError: nothing is there.
        DataError: files that can't be read, or arrays of another kind.
    """
    location = existing(path)
    if is_array_file(location):
        return _from_array(open_inputs(location), str(location), reader)
    if reader.depth:
        files, names, warnings = _listing(location)
        stacks = read_stacks(files, names, reader.max_voxels)
        volumes = _from_array(stacks, str(location), reader)
        return replace(volumes, names=names, warnings=(*warnings, *volumes.warnings))
    refuse_files(str(location), reader)
    files, names, warnings = _listing(location)
    checked = check_new_images(files, names, reader, progress, frame(reader))
    images: LazyImages = checked.images
    factor = 1.0 if reader.maximum is None else reader.maximum / checked.form.maximum

    def image(index: int) -> np.ndarray:
        pixels = images.own(index)
        return pixels if factor == 1 else rescaled(pixels, factor, reader.dtype)

    warnings += unlike_training(checked, reader)
    return NewImages(names, images.file_sizes, image, warnings)


def enlarged_images(images: NewImages, factor: int) -> NewImages:
    """Return images of so many times the height and width, as a model restores them."""
    if factor == 1:
        return images
    sizes = [(height * factor, width * factor) for height, width in images.sizes]
    return replace(images, sizes=sizes, image=lambda at: enlarged(images.image(at), factor))


def image_names(path: str) -> list[str]:
    """The names that `open_images` gives the images at a path; files are listed, none is read.

    Raises:
        UsageError: nothing is there.
        DataError: there are no images.
    """
    location = existing(path)
    if is_array_file(location):
        return _sample_names(len(open_inputs(location)))
    return _listing(location)[1]


def _listing(location: Path) -> tuple[list[Path], list[str], tuple[str, ...]]:
    """Image files, what to call them, and a warning where masks stand beside them."""
    files = image_files(location)
    root = location.parent if location.is_file() else location
    warnings: tuple[str, ...] = ()
    if location.is_dir() and has_masks(location):
        alone = images_alone(location)
        if not alone:
            raise DataError(f"{location} holds masks, but no images")
        warnings = (
            f"{location} holds images with their masks; the {len(alone)} images are taken, the "
            f"{len(files) - len(alone)} other files are not",
        )
        files = alone
    return files, [as_text(file.relative_to(root).as_posix()) for file in files], warnings


def _sample_names(count: int) -> list[str]:
    return [f"sample {index}" for index in range(count)]


def refuse_files(path: str, reader: PixelReader) -> None:
    """Raise DataError where no image file can hold what the model takes."""
    if reader.kind != "image" or reader.channels > 4:
        raise DataError(
            f"{path} is no .npz or .npy file; the model takes arrays (n, height, width, "
            f"{reader.channels})"
        )


def as_images(inputs: np.ndarray, reader: PixelReader) -> NewImages:
    """An array (n, height, width, channels) as images.

    Raises:
        DataError: it has another number of axes or channels.
    """
    return _from_array(inputs, "the array", reader)


def frame(reader: PixelReader) -> Callable[[Sequence[Header]], tuple[ImageForm, list[str]]]:
    """Return the choice of form for new images: as in training, as large as the largest."""

    def choose(headers: Sequence[Header]) -> tuple[ImageForm, list[str]]:
        deep = any(header.dtype == "uint16" for header in headers) or reader.dtype == "uint16"
        dtype = "uint16" if deep else "uint8"
        if reader.size is not None:
            return ImageForm(*reader.size, reader.channels, dtype), []
        height, width = (max(getattr(h, side) for h in headers) for side in ("height", "width"))
        return ImageForm(height, width, reader.channels, dtype, "pad"), []

    return choose


def _from_array(x: np.ndarray, what: str, reader: PixelReader) -> NewImages:
    channels, maximum = reader.channels, reader.maximum
    if reader.depth:
        x = as_trained_slices(x, reader.depth, what)
    if reader.line and x.ndim in (2, 3):
        x = x[:, None]
    if x.ndim not in (3, 4):
        points = "fields (n, points, " if reader.line else "images (n, height, width, "
        raise DataError(
            f"{what}: shape {x.shape} {x.dtype}, but the model takes {points}{channels})"
        )
    input_size = x.shape[1], x.shape[2]
    restores = reader.target_kind.restores
    if restores and x.dtype.kind == "u":
        x = x / np.float32(np.iinfo(x.dtype).max)
    x = as_trained(x, what, (*input_size, channels), reader.dtype, maximum)
    scaled = x.dtype.kind == "f" and maximum is not None
    if scaled and not restores and not 0 <= x.min() <= x.max() <= maximum:
        raise DataError(
            f"{what}: values run from {x.min():g} to {x.max():g}, but the model was trained on "
            f"images with values from 0 to {maximum:g}"
        )
    height, width = reader.size or input_size
    form = ImageForm(height, width, channels, reader.dtype)
    names = _sample_names(len(x))
    warnings = array_differences(x, reader)
    return NewImages(names, [input_size] * len(x), lambda index: shape_up(x[index], form), warnings)
