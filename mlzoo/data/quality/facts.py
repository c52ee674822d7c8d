"""Numbers of each sample that batches are compared by: columns of tables, brightness of images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlzoo.data.tables.reader import Column

MOST_COLUMNS = 512
"""Columns of arrays without names beyond which samples have no facts."""


def fact_names(kind: str, shape: Sequence[int], columns: Sequence[Column] = ()) -> list[str]:
    """Return the names of the facts that `facts_of` gives; none for other kinds of samples.

    Args:
        kind: of the samples.
        shape: of one.
        columns: of tables.
    """
    if columns:
        return [column.name for column in columns]
    if kind == "image" and len(shape) == 3:
        colors = ["red", "green", "blue"] if shape[-1] == 3 else []
        return ["brightness", "contrast", "sharpness", *colors]
    if kind == "array" and len(shape) == 1 and shape[0] <= MOST_COLUMNS:
        return [f"x{i}" for i in range(shape[0])]
    return []


def facts_of(inputs: np.ndarray, kind: str, maximum: float | None = None) -> np.ndarray:
    """Return facts (n, names) of samples, float32; NaN where a value is missing.

    Of images they are the mean and the deviation of all values, the mean difference of
    neighboring pixels, and the means of the colors, all as shares of the largest value.

    Args:
        inputs: (n, *shape) raw inputs.
        kind: of the samples.
        maximum: of images: the largest value that the bit depth can hold.
    """
    if kind != "image":
        return inputs.astype("float32")
    x = inputs.astype("float32") / (maximum or 1.0)
    places = (1, 2, 3)
    steps = [np.abs(np.diff(x, axis=axis)).mean(axis=places) for axis in (1, 2)]
    facts = [x.mean(axis=places), x.std(axis=places), sum(steps) / 2]
    if x.shape[-1] == 3:
        facts += [x[..., color].mean(axis=(1, 2)) for color in range(3)]
    return np.stack(facts, axis=1)
