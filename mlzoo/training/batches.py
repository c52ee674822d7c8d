"""Which samples go into which step, and what they weigh: a pure function of the seed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import yaml

from mlzoo import registry
from mlzoo.data.samples import Data, Part
from mlzoo.errors import UsageError

Batch = tuple[np.ndarray, np.ndarray, np.ndarray | None]


class Batches:
    """The training part, one epoch after another.

    The order is drawn from (seed, epoch) alone, so any epoch can be started at any step without
    replaying what came before. Arrays are indexed a batch at a time; images that stay on disk
    are read one batch ahead, in a thread.
    """

    def __init__(
        self,
        part: Part,
        batch_size: int,
        seed: int,
        sampler: str = "shuffle",
        class_weights: np.ndarray | None = None,
    ) -> None:
        self.batch_size = min(batch_size, len(part))
        self._seed = seed
        self._sampler = sampler
        self._part = part
        self._targets = part.targets
        self._weights = (
            None if class_weights is None else class_weights[self._targets].astype("float32")
        )
        in_memory = isinstance(part.samples.inputs, np.ndarray)
        self._inputs = part.inputs() if in_memory else None

    @property
    def steps(self) -> int:
        """Steps an epoch; the last one may be smaller."""
        return -(-len(self._part) // self.batch_size)

    def epoch(self, number: int, first_step: int = 0) -> Iterator[Batch]:
        """The batches (inputs, targets, weights or None) of an epoch, from a step on."""
        order = self._order(number)
        pieces = [
            order[start : start + self.batch_size]
            for start in range(first_step * self.batch_size, len(order), self.batch_size)
        ]
        if self._inputs is not None:
            yield from map(self._batch, pieces)
            return
        with ThreadPoolExecutor(max_workers=1) as reader:
            ahead = reader.submit(self._batch, pieces[0]) if pieces else None
            for following in [*pieces[1:], None]:
                batch = ahead.result() if ahead else None
                ahead = reader.submit(self._batch, following) if following is not None else None
                if batch is not None:
                    yield batch

    def names(self, epoch: int, step: int) -> list[str]:
        """What the samples of one step are called."""
        start = step * self.batch_size
        positions = self._order(epoch)[start : start + self.batch_size]
        indices = self._part.indices[positions]
        return [self._part.samples.name_of(int(index)) for index in indices]

    def _batch(self, positions: np.ndarray) -> Batch:
        inputs = (
            self._inputs[positions] if self._inputs is not None else self._part.inputs(positions)
        )
        weights = None if self._weights is None else self._weights[positions]
        return inputs, self._targets[positions], weights

    def _order(self, epoch: int) -> np.ndarray:
        random = np.random.default_rng([self._seed, epoch])
        if self._sampler == "shuffle":
            return random.permutation(len(self._part))
        classes, counts = np.unique(self._targets, return_counts=True)
        chance = 1.0 / (len(classes) * counts[np.searchsorted(classes, self._targets)])
        return random.choice(len(self._part), size=len(self._part), p=chance / chance.sum())


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

    Raises:
        UsageError: the task has no classes, or the file of weights names other classes.
    """
    if choice == "none":
        return None
    if data.samples.task != "classification":
        raise UsageError("--class-weights has no effect on regression: leave it out")
    names = data.samples.class_names
    if choice == "auto":
        counts = np.bincount(data.train.targets, minlength=len(names))
        return len(data.train) / (len(names) * np.maximum(counts, 1))
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
