"""Which samples go into which step, and what they weigh: a pure function of the seed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from os import cpu_count
from pathlib import Path
from typing import Protocol

import numpy as np
import yaml

from mlzoo.augmentation.augmenter import Augmenter
from mlzoo.augmentation.crops import Views, grid
from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.validation.consistency import check_fit
from mlzoo.data.large_tables.rows import TableRows
from mlzoo.data.policies import Policy
from mlzoo.data.samples import Data, Part
from mlzoo.data.sequences.sequences import Sequences
from mlzoo.data.specs import IGNORED
from mlzoo.runs.models import chunk_size
from mlzoo.training.loop.bucketing import ByLength, balanced, windowed
from mlzoo.training.loop.data_parallel import in_place, rows_of
from mlzoo.training.loop.stateful_batches import STREAMS, Streams

Batch = tuple[np.ndarray, np.ndarray, np.ndarray | None]


class Feed(Protocol):
    """Items of batches: samples, crops of images, or sequences, counted from 0."""

    @property
    def samples(self) -> np.ndarray:
        """The position in the part that each item is made of."""
        ...

    @property
    def slow(self) -> bool:
        """Return whether batches are worth making ahead, in a thread."""
        ...

    @property
    def alone(self) -> bool:
        """Return whether each item is made without the others of its batch."""
        ...

    @property
    def augmenter(self) -> Augmenter | None:
        """Augmenter of the samples, if any."""
        ...

    def order(self, epoch: int) -> np.ndarray:
        """The items of an epoch, in order."""
        ...

    def batch(self, items: np.ndarray, epoch: int) -> Batch:
        """Inputs, targets and weights (or None) of some items."""
        ...


class Batches:
    """The training split, one epoch after another.

    The order is drawn from (seed, epoch) alone, so any epoch can be started at any step without
    replaying what came before.

    Args:
        part: the samples.
        feed: what they are fed as.
        batch_size: items a step.
        workers: processes that change images, from the first epoch on until `close`.
    """

    def __init__(self, part: Part, feed: Feed, batch_size: int, workers: int = 0) -> None:
        self._part, self.feed, self._workers = part, feed, workers
        self._count = len(feed.samples)
        self.batch_size = min(batch_size, self._count)
        self._process = 0, 1

    def feed_part(self, rank: int, world: int) -> None:
        """Make of each batch what this process of several feeds, where samples come by themselves.

        The other rows are then zeros, which nothing reads.
        """
        if self.feed.alone:
            self._process = rank, world

    def _made(self, items: np.ndarray, epoch: int) -> Batch:
        if self._process == (0, 1):
            return self.feed.batch(items, epoch)
        rows = rows_of(*self._process, len(items))
        batch = self.feed.batch(items[rows], epoch)
        whole = rows == slice(0, len(items))
        return batch if whole else in_place(batch, rows, len(items))

    @property
    def steps(self) -> int:
        """Steps an epoch; the last one may be smaller."""
        return -(-self._count // self.batch_size)

    def epoch(self, number: int, first_step: int = 0) -> Iterator[Batch]:
        """The batches (inputs, targets, weights or None) of an epoch, from a step on."""
        order = self.feed.order(number)
        pieces = [
            order[start : start + self.batch_size]
            for start in range(first_step * self.batch_size, len(order), self.batch_size)
        ]
        if not self.feed.slow:
            for piece in pieces:
                yield self._made(piece, number)
            return
        self._start_workers()
        threads = max(1, self._workers)
        with ThreadPoolExecutor(max_workers=threads) as makers:
            ahead: deque[Future[Batch]] = deque()
            try:
                for piece in pieces:
                    ahead.append(makers.submit(self._made, piece, number))
                    if len(ahead) > threads:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                for each in ahead:
                    each.cancel()

    def _start_workers(self) -> None:
        augmenter = self.feed.augmenter
        if self._workers and augmenter is not None and augmenter.workers is None:
            assert augmenter.form is not None
            from mlzoo.augmentation.workers import Workers

            augmenter.workers = Workers(
                self._workers, augmenter.steps, augmenter.form, self.batch_size
            )

    def close(self) -> None:
        """Let the processes that change images end."""
        if self.feed.augmenter is not None:
            self.feed.augmenter.close()

    def goes_on(self, step: int) -> np.ndarray:
        """(batch size, 1): 1 where a row of a step goes on from that of the step before."""
        assert isinstance(self.feed, Streams)
        return self.feed.goes_on(step)

    def names(self, epoch: int, step: int) -> list[str]:
        """Return the names of the samples of one step."""
        start = step * self.batch_size
        return self.names_of(self.feed.order(epoch)[start : start + self.batch_size])

    def first(self) -> tuple[Batch, list[str]]:
        """The first batch of the first epoch, and what its samples are called."""
        items = self.feed.order(0)[: self.batch_size]
        return self._made(items, 0), self.names_of(items)

    def names_of(self, items: np.ndarray) -> list[str]:
        """Return the names of items."""
        indices = self._part.indices[self.feed.samples[items]]
        return [self._part.samples.name_of(int(index)) for index in indices]


def shuffled(classes: np.ndarray, sampler: str, seed: int, epoch: int) -> np.ndarray:
    """Return the positions of an epoch's samples: all shuffled, or as many drawn `balanced`."""
    random = np.random.default_rng([seed, epoch])
    return random.permutation(len(classes)) if sampler == "shuffle" else balanced(classes, random)


