"""Objects of Python code as tables, arrays and images that sources read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.messages import few
from mlzoo.data.objects.store import FILE_COLUMN, LABEL_COLUMN, hold
from mlzoo.data.tables.tables import Table, table_of

_WANTED = (
    "expected a path, a DataFrame, (x, y) of arrays, (images, labels), or a dictionary of arrays "
    "called as in an .npz file"
)
_MODES = {"1": "L", "P": "RGB", "CMYK": "RGB", "YCbCr": "RGB"}
"""Pillow's modes whose arrays are no pixels, and what they are converted to."""


def as_path(data: Any, file_column: str | None = None) -> str:
    """Return what stands for data in a configuration: a path as text, or an object's reference.

    Args:
        data: a path; a DataFrame, or what has `to_pandas`; (x, y) with x an array (n, *shape), a
            DataFrame, or a list of images or of their paths; or arrays by name, as in an .npz.
        file_column: a column of the DataFrame that names image files.

    Raises:
        UsageError: it is none of these.
        DataError: x and y differ in length, images in shape, or columns share a name.
    """
    if isinstance(data, str | Path):
        return str(data)
    frame = as_frame(data)
    if frame is not None:
        return _hold_table(frame, file_column)
    if isinstance(data, Mapping):
        return _hold_arrays({str(name): _array(value, name) for name, value in data.items()})
    if not isinstance(data, tuple) or len(data) != 2:
        raise UsageError(f"data: got {_name(data)}; {_WANTED}")
    x, y = data
    if len(x) != len(y):
        raise DataError(f"data: {len(x)} inputs, but {len(y)} targets; they must pair one to one")
    frame = as_frame(x)
    if frame is not None:
        return _hold_table(_with_target(frame, y), None)
    if isinstance(x, list) and x and all(isinstance(each, str | Path) for each in x):
        labels = pd.DataFrame({FILE_COLUMN: list(map(str, x)), LABEL_COLUMN: np.asarray(y)})
        return _hold_table(labels, FILE_COLUMN)
    return _hold_arrays({"x": _inputs(x), "y": _array(y, "y")})


def as_frame(data: Any) -> pd.DataFrame | None:
    """Return a DataFrame, or what has `to_pandas` as one; None of anything else."""
    if not isinstance(data, pd.DataFrame) and hasattr(data, "to_pandas"):
        data = data.to_pandas()
    if not isinstance(data, pd.DataFrame):
        return None
    return data.reset_index() if isinstance(data.index, pd.DatetimeIndex) else data


def _with_target(frame: pd.DataFrame, y: Any) -> pd.DataFrame:
    name = str(getattr(y, "name", None) or "target")
    if name in frame.columns:
        raise DataError(f"data: x has a column {name!r}, as y is called; rename one of them")
    return frame.assign(**{name: np.asarray(y)})


def _inputs(x: Any) -> np.ndarray:
    """Return inputs as one array; images of a list are stacked.

    Raises:
        DataError: they differ in shape.
    """
    if not isinstance(x, list):
        return _array(x, "x")
    arrays = [np.asarray(_pixels(each)) for each in x]
    shapes = list(dict.fromkeys(array.shape for array in arrays))
    if len(shapes) > 1:
        raise DataError(
            f"data: the images have {len(shapes)} shapes ({few(shapes, 3)}); give arrays of one "
            "shape, or the paths of image files, which are resized (size=64)"
        )
    return _array(np.stack(arrays), "x")


def _pixels(image: Any) -> Any:
    mode = _MODES.get(getattr(image, "mode", ""))
    return image if mode is None else image.convert(mode)


def _array(value: Any, name: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind == "O":
        texts = array.size and all(isinstance(each, str) for each in array.flat)
        if not texts:
            raise DataError(f"data: {name} holds Python objects; give plain numbers or text")
        array = array.astype(str)
    return array


def _name(data: Any) -> str:
    kind = type(data)
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    return f"{name} of {len(data)}" if isinstance(data, Sequence) else name


def _hold_table(frame: pd.DataFrame, file_column: str | None) -> str:
    """Keep a DataFrame as a table, or as images where a column names their files."""
    table = table_of(frame, "data")
    columns = dict(table.columns)
    if file_column is not None:
        if file_column not in columns:
            raise DataError(f"data has no column {file_column!r}; it has {few(columns)}")
        cells = columns[file_column]
        files = [None if cell is None else str(Path(str(cell)).expanduser().absolute())
                 for cell in cells]  # fmt: skip
        columns[file_column] = np.array(files, dtype=object)
    digest = hashlib.sha256()
    for name, values in columns.items():
        digest.update(name.encode("utf-8", "backslashreplace") + b"\0")
        digest.update(
            repr(values.tolist()).encode() if values.dtype == object else values.tobytes()
        )
    kept = Table(columns, table.lines, table.rows)
    kind = "table" if file_column is None else "images"
    return hold(kind, f"{len(table)}x{len(columns)}", digest.hexdigest(), kept)


def _hold_arrays(arrays: dict[str, np.ndarray]) -> str:
    if not arrays:
        raise UsageError(f"data: got no arrays; {_WANTED}")
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode("utf-8", "backslashreplace"))
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    first = next(iter(arrays.values()))
    return hold("arrays", "x".join(map(str, first.shape)), digest.hexdigest(), arrays)
