from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from mlzoo.data.images.decoding import mirrored
from mlzoo.layers.padding import CropLike, PadToMultiple

SIZES = [(1, 1), (1, 9), (2, 3), (3, 2), (5, 8), (8, 16), (13, 31), (33, 7)]
# On JAX each operation is compiled for each size.
MARKED = [
    pytest.param(size, marks=pytest.mark.backends if size in ((2, 3), (13, 31)) else ())
    for size in SIZES
]


def picture(height: int, width: int, channels: int = 2, count: int = 3) -> np.ndarray:
    random = np.random.default_rng(height * 100 + width)
    return random.random((count, height, width, channels)).astype("float32")


def numbers(tensor: object) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


def expected(x: np.ndarray, multiple: int) -> np.ndarray:
    """Mirrored again and again until it is large enough, then cut."""
    _, height, width, _ = x.shape
    high, wide = (-(-side // multiple) * multiple for side in (height, width))
    while x.shape[1] < high:
        x = np.concatenate([x, x[:, ::-1]], axis=1)
    while x.shape[2] < wide:
        x = np.concatenate([x, x[:, :, ::-1]], axis=2)
    return x[:, :high, :wide]


@pytest.fixture(scope="module")
def open_model() -> keras.Model:
    """Pads and crops images of any size, with something between that depends on the padding."""
    tensor = keras.Input((None, None, 2), name="input")
    padded = PadToMultiple(8, name="pad")(tensor)
    pooled = keras.layers.AveragePooling2D(8, name="pool")(padded)
    large = keras.layers.UpSampling2D(8, name="up")(pooled)
    return keras.Model(tensor, [padded, CropLike(name="crop")([large, tensor])])


@pytest.mark.parametrize("size", MARKED)
@pytest.mark.parametrize("multiple", [1, 4, 8, 32])
def test_images_are_mirrored_at_the_right_and_below(size: tuple[int, int], multiple: int) -> None:
    x = picture(*size)
    found = numbers(PadToMultiple(multiple)(x))
    assert np.array_equal(found, expected(x, multiple))
    # As the files of images that are padded into one frame.
    assert np.array_equal(found[0], mirrored(x[0], *found.shape[1:3]))


@pytest.mark.parametrize("size", MARKED)
def test_open_and_fixed_sizes_give_the_same(open_model: keras.Model, size: tuple[int, int]) -> None:
    x = picture(*size)
    tensor = keras.Input((*size, 2))
    fixed = keras.Model(tensor, PadToMultiple(8)(tensor))
    padded, cropped = open_model(x)
    assert np.array_equal(numbers(padded), expected(x, 8))
    assert np.array_equal(numbers(fixed(x)), expected(x, 8))
    assert fixed.output_shape == (None, *expected(x, 8).shape[1:])
    assert cropped.shape == x.shape
    means = expected(x, 8).reshape(3, -(-size[0] // 8), 8, -(-size[1] // 8), 8, 2).mean((2, 4))
    large = means.repeat(8, 1).repeat(8, 2)[:, : size[0], : size[1]]
    np.testing.assert_allclose(numbers(cropped), large, atol=1e-6)


@pytest.mark.backends
def test_compiled_prediction_takes_one_size_after_another(open_model: keras.Model) -> None:
    for size in SIZES[3:6]:
        padded, cropped = open_model.predict_on_batch(picture(*size))
        assert np.array_equal(padded, expected(picture(*size), 8))
        assert cropped.shape == picture(*size).shape


def test_shapes_are_known_where_sides_are() -> None:
    pad = PadToMultiple(16)
    assert pad.compute_output_shape((None, 5, 32, 3)) == (None, 16, 32, 3)
    assert pad.compute_output_shape((None, None, 33, 1)) == (None, None, 48, 1)
    assert pad.compute_output_shape((2, None, None, 3)) == (2, None, None, 3)
    assert pad(keras.KerasTensor((None, None, None, 3))).shape == (None, None, None, 3)
    crop = CropLike()
    shapes = [(None, 16, 48, 7), (None, 5, 33, 3)]
    assert crop.compute_output_shape(shapes) == (None, 5, 33, 7)
    open_ = [keras.KerasTensor((None, None, None, 7)), keras.KerasTensor((None, None, 9, 3))]
    assert crop(open_).shape == (None, None, 9, 7)


def test_cropping_takes_the_upper_left() -> None:
    x, like = picture(9, 12), picture(4, 12, 5)
    assert np.array_equal(numbers(CropLike()([x, like])), x[:, :4])


def test_half_precision_keeps_its_type() -> None:
    x = picture(5, 3).astype("float16")
    found = PadToMultiple(4, dtype="float16")(x)
    assert keras.backend.standardize_dtype(found.dtype) == "float16"
    assert np.array_equal(numbers(found), expected(x, 4))


@pytest.mark.backends
def test_gradients_pass_through() -> None:
    """Each pixel gets as many as there are copies of it."""
    tensor = keras.Input((3, 2, 1))
    weight = keras.layers.EinsumDense("bhwc,hwc->bhwc", (3, 2, 1), kernel_initializer="ones")
    padded = PadToMultiple(4)(weight(tensor))
    model = keras.Model(tensor, keras.layers.GlobalAveragePooling2D()(padded))
    model.compile(keras.optimizers.SGD(1.0), "mae")
    model.train_on_batch(np.ones((1, 3, 2, 1), "float32"), np.zeros((1, 1), "float32"))
    change = 1 - model.get_weights()[0][..., 0]
    np.testing.assert_allclose(change, np.array([[2, 2], [2, 2], [4, 4]]) / 16, atol=1e-6)


def test_configuration_and_file(open_model: keras.Model, tmp_path: Path) -> None:
    pad = PadToMultiple.from_config(PadToMultiple(24, name="p").get_config())
    assert (pad.multiple, pad.name) == (24, "p")
    again = keras.layers.deserialize(keras.layers.serialize(PadToMultiple(5)))
    assert isinstance(again, PadToMultiple) and again.multiple == 5
    open_model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    x = picture(13, 31)
    for one, other in zip(open_model(x), loaded(x), strict=True):
        assert np.array_equal(numbers(one), numbers(other))
