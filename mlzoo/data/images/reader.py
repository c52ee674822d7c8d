"""Readers of images."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from mlzoo.core.setting_types import Delimiter, Header
from mlzoo.data.reader import Reader
from mlzoo.data.tables.reader import Column, TargetColumn

MAX_PIXELS = 89_478_485
"""Pillow's own limit: 256 MiB of RGB, more than any photograph has, less than a bomb."""


class ImageStatistics(BaseModel):
    """Measurements of the training images, with which new images are compared."""

    model_config = ConfigDict(frozen=True)

    channels: tuple[int, ...] = ()
    """Numbers of channels that more than single images have."""
    heights: tuple[int, int]
    """Smallest and largest height."""
    widths: tuple[int, int]
    """Smallest and largest width."""
    values: tuple[float, float] | None = None
    """Smallest and largest value of a pixel, as shares of the largest possible one."""
    darkest: float | None = None
    """The smallest of the images' largest values, as such a share; None in older runs."""


class LabelColumns(BaseModel):
    """Columns of the tables that named the training images (`labels.csv`)."""

    model_config = ConfigDict(frozen=True)

    file_column: str
    """Column of the files' names."""
    target: TargetColumn | None = None
    """Column that predictions are compared with; None: there are no labels."""
    delimiter: Delimiter = None
    """Delimiter of the columns; None: recognized."""
    header: Header = "auto"
    """`yes` if the first line names the columns, else `no`; auto: recognized."""
    inputs: tuple[Column, ...] = ()
    """Columns that are a second input beside the image; none: the image is the only one."""


class PixelReader(Reader):
    """Common fields of the readers of images."""

    size: tuple[int, int] | None = None
    """Height and width that images are resized to; None: they keep their own."""
    channels: int
    """Channels of the inputs, to which those of new images are converted."""
    dtype: str
    """NumPy type of the inputs."""
    line: bool = False
    """Fields of one dimension: arrays (n, points, channels) are images of a single row."""
    max_pixels: int = MAX_PIXELS
    """Files with more pixels are refused before they are decoded."""
    images: ImageStatistics | None = None
    """Measurements of the training images; older runs lack them."""


class ImageReader(PixelReader):
    """Reader of images that have one target each."""

    kind: Literal["image"] = "image"
    size: tuple[int, int]
    """Height and width that images are resized to."""
    maximum: float
    """Largest value that a pixel can hold."""
    labels: LabelColumns | None = None
    """Columns of the table that named the images; None: folders did, or arrays held them."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return the shape of one sample, without columns beside it."""
        return *self.size, self.channels

    @property
    def beside(self) -> tuple[Column, ...]:
        """Return the columns that are a second input; none: the image is the only one."""
        return () if self.labels is None else self.labels.inputs
