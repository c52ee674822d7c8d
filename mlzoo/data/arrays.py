"""Checks on arrays that come from outside: types, shapes, finite values, safe loading."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import psutil

from mlzoo.core.errors import DataError
from mlzoo.core.files import refuse_special
from mlzoo.data.objects.store import held, is_reference

PAIRS = (
    ("x", "y"),
    ("X", "y"),
    ("inputs", "targets"),
    ("images", "masks"),
    ("images", "labels"),
    ("x", "masks"),
    ("data", "target"),
    ("features", "labels"),
)


ARCHIVES = (".npz", ".h5", ".hdf5", ".mat")
"""Endings of files of several named arrays."""
ARRAYS = (*ARCHIVES, ".npy")
"""Endings of files of arrays."""


def is_archive(path: str | Path) -> bool:
    """Return whether a file's name is that of several named arrays."""
    return Path(path).suffix.lower() in ARCHIVES


def is_array_file(path: str | Path) -> bool:
    """Return whether a file's name is that of one or several arrays."""
    return Path(path).suffix.lower() in ARRAYS


def open_archive(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a file, in the file's order, or those of Python code by their reference.

    Arrays of Python objects are refused, never unpickled.

    Args:
        path: an .npz, HDF5 or MATLAB file.

    Raises:
        DataError: no such file, arrays of Python objects, or more than memory holds.
    """
    if is_reference(path):
        held_arrays: dict[str, np.ndarray] = held(path)
        return held_arrays
    refuse_special(path)
    ending = path.suffix.lower()
    try:
        if ending == ".mat":
            from mlzoo.data.decoders.mat import read_mat

            return read_mat(path)
        if ending in (".h5", ".hdf5"):
            from mlzoo.data.decoders.hdf5 import read_hdf5

            return read_hdf5(path)
        refuse_bomb(path)
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise DataError(f"{path} holds files that are no NumPy arrays")
        return arrays
    except DataError:
        raise
    except Exception as error:
        raise _unreadable(path, error) from None


def refuse_bomb(path: Path, times: float = np.inf) -> None:
    """Raise DataError where a ZIP file unpacks to more than memory holds, before it is unpacked.

    Args:
        path: the ZIP file.
        times: how many times its size it may unpack to, above 256 MiB.
    """
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(item.file_size for item in archive.infolist())
    free = psutil.virtual_memory().available
    if unpacked > free:
        raise DataError(
            f"{path} unpacks to {unpacked / 2**30:.1f} GiB, but {free / 2**30:.1f} GiB of "
            "memory are free"
        )
    if unpacked > 2**28 and unpacked > times * path.stat().st_size:
        raise DataError(
            f"{path} unpacks to {unpacked / 2**30:.1f} GiB, over {times:g} times its size, as no "
            "file of its kind does, and was not read; get it anew from where it was made"
        )


def open_inputs(path: Path) -> np.ndarray:
    """Return the array of an .npy file, or the inputs of a file of several.

    Raises:
        DataError: it can't be read, or nothing says which array holds the inputs.
    """
    if path.suffix.lower() == ".npy":
        return open_npy(path)
    arrays = open_archive(path)
    return arrays[next(iter(arrays)) if len(arrays) == 1 else choose_pair(arrays, path)[0]]


def open_npy(path: Path) -> np.ndarray:
    """The array of an .npy file, left on disk until it is read."""
    refuse_special(path)
    try:
        return np.load(path, allow_pickle=False, mmap_mode="r")
    except Exception as error:
        raise _unreadable(path, error) from None


def check_samples(x: np.ndarray, y: np.ndarray, what: str) -> None:
    """Raise DataError unless inputs and targets are samples along their first axis, and as many."""
    for name, array in (("inputs", x), ("targets", y)):
        if array.ndim == 0:
            raise DataError(
                f"{what}: {name} are a single value, of shape (), not an array of samples; the "
                "first axis must count the samples"
            )
        if array.size == 0:
            lacking = "samples" if not len(array) else "values"
            raise DataError(
                f"{what}: {name} have shape {array.shape}: there are no {lacking} in them; give "
                "arrays without an axis of length 0"
            )
    if len(x) != len(y):
        raise DataError(
            f"{what}: {len(x)} inputs (shape {x.shape}) but {len(y)} targets (shape {y.shape}); "
            "they must pair one to one"
        )


def _unreadable(path: Path, error: Exception) -> DataError:
    if "pickle" in str(error) or "Python objects" in str(error):
        return DataError(
            f"{path} holds Python objects, which can run code when they are read and are refused; "
            "save plain numbers or text (an array whose dtype is not object)"
        )
    kind = {".mat": "MATLAB", ".h5": "HDF5", ".hdf5": "HDF5"}.get(path.suffix.lower(), "NumPy")
    return DataError(f"{path} can't be read as {kind} arrays: {error}")


def describe(arrays: dict[str, np.ndarray]) -> str:
    """Names, shapes and types for a message."""
    return ", ".join(f"{name} {array.shape} {array.dtype}" for name, array in arrays.items())


def choose_pair(arrays: dict[str, np.ndarray], path: Path) -> tuple[str, str]:
    """The names of the input and the target array.

    Raises:
        DataError: no known pair of names, and not exactly two arrays.
    """
    for first, second in PAIRS:
        if first in arrays and second in arrays:
            return first, second
    if len(arrays) == 2:
        first, second = arrays
        return first, second
    known = ", ".join(f"{a} and {b}" for a, b in PAIRS)
    raise DataError(
        f"{path} holds {describe(arrays) or 'nothing'}; which are inputs and targets? Call them "
        f"{known}, or say --source-set inputs=NAME --source-set targets=NAME"
    )


def check_inputs(x: np.ndarray, what: str) -> np.ndarray:
    """Inputs (n, ...) as unsigned 8- or 16-bit images or else finite float32.

    Raises:
        DataError: text, objects, complex numbers, a single axis, NaN or infinite values.
    """
    if x.dtype.kind not in "biuf":
        raise DataError(f"{what} has type {x.dtype}; inputs must be real numbers")
    if x.ndim == 0 or x.size == 0:
        raise DataError(f"{what} has shape {x.shape}: there are no samples with values in it")
    if x.ndim == 1:
        x = x[:, None]
    if is_image(x):
        return np.ascontiguousarray(x)
    with np.errstate(over="ignore"):
        x = np.ascontiguousarray(x, dtype=np.float32)
    check_finite(x, what)
    return x


def check_finite(x: np.ndarray, what: str) -> None:
    """Raise DataError naming the first row of x that holds NaN or infinity."""
    # A sum is finite exactly when no entry is NaN or infinite, but for overflow.
    with np.errstate(over="ignore", invalid="ignore"):
        suspicious = not np.isfinite(x.sum(dtype=np.float64))
    if not suspicious:
        return
    bad = ~np.isfinite(x.reshape(len(x), -1)).all(axis=1)
    if bad.any():
        row = int(bad.argmax())
        raise DataError(
            f"{what} holds NaN or infinite values in {int(bad.sum())} of {len(x)} samples, "
            f"first in sample {row}; correct them or leave those samples out"
        )


def is_image(x: np.ndarray) -> bool:
    """Return whether an array holds images: 8- or 16-bit values with rows and columns."""
    return x.dtype in (np.uint8, np.uint16) and x.ndim in (3, 4)


def as_trained(
    x: np.ndarray, what: str, shape: tuple[int, ...], dtype_name: str, maximum: float | None
) -> np.ndarray:
    """Return an array in the shape and type of the training data.

    Args:
        x: (n, *shape); the last axis may lack where it has one entry.
        what: how messages call the array.
        shape: of one sample.
        dtype_name: the NumPy type that the model takes.
        maximum: the largest value that a pixel can hold; None where samples are no images.

    Raises:
        DataError: it has another shape, or values out of the pixels' range.
    """
    if x.ndim == len(shape) and shape[-1] == 1:
        x = x[..., None]
    if x.shape[1:] != shape or x.dtype.kind not in "biuf":
        raise DataError(f"{what}: samples are {x.shape[1:]} {x.dtype}, the model takes {shape}")
    if not x.size:
        raise DataError(f"{what} has shape {x.shape}: there are no samples in it")
    check_finite(x, what)
    dtype = np.dtype(dtype_name)
    if dtype.kind == "u" and maximum is not None:
        low, high = x.min(), x.max()
        if low < 0 or high > maximum or (x.dtype.kind == "f" and (x % 1).any()):
            raise DataError(
                f"{what}: values run from {low:g} to {high:g}, but the model was trained on "
                f"whole numbers from 0 to {maximum:g}"
            )
    return np.ascontiguousarray(x, dtype=dtype)
