"""What is special to the U-Nets; the contract holds the rest."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

import mlzoo
from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.layers.description import describe
from mlzoo.layers.features import feature_tensors
from mlzoo.layers.portable import foreign, save_model
from mlzoo.layers.receptive_field import reach
from mlzoo.runs.models import read_model
from mlzoo.training.members import combine
from tests.contracts import outcome
from tests.tasks.test_segmentation import masks
from tests.training.made import LEAN

PHOTO = Inputs((256, 256, 3), "image")
TWO = Outputs("segmentation", 2)


def build(name: str, inputs: Inputs = PHOTO, outputs: Outputs = TWO, **settings) -> keras.Model:
    plugin = registry.load("model", name)
    return plugin.build(plugin.Config(**settings), inputs, outputs)


def test_xception_has_the_published_counts() -> None:
    found = describe("unet_xception", (256, 256, 3), 2)
    assert (found["parameters"], found["trainable"]) == (2_058_690, 2_054_914)
    assert found["layers"][-1]["output"] == [None, 256, 256, 2]


def test_the_paper_s_unet_has_its_weights() -> None:
    # 64 filters, 4 levels, biases in place of normalisation, 1 channel in, 2 classes out.
    model = build(
        "unet",
        Inputs((572, 572, 1), "image"),
        depth=4,
        filters=64,
        batch_normalization=False,
    )
    assert model.count_params() == 31_030_658


@pytest.mark.slow
@pytest.mark.parametrize("name", ["unet", "unet_xception"])
@pytest.mark.parametrize("size", [(97, 101), (1, 1), (16, 24), (33, 7)])
def test_a_mask_is_as_large_as_its_image(name: str, size: tuple[int, int]) -> None:
    small = {"filters": 2} if name == "unet" else {"entry": 2, "down": (2,), "up": (2, 2)}
    model = build(name, **small)
    mask = outcome(model, np.zeros((2, *size, 3), "float32"))
    assert mask.shape == (2, *size, 2)


@pytest.mark.parametrize(
    "settings",
    [
        {"upsampling": "bilinear"},
        {"upsampling": "nearest"},
        {"dropout": 0.5},
        {"convolutions": 1, "depth": 1},
        {"activation": "selu", "batch_normalization": False, "l2": 1e-4},
    ],
)
def test_settings_change_the_network(settings: dict) -> None:
    plain = build("unet", filters=2, depth=2)
    changed = build("unet", filters=2, **{"depth": 2, **settings})
    assert [layer.name for layer in changed.layers] != [layer.name for layer in plain.layers]
    assert outcome(changed, np.ones((1, 9, 9, 3), "float32")).shape == (1, 9, 9, 2)


@pytest.mark.backends
def test_coarser_levels_are_trained_with_heads_that_the_model_has_not() -> None:
    model = build("unet", filters=2, depth=3, deep_supervision=True)
    plain = build("unet", filters=2, depth=3)
    assert [each.name for each in model.layers] == [each.name for each in plain.layers]
    images = np.random.default_rng(0).random((2, 13, 22, 3)).astype("float32")
    each, twin = outcome(model, images), model.twin
    heads = outcome(twin.model, images)
    assert heads.shape == (2 * twin.members, 13, 22, 2) and twin.members == 4
    for sample in range(2):
        rows = heads[4 * sample :][:4]
        np.testing.assert_allclose(rows[0], each[sample], atol=1e-6)
        np.testing.assert_allclose(rows[1], each[sample], atol=1e-6)
        assert np.abs(rows[2:] - each[sample]).max(axis=(1, 2, 3)).min() > 1e-4
    # The head of level 3 sees maps of a quarter of the size.
    changes = np.abs(np.diff(rows[3], axis=0)).max(axis=(1, 2))
    assert changes[2:6].max() < np.abs(np.diff(rows[0], axis=0)).max()
    extra = {v.path for v in twin.model.trainable_variables} - {
        v.path for v in model.trainable_variables
    }
    assert {path.split("/")[0] for path in extra} == {"head2", "head3"}


def test_members_of_folds_learn_with_heads_of_their_own(tmp_path: Path) -> None:
    data = masks(20)
    np.savez(tmp_path / "d.npz", x=data.samples.inputs, y=np.minimum(data.samples.targets, 1))
    settings = {"filters": 2, "depth": 2, "convolutions": 1, "deep_supervision": True}
    settings["mirrors"] = "both"
    run = mlzoo.train(
        "unet",
        str(tmp_path / "d.npz"),
        set=settings,
        folds=2,
        epochs=1,
        calibrate="none",
        out=str(tmp_path),
        **LEAN,
    )
    assert not [each for each in run.model.layers if each.name.startswith("head2")]
    first, second = (row["loss"] for row in run.metrics["members"])
    assert first != second and len(run.history) == 1
    image = data.samples.inputs[:1]
    turned = np.flip(run.outputs(np.ascontiguousarray(np.flip(image, (1, 2)))), (1, 2))
    np.testing.assert_allclose(turned, run.outputs(image), atol=1e-5)


def test_deep_supervision_is_refused_where_it_does_nothing() -> None:
    with pytest.raises(ValueError, match="no effect with depth 1"):
        build("unet", depth=1, deep_supervision=True)
    row = Inputs((1, 64, 2), "array")
    with pytest.raises(UsageError, match="deep_supervision=true is for images"):
        build("unet", row, Outputs("fields", 1), deep_supervision=True)


@pytest.fixture(scope="module")
def mirrored() -> keras.Model:
    return build("unet", filters=2, depth=2, mirrors="both")


@pytest.mark.backends
def test_mirrors_are_averaged_and_not_trained_on(mirrored: keras.Model) -> None:
    images = np.random.default_rng(0).random((2, 12, 20, 3)).astype("float32")
    plain = mirrored.twin.model
    views = [
        np.flip(outcome(plain, np.flip(images, axes)), axes) for axes in ((), (1,), (2,), (1, 2))
    ]
    given = outcome(mirrored, images)
    np.testing.assert_allclose(given, np.mean(views, axis=0), atol=1e-6)
    assert np.abs(given - views[0]).max() > 1e-3
    horizontal = build("unet", filters=2, depth=2, mirrors="horizontal")
    horizontal.set_weights(mirrored.get_weights())
    expected = (views[0] + views[2]) / 2
    np.testing.assert_allclose(outcome(horizontal, images), expected, atol=1e-6)
    assert mirrored.count_params() == plain.count_params()


def test_mirrors_of_tiles_are_those_of_the_image(mirrored: keras.Model) -> None:
    plain = mirrored.twin.model
    assert reach(mirrored) == reach(plain) == reach(combine([plain, mirrored], TWO))
    # The image's width is no multiple of 4; a tile's is, and begins at one.
    wide = np.random.default_rng(1).random((1, 16, 97, 3)).astype("float32")
    whole, tile = outcome(mirrored, wide), outcome(mirrored, wide[:, :, :64])
    far = 64 - int(reach(mirrored))
    assert far > 20
    np.testing.assert_allclose(tile[:, :, :far], whole[:, :, :far], atol=1e-5)


def test_features_are_those_of_the_image_itself(mirrored: keras.Model) -> None:
    images = np.random.default_rng(2).random((2, 12, 20, 3)).astype("float32")
    for mine, plain in zip(
        feature_tensors(mirrored), feature_tensors(mirrored.twin.model), strict=True
    ):
        pair = [
            outcome(keras.Model(model.input, tensor), images)
            for model, tensor in ((mirrored, mine), (mirrored.twin.model, plain))
        ]
        np.testing.assert_allclose(*pair, atol=1e-6)


def test_mirrors_are_in_the_file_without_mlzoo(mirrored: keras.Model, tmp_path: Path) -> None:
    save_model(mirrored, tmp_path / "model.keras")
    images = np.random.default_rng(3).random((1, 10, 13, 3)).astype("float32")
    stock = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    assert not foreign(stock)
    for model in (stock, read_model(tmp_path / "model.keras")):
        np.testing.assert_allclose(outcome(model, images), outcome(mirrored, images), atol=1e-6)


@pytest.mark.parametrize(
    ("inputs", "outputs", "match"),
    [
        (PHOTO, Outputs("fields", 1, (0.0,), (1.0,)), "mirrors has no effect on fields"),
        (Inputs((16, 8, 1), "image", depth=2), TWO, "mirrors=both is for images"),
    ],
)
def test_mirrors_are_for_masks_of_images(inputs: Inputs, outputs: Outputs, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        build("unet", inputs, outputs, filters=2, depth=1, mirrors="both")


def test_padding_by_the_mirror_image_leaves_the_interior_alone() -> None:
    keras.utils.set_random_seed(0)
    model = build("unet", filters=4, depth=2)
    image = np.random.default_rng(0).random((1, 128, 125, 3)).astype("float32")
    whole = np.concatenate([image, image[:, :, :-4:-1]], axis=2)
    np.testing.assert_allclose(outcome(model, image), outcome(model, whole)[:, :, :125], atol=1e-6)


def test_two_decoders_share_fields_out() -> None:
    body = Inputs((64, 64, 1), "array")
    model = build("unet_two_decoders", body, Outputs("fields", 3), filters=2)
    units = {name: model.get_layer(f"{name}_head").filters for name in ("first", "second")}
    assert units == {"first": 2, "second": 1}
    # Each decoder's gradient stays in its own half.
    names = [layer.name for layer in model.layers]
    assert any(n.startswith("first_decoder1") for n in names)
    assert any(n.startswith("second_decoder1") for n in names)
    with pytest.raises(UsageError, match="two fields or more"):
        build("unet_two_decoders", body, Outputs("fields", 1))


def test_as_many_blocks_up_as_down() -> None:
    config = registry.load("model", "unet_xception").Config
    with pytest.raises(ValueError, match="as many blocks must double it; got 2"):
        config(down=(4, 8), up=(8, 4))
