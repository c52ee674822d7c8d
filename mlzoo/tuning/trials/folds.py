"""Folds of a search and of nested cross-validation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mlzoo.core.configs import RunConfig
from mlzoo.data.samples import Data, Part
from mlzoo.runs.folds import Fold, split_folds


def search_folds(data: Data, config: RunConfig, count: int, nested: int) -> list[Fold]:
    """Return all folds of a search, in the order of `inner` and `outer`.

    First those of the search itself; then, for each outer fold, those of the search on the samples
    outside of it; then the outer folds, to train on the rest and to score on the fold.

    Args:
        data: as split for a run.
        config: its split, seed and gap.
        count: folds of the search.
        nested: outer folds; 0: none.
    """
    all_folds = split_folds(data, config, count)
    if not nested:
        return all_folds
    held_out = split_folds(data, config, nested)
    nothing = Part(data.samples, np.arange(0))
    for rest, _ in held_out:
        within = replace(data, train=Part(data.samples, rest), valid=nothing)
        if count > 1:
            all_folds += split_folds(within, config, count)
        else:  # a single fold of the size of the validation split
            share = (len(data.train) + len(data.valid)) / len(data.valid)
            all_folds += split_folds(within, config, max(2, round(share)))[-1:]
    return all_folds + held_out


def inner(count: int, number: int) -> int:
    """Return the index of the first fold of the search within outer fold `number`."""
    return count * (1 + number)


def outer(count: int, nested: int, number: int) -> int:
    """Return the index of outer fold `number` itself.

    Args:
        count: folds of the search.
        nested: number of outer folds.
        number: of the outer fold, from 0.
    """
    return count * (1 + nested) + number
