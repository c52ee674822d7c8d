from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlzoo.augmentation import catalogue
from mlzoo.augmentation.augmenter import Augmenter, one_hot, spread
from mlzoo.augmentation.changes import RowChanges, SequenceChanges
from mlzoo.data.policies import Policy
from mlzoo.data.samples import Part, Samples
from mlzoo.data.specs import IGNORED
from mlzoo.data.tables.reader import Column

STEPS = 60
SPREAD = np.array([[0.0, 5.0], [1.0, 2.0]])


def signal() -> np.ndarray:
    time = np.arange(STEPS)
    return np.stack([np.sin(time / 5), 5 + 2 * np.cos(time / 9)], axis=1).astype(np.float32)


def one(name: str, **given: Any) -> SequenceChanges:
    return SequenceChanges([{name: {"p": 1, **given}}], SPREAD)


@pytest.mark.parametrize("name", catalogue.names("sequences"))
def test_every_transform_changes_and_keeps_shape_type_and_padding(name: str) -> None:
    padded = np.full((STEPS + 9, 2), np.nan, np.float32)
    padded[:STEPS] = signal()
    labels = np.full(STEPS + 9, IGNORED, np.uint8)
    labels[:STEPS] = np.arange(STEPS) // 20
    found = set()
    for seed in range(20):
        x, marks = one(name)(padded, labels, [seed])
        assert marks is not None
        assert (x.shape, x.dtype) == (padded.shape, padded.dtype)
        assert np.isfinite(x[:STEPS]).all() and np.isnan(x[STEPS:]).all()
        assert set(np.unique(marks[:STEPS])) <= {0, 1, 2} and (marks[STEPS:] == IGNORED).all()
        assert np.array_equal(x, one(name)(padded, labels, [seed])[0], equal_nan=True)
        found.add(x.tobytes())
    assert len(found) > (1 if name == "ChannelDropout" else 15)


