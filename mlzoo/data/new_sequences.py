"""New sequences for a trained model: a table file, a folder of them, or arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.data.arrays import choose_pair, open_npy, open_npz
from mlzoo.data.bad_files import listed
from mlzoo.data.inputs import NewInputs
from mlzoo.data.layouts import TABLES
from mlzoo.data.new_series import last_windows, read_windows
from mlzoo.data.samples import Samples
from mlzoo.data.sequences import Sequences
from mlzoo.data.steps import fill, open_steps, read_steps
from mlzoo.data.text import cut_text, read_text
from mlzoo.errors import DataError


def read_sequences(location: Path, reader: dict[str, Any]) -> NewInputs:
    """Sequences without targets.

    Raises:
        DataError: files that can't be read, or lack a channel.
    """
    if location.suffix.lower() in (".npz", ".npy"):
        rows = _arrays(location, reader)
        return NewInputs(rows, [f"sample {i}" for i in range(len(rows))])
    if "window" in reader:
        found = last_windows(location, reader)
        return NewInputs(found.windows, found.names, found.warnings)
    files = sequence_files(location, reader)
    root = location.parent if location.is_file() else location
    names = [path.relative_to(root).as_posix() for path in files]
    return NewInputs(Sequences.of(_read(files, names, reader)), names)


def sequence_files(location: Path, reader: dict[str, Any]) -> list[Path]:
    """A table file, or those in a folder that have the model's channels."""
    if location.is_file():
        return [location]
    files = sorted(p for p in location.rglob("*") if p.suffix.lower() in TABLES and p.is_file())
    own = [path for path in files if set(reader["channels"]) <= set(open_steps(path).columns)]
    if not own:
        raise DataError(
            f"{location} holds no sequences with the channels {', '.join(reader['channels'])}"
        )
    return own


def read_labelled_sequences(location: Path, reader: dict[str, Any]) -> Samples:
    """Sequences with targets, laid out as those that were trained on."""
    if "alphabet" in reader:
        return cut_text(read_text(location), reader)
    if "window" in reader:
        return read_windows(location, reader)
    from mlzoo.data.sequence_folders import load_folder

    target = reader["target"]
    asked = f"{target['column']}{target.get('comparison', '')}{target.get('value', '')}"
    samples = load_folder(
        AsTrained(str(location), asked, missing=reader["missing"], time=reader["time"]), None
    )
    return samples


@dataclass(frozen=True)
class AsTrained:
    """The settings of the source `sequences` that a trained model stands for."""

    data: str
    target: str
    missing: str
    time: str | None
    task: str | None = None
    drop: tuple[str, ...] = ()
    group_by: str | None = None
    on_bad: str = "error"
    max_bad: float = 0.01


def _read(files: list[Path], names: list[str], reader: dict[str, Any]) -> list[np.ndarray]:
    arrays, problems = [], {}
    for path, name in zip(files, names, strict=True):
        try:
            steps = read_steps(open_steps(path), name, None, reader["channels"])
            arrays.append(fill(steps.values, reader["missing"], reader["channels"]))
        except DataError as error:
            problems[name] = str(error).removeprefix(f"{name}: ")
    if problems:
        count = f"{len(problems)} of {len(files)} sequences can't be used"
        raise DataError(f"{count}:\n{listed(problems)}")
    return arrays


def _arrays(location: Path, reader: dict[str, Any]) -> np.ndarray:
    if location.suffix.lower() == ".npy":
        x = np.asarray(open_npy(location))
    else:
        arrays = open_npz(location)
        name = next(iter(arrays)) if len(arrays) == 1 else choose_pair(arrays, location)[0]
        x = arrays[name]
    return as_sequences(x, reader, str(location))


def as_sequences(x: np.ndarray, reader: dict[str, Any], what: str) -> np.ndarray:
    """An array (n, steps, channels) for a model; sequences may end in steps of NaN.

    Raises:
        DataError: another shape.
    """
    channels = len(reader["channels"])
    if x.ndim == 2 and channels == 1:
        x = x[..., None]
    if x.ndim != 3 or x.shape[2] != channels or x.dtype.kind not in "biuf":
        raise DataError(
            f"{what}: shape {x.shape} {x.dtype}, but the model takes sequences (n, steps, "
            f"{channels}) of {', '.join(reader['channels'])}"
        )
    return x.astype(np.float32)
