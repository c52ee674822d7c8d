"""Batches of sequences of different lengths, put together so that padding wastes little."""

from __future__ import annotations

import numpy as np

from mlzoo.augmentation.augmenter import Augmenter
from mlzoo.data.samples import Part
from mlzoo.data.sequences.sequences import Sequences

BLOCK_SAMPLES = 1024
"""Neighboring rows of a table on disk that are shuffled together first."""


class ByLength:
    """Sequences in batches of like length, each padded to one of a few lengths.

    An epoch holds every sequence once. They are shuffled, sorted by bucket and cut into batches,
    whose order is shuffled again, so that a batch differs from epoch to epoch. The last, smaller
    batch is cut out at a random place. There are no more than twice `buckets` shapes, since each
    may have to be compiled.

    A batch may reach from one bucket into the next, and is padded to the longer limit. Cut apart,
    buckets would end in small batches, and an epoch would take more steps in time (on the 188
    training sequences of `indoor_movement` 18 % more in batches of 16, 50 % more in 32), although
    less of them were padding.

    Args:
        part: the sequences.
        batch_size: sequences a step.
        buckets: how many lengths there are; 0: all are padded to the longest.
        seed: decides the order.
        sampler: `shuffle`, or `balanced` over classes.
        class_weights: a weight a class, for the samples' weights.
        augmenter: changes the sequences at random; None: they are fed as they are.
    """

    def __init__(
        self,
        part: Part,
        batch_size: int,
        buckets: int,
        seed: int,
        sampler: str = "shuffle",
        class_weights: np.ndarray | None = None,
        augmenter: Augmenter | None = None,
    ) -> None:
        assert isinstance(part.samples.inputs, Sequences)
        self._inputs = part.samples.inputs.only(part.indices)
        targets = part.samples.targets
        self._targets = (
            targets.only(part.indices) if isinstance(targets, Sequences) else part.targets
        )
        self._per_step = isinstance(targets, Sequences) and part.samples.target.step_class
        self._batch_size, self._seed, self._sampler = min(batch_size, len(part)), seed, sampler
        self._class_weights = class_weights
        self.augmenter = augmenter
        self.slow = augmenter is not None
        self.alone = False  # padded to the longest of a batch
        self.samples = np.arange(len(part))
        self.lengths = self._inputs.lengths
        self.limits = bucket_limits(self.lengths, buckets)
        self._buckets = np.searchsorted(self.limits, self.lengths)

    def order(self, epoch: int) -> np.ndarray:
        """The sequences of an epoch, batch by batch."""
        random = np.random.default_rng([self._seed, epoch])
        if self._sampler == "balanced":
            drawn = balanced(np.asarray(self._targets), random)
        else:
            drawn = random.permutation(len(self.samples))
        if len(self.limits) == 1:
            return drawn
        size = self._batch_size
        ordered = drawn[np.argsort(self._buckets[drawn], kind="stable")]
        rest = len(ordered) % size
        start = int(random.integers(len(ordered) // size + 1)) * size
        last = ordered[start : start + rest]
        batches = np.delete(ordered, np.s_[start : start + rest]).reshape(-1, size)
        return np.concatenate([random.permutation(batches).ravel(), last])

    def batch(
        self, items: np.ndarray, epoch: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Inputs (n, steps, channels), targets and weights (or None) of some sequences."""
        length = self.padded_length(items)
        if self._per_step and isinstance(self._targets, Sequences):
            targets = self._targets.padded(items, length)
        else:
            targets = self._targets[items]
        weights = None
        if self._class_weights is not None and not self._per_step:
            weights = self._class_weights[targets].astype("float32")
        inputs = self._inputs.padded(items, length)
        if self.augmenter is not None:
            marks = targets if self._per_step else None
            inputs, moved = self.augmenter.change(inputs, marks, items, epoch)
            targets = targets if moved is None else moved
        return inputs, targets, weights

    def padded_length(self, items: np.ndarray) -> int:
        """Steps that a batch is padded to."""
        return int(self.limits[self._buckets[items].max()])

    def padding(self) -> tuple[float, float]:
        """Share of the steps of an epoch that are padding: as it is, and with one length alone."""
        order, size = self.order(0), self._batch_size
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        fed = sum(len(items) * self.padded_length(items) for items in batches)
        unpadded = int(self.lengths[order].sum())
        return 1 - unpadded / fed, 1 - unpadded / (len(order) * int(self.lengths.max()))


def bucket_limits(lengths: np.ndarray, buckets: int) -> np.ndarray:
    """The lengths that sequences are padded to, sorted; they waste the fewest steps.

    Args:
        lengths: of all sequences.
        buckets: how many limits at most; 0 and 1: the longest alone.

    Source:
        Fisher, "On Grouping for Maximum Homogeneity" (1958): optimal by dynamic programming over
        the sorted distinct lengths (of very many, a thousand quantiles).
    """
    distinct, counts = np.unique(lengths, return_counts=True)
    if buckets < 2 or len(distinct) <= 1:
        return distinct[-1:]
    if len(distinct) <= buckets:
        return distinct
    if len(distinct) > _MOST_LIMITS:
        chosen = np.unique(np.linspace(0, len(distinct) - 1, _MOST_LIMITS).astype(int))
        sums = np.add.reduceat(counts, np.r_[0, chosen[:-1] + 1])
        distinct, counts = distinct[chosen], sums
    total = np.r_[0, np.cumsum(counts)]
    # cost[j]: steps fed where the lengths up to j (from 1) are in the buckets so far.
    cost = np.r_[0, distinct * total[1:]].astype(float)
    cuts = []
    for _ in range(1, buckets):
        options = cost[None, :-1] + distinct[:, None] * (total[1:, None] - total[None, :-1])
        options[np.triu_indices(len(distinct), 1)] = np.inf
        best = options.argmin(axis=1)
        cuts.append(best)
        cost = np.r_[0, options[np.arange(len(distinct)), best]]
    end = len(distinct)
    limits = []
    for best in reversed(cuts):
        limits.append(distinct[end - 1])
        end = int(best[end - 1])
        if end == 0:
            break
    else:
        limits.append(distinct[end - 1])
    return np.array(limits[::-1])


_MOST_LIMITS = 1000


def balanced(classes: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return as many positions as there are, drawn so that every class comes equally often."""
    distinct, counts = np.unique(classes, return_counts=True)
    chance = 1.0 / (len(distinct) * counts[np.searchsorted(distinct, classes)])
    return random.choice(len(classes), size=len(classes), p=chance / chance.sum())


def windowed(count: int, window: int, seed: int, epoch: int) -> np.ndarray:
    """Return the positions of an epoch's samples, shuffled so that reading stays in few places.

    Blocks of neighboring samples are shuffled, then the samples of as many blocks as fill a window.
    With one window it is the order of `shuffled`.

    Args:
        count: number of samples.
        window: samples that are shuffled among each other.
        seed: decides the order.
        epoch: its number.
    """
    random = np.random.default_rng([seed, epoch])
    if count <= window:
        return random.permutation(count)
    blocks = random.permutation(-(-count // BLOCK_SAMPLES))
    order = (blocks[:, None] * BLOCK_SAMPLES + np.arange(BLOCK_SAMPLES)).reshape(-1)
    order = order[order < count]
    for start in range(0, count, window):
        random.shuffle(order[start : start + window])
    return order
