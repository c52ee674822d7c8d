"""Readers of texts, of pairs of texts, and of images with captions."""

from __future__ import annotations

from typing import Literal

from mlzoo.data.images.reader import ImageReader
from mlzoo.data.reader import Reader


class TextReader(Reader):
    """Reader of a text, of which each next character is predicted."""

    kind: Literal["sequence"] = "sequence"
    channels: tuple[str, ...] = ("code",)
    """The one channel: codes of characters."""
    dtype: str = "float32"
    """NumPy type of the inputs."""
    alphabet: tuple[str, ...]
    """Characters; a code is a position in it."""
    window: int
    """Characters of a window."""
    stride: int
    """Characters from one window to the next."""
    lower: bool = False
    """True: all letters are made small."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """Return the names of the channels."""
        return self.channels


class PairReader(Reader):
    """Reader of texts that are turned into other texts."""

    kind: Literal["sequence"] = "sequence"
    columns: tuple[str, str]
    """Columns of the sources and of the targets."""
    source_alphabet: tuple[str, ...]
    """Characters of the sources; a code is a position in it."""
    alphabet: tuple[str, ...]
    """Characters of the targets; the code after the last one is the end of a target."""
    longest: int
    """Symbols of the longest target, its end included."""
    delimiter: str | None = None
    """Character between the columns; None: recognized."""
    header: Literal["auto", "yes", "no"] = "auto"
    """yes: the first line names the columns."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """Return the name of the one channel."""
        return ("code",)


class CaptionReader(ImageReader):
    """Reader of images that are described by a text each."""

    alphabet: tuple[str, ...]
    """Symbols of the captions; the code after the last one is the end of a caption."""
    longest: int
    """Symbols of the longest caption, its end included."""
    unit: Literal["words", "characters"] = "characters"
    """Symbols that captions are made of; a word has the space before it."""
