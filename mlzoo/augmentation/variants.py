"""Samples beside what a policy makes of them: exactly what a network would be fed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlzoo.augmentation.augmenter import Augmenter
from mlzoo.data.policies import Policy

if TYPE_CHECKING:
    from mlzoo.data.samples import Part


@dataclass(frozen=True)
class Variant:
    """A sample as it is (`transforms` is None), or changed.

    Attributes:
        inputs: (*shape).
        target: its class or number, mask (height, width), labels (steps,), or, mixed with
            another, shares of classes.
        transforms: those that were applied, with what was drawn; None: the sample as it is.
    """

    inputs: np.ndarray
    target: np.ndarray
    transforms: tuple[str, ...] | None = None


def variants(part: Part, policy: Policy, seed: int, samples: int, each: int) -> list[list[Variant]]:
    """Some samples of a part, each followed by its first variants.

    Args:
        part: the training samples.
        policy: resolved.
        seed: of the training; variant k is what epoch k feeds.
        samples: how many, evenly from the part.
        each: variants of each.
    """
    augmenter = Augmenter(policy, part, seed)
    where = shown(part, samples)
    inputs, targets = part.inputs(where), part.targets_at(where)
    columns = [[Variant(x, y) for x, y in zip(inputs, targets, strict=True)]]
    moved = part.samples.target.pixel_class or part.samples.target.step_class
    for epoch in range(each):
        changed, marks = inputs.copy(), targets.copy()
        applied: list[list[str]] = []
        for place, item in enumerate(where):
            given = targets[place] if moved else None
            x, y = augmenter.one(inputs[place], given, augmenter.seed_of(int(item), epoch))
            changed[place] = x
            if y is not None:
                marks[place] = y
            applied.append(augmenter.one.applied())
        if policy.mixes:
            before = changed
            changed, marks, _ = augmenter.mix(changed, marks, None, where, epoch)
            for names, old, new in zip(applied, before, changed, strict=True):
                names += ["mixed"] * (not np.array_equal(old, new))
        rows = zip(changed, marks, applied, strict=True)
        columns.append([Variant(x, y, tuple(names)) for x, y, names in rows])
    return [list(row) for row in zip(*columns, strict=True)]


def shown(part: Part, samples: int) -> np.ndarray:
    """Positions in the part of the samples that are shown: from its beginning to its end."""
    return np.unique(np.linspace(0, len(part) - 1, samples).astype(int))
