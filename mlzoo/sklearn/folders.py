"""Fitted estimators as folders: a run folder with `estimator.json`, or the bytes of its zip."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from mlzoo.core import files

_FILE = "estimator.json"
_FITTED = ("n_features_in_", "feature_names_in_", "classes_")


def write_record(estimator: BaseEstimator, run: Path, place: Path) -> None:
    """Copy a run folder, and write beside its files what the estimator knows.

    Args:
        estimator: a fitted one.
        run: its run folder.
        place: the folder to make.

    Raises:
        FileExistsError: something stands at `place`.
    """
    shutil.copytree(run, place)
    fitted = {name: getattr(estimator, name) for name in _FITTED if hasattr(estimator, name)}
    record = {
        "estimator": type(estimator).__name__,
        "parameters": estimator.get_params(),
        "fitted": {name: _plain(value) for name, value in fitted.items()},
    }
    files.write_json(place / _FILE, record)


def read_record(kind: str, place: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the parameters and the fitted attributes of an estimator.

    Args:
        kind: name of its class.
        place: the folder that `write_record` made.

    Raises:
        ValueError: it is one of another class.
    """
    record = files.read_mapping(place / _FILE, ("estimator", "parameters", "fitted"))
    if record["estimator"] != kind:
        raise ValueError(
            f"{place} holds a {record['estimator']}, not a {kind}; load it with that class"
        )
    return record["parameters"], {name: _array(value) for name, value in record["fitted"].items()}


def _plain(value: Any) -> Any:
    """Return an array as its type and its values, as JSON holds them."""
    if not isinstance(value, np.ndarray):
        return value
    return {"dtype": value.dtype.str, "values": value.tolist()}


def _array(value: Any) -> Any:
    """Undo `_plain`."""
    return np.array(value["values"], value["dtype"]) if isinstance(value, dict) else value


def pack(folder: Path) -> bytes:
    """Return the files of a folder as the bytes of a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return buffer.getvalue()


def unpack(archive: bytes, place: Path) -> Path:
    """Write the files that `pack` packed; returns their folder."""
    with zipfile.ZipFile(io.BytesIO(archive)) as content:
        content.extractall(place)
    return place
