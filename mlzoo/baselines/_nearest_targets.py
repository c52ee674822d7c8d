"""The target of the training sample that is most alike, for baselines that say what is alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data
from mlzoo.data.text.pairs import target_text
from mlzoo.data.text.reader import CaptionReader, PairReader

Nearest = Callable[[np.ndarray], np.ndarray]
"""Returns, for (n, ...) inputs, the (n) indices of the nearest of the samples searched."""


def fit_nearest(
    data: Data,
    seed: int,
    reader: CaptionReader | PairReader,
    index: Callable[[np.ndarray], Nearest],
    rows: int,
    chunk: int,
    noun: str,
) -> Baseline | None:
    """Return the target text of the nearest training sample; None without a training split.

    Args:
        data: of texts as targets.
        seed: chooses the samples that are searched.
        reader: of the data.
        index: takes the inputs of the samples searched and returns the search.
        rows: samples that are searched, at most.
        chunk: inputs that are compared at a time.
        noun: what samples are called, in the plural.
    """
    train = data.train
    if not len(train):
        return None
    kept = np.arange(len(train))
    if len(kept) > rows:
        kept = np.sort(np.random.default_rng(seed).choice(kept, rows, replace=False))
    targets = [target_text(codes, reader.alphabet) for codes in train.targets_at(kept)]
    nearest = index(train.inputs(kept))

    def predict(inputs: np.ndarray) -> np.ndarray:
        starts = range(0, len(inputs), chunk)
        chosen = [int(i) for start in starts for i in nearest(inputs[start : start + chunk])]
        return np.array([targets[i] for i in chosen], dtype=object)

    note = "" if len(kept) == len(train) else f"searched {len(kept):,} of {len(train):,} {noun}"
    return Baseline(predict, note)
