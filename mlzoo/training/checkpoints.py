"""Checkpoints: all that training goes on from, in files that are whole or not there.

A checkpoint is an `.npz` of arrays beside a `.json` that holds everything else, its own checksum,
and the SHA-256 of the arrays and of the best weights so far, which stand in a file of their own.
The two newest are kept; one of which anything does not match its checksum is passed over. No
pickle is read or written.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mlzoo.core import files
from mlzoo.core.errors import DataError, DivergedError
from mlzoo.core.progress import Listener
from mlzoo.layers.portable import save_model

Arrays = list[np.ndarray]


@dataclass
class TrainState:
    """Where a training is: what a checkpoint holds beside the arrays.

    `epoch` counts from 1, `step` the steps done in it; `means` are those of loss and metrics over
    the samples of this epoch so far. `micro` is how many micro-batches a step is made of, `events`
    what happened that a reader of the scores should know.
    """

    epoch: int = 1
    step: int = 0
    means: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    watch: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    stopped: str = ""
    micro: int = 1
    events: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class RollbackPoint:
    """Where a training can go back to: its place, weights, optimizer and running metrics."""

    place: TrainState
    weights: Arrays
    optimizer: Arrays
    metrics: Arrays


def variables(model: keras.Model) -> list[Any]:
    """All that a training step reads and changes: weights, seeds, optimizer slots, metrics."""
    return [*model.variables, *model.optimizer.variables, *model.metrics_variables]


def values(of: Sequence[Any]) -> Arrays:
    """The variables' values as arrays."""
    return [keras.ops.convert_to_numpy(variable.value) for variable in of]


def assign(of: Sequence[Any], arrays: Arrays) -> None:
    """Put saved values back, in the same order."""
    if [tuple(v.shape) for v in of] != [a.shape for a in arrays]:
        raise ValueError("the saved state belongs to another model")
    for variable, array in zip(of, arrays, strict=True):
        variable.assign(array)


def rollback_point(model: keras.Model, place: TrainState) -> RollbackPoint:
    """Return the state before an epoch, or before what is left of it after a resume.

    A step that fails may have changed some of it already, and on JAX has given all of it away.

    Args:
        model: that is trained.
        place: where it is.
    """
    running = model.metrics_variables if place.step else []
    return RollbackPoint(
        replace(place, means=dict(place.means), history=list(place.history)),
        values(model.variables),
        optimizer_state(model),
        values(running),
    )


def optimizer_state(model: keras.Model) -> Arrays:
    """The values of an optimizer's variables between two whole steps."""
    return values([v for v in model.optimizer.variables if not adds_up(v)])


def adds_up(variable: keras.Variable) -> bool:
    """Return whether a variable accumulates gradients; it is zero between steps."""
    return "gradient_accumulator" in variable.path


def save(folder: Path, number: int, arrays: Arrays, state: Mapping[str, object]) -> None:
    """Write checkpoint `number` and remove all but it and the one before.

    Raises:
        ResourceError: the disk is full; earlier checkpoints are untouched.
    """
    folder.mkdir(exist_ok=True)
    content = pack(arrays)
    path = folder / f"state-{number:09d}"
    # Arrays first: a checkpoint is there once its JSON is, so a cut in between leaves none.
    files.write_bytes(path.with_suffix(".npz"), content)
    files.write_sealed(path.with_suffix(".json"), {**state, "sha256": _digest(content)})
    for old in sorted(folder.glob("state-*.json"))[:-2]:
        old.unlink()
        old.with_suffix(".npz").unlink(missing_ok=True)


@dataclass(frozen=True)
class RestoredCheckpoint:
    """A restored checkpoint: arrays, best weights, state; and the damaged ones."""

    arrays: Arrays
    best: Arrays | None
    best_file: dict[str, str] | None
    state: dict[str, Any]
    skipped: list[str]


def newest(folder: Path) -> RestoredCheckpoint | None:
    """The newest checkpoint that is whole, or None where there is none.

    Raises:
        DataError: there are checkpoints, and all are damaged.
    """
    skipped = []
    for path in sorted(folder.glob("state-*.json"), reverse=True):
        try:
            state = files.read_sealed(path)
            arrays = read_arrays(path.with_suffix(".npz"), state.pop("sha256"))
            best_file, best = state.pop("best"), None
            if best_file is not None:
                best = read_arrays(folder / best_file["name"], best_file["sha256"])
        except DataError:
            skipped.append(path.stem)
            continue
        return RestoredCheckpoint(arrays, best, best_file, state, skipped)
    if skipped:
        raise DataError(
            f"all checkpoints in {folder} are damaged ({', '.join(skipped)}); start a new run "
            "with --overwrite"
        )
    return None


