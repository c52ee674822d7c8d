"""What is special to the U-Nets; the contract holds the rest."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.layers.description import describe
from tests.contracts import outcome

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
