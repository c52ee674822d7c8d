"""MATLAB files as arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.data.decoders.hdf5 import read_hdf5


def read_mat(path: Path) -> dict[str, np.ndarray]:
    """Return the variables of a .mat file that are arrays of numbers or text.

    MATLAB knows no vectors: one row or one column of as many values as another variable has
    samples is made one. Samples that lie along the last axis, as of images (height, width,
    channels, n), are moved to the first.

    Args:
        path: a file of version 4 to 7.2, or of 7.3, which is HDF5.

    Raises:
        DataError: it holds no such array.
        ValueError: it is no .mat file.
    """
    from scipy.io import loadmat

    try:
        variables = {
            name: array
            for name, array in loadmat(path).items()
            if not name.startswith("__") and isinstance(array, np.ndarray)
        }
    except NotImplementedError:  # version 7.3, whose axes are in MATLAB's order
        variables = {
            name: array.T for name, array in read_hdf5(path).items() if not name.startswith("#")
        }
    arrays = {name: array for name, array in variables.items() if array.dtype.kind in "biufU"}
    if not arrays:
        raise DataError(
            f"{path} holds no arrays of numbers or text (of structs and cells none is read); it "
            f"has {', '.join(variables) or 'nothing'}"
        )
    return _aligned(arrays)


def _aligned(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return arrays whose first axis is that of the samples."""
    others = {
        name: array for name, array in arrays.items() if array.ndim > 1 and 1 not in array.shape[:2]
    }
    counts = {size for array in others.values() for size in (array.shape[0], array.shape[-1])}
    aligned = {}
    for name, array in arrays.items():
        if name not in others and array.ndim == 2 and array.size in counts:
            aligned[name] = array.reshape(-1)
        else:
            aligned[name] = array
    vectors = {len(array) for array in aligned.values() if array.ndim == 1}
    return {
        name: np.moveaxis(array, -1, 0)
        if array.ndim > 2 and array.shape[-1] in vectors and array.shape[0] not in vectors
        else array
        for name, array in aligned.items()
    }
