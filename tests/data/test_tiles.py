from __future__ import annotations

import functools
import math
import tracemalloc

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo.data.images.decoding import mirrored
from mlzoo.data.images.tiles import BLEND, GRID, Cutting, Predict, Tiling, seams, strips
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.layers.receptive_field import reach

TILINGS = st.integers(2, 16).flatmap(
    lambda side: st.builds(
        lambda shared: Tiling(GRID * side, GRID * shared), st.integers(0, side // 2)
    )
)


def whole(image: np.ndarray, predict: Predict, tiling: Tiling | None) -> np.ndarray:
    return np.concatenate(list(strips(image, predict, tiling)))


# -- Where tiles lie


@given(TILINGS, st.integers(1, 3000))
def test_tiles_cover_every_length(tiling: Tiling, length: int) -> None:
    starts = tiling.starts(length)
    assert starts[0] == 0
    assert all(start % GRID == 0 for start in starts)
    assert np.diff(starts).tolist() == [tiling.side - tiling.overlap] * (len(starts) - 1)
    assert starts[-1] + tiling.side >= length
    # No tile that the one before it makes needless: the last one has more than its shared pixels.
    assert len(starts) == 1 or length - starts[-1] > tiling.overlap


@given(TILINGS, st.integers(1, 3000))
def test_weights_of_all_tiles_sum_to_1_at_every_pixel(tiling: Tiling, length: int) -> None:
    starts = tiling.starts(length)
    total = np.zeros(starts[-1] + tiling.side)
    for number, start in enumerate(starts):
        weights = tiling.weights(number, len(starts))
        assert weights.dtype == np.float32
        assert weights.min() >= 0 and weights.max() <= 1
        total[start : start + tiling.side] += weights
        # What a tile saw with its surroundings cut off, by another tile's beginning, is left out.
        margin = tiling.margin
        assert number == 0 or not weights[:margin].any()
        assert number == len(starts) - 1 or not weights[tiling.side - margin :].any()
        assert 2 * margin == tiling.overlap - min(tiling.overlap // 4, BLEND)
    np.testing.assert_allclose(total, 1, atol=2e-7)


@pytest.mark.parametrize(
    ("side", "overlap"), [(64, 48), (100, 32), (64, 64), (128, 96), (64, -32), (32, 32)]
)
def test_tilings_that_do_not_fit_are_refused(side: int, overlap: int) -> None:
    with pytest.raises(UsageError, match=f"tiles of {side} pixels that share {overlap}: both must"):
        Tiling(side, overlap)


def never() -> float:
    raise AssertionError("the reach costs seconds: it is asked only where an image is cut")


@pytest.mark.parametrize(
    ("tile", "overlap", "size", "expected"),
    [
        ("auto", None, (1024, 1024), None),
        ("auto", 0, (2000, 2000), (512, 0)),
        ("none", None, (9000, 9000), None),
        (64, 0, (100, 100), (64, 0)),
        (64, 32, (10, 100), (64, 32)),
        # Tiles are no larger than the image.
        (64, 32, (10, 10), (32, 0)),
        (20000, None, (400, 300), (416, 0)),
        (20000, 128, (300, 416), (416, 0)),
        (256, 128, (256, 256), (256, 128)),
    ],
)
def test_choice(
    tile: int | str, overlap: int | None, size: tuple[int, int], expected: tuple[int, int] | None
) -> None:
    found = Cutting(tile, overlap, never)(*size)
    assert found == (None if expected is None else Tiling(*expected))
    if found is not None and found.holds(*size):
        assert seams(found, *size, never) is None


@pytest.mark.parametrize(
    ("tile", "size", "reach", "overlap"),
    [
        ("auto", (1024, 1025), 46, 128),
        ("auto", (1024, 1025), 57, 160),
        ("auto", (1024, 1025), 109, 256),
        ("auto", (1024, 1025), math.inf, 256),
        (256, (300, 300), 12, 32),
        (256, (300, 300), 13, 64),
        (256, (300, 300), 0, 32),
        (96, (300, 300), 46, 32),
    ],
)
def test_tiles_share_what_the_network_needs_and_at_most_half(
    tile: int | str, size: tuple[int, int], reach: float, overlap: int
) -> None:
    cut = Cutting(tile, None, lambda: reach)
    side = 512 if tile == "auto" else tile
    assert cut(*size) == Tiling(side, overlap)
    enough = Tiling(side, overlap).margin >= reach
    assert (seams(cut(*size), *size, cut.reach) is None) == enough


def test_tiles_that_share_too_little_are_told_with_what_would_do() -> None:
    text = seams(Tiling(512, 128), 600, 600, lambda: 94)
    assert text is not None and "that share 128 may show seams: the network sees 94 pixels" in text
    assert "--tile 512 --overlap 224" in text
    assert "--tile 448 --overlap 224" in str(seams(Tiling(96, 32), 600, 600, lambda: 94))
    assert seams(Tiling(448, 224), 600, 600, lambda: 94) is None
    assert "--tile none" in str(seams(Tiling(512, 256), 600, 600, lambda: math.inf))
    assert seams(None, 600, 600, never) is None


def test_an_overlap_that_does_not_fit_the_chosen_tiles_is_refused() -> None:
    assert Cutting("auto", 512, never)(100, 100) is None
    with pytest.raises(UsageError, match="tiles of 512 pixels that share 512"):
        Cutting("auto", 512, never)(4000, 4000)


# -- Putting together


def affine(units: int) -> Predict:
    """A function of each pixel alone, with sums of 1 and of whole numbers that floats hold."""

    def predict(images: np.ndarray) -> np.ndarray:
        assert images.shape[0] == 1
        first = images[..., :1].astype(np.float32)
        return np.concatenate([(unit + 1) * first + unit for unit in range(units)], axis=-1)

    return predict


SIZES = [(1, 1), (5, 700), (31, 33), (64, 64), (65, 64), (97, 101), (96, 160), (130, 257)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("units", [1, 2, 3])
@pytest.mark.parametrize("tiling", [Tiling(64, 0), Tiling(64, 32), Tiling(128, 64)])
def test_pixelwise_predictions_in_tiles_are_those_of_the_whole(
    size: tuple[int, int], units: int, tiling: Tiling
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    expected = whole(image, affine(units), None)
    assert expected.shape == (*size, units)
    found = list(strips(image, affine(units), tiling))
    # Rows from the top, without gaps, and none beyond the end.
    heights = [len(strip) for strip in found]
    assert sum(heights) == size[0] and min(heights) > 0
    assert all(height == tiling.stride for height in heights[:-1])
    assert np.array_equal(np.concatenate(found), expected)


@given(TILINGS, st.integers(1, 400), st.integers(1, 400))
@settings(max_examples=25, deadline=None)
def test_other_overlaps_are_exact_but_for_rounding(tiling: Tiling, height: int, width: int) -> None:
    image = np.random.default_rng(0).random((height, width, 1), np.float32)
    found = whole(image, affine(2), tiling)
    np.testing.assert_allclose(found, whole(image, affine(2), None), rtol=0, atol=1e-6)


def test_strips_are_not_changed_afterwards() -> None:
    image = np.random.default_rng(0).integers(0, 256, (300, 90, 1), np.uint8)
    kept = []
    for strip in strips(image, affine(1), Tiling(64, 32)):
        kept.append((strip, strip.copy()))
    assert len(kept) > 3
    assert all(np.array_equal(strip, copy) for strip, copy in kept)


def test_tiles_beyond_the_end_are_mirrored_and_all_of_one_size() -> None:
    image = np.random.default_rng(0).integers(0, 256, (70, 40, 2), np.uint8)
    seen = []

    def predict(images: np.ndarray) -> np.ndarray:
        seen.append(images[0])
        return images[..., :1].astype(np.float32)

    whole(image, predict, Tiling(64, 32))
    assert [tile.shape for tile in seen] == [(64, 64, 2)] * 2
    assert np.array_equal(seen[0], np.concatenate([image, image[:, :15:-1]], axis=1)[:64])
    assert np.array_equal(seen[1][:38, :40], image[32:])
    assert np.array_equal(seen[1][38:, :40], image[69:43:-1])
    assert np.array_equal(mirrored(image[32:], 64, 64), seen[1])


@pytest.mark.parametrize("size", [(40, 300), (300, 40), (20, 30)])
def test_tiles_are_no_larger_than_the_image_along_either_axis(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 1), np.uint8)
    seen = set()

    def predict(images: np.ndarray) -> np.ndarray:
        seen.add(images.shape[1:3])
        return affine(2)(images)

    found = whole(image, predict, Tiling(128, 32))
    assert seen == {tuple(min(128, -(-side // GRID) * GRID) for side in size)}
    assert np.array_equal(found, whole(image, affine(2), None))


def test_memory_follows_the_tiles_and_the_width_and_not_the_height() -> None:
    tiling, units = Tiling(64, 32), 4

    def peak(height: int, width: int) -> int:
        image = np.zeros((height, width, 1), np.uint8)
        tracemalloc.start()
        for strip in strips(image, affine(units), tiling):
            assert strip.shape[1:] == (width, units)
        try:
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    short, tall = peak(256, 64), peak(16 * 256, 64)
    assert tall < 1.3 * short
    assert 16 * 256 * 64 * units * 4 > 5 * tall  # all outputs together would be more than that
    assert peak(256, 16 * 64) > 4 * short  # so that the measurement is known to measure


# -- With a network


@functools.cache
def network(name: str = "unet", fields: bool = False, **settings: object) -> keras.Model:
    """A network whose weights and statistics are nothing special."""
    keras.utils.set_random_seed(0)
    plugin = registry.load("model", name)
    scaling = [keras.layers.serialize(keras.layers.Rescaling(1 / 255, name="scaling"))]
    inputs = Inputs((None, None, 1), "image", "uint8", scaling)
    outputs = Outputs("fields" if fields else "segmentation", 3)
    model = plugin.build(plugin.Config(**settings), inputs, outputs)
    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            scale, shift, mean, variance = layer.get_weights()
            layer.set_weights(
                [
                    random.uniform(0.5, 1.5, scale.shape),
                    random.normal(0, 0.3, shift.shape),
                    random.normal(0, 0.3, mean.shape),
                    random.uniform(0.5, 2, variance.shape),
                ]
            )
    return model


def output(model: keras.Model, images: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(images, training=False))


def small() -> keras.Model:
    return network(depth=2, filters=4)


def picture(height: int, width: int) -> np.ndarray:
    """An image that no tile divides."""
    random = np.random.default_rng(0)
    smooth = random.random((height // 40 + 1, width // 40 + 1)).repeat(40, 0).repeat(40, 1)
    smooth = smooth[:height, :width]
    return (200 * smooth + 55 * random.random(smooth.shape)).astype(np.uint8)[..., None]


@pytest.fixture(scope="module")
def scene() -> tuple[np.ndarray, np.ndarray]:
    """An image and its prediction as a whole."""
    image = picture(521, 643)
    return image, output(small(), image[None])[0]


def worst(
    model: keras.Model, scene: tuple[np.ndarray, np.ndarray], tiling: Tiling | None, border: int
) -> float:
    image, expected = scene
    difference = np.abs(whole(image, functools.partial(output, model), tiling) - expected)
    return float(difference[border:-border, border:-border].max())


@pytest.mark.slow
@pytest.mark.parametrize("overlap", [64, 96, 128])
def test_seams_are_invisible(scene: tuple[np.ndarray, np.ndarray], overlap: int) -> None:
    assert np.ptp(scene[1][64:-64, 64:-64], axis=(0, 1)).min() > 0.05  # it does depend on the image
    assert worst(small(), scene, Tiling(256, overlap), 64) < 1e-4


def test_seams_show_without_overlap(scene: tuple[np.ndarray, np.ndarray]) -> None:
    assert worst(small(), scene, Tiling(256, 0), 64) > 1e-2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "tile", "size", "settings"),
    [
        ("unet", 256, (420, 500), {}),
        ("unet", 448, (520, 800), {"depth": 4, "filters": 4}),
        ("unet_xception", 512, (640, 900), {"entry": 8, "down": (8, 16, 16), "up": (16, 8, 8, 8)}),
        ("unet_two_decoders", 256, (420, 500), {"filters": 4}),
    ],
)
def test_by_default_tiles_share_enough_for_the_network(
    name: str, tile: int, size: tuple[int, int], settings: dict[str, object]
) -> None:
    model = network(name, name == "unet_two_decoders", **settings)
    image = picture(*size)
    expected = output(model, image[None])[0]
    assert np.ptp(expected, axis=(0, 1)).min() > 0.01  # it does depend on the image
    cut = Cutting(tile, None, functools.cache(functools.partial(reach, model)))
    tiling, border = cut(*size), int(cut.reach())
    assert tiling is not None and seams(tiling, *size, cut.reach) is None
    assert worst(model, (image, expected), tiling, border) < 1e-4
    # So far from the border is not farther than needed.
    less = Tiling(tile, max(0, tiling.overlap - 128))
    assert seams(less, *size, cut.reach)
    assert worst(model, (image, expected), less, border) > 1e-4


def test_why_tiles_start_on_a_grid(scene: tuple[np.ndarray, np.ndarray]) -> None:
    """From another row and column on the network sees another pooling grid."""
    image, expected = scene

    def difference(start: int) -> float:
        found = output(small(), image[None, start:, start:])[0] - expected[start:, start:]
        return float(np.abs(found[64:-64, 64:-64]).max())

    assert difference(GRID) < 1e-4
    assert difference(1) > 1e-2
