"""HDF5 files as arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import psutil

from mlzoo.core.errors import DataError


def read_hdf5(path: Path) -> dict[str, np.ndarray]:
    """Return the data sets of an HDF5 file by their names, those of groups as `group/name`.

    Links to other files, virtual data sets and data kept in other files are not followed, so that
    a file gives nothing but what is within it.

    Args:
        path: the file.

    Raises:
        DataError: it holds no data set, data that lie elsewhere, types other than numbers and
            text, or more than memory holds.
        OSError: it is no HDF5 file.
    """
    import h5py

    with h5py.File(path, "r") as file:
        sets = held_values(path, file)
        _check_size(path, sum(item.nbytes for item in sets.values()))
        arrays = {name: _values(path, name, item) for name, item in sets.items()}
    if not arrays:
        raise DataError(f"{path} holds no data sets")
    return arrays


def held_values(path: Path, group: Any) -> dict[str, Any]:
    """Return the data sets of a group of an open file by name, none of them read yet.

    Links are left out, as `read_hdf5` does.

    Raises:
        DataError: one keeps its values in another file.
    """
    sets = dict(_items(group))
    for name, item in sets.items():
        if item.is_virtual or item.external:
            raise DataError(f"{path}: {name} keeps its values in another file; copy them in")
    return sets


def _items(group: Any, prefix: str = "", within: tuple[int, ...] = ()) -> list[tuple[str, Any]]:
    """Return names and data sets that a group holds itself, links left out, in the file's order.

    Args:
        group: of an open file.
        prefix: of the names.
        within: addresses of the groups around it; a group may hold itself.
    """
    import h5py

    around = (*within, h5py.h5o.get_info(group.id).addr)
    items: list[tuple[str, Any]] = []
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        item = group[name]
        if isinstance(item, h5py.Dataset):
            items.append((f"{prefix}{name}", item))
        elif isinstance(item, h5py.Group) and h5py.h5o.get_info(item.id).addr not in around:
            items += _items(item, f"{prefix}{name}/", around)
    return items


def _check_size(path: Path, size: int) -> None:
    free = psutil.virtual_memory().available
    if size > free:
        raise DataError(
            f"{path} unpacks to {size / 2**30:.1f} GiB, but {free / 2**30:.1f} GiB of memory are "
            "free"
        )


def _values(path: Path, name: str, item: Any) -> np.ndarray:
    import h5py

    if h5py.check_string_dtype(item.dtype) is not None:
        return np.array(item.asstr()[()], dtype=str)
    if item.dtype.kind not in "biuf":
        raise DataError(
            f"{path}: {name} is of type {item.dtype}; only numbers and text can be read"
        )
    return np.asarray(item[()])
