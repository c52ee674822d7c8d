"""Inputs of compiled programs: scaled samples, order of batches, and learning rates."""

from __future__ import annotations

import hashlib
import json
import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from mlzoo.core.configs import RunConfig
from mlzoo.data.samples import Data, Part
from mlzoo.data.specs import Inputs
from mlzoo.runs.models import chunk_size
from mlzoo.training.loop.batches import class_weights, shuffled
from mlzoo.training.optimizers import scheduled
from mlzoo.tuning.compiled.programs import put

MOST_BYTES = 2**29
"""Largest size of inputs to hold in memory for programs, in bytes."""
_KEPT = 12


@dataclass(frozen=True)
class Fed:
    """Samples of a fold on the device of the backend, possibly among those of other folds.

    Attributes:
        x: (n, *shape) scaled inputs.
        y: (n, ...) targets, standardized if they are numbers.
        weights: (n,) sample weights of the loss.
        pool: sorted indices of this fold's samples in the data.
        start: index of the first of them in `x`.
    """

    x: Any
    y: Any
    weights: Any
    pool: np.ndarray
    start: int

    def places(self, indices: np.ndarray) -> np.ndarray:
        """Return the indices of samples in `x`, int32."""
        return (np.searchsorted(self.pool, indices) + self.start).astype("int32")


@dataclass(frozen=True)
class Stacked:
    """Samples of all folds in one array; stored once if folds differ in their splits only."""

    key: str
    folds: list[Fed]


@dataclass(frozen=True)
class Shape:
    """Sizes that a program is compiled for, the largest of all folds.

    Attributes:
        batch: samples per step.
        steps: full batches per epoch.
        left: samples of the smaller last batch.
        valid: samples to predict.
        even: whether all folds have the same number of steps.
    """

    batch: int
    steps: int
    left: int
    valid: int
    even: bool

    @classmethod
    def of(cls, config: RunConfig, folds: Sequence[Data]) -> Shape:
        """Return the sizes of a candidate."""
        counts = [len(data.train) for data in folds]
        sizes = [batch_size(config, count) for count in counts]
        each = [(size, *divmod(count, size)) for size, count in zip(sizes, counts, strict=True)]
        batch, steps, left = (max(column) for column in zip(*each, strict=True))
        valid = max(len(data.valid) for data in folds)
        return cls(batch, steps, left, valid, len(set(each)) == 1)


class Feeder:
    """Cache of scaled samples."""

    def __init__(self) -> None:
        self._scaled: OrderedDict[str, np.ndarray] = OrderedDict()
        self._fed: OrderedDict[str, Fed | Stacked] = OrderedDict()

    def inputs(self, data: Data) -> Inputs:
        """Return the input specification of a network whose inputs are already scaled."""
        shape = tuple(self._inputs(data).shape[1:])
        return replace(data.inputs, shape=shape, dtype="float32", scaling=(), fixed=True)

    def fold(self, data: Data, config: RunConfig) -> Fed:
        """Return the samples of one fold."""
        key = _key(data, config)
        if key not in self._fed:
            x, (y, weights) = self._inputs(data), _targets(data, config)
            self._keep(key, Fed(put(x), put(y), put(weights), _pool(data), 0))
        fed = self._fed[key]
        assert isinstance(fed, Fed)
        return fed

    def stacked(self, folds: Sequence[Data], config: RunConfig) -> Stacked | None:
        """Return the samples of all folds; None if they are too large, or of different widths."""
        keys = [_key(data, config) for data in folds]
        distinct = folds if len(set(keys)) > 1 else folds[:1]
        key = json.dumps(keys[: len(distinct)])
        if key not in self._fed:
            x = [self._inputs(data) for data in distinct]
            widths = {array.shape[1:] for array in x}
            if len(widths) > 1 or sum(array.nbytes for array in x) > MOST_BYTES:
                return None
            y, weights = zip(*(_targets(data, config) for data in distinct), strict=True)
            fed, aims, shares = (put(np.concatenate(arrays)) for arrays in (x, y, weights))
            starts = np.cumsum([0, *(len(array) for array in x)]).tolist()
            starts = starts[:-1] if len(distinct) == len(folds) else [0] * len(folds)
            each = [
                Fed(fed, aims, shares, _pool(data), at)
                for data, at in zip(folds, starts, strict=True)
            ]
            self._keep(key, Stacked(hashlib.sha256(key.encode()).hexdigest(), each))
        stacked = self._fed[key]
        assert isinstance(stacked, Stacked)
        return stacked

    def _keep(self, key: str, fed: Fed | Stacked) -> None:
        self._fed[key] = fed
        while len(self._fed) > _KEPT:
            self._fed.popitem(last=False)

    def _inputs(self, data: Data) -> np.ndarray:
        """Return the scaled inputs of a fold's samples, in order of their indices."""
        pool = _pool(data)
        which = hashlib.sha256(pool.tobytes()).hexdigest()
        key = json.dumps([list(data.inputs.scaling), which], default=str)
        if key not in self._scaled:
            part = Part(data.samples, pool)
            size = chunk_size(data.inputs.shape)
            layers = [keras.layers.deserialize(config) for config in data.inputs.scaling]
            blocks = []
            for begin in range(0, len(pool), size):
                rows = part.inputs(slice(begin, begin + size))
                for layer in layers:
                    rows = keras.ops.convert_to_numpy(layer(rows))
                blocks.append(np.asarray(rows, "float32"))
            self._scaled[key] = np.concatenate(blocks)
            while len(self._scaled) > _KEPT:
                self._scaled.popitem(last=False)
        return self._scaled[key]


