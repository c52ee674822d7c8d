"""Rollouts in time: fields that a model predicts are its next input, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.masks.reader import DenseReader

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.runs.loaded import LoadedRun


@dataclass(frozen=True)
class Rollout:
    """Fields of one start after 1, 2, ... steps.

    Attributes:
        name: what the start is called.
        values: (steps, height, width, k).
        errors: (steps,) relative L2 error, where the truth is given.
        kept: (steps,) the same of the start itself, as if nothing changed.
        warnings: what was odd about the starts.
    """

    name: str
    values: np.ndarray
    errors: np.ndarray | None = None
    kept: np.ndarray | None = None
    warnings: tuple[str, ...] = ()


def check_rollout(run: LoadedRun) -> None:
    """Raise UsageError where a model's fields can't be its next input."""
    reader = run.reader
    if not (run.target.field and isinstance(reader, DenseReader)):
        raise UsageError(
            f"--steps: rollouts are of fields, and this run is of {run.record['task']}; leave it "
            "out"
        )
    fields = len(reader.target_names)
    if reader.depth:
        raise UsageError("--steps: rollouts are of fields of one or two dimensions; leave it out")
    if reader.kind != "array" or reader.channels < fields:
        given = f"{reader.channels} channels" if reader.kind == "array" else "pixels of images"
        raise UsageError(
            f"--steps: {fields} fields are to be the next input's first channels, but the model "
            f"takes {given}; train it on arrays whose first channels are what is predicted"
        )


def rollouts(
    run: LoadedRun,
    new: Any,
    steps: int,
    truth: np.ndarray | None = None,
    listener: Listener | None = None,
) -> Iterator[Rollout]:
    """Predict fields step after step; channels beyond those of the fields stay as they are.

    Fields are cut into tiles as in training.

    Args:
        run: of a model whose fields are its first channels one step later.
        new: starts, an array (n, height, width, channels) or a path; (n, points, channels) of one
            dimension.
        steps: how many, at least 1.
        truth: (n, steps or more, height, width[, k]), or (n, steps, points[, k]) of one dimension.
        listener: hears of progress.

    Raises:
        UsageError: the model's fields can't be its next input.
        DataError: starts or truth of another shape.
    """
    import numpy as np

    from mlzoo.data.images.tiles import seams
    from mlzoo.runs.predicting.pixels import images_of
    from mlzoo.tasks._dense import whole

    check_rollout(run)
    listener = listener or Listener()
    images = images_of(run, new, listener)
    fields, cut = len(run.reader.target_names), run.tiling()
    known = None if truth is None else _checked_truth(run, truth, len(images), steps)
    for index, name in enumerate(images.names):
        state = np.asarray(images.image(index), "float32")
        start, values = state[..., :fields], []
        height, width = state.shape[:2]
        tiling = cut(height, width)
        for _ in range(steps):
            fresh = whole(state, run.outputs, tiling, classes=False)
            values.append(fresh)
            state = np.concatenate([fresh, state[..., fields:]], axis=-1)
        rolled = np.stack(values)
        errors = kept = None
        if known is not None:
            if known.shape[2:] != rolled.shape[1:]:
                raise DataError(
                    f"the truth has fields {known.shape[2:]}, but the rollout {rolled.shape[1:]}"
                )
            errors = _relative(rolled, known[index])
            kept = _relative(np.broadcast_to(start, rolled.shape), known[index])
        problem = seams(tiling, height, width, lambda: run.reach)
        warnings = (*images.warnings, problem) if problem else images.warnings
        yield Rollout(name, rolled, errors, kept, warnings)
        listener.progress(index + 1, len(images), "rolling out")


def read_truth(path: Path) -> np.ndarray:
    """Return the true fields of a file of arrays; of several the one called `y` or `truth`.

    Raises:
        DataError: it can't be read, or nothing says which array it is.
    """
    from mlzoo.data.arrays import describe, is_archive, open_archive, open_npy

    if not is_archive(path):
        return open_npy(path)
    arrays = open_archive(path)
    named = [name for name in ("truth", "y", "targets") if name in arrays]
    if not named and len(arrays) > 1:
        raise DataError(f"{path} holds {describe(arrays)}; call the true fields `truth`")
    return arrays[named[0] if named else next(iter(arrays))]


def _checked_truth(run: LoadedRun, truth: np.ndarray, count: int, steps: int) -> np.ndarray:
    """Return the truth as (n, steps, height, width, k)."""
    reader, fields = run.reader_as(DenseReader), len(run.reader.target_names)
    axes = 4 if reader.line else 5
    values = truth[..., None] if truth.ndim == axes - 1 and fields == 1 else truth
    if values.ndim != axes or len(values) != count or values.shape[1] < steps:
        where = "points" if reader.line else "height, width"
        raise DataError(
            f"the truth has shape {truth.shape}, but {count} starts and {steps} steps need "
            f"({count}, {steps} or more, {where}, {fields})"
        )
    values = values[:, :steps]
    return values[:, :, None] if reader.line else values


def _relative(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the relative L2 error (steps,) of fields (steps, height, width, k)."""
    import numpy as np

    axes = tuple(range(1, truth.ndim))
    missed = np.sqrt(((predicted - truth) ** 2).sum(axis=axes, dtype="float64"))
    size = np.sqrt((truth.astype("float64") ** 2).sum(axis=axes))
    return np.asarray(missed / np.maximum(size, 1e-12))
