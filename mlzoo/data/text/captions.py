"""Captions of images: texts as codes of characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.core.messages import few
from mlzoo.data.tables.tables import Table, text_cells
from mlzoo.data.text.characters import shown
from mlzoo.data.text.pairs import END, TASK, encode_symbols, target_alphabet


class Captions(NamedTuple):
    """Captions of n images.

    Attributes:
        codes: (n, longest) uint8, as `encode_targets` gives them.
        class_names: of the symbols.
        alphabet: characters; the code after the last one is the end.
        longest: symbols of the longest caption, its end included.
        note: what they are.
    """

    codes: np.ndarray
    class_names: tuple[str, ...]
    alphabet: tuple[str, ...]
    longest: int
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
    """Return captions as codes.

    Args:
        texts: n texts.
        column: what they are called.

    Raises:
        DataError: one is longer than a decoder takes, or they have too many characters.
    """
    alphabet, longest = target_alphabet(texts)
    note = (
        f"captions: {column!r} of up to {longest - 1} characters, {len(alphabet)} different ones, "
        f"{len({*texts}):,} different texts"
    )
    codes = encode_symbols(texts, alphabet, longest)
    return Captions(codes, (*map(shown, alphabet), END), alphabet, longest, note)
