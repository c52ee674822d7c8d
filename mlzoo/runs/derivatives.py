"""Derivatives of the unknowns that a model of equations predicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlzoo.core.errors import UsageError
from mlzoo.core.registry import unknown

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.runs.opened import OpenedRun

_CHUNK = 4096


def check_derivatives(run: OpenedRun, names: Sequence[str]) -> None:
    """Raise UsageError where a run's model is not of equations, or a name is no derivative."""
    if run.target.per != "point":
        raise UsageError(f"--derivatives: has no effect on {run.record['task']}")
    from mlzoo.data.problems.problem import HIGHEST_ORDER

    known = _known(run)
    for name in names:
        if name not in known:
            # Orders of letters aside, the short names are enough to choose from.
            shown = [each for each in known if len(each) < len(run.record["target_names"][0]) + 4]
            raise UsageError(
                f"--derivatives: {unknown('derivative', name, [*known])}; there are "
                f"{', '.join(shown)}, up to order {HIGHEST_ORDER}"
            )


def derivative_columns(run: OpenedRun, rows: Any, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return derivatives (n,) by name.

    Args:
        run: its model predicts unknowns at points.
        rows: the points (n, inputs).
        names: such as u_x and u_xx.

    Raises:
        UsageError: a name is no derivative of an unknown.
    """
    import keras
    import numpy as np

    from mlzoo.layers.derivatives.interface import compiled, derivatives

    check_derivatives(run, names)
    known = _known(run)
    words = {known[name][1] for name in names}

    def at(function: Any, points: Any) -> list[Any]:
        by_word = derivatives(function, points, words)
        return [by_word[word][:, which] for which, word in (known[name] for name in names)]

    function = compiled(run.model, at)
    kind = keras.config.floatx()
    chunks = []
    for start in range(0, len(rows), _CHUNK):
        values = function(np.asarray(rows[start : start + _CHUNK], kind))
        chunks.append([keras.ops.convert_to_numpy(each) for each in values])
    return {
        name: np.concatenate([chunk[place] for chunk in chunks]).astype(float)
        for place, name in enumerate(names)
    }


def _known(run: OpenedRun) -> dict[str, tuple[int, tuple[int, ...]]]:
    """Return derivatives by name; parameters that are inputs are none of their coordinates."""
    from mlzoo.data.problems.problem import names_of_derivatives

    columns = [column.name for column in run.reader_columns]
    return names_of_derivatives(run.record["target_names"], columns)
