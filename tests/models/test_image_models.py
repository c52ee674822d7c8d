from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from mlzoo.core.errors import DataError, UsageError
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.models import alexnet, cnn, lenet, resnet


def _model(
    plugin: ModuleType, shape: tuple[int, ...], classes: int = 10, **settings: Any
) -> keras.Model:
    config = plugin.Config(**settings)
    return plugin.build(config, Inputs(shape, "image"), Outputs("classification", classes))


def _trainable(model: keras.Model) -> int:
    return sum(int(np.prod(w.shape)) for w in model.trainable_variables)


def test_lenet_has_225034_parameters() -> None:
    model = _model(lenet, (28, 28, 1))
    assert model.count_params() == 225_034
    assert [layer.name for layer in model.layers if "conv" in layer.name][::2] == ["conv1", "conv2"]
    assert [model.get_layer(n).rate for n in ("dropout", "dense_dropout")] == [0.25, 0.5]


def test_alexnet_counts() -> None:
    # torchvision's alexnet has 61,100,840 parameters.
    model = _model(alexnet, (227, 227, 3), 1000)
    assert model.count_params() == 61_100_840
    convolutions = [model.get_layer(f"conv{i}") for i in range(1, 6)]
    assert sum(layer.count_params() for layer in convolutions) == 2_469_696
    assert model.get_layer("conv1").output.shape == (None, 56, 56, 64)
    assert model.get_layer("pool5").output.shape == (None, 6, 6, 256)


def test_alexnet_begins_with_weights_of_a_file(tmp_path: Path) -> None:
    small = {"dense": (8,), "weights": str(tmp_path / "alexnet.npz")}
    donor = _model(alexnet, (63, 63, 3), 5, dense=(8,))
    names = ("conv1", "conv5", "dense1", "head")
    arrays = {
        f"{name}/{variable.name}": np.array(variable)
        for name in names
        for variable in donor.get_layer(name).weights
    }
    np.savez(tmp_path / "alexnet.npz", **arrays)
    model = _model(alexnet, (63, 63, 3), 10, train="dense", **small)
    for name in ("conv1", "conv5", "dense1"):
        kernel = np.array(model.get_layer(name).kernel)
        np.testing.assert_array_equal(kernel, arrays[f"{name}/kernel"])
    assert model.get_layer("head").kernel.shape == (8, 10), "a head for other classes is drawn"
    assert {v.path.split("/")[0] for v in model.trainable_variables} == {"dense1", "head"}
    for wrong, cause in (
        ({"conv1/kernel": np.zeros((3, 3, 3, 64))}, "conv1/kernel has shape"),
        ({"conv9/kernel": np.zeros(3)}, "conv9/kernel not in alexnet"),
    ):
        np.savez(tmp_path / "alexnet.npz", **wrong)
        with pytest.raises(DataError, match=cause):
            _model(alexnet, (63, 63, 3), **small)
    with pytest.raises(UsageError, match="there is no file"):
        _model(alexnet, (63, 63, 3), dense=(8,), weights=str(tmp_path / "none.npz"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "trainable", "total"),
    [(18, 11_689_512, 11_699_112), ("34", 21_797_672, 21_814_696)],
)
def test_resnet_counts_are_those_of_torchvision(variant: Any, trainable: int, total: int) -> None:
    model = _model(resnet, (224, 224, 3), 1000, variant=variant)
    assert _trainable(model) == trainable
    assert model.count_params() == total
    last = model.get_layer(f"stage4_block{2 if variant == 18 else 3}_output")
    assert last.output.shape == (None, 7, 7, 512)


def test_small_resnet_keeps_small_maps() -> None:
    model = _model(resnet, (32, 32, 3))
    assert model.name == "resnet_small"
    assert model.get_layer("stage3_block3_output").output.shape == (None, 8, 8, 64)
    # The paper's 20 layers have .27 million; 1x1 shortcuts add 2,752.
    assert model.count_params() == 274_042
    assert _model(resnet, (96, 96, 3)).name == "resnet_18"


def test_resnet_pads_evenly_like_published_weights() -> None:
    # Three zeros on every side: the first 7x7 kernel sees a 4x4 corner. `same` would show it 5x5.
    model = _model(resnet, (32, 32, 1), variant="18")
    model.get_layer("stem_conv").set_weights([np.ones((7, 7, 1, 64))])
    stem = keras.Model(model.input, model.get_layer("stem_conv").output)
    x = np.random.default_rng(0).random((1, 32, 32, 1)).astype("float32")
    corner = keras.ops.convert_to_numpy(stem(x))[0, 0, 0, 0]
    assert corner == pytest.approx(x[0, :4, :4].sum(), rel=1e-5)


@pytest.mark.parametrize(
    ("plugin", "shape", "least"),
    [(lenet, (9, 28, 1), "10x10"), (alexnet, (64, 62, 3), "63x63")],
)
def test_too_small_images_are_refused(plugin: ModuleType, shape: Any, least: str) -> None:
    with pytest.raises(UsageError, match=f"at least {least} pixels.*{shape[0]}x{shape[1]}.*--size"):
        _model(plugin, shape)


def test_smallest_images_are_taken() -> None:
    assert _model(lenet, (10, 10, 1)).get_layer("pool2").output.shape == (None, 1, 1, 64)
    model = _model(alexnet, (63, 63, 1), dense=8)
    assert model.get_layer("pool5").output.shape == (None, 1, 1, 256)


