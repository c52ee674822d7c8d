"""A policy made ready for sequences and for the rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from mlzoo.augmentation import catalogue
from mlzoo.data.policies import Step, pairs

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
        self._steps, self._spread = built("sequences", steps), spread
        self._applied: list[str] = []

    def __call__(
        self, x: np.ndarray, labels: np.ndarray | None, seed: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The sequence and its labels changed; what pads stays as it is."""
        rng = np.random.default_rng(list(seed))
        self._applied = []
        end = len(x) - int((~np.isnan(x).all(axis=1))[::-1].argmax())
        unpadded, marks = x[:end], None if labels is None else labels[:end]
        for name, change in drawn(self._steps, rng):
            unpadded, marks = change(unpadded, marks, self._spread, rng)
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
        self._steps, self._spread, self._numeric = built("tables", steps), spread, numeric
        self._applied: list[str] = []

    def __call__(
        self, x: np.ndarray, labels: np.ndarray | None, seed: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The row changed."""
        rng = np.random.default_rng(list(seed))
        self._applied = []
        for name, change in drawn(self._steps, rng):
            x = change(x, self._spread, self._numeric, rng)
            self._applied.append(name)
        return x, labels

    def applied(self) -> list[str]:
        """The transforms that the last call applied."""
        return self._applied


class Built(NamedTuple):
    """A transform ready to be applied with a probability."""

    name: str
    change: Callable[..., Any]
    p: float


def built(kind: str, steps: Sequence[Step]) -> list[Built]:
    """Build the transforms of a policy for a kind of data that is not images."""
    ready = []
    for name, given in pairs(steps):
        rest = {key: value for key, value in given.items() if key != "p"}
        ready.append(Built(name, catalogue.find(kind, name)(**rest), given.get("p", 0.5)))
    return ready


def drawn(
    transforms: Sequence[Built], rng: np.random.Generator
) -> list[tuple[str, Callable[..., Any]]]:
    """Return those of the transforms whose turn it is, by name."""
    return [(each.name, each.change) for each in transforms if rng.random() < each.p]


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
