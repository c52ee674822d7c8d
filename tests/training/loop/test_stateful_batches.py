"""Windows in parallel streams: each row of a batch goes on from that of the one before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mlzoo.core.errors import UsageError
from mlzoo.data.samples import Part, Samples
from mlzoo.training.loop.batches import build_batches, stream_count
from mlzoo.training.loop.stateful_batches import STREAMS, Streams
from tests.training import made, sequences


def part(samples: Samples, count: int | None = None) -> Part:
    return Part(samples, np.arange(count or len(samples)))


def test_each_row_goes_on_from_the_one_before() -> None:
    own = part(sequences.windows(203, 5, 2, 5))
    streams = Streams(own, 3)
    assert len(own) == 40 and len(streams.samples) == 39  # 13 windows in each of 3 streams
    for epoch in (0, 1):
        order = streams.order(epoch)
        assert sorted(order.tolist()) == list(range(39))
        steps = order.reshape(13, 3)
        inputs = [streams.batch(items, epoch)[0] for items in steps]
        for stream in range(3):
            joined = np.concatenate([x[stream] for x in inputs])
            start = own.samples.inputs.starts[steps[0, stream]]
            np.testing.assert_array_equal(joined, own.samples.inputs.values[start : start + 65])
    assert streams.goes_on(0).tolist() == [[0.0]] * 3
    assert all(streams.goes_on(step).tolist() == [[1.0]] * 3 for step in range(1, 13))


def test_targets_are_those_of_the_windows() -> None:
    own = part(sequences.windows(203, 5, 2, 5))
    streams = Streams(own, 4)
    items = streams.order(0)[4:8]
    inputs, targets, weights = streams.batch(items, 0)
    assert weights is None
    np.testing.assert_array_equal(inputs, own.inputs(items))
    np.testing.assert_array_equal(targets, own.targets[items])


def test_a_break_starts_anew() -> None:
    samples = sequences.windows(100, 5, 1, 5, breaks=(52,))
    starts = samples.inputs.starts.tolist()
    after = starts.index(52)
    streams = Streams(part(samples), 2)
    per_stream = len(streams.samples) // 2
    flags = np.concatenate([streams.goes_on(step) for step in range(per_stream)], axis=1)
    expected = [
        [
            0.0 if step == 0 or row * per_stream + step == after else 1.0
            for step in range(per_stream)
        ]
        for row in range(2)
    ]
    assert flags.tolist() == expected
    assert (flags == 0).sum() == 3 - (after == per_stream)


def test_windows_that_leave_steps_out_do_not_go_on() -> None:
    streams = Streams(part(sequences.windows(100, 5, 1, 7)), 2)
    assert not streams.goes_on(3).any()


@pytest.mark.parametrize("stride", [1, 4])
def test_windows_that_overlap_are_refused(stride: int) -> None:
    with pytest.raises(UsageError, match="follow one another: set --stride 5, as long as"):
        Streams(part(sequences.windows(100, 5, 1, stride)), 2)


def test_what_is_no_series_is_refused() -> None:
    samples = replace(sequences.windows(100, 5, 1, 5), windows=None)
    with pytest.raises(UsageError, match="carry_state is for series and text"):
        Streams(part(samples), 2)


def test_the_batch_size_is_how_many_streams_there_are() -> None:
    data = sequences.data(sequences.windows(400, 5, 1, 5))

    def count(**more: object) -> int:
        config = made.config(model="rnn", set={"carry_state": True}, **more)
        batches = build_batches(config, data, 0)
        assert batches.batch_size == stream_count(config, data)
        assert batches.steps == len(data.train) // batches.batch_size
        return batches.batch_size

    train = len(data.train)
    assert (count(), count(batch_size=5), count(batch_size="full")) == (STREAMS, 5, train)
    assert count(batch_size=10 * train) == train
