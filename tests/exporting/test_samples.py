"""Exports are scored on what a program would feed: whole sequences, images of their own size."""

from __future__ import annotations

import numpy as np

from mlzoo.data.samples import Part, Samples
from mlzoo.data.sequences.sequences import Sequences
from mlzoo.exporting.samples import SIDE, drawn, sample_shape_of


def part_of(inputs: object, count: int, task: str = "classification") -> Part:
    samples = Samples(inputs=inputs, targets=np.zeros(count), task=task)  # type: ignore[arg-type]
    return Part(samples, np.arange(count))


def test_samples_are_spread_over_the_part() -> None:
    part = part_of(np.arange(1000.0)[:, None], 1000)
    sample_shape = sample_shape_of(part, dense=False)
    batches = drawn(part, 200, sample_shape, dense=False, fixed=False)
    rows = np.concatenate(batches)[:, 0]
    assert sample_shape.fixed == (1,) and len(rows) == len(set(rows)) == 200
    assert rows[0] == 0 and rows[-1] == 999 and np.diff(rows).max() <= 6
    assert (
        len(np.concatenate(drawn(part_of(np.zeros((7, 1)), 7), 200, sample_shape, False, False)))
        == 7
    )


def test_sequences_are_padded_to_the_longest_for_formats_of_one_size() -> None:
    rows = Sequences.of([np.ones((n, 2), "float32") for n in (3, 5, 9, 4)])
    part = Part(part_of(rows, 4).samples, np.array([0, 1, 3]))
    sample_shape = sample_shape_of(part, dense=False)
    (own,) = drawn(part, 200, sample_shape, dense=False, fixed=False)
    (padded,) = drawn(part, 200, sample_shape, dense=False, fixed=True)
    assert own.shape == (3, 5, 2), "padded to the longest of the batch"
    assert padded.shape == (3, 9, 2) and np.isnan(padded[0, 3:]).all()


def test_images_keep_their_sizes_up_to_a_limit() -> None:
    images = np.zeros((5, SIDE + 8, 40, 1), "uint8")
    part = part_of(images, 5, "segmentation")
    sample_shape = sample_shape_of(part, dense=True)
    assert sample_shape.fixed == (SIDE, 40, 1)
    assert {x.shape for x in drawn(part, 200, sample_shape, True, fixed=True)} == {(5, SIDE, 40, 1)}
    assert [x.shape for x in drawn(part, 200, sample_shape, True, fixed=False)] == [
        (1, SIDE, 40, 1)
    ] * 5
