"""A policy made ready for sequences and for the rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mlzoo.data.policies import Step
from mlzoo.transforms import rows, signals

Change = Callable[
    [np.ndarray, np.ndarray | None, Sequence[int]], tuple[np.ndarray, np.ndarray | None]
]
"""A function of one sample, what stands at its pixels or steps, and a seed."""


class SequenceChanges:
    """A policy as a function of a padded sequence (steps, channels), its labels and a seed.

    Args:
        steps: checked by `policy_checks.check`.
        spread: (2, channels) mean and standard deviation of each channel.
    """

    def __init__(self, steps: Sequence[Step], spread: np.ndarray) -> None:
        self._steps, self._spread, self._applied = steps, spread, list[str]()

    def __call__(
        self, x: np.ndarray, labels: np.ndarray | None, seed: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The sequence and its labels changed; what pads stays as it is."""
        rng = np.random.default_rng(list(seed))
        self._applied = []
        end = len(x) - int((~np.isnan(x).all(axis=1))[::-1].argmax())
        unpadded, marks = x[:end], None if labels is None else labels[:end]
        for name, parameters in drawn(self._steps, rng):
            unpadded, marks = signals.TRANSFORMS[name](
                unpadded, marks, self._spread, rng, **parameters
            )
            self._applied.append(name)
        changed, moved = x.copy(), None if labels is None else labels.copy()
        changed[:end] = unpadded
        if moved is not None:
            moved[:end] = marks
        return changed, moved

    def applied(self) -> list[str]:
        """The transforms that the last call applied."""
        return self._applied


class RowChanges:
    """A policy as a function of a row (columns,) and a seed.

    Args:
        steps: checked by `policy_checks.check`.
        spread: (2, columns) mean and standard deviation of each column.
        numeric: (columns,) whether a column holds numbers.
    """

    def __init__(self, steps: Sequence[Step], spread: np.ndarray, numeric: np.ndarray) -> None:
        self._steps, self._spread, self._numeric = steps, spread, numeric
        self._applied: list[str] = []

    def __call__(
        self, x: np.ndarray, labels: np.ndarray | None, seed: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The row changed."""
        rng = np.random.default_rng(list(seed))
        self._applied = []
        for name, parameters in drawn(self._steps, rng):
            x = rows.TRANSFORMS[name](x, self._spread, self._numeric, rng, **parameters)
            self._applied.append(name)
        return x, labels

    def applied(self) -> list[str]:
        """The transforms that the last call applied."""
        return self._applied


def drawn(steps: Sequence[Step], rng: np.random.Generator) -> list[tuple[str, dict[str, Any]]]:
    """Those of the steps whose turn it is, by name, with their parameters."""
    chosen = []
    for step in steps:
        ((name, given),) = step.items()
        if rng.random() < given.get("p", 0.5):
            chosen.append((name, {key: value for key, value in given.items() if key != "p"}))
    return chosen


def change_all(
    change: Change, inputs: np.ndarray, targets: np.ndarray | None, seeds: Sequence[Sequence[int]]
) -> tuple[np.ndarray, np.ndarray | None]:
    """A change of each sample of a batch."""
    changed = np.empty_like(inputs)
    moved = None if targets is None else np.empty_like(targets)
    for place, seed in enumerate(seeds):
        x, y = change(inputs[place], None if targets is None else targets[place], seed)
        changed[place] = x
        if moved is not None:
            moved[place] = y
    return changed, moved
