"""Folds of the training and validation parts; the test part is in none of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError, UsageError
from mlzoo.data.contracts import task
from mlzoo.data.samples import Data, Part
from mlzoo.data.sequences.windows import folds_by_time
from mlzoo.data.splits.splitting import share_evenly
from mlzoo.layers.input_scaling import input_spec

Fold = tuple[np.ndarray, np.ndarray]
"""Sorted positions in the samples to train on, and to score on."""


def split_folds(data: Data, config: RunConfig, count: int) -> list[Fold]:
    """The folds of a search: as the data ask, classes in proportion, whole groups, or by time.

    Samples of one group and exact copies stay together. Windows of series are scored on what
    follows the time that they were trained on, fold after fold more of it.

    Args:
        data: as arranged for a run.
        config: its split, seed and gap.
        count: how many; 1 is the validation part.

    Raises:
        DataError: too few samples, groups, or samples of a class.
        UsageError: one fold is asked for and there is no validation part.
    """
    if count == 1:
        if not len(data.valid):
            raise UsageError(
                "there is no validation part to score on: give it a share with --fractions, or "
                "use --folds 5"
            )
        return [(data.train.indices, data.valid.indices)]
    pool = np.sort(np.concatenate([data.train.indices, data.valid.indices]))
    windows = data.samples.windows
    if windows is not None:
        return folds_by_time(windows, pool, count, config.gap)
    parts = share_evenly(data.samples, pool, count, config.split, config.seed)
    return [(np.setdiff1d(pool, part), part) for part in parts]


def search_folds(data: Data, config: RunConfig, count: int, nested: int) -> list[Fold]:
    """All folds that a search can be asked for, in the order that `inner` and `outer` count in.

    First those of the search itself, then, for each outer fold, those of the search on the samples
    outside of it, then the outer folds: to train on the rest, and to score on the fold.

    Args:
        data: as arranged for a run.
        config: its split, seed and gap.
        count: folds of the search.
        nested: outer folds; 0: none.
    """
    found = split_folds(data, config, count)
    if not nested:
        return found
    held_out = split_folds(data, config, nested)
    nothing = Part(data.samples, np.arange(0))
    for rest, _ in held_out:
        within = replace(data, train=Part(data.samples, rest), valid=nothing)
        if count > 1:
            found += split_folds(within, config, count)
        else:  # one part, of the validation part's share
            share = (len(data.train) + len(data.valid)) / len(data.valid)
            found += split_folds(within, config, max(2, round(share)))[-1:]
    return found + held_out


def inner(count: int, number: int) -> int:
    """The place of the first fold of the search within outer fold `number`."""
    return count * (1 + number)


def outer(count: int, nested: int, number: int) -> int:
    """The place of outer fold `number` itself."""
    return count * (1 + nested) + number


def fold_data(data: Data, fold: Fold) -> Data:
    """The data of one fold: scaled by what its training part says, without any test part."""
    train, valid = (Part(data.samples, indices) for indices in fold)
    if not len(train) or not len(valid):
        raise DataError("a fold is empty; use fewer --folds")
    nothing = Part(data.samples, np.arange(0))
    return replace(
        data,
        train=train,
        valid=valid,
        test=nothing,
        inputs=input_spec(train),
        outputs=task(data.samples.task).output_spec(train),
    )
