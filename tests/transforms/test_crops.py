from __future__ import annotations

import functools
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlzoo.augmentation import crops
from mlzoo.augmentation.choosing import choose
from mlzoo.augmentation.crops import Views, cut, grid
from mlzoo.data import loading
from mlzoo.data.images import images
from mlzoo.data.images.tiles import Tiling
from mlzoo.data.masks import pairs
from mlzoo.data.masks.masks import LazyMasks, lazy_masks
from mlzoo.data.policies import Policy
from mlzoo.data.quality.validation import check_images
from mlzoo.data.samples import Part, Samples
from mlzoo.data.specs import IGNORED
from tests.data.pictures import config, noise, save

TILE = Tiling(64, 0)
SIZES = [(100, 150), (64, 64), (70, 200), (40, 100), (30, 20)]


def code(rows: Any, columns: Any) -> Any:
    """A class that tells where a pixel was."""
    return (rows * 7 + columns * 13) % 250


def scene(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """An image whose first two channels are a pixel's row and column, and its mask."""
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([rows, columns, code(rows, columns)], axis=-1).astype(np.uint8)
    return image, image[..., 2]


def made(sizes: list[tuple[int, int]] = SIZES, fields: bool = False) -> Part:
    """A part of images of these sizes in one frame, whose padding is 201 and ignored."""
    height, width = np.max(sizes, axis=0)
    x = np.full((len(sizes), height, width, 3), 201, np.uint8)
    y = np.full((len(sizes), height, width), IGNORED, np.uint8)
    for image, mask, size in zip(x, y, sizes, strict=True):
        image[: size[0], : size[1]], mask[: size[0], : size[1]] = scene(*size)
    targets: np.ndarray = y
    if fields:
        targets = np.where(y == IGNORED, np.nan, y).astype(np.float32)[..., None].repeat(2, -1)
    task = "fields" if fields else "segmentation"
    samples = Samples(x, targets, task, "image", maximum=255, sizes=np.array(sizes))
    return Part(samples, np.arange(len(sizes)))


def views_of(part: Part, tiling: Tiling | None, augment: str, seed: int) -> Views:
    """What a network is fed of a part under a preset."""
    return Views(part, tiling, choose(augment, part), seed)


def aligned(image: np.ndarray, target: np.ndarray) -> bool:
    """Whether the target is that of the image wherever it counts."""
    rows, columns = image[..., 0].astype(int), image[..., 1].astype(int)
    counts = target != IGNORED
    return bool((code(rows, columns)[counts] == target[counts]).all())


# -- Crops


@pytest.mark.parametrize("augment", ["none", "flips"])
def test_crops_lie_inside_their_image_and_targets_follow(augment: str) -> None:
    part = made()
    found = views_of(part, TILE, augment, seed=1)
    assert np.bincount(found.samples).tolist() == [2 * 3, 1, 2 * 4, 2, 1]
    assert len(found) == 18
    assert found.shape == (64, 64, 3)
    tops = set()
    for epoch in range(40):
        inputs, targets, _ = found.batch(np.arange(len(found)), epoch)
        assert (inputs.shape, inputs.dtype) == ((18, 64, 64, 3), np.uint8)
        assert (targets.shape, targets.dtype) == ((18, 64, 64), np.uint8)
        for sample, image, target in zip(found.samples, inputs, targets, strict=True):
            height, width = SIZES[sample]
            assert aligned(image, target)
            # Nothing of the frame's padding, and what the image has is all there.
            rows, columns = np.unique(image[..., 0]), np.unique(image[..., 1])
            assert rows.max() < height and columns.max() < width
            assert len(rows) == min(64, height) == np.ptp(rows) + 1
            assert len(columns) == min(64, width) == np.ptp(columns) + 1
            assert (target != IGNORED).sum() == min(64, height) * min(64, width)
            if sample == 0:
                tops.add((int(rows[0]), int(columns[0])))
    # From one end to the other.
    assert {top for top, _ in tops} >= {0, 36}
    lefts = {left for _, left in tops}
    assert min(lefts) <= 2 and max(lefts) >= 84 and len(lefts) > 60


@pytest.mark.parametrize(("balanced", "low", "high"), [(False, 0.0, 0.05), (True, 0.25, 0.42)])
def test_a_third_of_the_crops_is_centered_on_rarer_classes(balanced, low, high) -> None:
    inputs = np.zeros((1, 512, 512, 1), np.uint8)
    mask = np.zeros((1, 512, 512), np.uint8)
    # The second is too near to a corner to be in the middle.
    mask[0, 300, 200], mask[0, 20, 500] = 1, 2
    mask[0, :10, :10] = IGNORED
    pixels = np.array([[512 * 512 - 102, 1, 1]])
    samples = Samples(inputs, mask, "segmentation", "image", maximum=255, pixels=pixels)
    views = Views(Part(samples, np.arange(1)), TILE, Policy("none"), 3, balanced)
    drawn = np.stack([views.batch(np.array([0]), epoch)[1][0] for epoch in range(600)])
    assert views.batch(np.array([0]), 5)[1][0].tolist() == drawn[5].tolist()
    centered, cornered = drawn[:, 32, 32] == 1, drawn[:, 20, 52] == 2
    assert low <= (centered | cornered).mean() <= high
    if balanced:
        assert abs(centered.mean() - cornered.mean()) < 0.08


def test_small_images_are_mirrored_and_the_mirror_image_is_ignored() -> None:
    image, target, _ = views_of(made([(30, 20)]), TILE, "none", 0).batch(np.array([0]), 0)
    original, mask = scene(30, 20)
    assert np.array_equal(image[0, :30, :20], original)
    assert np.array_equal(target[0, :30, :20], mask)
    assert np.array_equal(image[0, 30:60], image[0, :30][::-1])
    assert np.array_equal(image[0, :, 20:40], image[0, :, :20][:, ::-1])
    assert np.array_equal(image[0, :, 40:60], image[0, :, :20])
    assert (target[0, 30:] == IGNORED).all() and (target[0, :, 20:] == IGNORED).all()


def test_fields_beyond_the_end_are_nan() -> None:
    part = made([(30, 64)], fields=True)
    image, target, _ = views_of(part, TILE, "none", 0).batch(np.array([0]), 0)
    assert target.shape == (1, 64, 64, 2)
    assert np.array_equal(target[0, :30], part.target(0))
    assert np.isnan(target[0, 30:]).all()
    assert image[..., :2].max() < 64


@given(st.integers(1, 200), st.integers(1, 200), st.integers(0, 199), st.integers(0, 199))
@settings(max_examples=50, deadline=None)
def test_cutting_anywhere(height: int, width: int, top: int, left: int) -> None:
    image, mask = scene(height, width)
    top, left = min(top, height - 1), min(left, width - 1)
    crop, target = cut(image, mask, top, left, 64)
    assert crop.shape == (64, 64, 3) and target.shape == (64, 64)
    assert np.array_equal(crop[0, 0], image[top, left])
    assert aligned(crop, target)
    assert (target != IGNORED).sum() == min(64, height - top) * min(64, width - left)


# -- Order


@pytest.mark.parametrize("tiling", [None, TILE])
def test_the_same_seed_epoch_and_view_give_the_same(tiling: Tiling | None) -> None:
    one, other = (views_of(made(), tiling, "flips", seed=3) for _ in range(2))
    order = one.order(2)
    assert np.array_equal(order, other.order(2))
    together = one.batch(order, 2)
    for place in reversed(range(len(order))):  # each alone, in another order
        alone = other.batch(order[place : place + 1], 2)
        assert np.array_equal(alone[0][0], together[0][place])
        assert np.array_equal(alone[1][0], together[1][place])
    for changed, epoch in ((one, 3), (views_of(made(), tiling, "flips", seed=4), 2)):
        assert not np.array_equal(changed.order(epoch), order)
        assert not np.array_equal(changed.batch(order, epoch)[0], together[0])


@given(st.integers(0, 99), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_every_view_comes_once_an_epoch(seed: int, epoch: int) -> None:
    for tiling, count in ((None, 5), (TILE, 18)):
        found = views_of(made(), tiling, "none", seed)
        assert sorted(found.order(epoch)) == list(range(count)) == list(range(len(found)))


# -- Whole images


def test_without_tiles_and_changes_arrays_come_as_they_are() -> None:
    part = made()
    found = views_of(part, None, "none", 0)
    assert found.shape == (100, 200, 3)
    order = found.order(0)
    inputs, targets, _ = found.batch(order, 0)
    assert inputs.dtype == np.uint8
    assert np.array_equal(inputs, part.samples.inputs[order])
    assert np.array_equal(targets, part.samples.targets[order])


def test_a_part_gives_its_own_samples() -> None:
    part = Part(made().samples, np.array([2, 0]))
    for tiling in (None, TILE):
        found = views_of(part, tiling, "none", 0)
        inputs, targets, _ = found.batch(np.arange(len(found)), 0)
        for sample, image, target in zip(found.samples, inputs, targets, strict=True):
            height, width = [(70, 200), (100, 150)][sample]
            counted = image[target != IGNORED]
            assert counted[:, 0].max() < height and counted[:, 1].max() < width
            assert len(counted) == (64 * 64 if tiling else height * width)


def test_whole_images_are_flipped_within_their_frame() -> None:
    part = made([(60, 50), (64, 64)])
    found = views_of(part, None, "flips", 0)
    corners: Counter[Any] = Counter()
    for epoch in range(60):
        inputs, targets, _ = found.batch(np.arange(2), epoch)
        assert inputs.shape == (2, 64, 64, 3)
        for image, target, (height, width) in zip(
            inputs, targets, [(60, 50), (64, 64)], strict=True
        ):
            assert aligned(image, target)
            assert (target != IGNORED).sum() == height * width
        corners[tuple(inputs[1, 0, 0, :2].tolist()), tuple(inputs[1, 0, -1, :2].tolist())] += 1
    assert len(corners) == 8


@pytest.mark.parametrize("tiling", [None, TILE])
def test_arrays_without_a_maximum_keep_their_own_range(tiling: Tiling | None) -> None:
    x = (300 * np.random.default_rng(0).normal(size=(3, 64, 64, 1))).astype(np.float32)
    samples = Samples(x, (x[..., 0] > 0).astype(np.uint8), "segmentation", "array")
    found = views_of(Part(samples, np.arange(3)), tiling, "microscopy", 0)
    inputs, targets, _ = found.batch(np.arange(3), 0)
    assert inputs.dtype == np.float32 and set(np.unique(targets)) == {0, 1}
    assert x.min() <= inputs.min() < -500 and 500 < inputs.max() <= x.max()


# -- Files that stay on disk


def stored(root: Path, count: int, height: int = 128, width: int = 128) -> Part:
    for seed in range(count):
        image = noise(seed, height, width)
        save(root / f"images/{seed:03d}.png", image)
        save(root / f"masks/{seed:03d}.png", (image[..., 0] > 128).astype(np.uint8))
    samples = loading.read(config(root))
    return Part(samples, np.arange(count))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Nothing is kept in memory, and every file that is read is counted."""
    for function in (check_images, lazy_masks):
        small = functools.partial(function, cache_bytes=0)
        monkeypatch.setattr(pairs, function.__name__, small)
    counted: Counter[str] = Counter()
    decode, read = images.decode, LazyMasks._read
    monkeypatch.setattr(
        images,
        "decode",
        lambda path, header: (counted.update([path.name]), decode(path, header))[1],
    )
    monkeypatch.setattr(
        LazyMasks,
        "_read",
        lambda self, file: (counted.update([f"m{file.path.name}"]), read(self, file))[1],
    )
    return counted


def epoch_of(found: Views, epoch: int, batch: int) -> list[int]:
    """The samples of an epoch's views in order, after all were made."""
    order = found.order(epoch)
    for start in range(0, len(order), batch):
        inputs, targets, _ = found.batch(order[start : start + batch], epoch)
        assert np.array_equal(inputs[..., 0] > 128, targets == 1)
    assert sorted(order) == list(range(len(found)))
    return found.samples[order].tolist()


@pytest.mark.parametrize("window", [1, 3, 9, 100])
def test_files_are_read_once_an_epoch(
    tmp_path: Path, reads: Counter[str], monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    part = stored(tmp_path, 10)
    assert not part.samples.inputs.cached
    monkeypatch.setattr(crops, "CACHE_BYTES", window * 128 * 128 * 3 + 5)
    found = views_of(part, TILE, "none", 0)
    reads.clear()
    orders = [epoch_of(found, epoch, 7) for epoch in range(3)]
    assert len(reads) == 20
    assert max(reads.values()) <= 3  # once in each of three epochs
    if window < 10:
        # The views of a few images at a time, other ones each epoch.
        for order in orders:
            for start in range(0, 10, window):
                some = order[4 * start : 4 * (start + window)]
                assert set(Counter(some).values()) == {4}
        firsts = [frozenset(order[: 4 * window]) for order in orders]
        assert len(set(firsts)) > 1
    if window > 1:
        assert orders[0] != sorted(orders[0])
        assert any(a != b for a, b in zip(orders[0][:4], orders[0][1:4], strict=False))


def test_many_files_in_a_window_are_kept_too(
    tmp_path: Path, reads: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    part = stored(tmp_path, 150, 64, 80)
    found = views_of(part, TILE, "none", 0)
    assert len(found) == 300
    reads.clear()
    epoch_of(found, 0, 20)
    assert set(reads.values()) == {1}


def test_files_on_disk_give_what_arrays_give(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    held = stored(tmp_path, 4)
    assert held.samples.inputs.cached
    request.getfixturevalue("reads")
    lazy = stored(tmp_path, 4)
    for tiling in (None, TILE):
        one, other = (views_of(part, tiling, "flips", 5) for part in (held, lazy))
        where = np.arange(len(one))
        for expected, found in zip(one.batch(where, 1), other.batch(where, 1), strict=True):
            assert np.array_equal(expected, found)


# -- Validation


@given(st.lists(st.tuples(st.integers(1, 150), st.integers(1, 150)), min_size=1, max_size=3))
@settings(max_examples=25, deadline=None)
def test_the_grid_covers_each_pixel_exactly_once(sizes: list[tuple[int, int]]) -> None:
    part = made(sizes)
    crops = iter(grid(part, TILE))
    for height, width in sizes:
        seen = np.zeros((height, width), int)
        for _ in range(-(-height // 64) * -(-width // 64)):
            image, target = next(crops)
            assert image.shape == (64, 64, 3)
            assert aligned(image, target)
            assert image[..., 0].max() < height and image[..., 1].max() < width
            counted = image[target != IGNORED]
            np.add.at(seen, (counted[:, 0], counted[:, 1]), 1)
        assert (seen == 1).all()
    assert next(crops, None) is None
