"""Folds of the training and validation parts; the test part is in none of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mlzoo.configs import RunConfig
from mlzoo.data.samples import Data, Part
from mlzoo.data.scaling import input_spec, output_spec
from mlzoo.data.splitting import share_evenly
from mlzoo.data.windows import folds_by_time
from mlzoo.errors import DataError, UsageError

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
        outputs=output_spec(train),
    )
