"""Outputs of the members of a run's model, or of passes with dropout, and how far they differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlzoo.core import files
from mlzoo.runs.models import chunk_size, outputs_of
from mlzoo.statistics.predictive import disagreement

if TYPE_CHECKING:
    import keras
    import numpy as np

    from mlzoo.data.specs import Target


def has_members(folder: Path) -> bool:
    """Return whether a run's model is the mean of several trainings."""
    return (folder / "members.csv").is_file()


def member_outputs(model: keras.Model, rows: Any) -> np.ndarray:
    """Return the outputs of all members: (n, K, units), of distributions (n, K, 2 or q, units).

    Args:
        model: with a layer `members`.
        rows: (n, *shape) raw inputs.
    """
    import keras
    import numpy as np

    inner = keras.Model(model.inputs, model.get_layer("members").output)
    chunks = range(0, len(rows), 1024)
    return np.concatenate([outputs_of(inner, rows[at : at + 1024]) for at in chunks])


def means(members: np.ndarray) -> np.ndarray:
    """Return members' means or medians alone: (n, K, units)."""
    return members[:, :, 0] if members.ndim == 4 else members


def both_classes(members: np.ndarray) -> np.ndarray:
    """Return members' probabilities of all classes, (n, K, classes)."""
    import numpy as np

    if members.shape[-1] > 1:
        return members
    return np.concatenate([1 - members, members], axis=-1)


def dropout_passes(folder: Path) -> int:
    """Return how many passes with dropout a run's predictions take; 0: none."""
    path = folder / "calibration.json"
    return int(files.read_mapping(path).get("dropout_passes", 0)) if path.is_file() else 0


def dropout_outputs(model: keras.Model, rows: Any, passes: int) -> np.ndarray:
    """Return outputs with dropout, (n, passes, ...); the same masks are drawn each time.

    Args:
        model: without layers that mix the samples of a batch in training.
        rows: (n, *shape) raw inputs.
        passes: how many times.
    """
    import keras
    import numpy as np

    for number, layer in enumerate(model.layers):
        if (generator := getattr(layer, "seed_generator", None)) is not None:
            generator.state.assign(np.array([number, 0]))  # No two layers draw the same masks.
    size = chunk_size(rows.shape[1:])
    chunks = []
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        drawn = [keras.ops.convert_to_numpy(model(part, training=True)) for _ in range(passes)]
        chunks.append(np.stack(drawn, axis=1))
    return np.concatenate(chunks)


def spread_of(members: np.ndarray, target: Target) -> dict[str, np.ndarray]:
    """Return the columns that say how far members differ, (n, targets) or (n, 1) each.

    Args:
        members: (n, K, units) outputs, of distributions (n, K, 2 or q, units).
        target: kind of target.
    """
    if target.is_class:
        return disagreement.of_classes(both_classes(members))
    return disagreement.of_numbers(members)
