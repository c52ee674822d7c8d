"""A text file: predicts each next character from those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.files import expand

if TYPE_CHECKING:
    from mlzoo.data.samples import Samples


class Config(Settings):
    """Settings of the source text."""

    data: str
    """The file."""
    window: int | None = Field(None, ge=1)
    """Characters of a window; by default 64."""
    stride: int | None = Field(None, ge=1)
    """Characters from one window to the next; by default the window."""
    lower: bool = False
    """Make all letters small."""


def recognizes(path: str) -> bool:
    """Return whether it is a .txt file of lines of text rather than a table."""
    from mlzoo.data.images.layouts import looks_like_prose

    return looks_like_prose(expand(path))


def load(config: Config, progress: Any = None) -> Samples:
    """Read the text and cut it."""
    from dataclasses import replace

    from mlzoo.data.text.characters import alphabet_of, cut_text, read_text
    from mlzoo.data.text.reader import TextReader

    text = read_text(expand(config.data))
    text = text.lower() if config.lower else text
    window = config.window or 64
    alphabet, left = alphabet_of(text)
    reader = TextReader(
        channels=("code",),
        dtype="float32",
        alphabet=tuple(alphabet),
        window=window,
        stride=config.stride or window,
        lower=config.lower,
    )
    samples = cut_text(text, reader)
    notes = [
        f"text: {len(text):,} characters, {len(alphabet)} different ones; windows of {window} "
        "(--window, --stride)"
    ]
    if left:
        notes.append(f"characters: {left} rare ones count as one")
    return replace(samples, notes=tuple(notes))
