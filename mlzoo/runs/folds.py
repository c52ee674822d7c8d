"""Folds of the training and validation splits; the test split is in none of them."""

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
"""Sorted indices of the samples to train on, and of those to score on."""


def split_folds(data: Data, config: RunConfig, count: int) -> list[Fold]:
    """Return the folds of a search: stratified, by groups or by time, as the data require.

    Samples of one group and exact duplicates stay together. Series are split by time: each fold
    is scored on the time after its training data, which grow from fold to fold.

    Args:
        data: as split for a run.
        config: its split, seed and gap.
        count: number of folds; 1: the validation split.

    Raises:
        DataError: too few samples, groups, or samples of a class.
        UsageError: one fold is requested and there is no validation split.
    """
    if count == 1:
        if not len(data.valid):
            raise UsageError(
                "there is no validation split to score on: give it a share with --fractions, or "
                "use --folds 5"
            )
        return [(data.train.indices, data.valid.indices)]
    pool = np.sort(np.concatenate([data.train.indices, data.valid.indices]))
    windows = data.samples.windows
    if windows is not None:
        return folds_by_time(windows, pool, count, config.gap)
    parts = share_evenly(data.samples, pool, count, config.split, config.seed)
    return [(np.setdiff1d(pool, part), part) for part in parts]


def fold_data(data: Data, fold: Fold) -> Data:
    """Return the data of one fold, scaled by its training split, without a test split."""
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
        outputs=replace(
            task(data.samples.task).output_spec(train),
            distribution=data.outputs.distribution,
            quantiles=data.outputs.quantiles,
        ),
    )
