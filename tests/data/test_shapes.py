"""Generated pictures of shapes: masks that fit, and classes that a pixel's value does not tell."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mlzoo.sources._scenes import scenes
from mlzoo.sources._shapes import CLASSES, SIDE, depth_of, shapes


def drawn(count: int = 80, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    return shapes(count, noise, np.random.default_rng(2))


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_shapes_of_one_size_have_one_area(kind: int) -> None:
    y, x = np.mgrid[-40:40:0.25, -40:40:0.25]
    areas = [(depth_of(x, y, kind, 10, angle) > 0).sum() / 16 for angle in (0.0, 0.4)]
    np.testing.assert_allclose(areas, np.pi * 100, rtol=0.01)


def test_corners_are_where_they_belong() -> None:
    """A square of circumradius r has its sides r / sqrt 2 from the centre, along its normals."""
    reach = 10 * np.sqrt(2 * np.pi / 4)
    side = depth_of(np.array([0.0, reach / np.sqrt(2)]), np.zeros(2), 2, 10, 0.0)
    np.testing.assert_allclose(side, [reach / np.sqrt(2), 0], atol=1e-9)


def test_one_to_four_shapes_that_do_not_touch() -> None:
    pictures, masks = drawn()
    assert pictures.shape == (80, SIDE, SIDE, 1) and pictures.dtype == np.uint8
    counts = []
    for mask in masks:
        pieces, found = ndimage.label(mask > 0, np.ones((3, 3)))
        counts.append(found)
        for piece in range(1, found + 1):
            assert len(np.unique(mask[pieces == piece])) == 1, "a piece is of one class"
    assert set(counts) == {1, 2, 3, 4}
    assert set(np.unique(masks)) == set(range(len(CLASSES)))
    assert not masks[:, [0, -1]].any() and not masks[:, :, [0, -1]].any()


def test_masks_stand_where_brightness_changes() -> None:
    """Within a shape the ground is moved by at least 35 gray levels, at its rim by less."""
    pictures, masks = shapes(40, 0.0, np.random.default_rng(0))
    for picture, mask in zip(pictures[..., 0].astype(float), masks, strict=True):
        inner = ndimage.binary_erosion(mask > 0, iterations=2)
        outer = ~ndimage.binary_dilation(mask > 0, iterations=2)
        y, x = np.nonzero(outer)
        plane = np.linalg.lstsq(np.stack([x, y, np.ones_like(x)], 1), picture[outer], rcond=None)
        y, x = np.nonzero(inner)
        ground = np.stack([x, y, np.ones_like(x)], 1) @ plane[0]
        assert np.abs(picture[inner] - ground).min() > 33


def test_a_pixel_s_value_does_not_tell_its_class() -> None:
    pictures, masks = shapes(400, 0.0, np.random.default_rng(1))
    means = [pictures[..., 0][masks == kind].mean() for kind in (1, 2, 3)]
    spread = pictures[..., 0][masks > 0].std()
    assert np.ptp(means) < spread / 4 and spread > 40


def test_scenes_hold_as_many_shapes_as_they_have_labels() -> None:
    pictures, labels = scenes(60, 0.0, np.random.default_rng(0))
    assert labels.mean(axis=0) == pytest.approx(np.full(5, 0.5), abs=0.2)
    line = np.arange(SIDE) + 0.5
    plane = np.stack([np.ones(SIDE * SIDE), np.repeat(line, SIDE), np.tile(line, SIDE)], axis=1)
    for picture, label in zip(pictures[..., 0].astype(float), labels, strict=True):
        # The ground is a plane, from which shapes stand out by 45 gray levels at least.
        edge = np.r_[picture[0], picture[-1], picture[:, 0], picture[:, -1]]
        places = np.r_[0:SIDE, -SIDE:0, 0 : SIDE * SIDE : SIDE, SIDE - 1 : SIDE * SIDE : SIDE]
        fit = np.linalg.lstsq(plane[places], edge, rcond=None)[0]
        stands_out = np.abs(picture - (plane @ fit).reshape(SIDE, SIDE)) > 22
        assert ndimage.label(stands_out, np.ones((3, 3)))[1] == label.sum()
