"""Sequences of different lengths in batches: each once, few shapes, little padding."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from mlzoo.data.samples import Part
from mlzoo.data.specs import IGNORED
from mlzoo.training.loop.batches import build_batches, chunks
from mlzoo.training.loop.bucketing import ByLength, bucket_limits
from tests.training import made, sequences

LENGTHS = np.random.default_rng(0).integers(3, 60, 70)


def part(lengths: np.ndarray = LENGTHS, task: str = "classification") -> Part:
    samples = sequences.samples(lengths, task)
    return Part(samples, np.arange(len(samples)))


def batches(feed: ByLength, size: int) -> list[np.ndarray]:
    order = feed.order(0)
    return [order[start : start + size] for start in range(0, len(order), size)]


def waste(lengths: np.ndarray, limits: np.ndarray) -> int:
    return int((limits[np.searchsorted(limits, lengths)] - lengths).sum())


@pytest.mark.parametrize("seed", range(12))
def test_bucket_limits_waste_the_fewest_steps(seed: int) -> None:
    random = np.random.default_rng(seed)
    lengths = random.choice(random.permutation(40)[: 3 + seed] + 1, 30)
    own = np.unique(lengths)
    for buckets in (2, 3, 4):
        limits = bucket_limits(lengths, buckets)
        assert len(limits) == min(buckets, len(own)) and limits[-1] == own[-1]
        best = min(
            waste(lengths, np.array([*chosen, own[-1]]))
            for count in range(min(buckets, len(own)))
            for chosen in combinations(own[:-1], count)
        )
        assert waste(lengths, limits) == best


def test_few_limits_and_very_many_lengths() -> None:
    assert bucket_limits(np.array([5, 5, 5]), 4).tolist() == [5]
    assert bucket_limits(np.array([2, 9, 4]), 0).tolist() == [9]
    assert bucket_limits(np.array([2, 9, 4]), 1).tolist() == [9]
    assert bucket_limits(np.array([2, 9, 4, 4]), 3).tolist() == [2, 4, 9]
    many = np.arange(1, 5001)
    limits = bucket_limits(many, 4)
    # Evenly spread lengths are cut evenly; a thousand quantiles are as fine as that.
    np.testing.assert_allclose(limits, [1250, 2500, 3750, 5000], atol=10)
    assert waste(many, limits) < 1.01 * waste(many, np.array([1250, 2500, 3750, 5000]))


@pytest.mark.parametrize("size", [1, 7, 8, 70, 100])
def test_an_epoch_holds_each_sequence_once(size: int) -> None:
    own = part()
    feed = ByLength(own, size, 4, seed=3)
    for epoch in range(4):
        assert sorted(feed.order(epoch).tolist()) == list(range(70))
    items = batches(feed, min(size, 70))[-1]
    x, y, weights = feed.batch(items, 0)
    assert weights is None
    for row, target, item in zip(x, y, items, strict=True):
        there = ~np.isnan(row[:, 0])
        np.testing.assert_array_equal(row[there], own.samples.inputs.own(int(item)))
        assert there.tolist() == sorted(there.tolist(), reverse=True)
        assert target == own.samples.targets[item]


def test_the_order_follows_from_seed_and_epoch_alone() -> None:
    feed, again = ByLength(part(), 8, 4, seed=3), ByLength(part(), 8, 4, seed=3)
    feed.order(0)
    assert feed.order(5).tolist() == again.order(5).tolist()
    assert feed.order(0).tolist() != feed.order(1).tolist()
    assert feed.order(0).tolist() != ByLength(part(), 8, 4, seed=4).order(0).tolist()
    # Not only the order of the batches, but who is together, and where the smaller one is cut.
    together = [{frozenset(b.tolist()) for b in np.split(feed.order(e)[:64], 8)} for e in (0, 1)]
    assert len(together[0] & together[1]) < 4
    last = {feed.padded_length(feed.order(epoch)[64:]) for epoch in range(20)}
    assert len(last) > 1


@pytest.mark.parametrize("buckets", [2, 4, 6])
def test_there_are_few_shapes_and_little_padding(buckets: int) -> None:
    feed = ByLength(part(), 8, buckets, seed=0)
    shapes = set()
    for epoch in range(30):
        order = feed.order(epoch)
        for start in range(0, 70, 8):
            items = order[start : start + 8]
            length = feed.padded_length(items)
            assert length >= feed.lengths[items].max() and length in feed.limits
            shapes.add((len(items), length))
    assert len(shapes) <= 2 * buckets
    share, longest = feed.padding()
    assert longest == pytest.approx(1 - LENGTHS.mean() / LENGTHS.max())
    padded = [(len(b) * feed.padded_length(b), feed.lengths[b].sum()) for b in batches(feed, 8)]
    fed, needed = np.sum(padded, axis=0)
    assert share == pytest.approx(1 - needed / fed)
    assert share < {2: 0.75, 4: 0.55, 6: 0.45}[buckets] * longest


@pytest.mark.parametrize("size", [8, 16])
def test_batches_across_buckets_take_fewer_steps_in_time(size: int) -> None:
    """What an epoch costs is the sum of its batches' lengths, however few rows they have."""
    feed = ByLength(part(), size, 6, seed=0)
    counts = np.bincount(feed._buckets, minlength=len(feed.limits))
    apart = (-(-counts // size) * feed.limits).sum()
    for epoch in range(5):
        order = feed.order(epoch)
        pieces = [order[start : start + size] for start in range(0, len(order), size)]
        assert sum(map(feed.padded_length, pieces)) < apart


def test_without_buckets_all_are_padded_to_the_longest() -> None:
    feed = ByLength(part(), 8, 0, seed=0)
    assert {feed.padded_length(items) for items in batches(feed, 8)} == {LENGTHS.max()}
    share, longest = feed.padding()
    assert share == pytest.approx(longest)


def test_the_balanced_sampler_draws_classes_equally_often() -> None:
    own = part(np.random.default_rng(1).integers(3, 9, 400))
    rare = np.flatnonzero(own.samples.labels == 1)[:20]
    uneven = Part(own.samples, np.concatenate([np.flatnonzero(own.samples.labels == 0), rare]))
    feed = ByLength(uneven, 16, 3, seed=0, sampler="balanced")
    drawn = np.concatenate([uneven.targets[feed.order(epoch)] for epoch in range(10)])
    # Over 2,000 draws at 1/2: five standard deviations are .056.
    assert uneven.targets.mean() < 0.1 and abs(drawn.mean() - 0.5) < 0.056


def test_class_weights_come_with_the_samples() -> None:
    weights = np.array([1.0, 3.0])
    feed = ByLength(part(), 8, 3, seed=0, class_weights=weights)
    _, y, found = feed.batch(np.arange(8), 0)
    assert found is not None
    np.testing.assert_array_equal(found, weights[y])


def test_labels_are_padded_with_their_steps() -> None:
    own = part(task="labeling")
    feed = ByLength(own, 8, 3, seed=0)
    for items in batches(feed, 8):
        x, y, weights = feed.batch(items, 0)
        assert x.shape[:2] == y.shape and weights is None
        there = np.arange(y.shape[1]) < feed.lengths[items][:, None]
        np.testing.assert_array_equal(~np.isnan(x[..., 0]), there)
        assert (y[~there] == IGNORED).all()


def test_labels_are_validated_in_pieces_of_one_length() -> None:
    lengths = np.array([4] * 5 + [30] + [6] * 4)
    pieces = list(chunks(part(lengths, "labeling"), 4))
    assert [x.shape[:2] for x, _ in pieces] == [y.shape for _, y in pieces]
    assert [y.shape for _, y in pieces] == [(4, 4), (4, 30), (2, 6)]


def test_a_step_has_about_four_thousand_labelled_steps() -> None:
    def size(length: int, **more: object) -> int:
        data = sequences.data(sequences.samples([length - 1, length] * 50, "labeling"))
        config = made.config(model="rnn", **more)
        return build_batches(config, data, 0).batch_size

    assert (size(20), size(400), size(400, batch_size=12)) == (32, 10, 12)