@pytest.mark.parametrize("plugin", [alexnet, cnn, lenet, resnet])
def test_tables_are_refused(plugin: ModuleType) -> None:
    with pytest.raises(UsageError, match="needs images.*try `mlp` or `linear`"):
        _model(plugin, (11,))


@pytest.mark.parametrize(
    ("side", "last"), [(1, 1), (3, 3), (8, 2), (28, 3), (32, 4), (63, 7), (64, 4), (128, 8)]
)
def test_cnn_takes_every_size_and_pools_while_it_can(side: int, last: int) -> None:
    model = _model(cnn, (side, side, 3))
    final = model.get_layer("global_pool").input.shape
    assert final == (None, last, last, 64)


def test_cnn_layers_have_the_names_that_explainers_need() -> None:
    model = _model(cnn, (28, 28, 1), filters="8,16", convolutions=3)
    kernels = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert kernels == [f"block{b}_conv{c}" for b in (1, 2) for c in (1, 2, 3)]
    assert [layer.name for layer in model.layers if "pool" in layer.name] == [
        "block1_pool",
        "block2_pool",
        "global_pool",
    ]


def test_cnn_settings_reach_the_layers() -> None:
    model = _model(
        cnn,
        (40, 40, 2),
        filters="8,16",
        convolutions=1,
        kernel=5,
        stride=2,
        padding="valid",
        separable=True,
        batch_normalization=False,
        activation="leaky_relu",
        pooling="average",
        dropout="0,.3",
        head="flatten",
        dense="12,6",
        dense_dropout=0.4,
        l2=0.01,
    )
    first = model.get_layer("block1_conv1")
    assert isinstance(first, keras.layers.SeparableConv2D)
    assert first.output.shape == (None, 18, 18, 8)  # (40 - 5) // 2 + 1
    assert first.use_bias
    assert isinstance(model.get_layer("block1_pool"), keras.layers.AveragePooling2D)
    assert model.get_layer("block1_activation1").negative_slope == 0.01
    assert model.get_layer("block2_conv1").output.shape == (None, 3, 3, 16)
    assert model.get_layer("block2_dropout").rate == 0.3
    assert "block1_dropout" not in [layer.name for layer in model.layers]
    assert model.get_layer("dense1").kernel.shape == (3 * 3 * 16, 12)
    assert model.get_layer("dense_dropout").rate == 0.4
    assert len(model.losses) == 2 * 2 + 3  # depthwise and pointwise; two dense layers and the head


@pytest.mark.parametrize(
    ("head", "features"), [("average", 8), ("max", 8), ("average_max", 16), ("flatten", 4 * 4 * 8)]
)
def test_cnn_heads(head: str, features: int) -> None:
    model = _model(cnn, (8, 8, 1), filters=8, convolutions=1, head=head)
    x = np.random.default_rng(0).random((2, 8, 8, 1)).astype("float32")
    tensors = model.get_layer("block1_pool").output, model.get_layer("head").input
    last, got = keras.Model(model.input, list(tensors))(x)
    last, got = keras.ops.convert_to_numpy(last), keras.ops.convert_to_numpy(got)
    mean, largest = last.mean(axis=(1, 2)), last.max(axis=(1, 2))
    expected = {
        "average": mean,
        "max": largest,
        "average_max": np.concatenate([mean, largest], axis=1),
        "flatten": last.reshape(2, -1),
    }
    assert got.shape == (2, features)
    np.testing.assert_allclose(got, expected[head], rtol=1e-5)


def test_cnn_stem() -> None:
    def first(side: int, **settings: Any) -> tuple[int, int]:
        layer = _model(cnn, (side, side, 1), convolutions=1, **settings).get_layer("block1_conv1")
        return layer.strides[0], layer.output.shape[1]

    assert first(63) == (1, 63)
    assert first(64) == (2, 32)
    assert first(64, stem="full") == (1, 64)
    assert first(32, stem="strided") == (2, 16)
    assert first(64, stride=4) == (4, 16)
    assert first(64, dilation=2) == (1, 64)


def test_cnn_dilation_widens_the_kernel() -> None:
    model = _model(cnn, (20, 20, 1), filters=4, convolutions=1, dilation=3, padding="valid")
    assert model.get_layer("block1_conv1").output.shape == (None, 14, 14, 4)


def test_cnn_says_where_the_map_gets_too_small() -> None:
    with pytest.raises(UsageError, match="block2_conv1: its kernel spans 3 pixels.*2x2 left"):
        _model(cnn, (8, 8, 1), padding="valid")
    with pytest.raises(UsageError, match="spans 9 pixels"):
        _model(cnn, (8, 8, 1), kernel=5, dilation=2, padding="valid")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"filters": ""}, "names no block"),
        ({"dropout": ".1,.2"}, "dropout has 2 values for 3 blocks"),
        ({"dilation": 2, "stride": 2}, "can't both be over 1"),
        ({"dilation": 2, "stem": "strided"}, "a strided stem can't be dilated"),
        ({"dilation": 2, "kernel": 1}, "no effect on kernels of one pixel"),
        ({"pooling": "min"}, "'max', 'average' or 'none'"),
    ],
)
def test_wrong_cnn_settings_are_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        cnn.Config(**settings)
