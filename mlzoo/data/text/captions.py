"""Captions of images: texts as codes of words, or of characters where the words are too many."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.core.messages import few
from mlzoo.data.tables.tables import Table, text_cells
from mlzoo.data.text.characters import shown
from mlzoo.data.text.pairs import END, MOST, TASK, encode_symbols, target_alphabet
from mlzoo.data.text.reader import CaptionReader

Unit = Literal["words", "characters"]
_WORDS = re.compile(r"\s*\S+|\s+")


class Captions(NamedTuple):
    """Captions of n images.

    Attributes:
        codes: (n, longest) uint8, as `encode_symbols` gives them.
        class_names: of the symbols.
        alphabet: symbols; the code after the last one is the end.
        longest: symbols of the longest caption, its end included.
        unit: what symbols are.
        note: what they are.
    """

    codes: np.ndarray
    class_names: tuple[str, ...]
    alphabet: tuple[str, ...]
    longest: int
    unit: Unit
    note: str

    @property
    def task(self) -> str:
        """Return the task of models that give them."""
        return TASK


def caption_texts(table: Table, column: str) -> list[str]:
    """Return a column of a table as texts.

    Raises:
        DataError: there is no such column, or a cell is empty.
    """
    if column not in table.columns:
        raise DataError(f"there is no column {column!r}; there are {few(table.columns)}")
    cells = text_cells(table.columns[column])
    empty = [i for i, cell in enumerate(cells) if not cell]
    if empty:
        raise DataError(f"column {column!r} is empty in {table.where(empty[0])}; remove the row")
    return [str(cell) for cell in cells]


def encode_captions(texts: Sequence[str], column: str) -> Captions:
    """Return captions as codes: of words, or of characters where there are more words than codes.

    Args:
        texts: n texts.
        column: what they are called.

    Raises:
        DataError: one is longer than a decoder takes, or they have too many characters.
    """
    unit: Unit = "words"
    symbols = _symbols(texts, unit)
    if len({word for words in symbols for word in words}) > MOST:
        unit = "characters"
        symbols = _symbols(texts, unit)
    alphabet, longest = target_alphabet(symbols, unit)
    note = (
        f"captions: {column!r} of up to {longest - 1} {unit}, {len(alphabet)} different ones, "
        f"{len({*texts}):,} different texts"
    )
    codes = encode_symbols(symbols, alphabet, longest, unit)
    return Captions(codes, (*map(shown, alphabet), END), alphabet, longest, unit, note)


def encode_new_captions(texts: Sequence[str], reader: CaptionReader) -> np.ndarray:
    """Return captions of new images as codes (n, longest) uint8, as those of the run are.

    Raises:
        DataError: a text is longer than the longest, or has a symbol that the alphabet lacks.
    """
    symbols = _symbols(texts, reader.unit)
    return encode_symbols(symbols, reader.alphabet, reader.longest, reader.unit)


def _symbols(texts: Sequence[str], unit: Unit) -> Sequence[Sequence[str]]:
    return [caption_symbols(text, unit) for text in texts]


def caption_symbols(text: str, unit: Unit) -> Sequence[str]:
    """Return the symbols of a caption; joined they are the caption."""
    return text if unit == "characters" else _WORDS.findall(text)
