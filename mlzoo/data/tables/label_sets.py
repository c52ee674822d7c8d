"""Label sets: cells such as `dog|cat`, or a column of zeros and ones for each label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.core.messages import few

SEPARATOR = "|"
_FEWEST = 2
_SHOWN = 8


def are_indicators(values: np.ndarray) -> bool:
    """Return whether values are zeros and ones, some of each."""
    if values.dtype.kind not in "biuf" or not values.size:
        return False
    ones = values == 1
    return bool((ones | (values == 0)).all() and ones.any() and not ones.all())


def split_cell(cell: str) -> list[str]:
    """Return the labels of a cell, without repeats; none of an empty one."""
    parts = (part.strip() for part in cell.split(SEPARATOR))
    return list(dict.fromkeys(part for part in parts if part))


def label_sets(values: np.ndarray, what: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the names of labels, sorted, and which of them each sample has.

    Args:
        values: (n,) cells of text, or (n, k) zeros and ones.
        what: how messages call the target.

    Returns:
        k names (of columns without names `label0`, `label1`, ...), and (n, k) float32.

    Raises:
        DataError: numbers other than zeros and ones, or fewer than two labels.
    """
    if values.ndim > 1:
        if not are_indicators(values):
            raise DataError(
                f"{what}: labels need a column of zeros and ones each, but the {values.shape[1]} "
                f"columns hold values such as {values[~np.isin(values, (0, 1))][:1]}"
            )
        return tuple(f"label{i}" for i in range(values.shape[1])), values.astype(np.float32)
    cells = [split_cell(cell) for cell in values.astype(str)]
    names = tuple(sorted({name for cell in cells for name in cell}))
    if len(names) < _FEWEST:
        raise DataError(
            f"{what} holds {len(names)} label{'' if len(names) == 1 else 's'} "
            f"({few(names, _SHOWN) or 'none'}); at least two are needed, as in dog{SEPARATOR}cat "
            "(labels are sorted and told apart by case); of a single one make two classes: --task "
            "classification"
        )
    return names, encoded(cells, names)


def encoded(cells: Sequence[Sequence[str]], names: Sequence[str]) -> np.ndarray:
    """Return which labels each sample has, (n, k) float32 zeros and ones."""
    place = {name: i for i, name in enumerate(names)}
    matrix = np.zeros((len(cells), len(names)), dtype=np.float32)
    for row, cell in zip(matrix, cells, strict=True):
        row[[place[name] for name in cell]] = 1
    return matrix


def encode_as(values: np.ndarray, names: Sequence[str], what: object) -> np.ndarray:
    """Return the label sets of new samples, (n, k) float32, by the names of a trained model.

    Args:
        values: (n,) cells of text, or (n, k) zeros and ones, a column a label.
        names: k labels of the model.
        what: how messages call the samples.

    Raises:
        DataError: a label that the model does not know, or other numbers or columns.
    """
    if values.ndim > 1:
        indicators = values.dtype.kind in "biuf" and bool(np.isin(values, (0, 1)).all())
        if values.shape[1] != len(names) or not indicators:
            raise DataError(
                f"{what}: targets are {values.shape[1]} columns; zeros and ones of the "
                f"{len(names)} labels {few(names, _SHOWN)} are needed"
            )
        return values.astype(np.float32)
    cells = [split_cell(cell) for cell in values.astype(str)]
    unknown = sorted({name for cell in cells for name in cell} - {*names})
    if unknown:
        raise DataError(
            f"{what}: label {few(list(map(repr, unknown)), _SHOWN)} is unknown to the model, which "
            f"has {few(names, _SHOWN)}"
        )
    return encoded(cells, names)


def joined(chosen: np.ndarray, names: Sequence[str]) -> list[str]:
    """Return cells such as `cat|dog`, one a row of zeros and ones (n, k)."""
    return [SEPARATOR.join(of_row(row, names)) for row in chosen]


def of_row(row: np.ndarray, names: Sequence[str]) -> list[str]:
    """Return the names of the labels that a sample has."""
    return [name for name, has in zip(names, np.asarray(row) > 0.5, strict=True) if has]