def batch_size(config: RunConfig, count: int) -> int:
    """Return the batch size, as in `mlzoo train`."""
    size = {"auto": 32, "full": count}.get(str(config.batch_size)) or int(config.batch_size)
    return min(size, count)


def epoch_order(
    config: RunConfig, data: Data, places: np.ndarray, seed: int, epoch: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of an epoch's full batches (steps, size), and of the last one (left,).

    Args:
        config: its batch size and sampler.
        data: of the fold.
        places: (n,) indices of the samples of its training split in `Fed.x`.
        seed: decides the order, as in `mlzoo train`.
        epoch: from 0.
    """
    size = batch_size(config, len(places))
    rows = places[shuffled(data.train.targets, config.sampler, seed, epoch)]
    whole = len(rows) // size * size
    return rows[:whole].reshape(-1, size), rows[whole:]


def epoch_rates(config: RunConfig, rate: float, count: int, epoch: int) -> np.ndarray:
    """Return the learning rate of each step of an epoch, (steps + 1,), incl. a smaller last one.

    Args:
        config: its schedule.
        rate: current rate, if it is constant or reduced on plateaus.
        count: samples per epoch.
        epoch: from 0.
    """
    size = batch_size(config, count)
    whole, an_epoch = count // size, math.ceil(count / size)
    step = epoch * an_epoch + np.arange(whole + 1, dtype="float64")
    return scheduled(config, rate, an_epoch, step).astype("float32")


def _pool(data: Data) -> np.ndarray:
    return np.union1d(data.train.indices, data.valid.indices)


def _key(data: Data, config: RunConfig) -> str:
    """Return a key, equal for folds whose samples are the same arrays."""
    weighted = b"" if config.class_weights == "none" else data.train.indices.tobytes()
    which = hashlib.sha256(_pool(data).tobytes() + weighted).hexdigest()
    scaling = list(data.inputs.scaling), data.outputs.mean, data.outputs.std
    return json.dumps([scaling, config.class_weights, which], default=str)


def _targets(data: Data, config: RunConfig) -> tuple[np.ndarray, np.ndarray]:
    """Return the targets, standardized if they are numbers, and sample weights of a fold."""
    pool = _pool(data)
    targets = data.samples.targets[pool]
    weights = np.ones(len(pool), "float32")
    if config.class_weights != "none":
        of_class = class_weights(config.class_weights, data)
        assert of_class is not None
        weights = of_class[targets].astype("float32")
    if data.outputs.mean:
        flat = targets.reshape(len(pool), -1).astype("float64")
        targets = ((flat - data.outputs.mean) / data.outputs.std).astype("float32")
    return targets, weights
