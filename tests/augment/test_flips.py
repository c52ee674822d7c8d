from __future__ import annotations

import numpy as np
import pytest

from mlzoo.augment.flips import flip


def symmetries(array: np.ndarray) -> list[bytes]:
    """The eight ways in which an array can come out, the first four for rectangles too."""
    turns = [np.rot90(array, turn) for turn in (0, 2, 1, 3)]
    both = [each for turn in turns for each in (turn, turn[:, ::-1])]
    return [f"{each.shape}".encode() + each.tobytes() for each in both]


@pytest.mark.parametrize("shape", [(16, 16), (12, 20)])
def test_a_thousand_flips_keep_the_values_and_move_image_and_mask_alike(
    shape: tuple[int, int],
) -> None:
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (*shape, 3), np.uint8)
    mask = random.choice([0, 1, 2, 7, 255], shape).astype(np.uint8)
    marker = tuple(random.integers(0, side) for side in shape)
    image[image[..., 0] == 255, 0] = 254
    image[marker] = 255, 0, 255
    mask[marker] = 9
    values, counts = np.unique(mask, return_counts=True)
    allowed = symmetries(mask)[: 8 if shape[0] == shape[1] else 4]
    seen = {choice: 0 for choice in allowed}
    assert len(seen) == len(allowed)
    for _ in range(1000):
        image_now, mask_now = flip(image, mask, random)
        assert (image_now.shape, mask_now.shape) == (image.shape, mask.shape)
        assert (image_now.dtype, mask_now.dtype) == (image.dtype, mask.dtype)
        found, counted = np.unique(mask_now, return_counts=True)
        assert np.array_equal(found, values) and np.array_equal(counted, counts)
        assert np.argwhere(image_now[..., 0] == 255).tolist() == np.argwhere(mask_now == 9).tolist()
        seen[f"{mask_now.shape}".encode() + mask_now.tobytes()] += 1
    # Equally often: five standard deviations.
    share = 1 / len(allowed)
    slack = 5 * (1000 * share * (1 - share)) ** 0.5
    assert all(abs(times - 1000 * share) < slack for times in seen.values())


@pytest.mark.parametrize("shape", [(6, 6), (5, 8)])
def test_fields_move_with_their_image(shape: tuple[int, int]) -> None:
    fields = np.random.default_rng(1).normal(size=(*shape, 2)).astype(np.float32)
    fields[2, 3] = np.nan
    image = np.concatenate([fields, 2 * fields[..., :1]], axis=-1)
    random = np.random.default_rng(2)
    for _ in range(50):
        image_now, fields_now = flip(image, fields, random)
        assert fields_now.shape == fields.shape
        assert np.array_equal(image_now[..., :2], fields_now, equal_nan=True)
        assert np.isnan(fields_now).sum() == 2


def test_the_generator_decides_and_the_originals_stay() -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 1), np.uint8)
    mask = image[..., 0].copy()
    before = image.copy()
    first = [flip(image, mask, np.random.default_rng(seed))[1] for seed in range(20)]
    again = [flip(image, mask, np.random.default_rng(seed))[1] for seed in range(20)]
    assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
    assert len({each.tobytes() for each in first}) > 4
    assert np.array_equal(image, before) and np.array_equal(mask, before[..., 0])