class SampleFeed:
    """Samples of one shape, shuffled, or drawn so that classes come equally often.

    Arrays are indexed a batch at a time; images that stay on disk are read.

    Args:
        part: the samples.
        seed: decides the order.
        sampler: `shuffle`, or `balanced` over classes.
        class_weights: a weight a class, by which samples count beside their own weights.
        policy: how samples are changed at random.
        conditional: feed the classes or numbers of samples that are their own as their targets.
    """

    def __init__(
        self,
        part: Part,
        seed: int,
        sampler: str = "shuffle",
        class_weights: np.ndarray | None = None,
        policy: Policy | None = None,
        conditional: bool = False,
    ) -> None:
        self._part, self._seed, self._sampler = part, seed, sampler
        self.augmenter = None if not policy or not policy.steps else Augmenter(policy, part, seed)
        self.samples = np.arange(len(part))
        on_disk = not isinstance(part.samples.inputs, np.ndarray)
        self.slow = on_disk or self.augmenter is not None
        self.alone = policy is None or not policy.mixes
        self._inputs = None if on_disk else part.inputs()
        # Samples that are their own target are not held, or read, twice.
        self._targets = None if part.samples.target.is_input else part.targets
        self._conditions = conditions_of(part) if conditional else None
        self._weights = sample_weights(part, class_weights)

    def order(self, epoch: int) -> np.ndarray:
        """All samples shuffled, or as many drawn with their class's share."""
        inputs = self._part.samples.inputs
        if isinstance(inputs, TableRows) and self._sampler == "shuffle":
            window = max(1, WINDOW_BYTES // (4 * inputs.shape[1]))
            return windowed(len(self.samples), window, self._seed, epoch)
        classes = self.samples if self._targets is None else self._targets
        return shuffled(classes, self._sampler, self._seed, epoch)

    def batch(self, items: np.ndarray, epoch: int) -> Batch:
        """Inputs, targets and weights (or None) of some samples."""
        inputs = self._inputs[items] if self._inputs is not None else self._part.inputs(items)
        weights = None if self._weights is None else self._weights[items]
        if self._targets is None:
            if self.augmenter is not None:
                inputs, _ = self.augmenter.change(inputs, None, items, epoch)
            conditions = self._conditions
            return inputs, inputs if conditions is None else conditions[items], weights
        targets = self._targets[items]
        if self.augmenter is not None:
            inputs, _ = self.augmenter.change(inputs, None, items, epoch)
            return self.augmenter.mix(inputs, targets, weights, items, epoch)
        return inputs, targets, weights


def build_batches(config: RunConfig, data: Data, seed: int) -> Batches:
    """The batches of a run's training split.

    Raises:
        UsageError: a sampler or class weights that do not fit the task.
    """
    batch_size = config.batch_size
    check_fit(config, data.samples.task, data.samples.reader.depth)
    part, few = data.train, 32
    feed: Feed
    if part.weights is not None and not _weighable(config, data):
        raise UsageError(
            f"samples with weights are not for {data.samples.task} on {data.samples.kind}s by "
            f"{config.model}; leave the weights out"
        )
    if data.outputs.target.dense:
        feed = Views(part, data.tiling, data.policy, seed, config.sampler == "balanced")
        few = int(np.clip(STEP_PIXELS // int(np.prod(feed.shape[:2])), 1, 32))
    elif config.set.get("carry_state"):
        if data.policy.steps:
            raise UsageError("--augment has no effect where carry_state goes on from step to step")
        feed = Streams(part, stream_count(config, data))
        return Batches(part, feed, feed.streams)
    elif isinstance(part.samples.inputs, Sequences):
        whole = not data.outputs.target.stepwise  # else weights are the loss's affair
        weights = class_weights(config.class_weights, data) if whole else None
        if not whole:
            mean = part.samples.inputs.lengths[part.indices].mean()
            few = int(np.clip(STEP_STEPS // mean, 1, 32))
        few = {"auto": few, "full": len(part)}.get(str(batch_size)) or int(batch_size)
        augmenter = Augmenter(data.policy, part, seed) if data.policy.steps else None
        feed = ByLength(part, few, config.buckets, seed, config.sampler, weights, augmenter)
    else:
        weights = class_weights(config.class_weights, data)
        conditional = data.outputs.conditional
        feed = SampleFeed(part, seed, config.sampler, weights, data.policy, conditional)
    size = {"auto": few, "full": len(feed.samples)}.get(str(batch_size)) or int(batch_size)
    return Batches(part, feed, size, worker_count(config, feed))


def _weighable(config: RunConfig, data: Data) -> bool:
    """Return whether samples have one shape and one loss, which weights of their own multiply."""
    target = data.outputs.target
    whole = not (target.dense or target.stepwise or target.is_input)
    uneven = isinstance(data.samples.inputs, Sequences)
    return whole and not uneven and not config.set.get("carry_state")


def sample_weights(part: Part, of_class: np.ndarray | None) -> np.ndarray | None:
    """Return what each sample of a part weighs in the loss (n,) float32; None: all the same.

    Args:
        part: the samples, perhaps with weights of their own.
        of_class: a weight a class, which multiplies them; None: classes weigh the same.
    """
    weights = part.weights
    if of_class is None:
        return weights
    by_class = of_class[part.targets].astype("float32")
    return by_class if weights is None else by_class * weights


def worker_count(config: RunConfig, feed: Feed) -> int:
    """Processes that change images: as many as asked for, or as cores where it takes long."""
    augmenter = feed.augmenter
    if augmenter is None or augmenter.form is None or not augmenter.steps:
        return 0
    if config.augment_workers != "auto":
        return config.augment_workers
    pixels = len(feed.samples) * int(np.prod(augmenter.form.shape[:2]))
    return min(cpu_count() or 1, 8) if pixels > WORKED_PIXELS else 0


def stream_count(config: RunConfig, data: Data) -> int:
    """Rows of a batch whose states are carried to the next."""
    rows = {"auto": STREAMS, "full": len(data.train)}.get(str(config.batch_size))
    return min(rows or int(config.batch_size), len(data.train))


def padding_note(config: RunConfig, data: Data, seed: int) -> str:
    """Return a note on the share of padding; "" where sequences are of one length."""
    if not data.inputs.uneven or config.full_batch or config.set.get("carry_state"):
        return ""
    plain = config.model_copy(update={"class_weights": "none"})
    feed = build_batches(plain, data, seed).feed
    assert isinstance(feed, ByLength)
    share, longest = feed.padding()
    lengths = ", ".join(map(str, feed.limits))
    return (
        f"padding: {share:.0%} of the steps in batches of up to {lengths} steps; {longest:.0%} "
        "if all were padded to the longest (--buckets)"
    )


WINDOW_BYTES = 2**26
"""Bytes of rows of a table on disk that are then shuffled among each other."""
STEP_STEPS = 2**12
"""Steps of sequences a training step where each has a class and no batch size is given."""
STEP_PIXELS = 2**19
"""Pixels a step where something is predicted at every one and no batch size is given."""
WORKED_PIXELS = 2**23
"""Pixels an epoch from which on processes that change images are worth their start of a second."""
CHUNK_PIXELS = 2**20
"""The same that are predicted at once."""


def validation(data: Data, devices: int = 1) -> Iterator[tuple[np.ndarray, ...]]:
    """The validation split in order, as (inputs, targets) of a few samples or tiles at a time.

    Of samples with weights of their own these come third.

    Args:
        data: in splits.
        devices: by which the number of samples at a time, but for the last, can be divided.
    """
    part, tiling = data.valid, data.tiling
    if not data.outputs.target.dense:
        size = _divisible(chunk_size(part.samples.inputs.shape[1:]), devices)
        yield from chunks(part, size, data.outputs.conditional)
    elif tiling is None:
        height, width = part.samples.inputs.shape[1:3]
        size = _divisible(CHUNK_PIXELS // (height * width), devices)
        for start in range(0, len(part), size):
            where = np.arange(start, min(start + size, len(part)))
            yield part.inputs(where), part.targets_at(where)
    else:
        pairs = grid(part, tiling)
        size = _divisible(CHUNK_PIXELS // tiling.side**2, devices)
        while few := list(islice(pairs, size)):
            yield np.stack([image for image, _ in few]), np.stack([target for _, target in few])


def _divisible(size: int, devices: int) -> int:
    """Return the next lower multiple of a number of devices, at least that number."""
    return max(size // devices, 1) * devices


def conditions_of(part: Part) -> np.ndarray:
    """Return the class positions or numbers (n,) of samples that are their own targets."""
    samples = part.samples
    known = samples.classes if samples.numbers is None else samples.numbers
    assert known is not None
    return known[part.indices]


def chunks(
    part: Part, size: int = 0, conditional: bool = False
) -> Iterator[tuple[np.ndarray, ...]]:
    """A part in order, as (inputs, targets), at most `size` (default: about 4 MiB) at a time.

    Weights, where samples have them, come third.
    With `conditional` the targets of samples that are their own are their classes or numbers.
    """
    if not size:
        size = chunk_size(part.samples.inputs.shape[1:])
    weights = part.weights
    for start in range(0, len(part), size):
        # Read together, so that inputs and targets of steps are padded to one length.
        where = slice(start, start + size)
        inputs = part.inputs(where)
        if conditional:
            yield inputs, conditions_of(part)[where]
            continue
        targets = inputs if part.samples.target.is_input else part.targets_at(where)
        yield (inputs, targets) if weights is None else (inputs, targets, weights[where])


def class_weights(choice: str, data: Data) -> np.ndarray | None:
    """A weight a class. auto: n / (classes * count of the class), from the training split.

    What is counted are samples, for segmentation pixels, for labeling steps.

    Raises:
        UsageError: the task has no classes, or the file of weights names other classes.
    """
    if choice == "none":
        return None
    samples = data.samples
    if not samples.target.is_class:
        raise UsageError(f"--class-weights has no effect on {samples.task}: leave it out")
    names = samples.class_names
    if choice == "auto":
        if isinstance(samples.targets, Sequences):
            steps = np.concatenate([data.train.target(i) for i in range(len(data.train))])
            counts = np.bincount(steps[steps != IGNORED], minlength=len(names))
        elif samples.pixels is not None:
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
