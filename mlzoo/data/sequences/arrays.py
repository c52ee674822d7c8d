"""Arrays of sequences: (n, steps, channels), with targets of each, of each step, or that follow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.data.reader import ArrayReader, Reader
from mlzoo.data.samples import Rows, Samples
from mlzoo.data.sequences.reader import SequenceReader, SequenceTarget
from mlzoo.data.sequences.sequences import Sequences
from mlzoo.data.specs import IGNORED, target_of
from mlzoo.data.tables.labels import class_name, label


def are_sequences(x: np.ndarray, y: np.ndarray, kind: str) -> bool:
    """Return whether inputs are sequences, or targets ones that follow from a vector."""
    if kind == "sequence":
        return True
    return kind == "auto" and ((x.ndim == 3 and x.dtype.kind == "f") or (x.ndim == 2 < y.ndim))


def sequence_arrays(
    x: np.ndarray,
    y: np.ndarray,
    what: str,
    task: str | None,
    following: bool,
    order: Sequence[str] = (),
) -> Samples:
    """Return arrays of sequences as samples.

    Args:
        x: (n, steps, channels) or (n, steps); sequences may end in steps of NaN. With `y` of three
            axes also vectors (n, features).
        y: (n,), (n, k) or one-hot for each sequence; whole numbers (n, steps) for each step, where
            those below 0 and NaN don't count; (n, horizon, k) for the values that follow.
        what: how messages call the file.
        task: of targets of each sequence; inferred by default.
        following: whether the values that follow are those of the first k channels.
        order: names of ordered classes, the lowest first.

    Raises:
        DataError: shapes that do not fit, missing values within a sequence, or too many classes.
    """
    if x.ndim == 2 and y.ndim < 3:
        x = x[..., None]
    if x.ndim not in (2, 3) or x.dtype.kind not in "biuf" or not x.size:
        raise DataError(
            f"{what}: sequences are numbers (n, steps, channels), but got {x.shape} {x.dtype}; "
            "name other arrays with --source-set inputs= or another --source-set kind="
        )
    if task is not None and (y.ndim == 3 or (target_of(task).sample_numbers and _steps_of(x, y))):
        meaning = "values that follow" if y.ndim == 3 else "a class at every step"
        raise DataError(f"{what}: --task {task} has no effect on targets {y.shape}, {meaning}")
    x = x.astype(np.float32)
    channels = tuple(f"channel{i}" for i in range(x.shape[-1]))
    reader: ArrayReader | SequenceReader
    reader = SequenceReader(channels=channels, missing="error", dtype="float32")
    if x.ndim == 2:
        reader = ArrayReader(shape=x.shape[1:], dtype="float32")
        vectors = _finite(x, what)
        note = f"inputs: {len(x)} vectors of {x.shape[1]} numbers (--source-set kind=)"
    else:
        inputs = ragged(x, what)
        few = f"{inputs.lengths.min()} to " if inputs.uneven else ""
        note = (
            f"inputs: {len(x)} sequences of {few}{inputs.longest} steps, {len(channels)} channels "
            "(--source-set kind=array)"
        )
    if y.ndim == 3:
        if following and y.shape[2] > len(channels):
            raise DataError(
                f"{what}: {y.shape[2]} targets follow, but there are {len(channels)} channels"
            )
        rows = vectors if x.ndim == 2 else inputs
        return _following(rows, y, what, following, reader, note)
    if _steps_of(x, y):
        return _per_step(inputs, y, what, reader, note)
    labels = label(y, task, "targets", order)
    units = labels.values.shape[1] if labels.values.ndim > 1 else 1
    return Samples(
        inputs=inputs,
        kind="sequence",
        targets=labels.values,
        task=labels.task,
        class_names=labels.class_names,
        target_names=("target",) if units == 1 else tuple(f"target{i}" for i in range(units)),
        reader=reader,
        notes=tuple(text for text in (note, labels.note) if text),
    )


def _following(
    inputs: Rows, y: np.ndarray, what: str, following: bool, reader: Reader, note: str
) -> Samples:
    """Return samples whose values follow; `inputs` are sequences or vectors."""
    names = [f"target{i}" for i in range(y.shape[2])]
    if following:
        names = [f"channel{i}" for i in range(y.shape[2])]
    horizon = y.shape[1]
    about = f"targets: {horizon} steps of {len(names)} values, so forecasting"
    if following:
        about += ", of the first channels"
    return Samples(
        inputs=inputs,
        kind="sequence" if isinstance(inputs, Sequences) else "array",
        targets=following_values(y, horizon, len(names), what),
        task="forecasting",
        target_names=tuple(names),
        reader=reader.model_copy(update={"targets": tuple(names), "horizon": horizon}),
        notes=(note, f"{about} (--source-set following=)"),
    )


def following_values(y: np.ndarray, horizon: int, units: int, what: str) -> Sequences:
    """Return targets (n, horizon, units) as sequences.

    Args:
        y: the targets; the last axis may lack where there is one unit.
        horizon: steps that the model forecasts.
        units: values that it forecasts at each.
        what: how messages call the file.

    Raises:
        DataError: another horizon or other units; NaN or infinite values.
    """
    if y.ndim == 2 and units == 1:
        y = y[..., None]
    if y.shape[1:] != (horizon, units) or y.dtype.kind not in "biuf":
        raise DataError(
            f"{what}: targets are {y.shape} {y.dtype}, but the model forecasts (n, {horizon}, "
            f"{units})"
        )
    return Sequences.of(list(_finite(y.astype(np.float32), f"{what}: targets")))


def _per_step(inputs: Sequences, y: np.ndarray, what: str, reader: Reader, note: str) -> Samples:
    """Return samples with a class at every step."""
    lengths = inputs.lengths
    inside = np.arange(y.shape[1]) < lengths[:, None]
    known = inside & (y >= 0)
    values, positions = np.unique(y[known], return_inverse=True)
    if not 2 <= len(values) < IGNORED:
        raise DataError(
            f"{what}: the steps' targets have {len(values)} classes; 2 to {IGNORED - 1} can be told"
        )
    steps = np.full(y.shape, IGNORED, dtype=np.uint8)
    steps[known] = positions
    names = tuple(class_name(value) for value in values)
    left = int((inside & ~known).sum())
    ignored = f"; {left} below 0 or NaN don't count" if left else ""
    return Samples(
        inputs=inputs,
        kind="sequence",
        targets=Sequences.of([row[:n] for row, n in zip(steps, lengths, strict=True)]),
        task="labeling",
        class_names=names,
        reader=reader.model_copy(update={"target": SequenceTarget("target", steps=True)}),
        notes=(note, f"targets: a class at every step, of {len(names)}{ignored}"),
    )


def ragged(x: np.ndarray, what: str) -> Sequences:
    """Sequences of an array (n, steps, channels) float32, whose ends may be steps of NaN.

    Raises:
        DataError: a sequence without steps; NaN or infinite values before the end of one.
    """
    there = ~np.isnan(x).all(axis=2)
    lengths = there.shape[1] - there[:, ::-1].argmax(axis=1)
    lengths[~there.any(axis=1)] = 0
    if (lengths == 0).any():
        raise DataError(f"{what}: sample {int((lengths == 0).argmax())} holds no step but NaN")
    inside = np.arange(x.shape[1]) < lengths[:, None]
    bad = inside & ~np.isfinite(x).all(axis=2)
    if bad.any():
        row, step = np.argwhere(bad)[0]
        raise DataError(
            f"{what}: NaN or infinite values within a sequence, first in sample {row}, step "
            f"{step + 1} ({int(bad.sum())} such steps); only the end of a sequence may be NaN"
        )
    return Sequences.of([row[:n] for row, n in zip(x, lengths, strict=True)])


def _finite(values: np.ndarray, what: str) -> np.ndarray:
    if not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise DataError(f"{what} hold NaN or infinite values, first in sample {row}")
    return values


def _steps_of(x: np.ndarray, y: np.ndarray) -> bool:
    """Return whether targets are a class a step: whole numbers, NaN where there is none."""
    if y.ndim != 2 or y.shape[1] != x.shape[1] or y.dtype.kind not in "iuf":
        return False
    if y.dtype.kind == "f" and not (np.isnan(y).any() and (np.isnan(y) | (y % 1 == 0)).all()):
        return False
    return not _one_hot(y)


def _one_hot(y: np.ndarray) -> bool:
    return bool(((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all())