def latest(folder: Path, listener: Listener) -> RestoredCheckpoint | None:
    """Return the newest checkpoint that is whole; damaged ones are removed, with a warning each."""
    checkpoint = newest(folder)
    for name in checkpoint.skipped if checkpoint else ():
        listener.warn(f"checkpoint {name} is damaged; resuming from the one before it")
        for path in folder.glob(f"{name}.*"):
            path.unlink()
    return checkpoint


def usable(folder: Path) -> bool:
    """Return whether a folder holds a checkpoint that is whole."""
    try:
        return newest(folder) is not None
    except DataError:
        return False


def remove_old_best(folder: Path) -> None:
    """Remove best weights that no checkpoint refers to."""
    needed = set()
    for path in folder.glob("state-*.json"):
        with contextlib.suppress(DataError):  # one that is damaged refers to nothing
            needed.add((files.read_sealed(path)["best"] or {}).get("name"))
    for path in folder.glob("best-*.npz"):
        if path.name not in needed:
            path.unlink()


def write_arrays(path: Path, arrays: Arrays) -> dict[str, str]:
    """Arrays as an `.npz` file, in one step; its name and digest."""
    content = pack(arrays)
    files.write_bytes(path, content)
    return {"name": path.name, "sha256": _digest(content)}


def read_arrays(path: Path, sha256: str) -> Arrays:
    """Return what `write_arrays` wrote.

    Raises:
        DataError: the file is missing, or does not match its digest.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise files.damaged(path, f"can't be read: {error.strerror}") from None
    if _digest(content) != sha256:
        raise files.damaged(path, "is damaged: its content does not match its checksum")
    return unpack(content)


def pack(arrays: Arrays) -> bytes:
    """Arrays as the bytes of an `.npz`; types that NumPy lacks (bfloat16) go as float32."""
    buffer = io.BytesIO()
    plain = [a if a.dtype.kind in "fiub" else a.astype("float32") for a in arrays]
    np.savez(buffer, *plain)
    return buffer.getvalue()


def unpack(content: bytes) -> Arrays:
    """The arrays of `pack`, in order."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return [file[f"arr_{i}"] for i in range(len(file.files))]


def packed(checkpoint: RestoredCheckpoint) -> bytes:
    """A restored checkpoint as bytes, for processes that do not see its files."""
    arrays, best = checkpoint.arrays, checkpoint.best
    head = {"state": checkpoint.state, "count": len(arrays), "best_file": checkpoint.best_file}
    head |= {"has_best": best is not None}
    text = json.dumps(head).encode()
    return len(text).to_bytes(8, "big") + text + pack([*arrays, *(best or [])])


def unpacked(content: bytes) -> RestoredCheckpoint:
    """The checkpoint of `packed`."""
    start = 8 + int.from_bytes(content[:8], "big")
    head = json.loads(content[8:start])
    arrays, count = unpack(content[start:]), head["count"]
    best = arrays[count:] if head["has_best"] else None
    return RestoredCheckpoint(arrays[:count], best, head["best_file"], head["state"], [])


def weights_sha256(model: keras.Model) -> str:
    """A digest of all weights: equal for bit-identical models."""
    digest = hashlib.sha256()
    for array in values(model.weights):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def keep_best(folder: Path, model: keras.Model | None, error: DivergedError) -> DivergedError:
    """Save what a diverged training leaves: the best weights so far, and where it went wrong.

    Args:
        folder: of the run.
        model: with these weights; None where they are those of one member, or of another process.
        error: what happened.
    """
    files.write_json(folder / "diverged.json", error.facts)
    if model is None:
        return DivergedError(f"{error}; no weights are kept", error.facts)
    if not error.facts.get("kept_epoch"):
        return DivergedError(f"{error}; no epoch was finished, so no weights are kept", error.facts)
    save_model(keras.Model(model.inputs, model.outputs, name=model.name), folder / "model.keras")
    return DivergedError(
        f"{error}; the best weights so far (epoch {error.facts['kept_epoch']}) are in "
        f"{folder / 'model.keras'}",
        error.facts,
    )
