"""Which samples go into which step, and what they weigh: a pure function of the seed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import yaml

from mlzoo import registry
from mlzoo.configs import RunConfig, check_fit
from mlzoo.data.samples import Data, Part
from mlzoo.data.views import Views, grid
from mlzoo.errors import UsageError
from mlzoo.specs import CLASS_TASKS

Batch = tuple[np.ndarray, np.ndarray, np.ndarray | None]


class Batches:
    """The training part, one epoch after another.

    The order is drawn from (seed, epoch) alone, so any epoch can be started at any step without
    replaying what came before. Arrays are indexed a batch at a time; images that stay on disk
    are read one batch ahead, in a thread.

    Args:
        part: the samples.
        batch_size: samples, or views of images, a step.
        seed: decides the order.
        sampler: `shuffle`, or `balanced` over classes.
        class_weights: a weight a class, for the samples' weights.
        views: how images are fed to a network for every pixel; None for all others.
    """

    def __init__(
        self,
        part: Part,
        batch_size: int,
        seed: int,
        sampler: str = "shuffle",
        class_weights: np.ndarray | None = None,
        views: Views | None = None,
    ) -> None:
        self._count = len(part) if views is None else len(views)
        self.batch_size = min(batch_size, self._count)
        self._seed = seed
        self._sampler = sampler
        self._part = part
        self._views = views
        in_memory = isinstance(part.samples.inputs, np.ndarray)
        self._ahead = not in_memory or views is not None
        if views is not None:
            return
        self._targets = part.targets
        self._weights = (
            None if class_weights is None else class_weights[self._targets].astype("float32")
        )
        self._inputs = part.inputs() if in_memory else None

    @property
    def steps(self) -> int:
        """Steps an epoch; the last one may be smaller."""
        return -(-self._count // self.batch_size)

    def epoch(self, number: int, first_step: int = 0) -> Iterator[Batch]:
        """The batches (inputs, targets, weights or None) of an epoch, from a step on."""
        order = self._order(number)
        pieces = [
            order[start : start + self.batch_size]
            for start in range(first_step * self.batch_size, len(order), self.batch_size)
        ]
        if not self._ahead:
            for piece in pieces:
                yield self._batch(piece, number)
            return
        with ThreadPoolExecutor(max_workers=1) as reader:
            ahead = reader.submit(self._batch, pieces[0], number) if pieces else None
            for following in [*pieces[1:], None]:
                batch = ahead.result() if ahead else None
                ahead = None
                if following is not None:
                    ahead = reader.submit(self._batch, following, number)
                if batch is not None:
                    yield batch

    def names(self, epoch: int, step: int) -> list[str]:
        """What the samples of one step are called."""
        start = step * self.batch_size
        return self.names_of(self._order(epoch)[start : start + self.batch_size])

    def first(self) -> tuple[Batch, list[str]]:
        """The first batch of the first epoch, and what its samples are called."""
        return next(self.epoch(0)), self.names(0, 0)

    def names_of(self, items: np.ndarray) -> list[str]:
        """What samples or views are called."""
        positions = items if self._views is None else self._views.samples[items]
        indices = self._part.indices[positions]
        return [self._part.samples.name_of(int(index)) for index in indices]

    def _batch(self, items: np.ndarray, epoch: int) -> Batch:
        if self._views is not None:
            return *self._views.batch(items, epoch), None
        inputs = self._inputs[items] if self._inputs is not None else self._part.inputs(items)
        weights = None if self._weights is None else self._weights[items]
        return inputs, self._targets[items], weights

    def _order(self, epoch: int) -> np.ndarray:
        if self._views is not None:
            return self._views.order(epoch)
        random = np.random.default_rng([self._seed, epoch])
        if self._sampler == "shuffle":
            return random.permutation(len(self._part))
        classes, counts = np.unique(self._targets, return_counts=True)
        chance = 1.0 / (len(classes) * counts[np.searchsorted(classes, self._targets)])
        return random.choice(len(self._part), size=len(self._part), p=chance / chance.sum())


def build_batches(config: RunConfig, data: Data, seed: int) -> Batches:
    """The batches of a run's training part.

    Raises:
        UsageError: a sampler or class weights that do not fit the task.
    """
    asked = config.batch_size
    check_fit(config, data.samples.task)
    if not data.outputs.dense:
        size = {"auto": 32, "full": len(data.train)}.get(str(asked)) or int(asked)
        weights = class_weights(config.class_weights, data)
        return Batches(data.train, size, seed, config.sampler, weights)
    views = Views(data.train, data.tiling, config.augment, seed)
    few = int(np.clip(STEP_PIXELS // int(np.prod(views.shape[:2])), 1, 32))
    size = {"auto": few, "full": len(views)}.get(str(asked)) or int(asked)
    return Batches(data.train, size, seed, views=views)


STEP_PIXELS = 2**19
"""Pixels a step where something is predicted at every one and no batch size is given."""
CHUNK_PIXELS = 2**20
"""The same that are predicted at once."""


def validation(data: Data) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The validation part in order, as (inputs, targets) of a few samples or tiles at a time."""
    part, tiling = data.valid, data.tiling
    if not data.outputs.dense:
        yield from chunks(part)
    elif tiling is None:
        height, width = part.samples.inputs.shape[1:3]
        for start in range(0, len(part), size := max(1, CHUNK_PIXELS // (height * width))):
            where = np.arange(start, min(start + size, len(part)))
            yield part.inputs(where), part.targets_at(where)
    else:
        pairs = grid(part, tiling)
        while few := list(islice(pairs, max(1, CHUNK_PIXELS // tiling.side**2))):
            yield np.stack([image for image, _ in few]), np.stack([target for _, target in few])


def chunks(part: Part, size: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """A part in order, as (inputs, targets), at most `size` (default: about 4 MiB) at a time."""
    if not size:
        size = chunk_size(part.samples.inputs.shape[1:])
    targets = part.targets
    for start in range(0, len(part), size):
        yield part.inputs(slice(start, start + size)), targets[start : start + size]


def chunk_size(shape: tuple[int, ...]) -> int:
    """How many samples of a shape to predict at once: 32 to 1024, about a million numbers."""
    return int(np.clip(1_000_000 // max(int(np.prod(shape)), 1), 32, 1024))


def class_weights(choice: str, data: Data) -> np.ndarray | None:
    """A weight a class. auto: n / (classes * count of the class), from the training part.

    What is counted are samples, or for segmentation pixels.

    Raises:
        UsageError: the task has no classes, or the file of weights names other classes.
    """
    if choice == "none":
        return None
    samples = data.samples
    if samples.task not in CLASS_TASKS:
        raise UsageError(f"--class-weights has no effect on {samples.task}: leave it out")
    names = samples.class_names
    if choice == "auto":
        if samples.pixels is not None:
            counts = samples.pixels[data.train.indices].sum(axis=0)
        else:
            counts = np.bincount(data.train.targets, minlength=len(names))
        return counts.sum() / (len(names) * np.maximum(counts, 1))
    return _weights_file(Path(choice), names)


def _weights_file(path: Path, names: tuple[str, ...]) -> np.ndarray:
    if not path.is_file():
        raise UsageError(
            f"--class-weights {path}: write none, auto, or a YAML file of class: weight"
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path}: expected lines `class: weight`")
    weights = {str(name): value for name, value in content.items()}
    problems = [f"{path}: {registry.unknown('class', n, names)}" for n in weights if n not in names]
    problems += [f"{path}: class {n!r} has no weight" for n in names if n not in weights]
    problems += [
        f"{path}: the weight of {n!r} must be a number that is not negative, got {v!r}"
        for n, v in weights.items()
        if isinstance(v, bool) or not isinstance(v, (int, float)) or not 0 <= v < float("inf")
    ]
    if problems:
        raise UsageError(problems)
    return np.array([weights[name] for name in names], dtype=float)