@pytest.mark.parametrize("name", ["TimeWarp", "WindowSlice"])
def test_labels_move_along_with_time(name: str) -> None:
    """A channel that holds the label tells where each step came from."""
    labels = (np.arange(STEPS) // 10).astype(np.uint8)
    x = np.stack([labels, labels], axis=1).astype(np.float32)
    for seed in range(50):
        moved, marks = one(name)(x, labels, [seed])
        assert marks is not None
        # Between two steps a value is interpolated; the label is that of the nearer one.
        assert np.abs(moved[:, 0] - marks).max() <= 0.5 + 1e-5
        assert (np.diff(marks.astype(int)) >= 0).all()


def test_noise_and_factors_are_as_large_as_told() -> None:
    x = np.zeros((20_000, 2), np.float32) + SPREAD[0].astype(np.float32)
    noisy, _ = one("Jitter", sigma=0.1)(x, None, [0])
    assert (noisy - x).std(axis=0) == pytest.approx([0.1, 0.2], rel=0.03)
    tall = x + SPREAD[1].astype(np.float32)
    factors = [one("Scaling", sigma=0.1)(tall[:1], None, [s])[0][0] for s in range(2000)]
    relative = (np.array(factors) - SPREAD[0]) / SPREAD[1]
    assert relative.mean(axis=0) == pytest.approx([1, 1], abs=0.01)
    assert relative.std(axis=0) == pytest.approx([0.1, 0.1], rel=0.06)


def test_time_warp_keeps_both_ends_and_the_order() -> None:
    x = np.arange(STEPS, dtype=np.float32)[:, None].repeat(2, axis=1)
    for seed in range(50):
        moved, _ = one("TimeWarp", sigma=0.5)(x, None, [seed])
        assert moved[0, 0] == 0 and moved[-1, 0] == pytest.approx(STEPS - 1)
        assert (np.diff(moved[:, 0]) > 0).all()


def test_a_window_slice_is_a_stretch_of_the_sequence() -> None:
    x = np.arange(STEPS, dtype=np.float32)[:, None].repeat(2, axis=1)
    for seed in range(50):
        moved, _ = one("WindowSlice", share=0.5)(x, None, [seed])
        assert np.ptp(moved[:, 0]) == pytest.approx(0.5 * STEPS - 1, abs=0.01)
        assert np.allclose(np.diff(moved[:, 0]), (0.5 * STEPS - 1) / (STEPS - 1), atol=1e-4)


def test_missing_values_stay_missing_and_do_not_spread() -> None:
    x = signal()
    x[10, 0] = np.nan
    moved, _ = one("Jitter")(x, None, [0])
    assert np.isnan(moved).sum() == 1 and np.isnan(moved[10, 0])


def test_one_channel_at_least_stays() -> None:
    for seed in range(50):
        moved, _ = one("ChannelDropout", share=1.0)(signal(), None, [seed])
        assert sum(np.ptp(moved[:, k]) > 0 for k in range(2)) == 1


def test_noise_on_a_table_leaves_categories_and_missing_values() -> None:
    x = np.array([10.0, 3.0, np.nan], np.float32)
    table = np.array([[0.0, 0.0, 0.0], [4.0, 1.0, 1.0]])
    change = RowChanges(
        [{"GaussianNoise": {"sigma": 0.5, "p": 1}}], table, np.array([True, False, True])
    )
    drawn = np.stack([change(x, None, [seed])[0] for seed in range(2000)])
    assert (drawn[:, 1] == 3).all() and np.isnan(drawn[:, 2]).all()
    assert drawn[:, 0].mean() == pytest.approx(10, abs=0.2)
    assert drawn[:, 0].std() == pytest.approx(2, rel=0.06)


def test_the_spread_is_that_of_the_training_part() -> None:
    x = np.random.default_rng(0).normal(3, 2, (500, 2)).astype(np.float32)
    x[7, 0] = np.nan
    part = Part(Samples(x, np.zeros(500), "regression", "table"), np.arange(100))
    own = x[:100].astype(np.float64)
    assert spread(part)[0] == pytest.approx(np.nanmean(own, axis=0))
    assert spread(part)[1] == pytest.approx(np.nanstd(own, axis=0))


# -- Whole batches


def table_part(targets: np.ndarray, classes: tuple[str, ...] = ()) -> Part:
    x = np.random.default_rng(0).normal(size=(len(targets), 3)).astype(np.float32)
    x[:, 2] = np.arange(len(targets)) % 2
    columns = (Column("a"), Column("b"), Column("c", ("no", "yes")))
    task = "classification" if classes else "regression"
    samples = Samples(x, targets, task, "table", class_names=classes, columns=columns)
    return Part(samples, np.arange(len(targets)))


def mix(
    part: Part, *steps: Any, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    augmenter = Augmenter(Policy("p", tuple(steps)), part, 0)
    return augmenter.mix(part.inputs(), part.targets, weights, np.arange(len(part)), 0)


def test_mixup_mixes_inputs_and_labels_in_the_same_shares() -> None:
    labels = np.arange(40, dtype=np.int32) % 4
    part = table_part(labels, ("a", "b", "c", "d"))
    inputs, targets, weights = mix(part, {"MixUp": {"alpha": 1.0, "p": 1}})
    assert weights is None and targets.shape == (40, 4)
    assert targets.sum(axis=1) == pytest.approx(np.ones(40), abs=1e-6)
    own = targets[np.arange(40), labels]
    assert (own >= 0.5 - 1e-6).all() and own.min() < 0.7
    x = part.inputs()
    assert np.array_equal(inputs[:, 2], x[:, 2])  # categories stay those of the sample itself
    for k in range(40):
        # Each is on the line between itself and one other sample, at that share.
        share = 1 - own[k] if own[k] < 1 else 0.0
        distances = np.abs(inputs[k, :2] - ((1 - share) * x[k, :2] + share * x[:, :2])).max(axis=1)
        assert own[k] == 1 or distances.min() < 1e-5


def test_numbers_are_mixed_in_the_same_shares_as_their_inputs() -> None:
    part = table_part(np.arange(30, dtype=np.float32))
    part.samples.inputs[:, 0] = np.arange(30)
    inputs, targets, _ = mix(part, {"MixUp": {"alpha": 1.0, "p": 1}})
    assert targets == pytest.approx(inputs[:, 0], abs=1e-4)
    assert np.abs(targets - np.arange(30)).max() > 1


def test_class_weights_are_those_of_both_samples() -> None:
    """The loss of a mixed sample is the sum of both shares, each times its own weight."""
    labels = np.arange(40, dtype=np.int32) % 2
    part = table_part(labels, ("a", "b"))
    own = np.array([1.0, 5.0])[labels]
    step = {"MixUp": {"alpha": 1.0, "p": 1}}
    _, plain, _ = mix(part, step)
    _, targets, weights = mix(part, step, weights=own)
    assert weights is not None
    assert weights[:, None] * targets == pytest.approx(plain * np.array([1.0, 5.0]), abs=1e-5)


def test_shares_are_used_even_where_nothing_is_mixed() -> None:
    """So that all batches are of one shape."""
    labels = np.arange(10, dtype=np.int32) % 2
    part = table_part(labels, ("a", "b"))
    inputs, targets, _ = mix(part, {"MixUp": {"p": 0}})
    assert np.array_equal(inputs, part.inputs())
    assert np.array_equal(targets, np.eye(2)[labels])


def image_part(dense: bool) -> Part:
    levels = np.arange(1, 13, dtype=np.uint8)
    x = np.broadcast_to(levels[:, None, None, None] * 20, (12, 16, 24, 3)).copy()
    labels: Any = (levels % 3).astype(np.int32)
    if dense:
        labels = np.broadcast_to(levels[:, None, None] % 3, (12, 16, 24)).astype(np.uint8).copy()
        labels[0, :4] = IGNORED
    task = "segmentation" if dense else "classification"
    samples = Samples(x, labels, task, "image", class_names=("a", "b", "c"), maximum=255)
    return Part(samples, np.arange(12))


def test_cutmix_counts_labels_by_area() -> None:
    part = image_part(dense=False)
    inputs, targets, _ = mix(part, {"CutMix": {"p": 1}})
    labels = part.targets
    for k in range(12):
        levels, counts = np.unique(inputs[k, ..., 0], return_counts=True)
        assert len(levels) <= 2 and set(levels) <= set(range(20, 241, 20))
        shares = np.zeros(3)
        for level, count in zip(levels, counts, strict=True):
            shares[labels[level // 20 - 1]] += count / counts.sum()
        assert targets[k] == pytest.approx(shares, abs=1e-6)


def test_cutmix_pastes_masks_with_images() -> None:
    part = image_part(dense=True)
    inputs, targets, _ = mix(part, {"CutMix": {"p": 1}})
    assert targets.shape == (12, 16, 24, 3)
    ignored = targets.sum(axis=-1) == 0
    assert ignored.any() and (ignored | (targets.sum(axis=-1) == 1)).all()
    said = targets.argmax(axis=-1)[~ignored]
    assert np.array_equal(said, (inputs[..., 0] // 20 % 3)[~ignored])


def test_mixup_of_masks_gives_shares_that_leave_ignored_pixels_out() -> None:
    part = image_part(dense=True)
    _, targets, _ = mix(part, {"MixUp": {"alpha": 1.0, "p": 1}})
    total = targets.sum(axis=-1)
    assert ((total <= 1 + 1e-6) & (total >= 0)).all()
    assert np.allclose(total[:, 8:], 1)


def test_positions_become_one_hot_rows() -> None:
    masks = np.array([[[0, 2], [IGNORED, 1]]], np.uint8)
    assert one_hot(masks, 3).tolist() == [[[[1, 0, 0], [0, 0, 1]], [[0, 0, 0], [0, 1, 0]]]]
