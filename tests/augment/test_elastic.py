from __future__ import annotations

import cv2
import numpy as np
import pytest

from mlzoo.augment.elastic import SPREAD, deform, displacements, tone
from mlzoo.augment.policies import augment

SIDE = 64
MARKER = 9
VALUES = [0, 1, 2, 7, 255]


def scene(dtype: str, maximum: float | None) -> tuple[np.ndarray, np.ndarray]:
    """An image of which the first channel is bright on a disk that the mask marks."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    disk = (rows - 24) ** 2 + (columns - 36) ** 2 < 10**2
    mask = random.choice(VALUES, (SIDE, SIDE)).astype(np.uint8)
    mask[disk] = MARKER
    top = maximum or 1000.0
    image = random.uniform(0.2 * top, 0.4 * top, (SIDE, SIDE, 2))
    image[disk, 0] = 0.8 * top
    return image.astype(dtype), mask


@pytest.mark.parametrize(
    ("dtype", "maximum"),
    [("uint8", 255), ("uint16", 65535), ("float32", 1), ("float32", None), ("int16", None)],
)
def test_a_thousand_changes_make_no_new_mask_values_and_keep_image_and_mask_aligned(
    dtype: str, maximum: float | None
) -> None:
    image, mask = scene(dtype, maximum)
    before = image.copy(), mask.copy()
    random = np.random.default_rng(1)
    for _ in range(1000):
        image_now, mask_now = augment("elastic", image, mask, maximum, random)
        assert (image_now.shape, image_now.dtype) == (image.shape, image.dtype)
        assert (mask_now.shape, mask_now.dtype) == (mask.shape, np.uint8)
        assert set(np.unique(mask_now)) <= {*VALUES, MARKER}
        assert 255 in mask_now
        if maximum is not None:
            assert image_now.min() >= 0 and image_now.max() <= maximum
        # Where the image is bright the mask has the disk, but for one pixel at its edge.
        first = image_now[..., 0].astype(np.float64)
        bright = first > (first.max() + np.median(first)) / 2
        marked = (mask_now == MARKER).astype(np.uint8)
        edge = cv2.dilate(marked, np.ones((3, 3))) != cv2.erode(marked, np.ones((3, 3)))
        assert 200 < marked.sum() < 450
        assert (bright == marked)[~edge].all()
    assert np.array_equal(image, before[0]) and np.array_equal(mask, before[1])


@pytest.mark.parametrize(
    ("size", "spread"),
    [((33, 33), 0.66), ((65, 65), 1.3), ((65, 301), 1.3), ((513, 513), SPREAD), ((601, 901), 10)],
)
def test_displacements_fit_the_image_and_fold_nothing(size: tuple[int, int], spread: float) -> None:
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(200):
        shift_x, shift_y = displacements(*size, random)
        assert shift_x.shape == shift_y.shape == size
        # Neighbours stay in their order.
        assert np.diff(shift_x, axis=1).min() > -1 and np.diff(shift_y, axis=0).min() > -1
        # The middle pixel lies on a point of the coarse grid.
        drawn += [shift[size[0] // 2, size[1] // 2] for shift in (shift_x, shift_y)]
    assert np.std(drawn) == pytest.approx(spread, rel=0.15)


def test_a_deformation_moves_something() -> None:
    image, mask = scene("uint8", 255)
    moved, labels = deform(image, mask, np.random.default_rng(0))
    assert (moved != image).mean() > 0.5 and (labels != mask).mean() > 0.2


@pytest.mark.parametrize("level", [2, 10, 128, 250])
def test_brightness_leaves_the_structure(level: int) -> None:
    random = np.random.default_rng(0)
    image = np.clip(random.normal(level, level / 10 + 1, (SIDE, SIDE, 1)), 0, 255).astype(np.uint8)
    random = np.random.default_rng(1)
    means = []
    for _ in range(300):
        toned = tone(image, 255, random)
        assert np.corrcoef(toned.ravel(), image.ravel())[0, 1] > 0.9
        means.append(toned.mean() - image.mean())
    assert np.ptp(means) > 0.4 * image.std()


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_inputs_without_a_maximum_keep_their_range(dtype: str) -> None:
    image = (300 * np.random.default_rng(0).normal(size=(SIDE, SIDE, 1))).astype(dtype)
    random = np.random.default_rng(1)
    for _ in range(100):
        toned = tone(image, None, random)
        assert toned.min() < -300 and toned.max() > 300
        assert 0.69 < toned.std() / image.std() < 1.31


def test_whole_numbers_are_rounded_and_stay_in_their_type() -> None:
    flat = np.full((8, 8, 1), -3, np.int16)
    assert np.array_equal(tone(flat, None, np.random.default_rng(0)), flat)
    image = np.array([[0, 65535]], np.uint16)[..., None]
    signed = np.arange(-500, 500).astype(np.int16).reshape(20, 50, 1)
    for seed in range(50):
        toned = tone(image, None, np.random.default_rng(seed))
        assert toned[0, 0] < toned[0, 1]
        toned = tone(signed, None, np.random.default_rng(seed))
        exact = tone(signed.astype(np.float32), None, np.random.default_rng(seed))
        assert np.abs(toned - exact).max() <= 0.501
