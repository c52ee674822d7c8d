"""Batches: every sample once, the order a function of seed and epoch, weights by class."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mlzoo.core.errors import UsageError
from mlzoo.data.samples import Part
from mlzoo.runs.models import chunk_size
from mlzoo.training.loop.batches import Batches, SampleFeed, chunks, class_weights
from tests.training import made


class OnDisk:
    """SampleFeed that are no array, as images that stay on disk are."""

    def __init__(self, array: np.ndarray) -> None:
        self._array, self.shape, self.dtype = array, array.shape, array.dtype

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, indices):
        return self._array[indices]


def test_an_epoch_holds_each_sample_once_with_its_target() -> None:
    data = made.data(50)
    batches = Batches(data.train, SampleFeed(data.train, 3), 8)
    assert batches.steps == 4
    seen = list(batches.epoch(0))
    assert [len(targets) for _, targets, _ in seen] == [8, 8, 8, 6]
    inputs = np.concatenate([x for x, _, _ in seen])
    targets = np.concatenate([y for _, y, _ in seen])
    order = np.lexsort(inputs.T)
    expected = np.lexsort(data.train.inputs().T)
    np.testing.assert_array_equal(inputs[order], data.train.inputs()[expected])
    np.testing.assert_array_equal(targets[order], data.train.targets[expected])


def test_order_follows_from_seed_and_epoch_alone() -> None:
    part = made.data(50).train
    first, again = Batches(part, SampleFeed(part, 3), 8), Batches(part, SampleFeed(part, 3), 8)
    list(first.epoch(0))  # what came before does not matter
    np.testing.assert_array_equal(next(first.epoch(1))[0], next(again.epoch(1))[0])
    assert not np.array_equal(next(first.epoch(0))[0], next(first.epoch(1))[0])
    assert not np.array_equal(
        next(first.epoch(0))[0], next(Batches(part, SampleFeed(part, 4), 8).epoch(0))[0]
    )


@pytest.mark.parametrize("first_step", [0, 1, 3])
def test_an_epoch_can_start_at_any_step(first_step: int) -> None:
    part = made.data(50).train
    batches = Batches(part, SampleFeed(part, 3), 8)
    whole = list(batches.epoch(5))
    for (x, y, _), (x_rest, y_rest, _) in zip(
        whole[first_step:], batches.epoch(5, first_step), strict=True
    ):
        np.testing.assert_array_equal(x, x_rest)
        np.testing.assert_array_equal(y, y_rest)


def test_rows_on_disk_give_the_same_batches_as_an_array() -> None:
    data = made.data(50)
    lazy = replace(data.samples, inputs=OnDisk(data.samples.inputs))
    on_disk = Part(lazy, data.train.indices)
    pairs = zip(
        Batches(data.train, SampleFeed(data.train, 1), 8).epoch(2),
        Batches(on_disk, SampleFeed(on_disk, 1), 8).epoch(2),
        strict=True,
    )
    for (x, y, _), (x_lazy, y_lazy, _) in pairs:
        np.testing.assert_array_equal(x, x_lazy)
        np.testing.assert_array_equal(y, y_lazy)


def test_names_are_those_of_the_step() -> None:
    data = made.data(50)
    samples = replace(data.samples, names=[f"row {i}" for i in range(50)])
    part = Part(samples, data.train.indices)
    batches = Batches(part, SampleFeed(part, 3), 8)
    named = [samples.inputs[int(name[4:])] for name in batches.names(0, 2)]
    np.testing.assert_array_equal(named, list(batches.epoch(0))[2][0])


def test_the_balanced_sampler_draws_classes_equally_often() -> None:
    data = made.data(4000)
    rare = np.concatenate(
        [np.flatnonzero(data.samples.targets == 0), np.flatnonzero(data.samples.targets == 1)[:100]]
    )
    part = Part(data.samples, rare)
    batches = Batches(part, SampleFeed(part, 0, "balanced"), 32)
    drawn = np.concatenate([y for e in range(5) for _, y, _ in batches.epoch(e)])
    # 10,500 draws at 1/2: five standard deviations are .025.
    assert abs(drawn.mean() - 0.5) < 0.025
    assert abs(part.targets.mean() - 0.5) > 0.4


def test_auto_class_weights_are_inverse_frequencies() -> None:
    data = made.data(100)
    part = Part(data.samples, np.flatnonzero(data.samples.targets == 0)[:30])
    few = np.concatenate([part.indices, np.flatnonzero(data.samples.targets == 1)[:10]])
    uneven = replace(data, train=Part(data.samples, few))
    # n / (classes * count): 40 / (2 * 30) and 40 / (2 * 10)
    np.testing.assert_allclose(class_weights("auto", uneven), [2 / 3, 2.0])
    assert class_weights("none", uneven) is None


def test_a_file_of_class_weights_names_every_class(tmp_path) -> None:
    path = tmp_path / "weights.yaml"
    path.write_text("a: 1\nb: 2.5\n")
    np.testing.assert_array_equal(class_weights(str(path), made.data()), [1, 2.5])
    path.write_text("a: -1\nbb: 2\n")
    with pytest.raises(UsageError) as caught:
        class_weights(str(path), made.data())
    text = str(caught.value)
    assert "unknown class 'bb'" in text and "'b' has no weight" in text and "-1" in text
    with pytest.raises(UsageError, match="regression"):
        class_weights("auto", made.data(task="regression"))


def test_chunks_keep_order_and_bound_memory() -> None:
    part = made.data(50).train
    pieces = list(chunks(part, 7))
    np.testing.assert_array_equal(np.concatenate([x for x, _ in pieces]), part.inputs())
    assert max(len(x) for x, _ in pieces) == 7
    assert (chunk_size((8, 8, 1)), chunk_size((128, 128, 3)), chunk_size((512, 512, 3))) == (
        1024,
        32,
        32,
    )
