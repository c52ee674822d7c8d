"""Outputs of the members of a run's model, and how far they differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlzoo.runs.models import outputs_of
from mlzoo.statistics.predictive import disagreement

if TYPE_CHECKING:
    import keras
    import numpy as np

    from mlzoo.data.specs import Target


def has_members(folder: Path) -> bool:
    """Return whether a run's model is the mean of several trainings."""
    return (folder / "members.csv").is_file()


def member_outputs(model: keras.Model, rows: Any) -> np.ndarray:
    """Return the outputs of all members: (n, K, units), of distributions (n, K, 2, units).

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
    """Return members' outputs without their deviations: (n, K, units)."""
    return members[:, :, 0] if members.ndim == 4 else members


def both_classes(members: np.ndarray) -> np.ndarray:
    """Return members' probabilities of all classes, (n, K, classes)."""
    import numpy as np

    if members.shape[-1] > 1:
        return members
    return np.concatenate([1 - members, members], axis=-1)


def spread_of(model: keras.Model, rows: Any, target: Target) -> dict[str, np.ndarray]:
    """Return the columns that say how far members differ, (n, targets) or (n, 1) each.

    Args:
        model: with a layer `members`.
        rows: (n, *shape) raw inputs.
        target: kind of target.
    """
    members = member_outputs(model, rows)
    if target.is_class:
        return disagreement.of_classes(both_classes(members))
    return disagreement.of_numbers(members)
