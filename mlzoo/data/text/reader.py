"""Reader of texts."""

from __future__ import annotations

from typing import Literal

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
    """Whether all letters are made small."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """Return the names of the channels."""
        return self.channels
