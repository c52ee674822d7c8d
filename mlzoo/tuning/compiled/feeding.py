"""What compiled programs are fed: scaled samples, the order of batches, the rate of each step."""

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
from mlzoo.training.loop.balance import shuffled
from mlzoo.training.loop.batches import class_weights
from mlzoo.training.optimizers import scheduled
from mlzoo.tuning.compiled.programs import put

MOST_BYTES = 2**29
"""Inputs that take more are not held in memory as programs need them."""
_KEPT = 12


@dataclass(frozen=True)
class Fed:
    """The samples of a fold where the backend computes, maybe among those of others.

    Attributes:
        x: (n, *shape) scaled inputs.
        y: (n, ...) targets, standardised where they are numbers.
        weights: (n,) of samples in the loss.
        pool: sorted positions in the data of this fold's samples.
        start: the place of the first of them in `x`.
    """

    x: Any
    y: Any
    weights: Any
    pool: np.ndarray
    start: int

    def places(self, indices: np.ndarray) -> np.ndarray:
        """Where samples are in `x`, int32."""
        return (np.searchsorted(self.pool, indices) + self.start).astype("int32")


@dataclass(frozen=True)
class Stacked:
    """All folds' samples in one array: one copy where folds differ in nothing but their parts."""

    key: str
    folds: list[Fed]


@dataclass(frozen=True)
class Shape:
    """The sizes that one program is made for, the largest of all folds.

    Attributes:
        batch: samples a step.
        steps: whole batches an epoch.
        left: samples of the smaller last batch.
        valid: samples that are predicted.
        even: all folds have the same steps.
    """

    batch: int
    steps: int
    left: int
    valid: int
    even: bool

    @classmethod
    def of(cls, config: RunConfig, folds: Sequence[Data]) -> Shape:
        """That of a candidate."""
        counts = [len(data.train) for data in folds]
        sizes = [batch_size(config, count) for count in counts]
        each = [(size, *divmod(count, size)) for size, count in zip(sizes, counts, strict=True)]
        batch, steps, left = (max(column) for column in zip(*each, strict=True))
        valid = max(len(data.valid) for data in folds)
        return cls(batch, steps, left, valid, len(set(each)) == 1)


class Feeder:
    """Scales samples once and keeps them."""

    def __init__(self) -> None:
        self._scaled: OrderedDict[str, np.ndarray] = OrderedDict()
        self._fed: OrderedDict[str, Fed | Stacked] = OrderedDict()

    def inputs(self, data: Data) -> Inputs:
        """What a network takes whose inputs were scaled before."""
        shape = tuple(self._inputs(data).shape[1:])
        return replace(data.inputs, shape=shape, dtype="float32", scaling=(), fixed=True)

    def fold(self, data: Data, config: RunConfig) -> Fed:
        """One fold's samples."""
        key = _key(data, config)
        if key not in self._fed:
            x, (y, weights) = self._inputs(data), _targets(data, config)
            self._keep(key, Fed(put(x), put(y), put(weights), _pool(data), 0))
        found = self._fed[key]
        assert isinstance(found, Fed)
        return found

    def stacked(self, folds: Sequence[Data], config: RunConfig) -> Stacked | None:
        """All folds' samples; None where they are too many, or of different widths."""
        keys = [_key(data, config) for data in folds]
        own = folds if len(set(keys)) > 1 else folds[:1]
        key = json.dumps(keys[: len(own)])
        if key not in self._fed:
            x = [self._inputs(data) for data in own]
            widths = {array.shape[1:] for array in x}
            if len(widths) > 1 or sum(array.nbytes for array in x) > MOST_BYTES:
                return None
            y, weights = zip(*(_targets(data, config) for data in own), strict=True)
            fed, aims, shares = (put(np.concatenate(arrays)) for arrays in (x, y, weights))
            starts = np.cumsum([0, *(len(array) for array in x)]).tolist()
            starts = starts[:-1] if len(own) == len(folds) else [0] * len(folds)
            each = [
                Fed(fed, aims, shares, _pool(data), at)
                for data, at in zip(folds, starts, strict=True)
            ]
            self._keep(key, Stacked(hashlib.sha256(key.encode()).hexdigest(), each))
        found = self._fed[key]
        assert isinstance(found, Stacked)
        return found

    def _keep(self, key: str, fed: Fed | Stacked) -> None:
        self._fed[key] = fed
        while len(self._fed) > _KEPT:
            self._fed.popitem(last=False)

    def _inputs(self, data: Data) -> np.ndarray:
        """The scaled inputs of a fold's samples, in order of their positions."""
        pool = _pool(data)
        which = hashlib.sha256(pool.tobytes()).hexdigest()
        key = json.dumps([list(data.inputs.scaling), which], default=str)
        if key not in self._scaled:
            part = Part(data.samples, pool)
            size = chunk_size(data.inputs.shape)
            layers = [keras.layers.deserialize(config) for config in data.inputs.scaling]
            found = []
            for begin in range(0, len(pool), size):
                rows = part.inputs(slice(begin, begin + size))
                for layer in layers:
                    rows = keras.ops.convert_to_numpy(layer(rows))
                found.append(np.asarray(rows, "float32"))
            self._scaled[key] = np.concatenate(found)
            while len(self._scaled) > _KEPT:
                self._scaled.popitem(last=False)
        return self._scaled[key]


def batch_size(config: RunConfig, count: int) -> int:
    """Samples a step, as `mlzoo train` takes them."""
    asked = {"auto": 32, "full": count}.get(str(config.batch_size)) or int(config.batch_size)
    return min(asked, count)


def epoch_order(
    config: RunConfig, data: Data, places: np.ndarray, seed: int, epoch: int
) -> tuple[np.ndarray, np.ndarray]:
    """Positions of an epoch's whole batches (steps, size), and of the smaller last one (left,).

    Args:
        config: its batch size and sampler.
        data: of the fold.
        places: where the samples of its training part are.
        seed: decides the order, as in `mlzoo train`.
        epoch: from 0.
    """
    size = batch_size(config, len(places))
    rows = places[shuffled(data.train.targets, config.sampler, seed, epoch)]
    whole = len(rows) // size * size
    return rows[:whole].reshape(-1, size), rows[whole:]


def epoch_rates(config: RunConfig, rate: float, count: int, epoch: int) -> np.ndarray:
    """The learning rate of each step of an epoch, (steps + 1,), that of a smaller last one last.

    Args:
        config: its schedule.
        rate: the present rate, where it is constant or follows a plateau.
        count: samples an epoch.
        epoch: from 0.
    """
    size = batch_size(config, count)
    whole, an_epoch = count // size, math.ceil(count / size)
    step = epoch * an_epoch + np.arange(whole + 1, dtype="float64")
    return scheduled(config, rate, an_epoch, step).astype("float32")


def _pool(data: Data) -> np.ndarray:
    return np.union1d(data.train.indices, data.valid.indices)


def _key(data: Data, config: RunConfig) -> str:
    """Equal for folds whose samples are fed as the same arrays."""
    weighted = b"" if config.class_weights == "none" else data.train.indices.tobytes()
    which = hashlib.sha256(_pool(data).tobytes() + weighted).hexdigest()
    scaling = list(data.inputs.scaling), data.outputs.mean, data.outputs.std
    return json.dumps([scaling, config.class_weights, which], default=str)


def _targets(data: Data, config: RunConfig) -> tuple[np.ndarray, np.ndarray]:
    """Targets, standardised where they are numbers, and weights of a fold's samples."""
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
