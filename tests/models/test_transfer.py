"""Backbones: fed as they were trained, frozen as asked, their features computed once."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras.src.applications import convnext
from keras.src.applications.inception_resnet_v2 import CustomScaleLayer
from pydantic import ValidationError

import mlzoo
from mlzoo.core.backbones import BACKBONES
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.layers import pretrained
from mlzoo.layers.pretrained import BackboneInput
from mlzoo.models import unet_pretrained
from mlzoo.models.transfer import Config, build
from mlzoo.runs import datasets
from mlzoo.runs.config_loading import merge
from mlzoo.training.building import build_model
from mlzoo.training.checkpoints import weights_sha256
from mlzoo.training.loop import features
from mlzoo.training.loop.training import Training
from mlzoo.training.optimizers import build_optimizer
from mlzoo.training.signals import Stop
from tests.training.made import LEAN

THIN: dict[str, Any] = {"backbone": "mobilenet", "alpha": 0.25, "weights": "none"}
CLASSES = Outputs("classification", 3)
SEGMENTS = Outputs("segmentation", 2)


def model(**settings: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    return build(Config(**{**THIN, **settings}), Inputs((32, 32, 3), "image"), CLASSES)


@pytest.fixture(scope="module")
def frozen() -> keras.Model:
    return model()


def modules() -> dict[str, Any]:
    """The modules of keras.applications by the names of the networks that they make."""
    packages = [m for m in vars(keras.applications).values() if hasattr(m, "preprocess_input")]
    found = {name: m for m in packages for name in vars(m) if name[0].isupper()}
    small_and_large = {name for name in vars(keras.applications) if name.startswith("MobileNetV3")}
    return found | dict.fromkeys(small_and_large, keras.applications.mobilenet_v3)


def test_each_backbone_is_fed_what_keras_feeds_it() -> None:
    image = np.random.default_rng(0).integers(0, 256, (2, 5, 4, 3)).astype("float32")
    homes = modules()
    for name, (made, mode) in BACKBONES.items():
        expected = homes[made].preprocess_input(image.copy())
        found = keras.ops.convert_to_numpy(BackboneInput(mode)(image / 255))
        np.testing.assert_allclose(found, expected, atol=2e-4, err_msg=name)


def test_no_network_of_keras_is_left_out() -> None:
    assert set(modules()) == {made for made, _ in BACKBONES.values()}


def test_keras_finds_its_own_layers_that_it_does_not_register(tmp_path: Path) -> None:
    """Of Inception-ResNet and ConvNeXt."""
    image = keras.Input((4, 4, 3))
    x = convnext.StochasticDepth(0.5)(convnext.LayerScale(0.5, 3)(image))
    x = CustomScaleLayer(0.2)([image, x])
    keras.Model(image, x).save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras", safe_mode=True)
    np.testing.assert_allclose(again(np.ones((1, 4, 4, 3))), np.full((1, 4, 4, 3), 1.1), atol=1e-6)


@pytest.fixture
def thin_convnext(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Settings of a ConvNeXt of few filters."""
    thin = {"depths": [1, 2, 1, 1], "projection_dims": [4, 4, 8, 8], "default_size": 224}
    monkeypatch.setitem(convnext.MODEL_CONFIGS, "tiny", thin)
    return {"backbone": "convnext_tiny", "weights": "none"}


def test_convnext_standardises_within_itself_and_learns_by_blocks(
    thin_convnext: dict[str, Any], tmp_path: Path
) -> None:
    net = build(Config(**thin_convnext, train=1), Inputs((32, 32, 3), "image"), CLASSES)
    assert {name.rpartition("_block_")[0] for name in trainable(net) - {"head"}} == {
        "convnext_tiny_stage_3",
        "",  # the normalisation after the last block
    }
    norm = net.get_layer("convnext_tiny_prestem_normalization")
    byte = keras.ops.convert_to_numpy(norm(np.full((1, 1, 1, 3), 127.5, "float32")))
    expected = (0.5 - np.array([0.485, 0.456, 0.406])) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(byte[0, 0, 0], expected, atol=1e-5)
    net.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras", safe_mode=True)
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in net.layers]
    assert weights_sha256(again) == weights_sha256(net)


@pytest.mark.parametrize("end", ["mixed{}", "block35_{}_ac", "normal_concat_{}"])
def test_blocks_whose_layers_have_no_names_end_where_a_name_says_so(end: str) -> None:
    x = image = keras.Input((8, 8, 3))
    for number in range(3):
        first, second = (keras.layers.Conv2D(2, 1)(x) for _ in range(2))
        x = keras.layers.Concatenate(name=end.format(number))([first, second])
    last = keras.layers.Conv2D(2, 1)(x)
    assert [len(layers) for layers in pretrained.blocks(keras.Model(image, last))] == [2, 2, 2, 1]


def test_unet_pretrained_on_convnext_leaves_out_the_size_that_it_lacks(
    thin_convnext: dict[str, Any],
) -> None:
    config = unet_pretrained.Config(**thin_convnext, filters=2)
    net = unet_pretrained.build(config, Inputs((None, None, 3), "image"), SEGMENTS)
    assert {f"decoder{level}_skip" for level in (1, 3, 4, 5)} <= {n.name for n in net.layers}
    assert "decoder2_skip" not in {layer.name for layer in net.layers}
    assert net(np.zeros((1, 40, 56, 3), "uint8")).shape == (1, 40, 56, 2)


def test_unet_pretrained_passes_by_the_means_that_squeeze_and_excite() -> None:
    """They have four axes too, as EfficientNet's and MobileNetV3's maps do."""
    thin = {"backbone": "mobilenet_v3_small", "weights": "none", "filters": 2}
    config = unet_pretrained.Config(**thin)
    net = unet_pretrained.build(config, Inputs((None, None, 3), "image"), SEGMENTS)
    assert "decoder6_skip" not in {layer.name for layer in net.layers}
    assert net(np.zeros((1, 40, 56, 3), "uint8")).shape == (1, 40, 56, 2)


def test_one_channel_is_three_and_standardised_arrays_are_brought_back() -> None:
    gray = np.full((1, 2, 2, 1), 0.25, "float32")
    found = keras.ops.convert_to_numpy(BackboneInput("bytes")(gray))
    np.testing.assert_allclose(found, np.full((1, 2, 2, 3), 63.75))
    middle = keras.ops.convert_to_numpy(BackboneInput("bytes", True)(np.zeros((1, 2, 2, 1))))
    np.testing.assert_allclose(middle / 255, 0.449, atol=1e-3)


def trainable(net: keras.Model) -> set[str]:
    return {layer.name for layer in net.layers if layer.trainable_variables}


@pytest.mark.slow
def test_train_says_which_blocks_learn(frozen: keras.Model) -> None:
    assert trainable(frozen) == {"head"}
    assert trainable(model(train=1)) == {"conv_dw_13", "conv_pw_13", "head"}
    both = model(train=2, freeze_norm=False)
    expected = {
        f"conv_{kind}_{n}{norm}" for kind in ("dw", "pw") for n in (12, 13) for norm in ("", "_bn")
    }
    assert trainable(both) == expected | {"head"}
    rates = {v.path: getattr(v, "rate_factor", 1.0) for v in both.trainable_variables}
    assert {rates[path] for path in rates if path.startswith("head")} == {1.0}
    assert {rates[path] for path in rates if path.startswith("conv")} == {0.1}
    with pytest.raises(UsageError, match="train=99: mobilenet has 14 blocks"):
        model(train=99)


def test_a_share_of_the_rate_is_a_share_of_the_step() -> None:
    config = RunConfig(model="transfer", data="digits", optimizer="sgd", learning_rate=1.0)
    optimizer = build_optimizer(config, 1, rated=True)
    slow, fast = (keras.Variable([1.0, 2.0]) for _ in range(2))
    slow.rate_factor = 0.1
    optimizer.build([slow, fast])
    optimizer.apply([keras.ops.ones(2), keras.ops.ones(2)], [slow, fast])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(slow), [0.9, 1.9], atol=1e-6)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(fast), [0.0, 1.0], atol=1e-6)


@pytest.mark.slow
def test_weights_come_from_a_file_and_nothing_else(frozen: keras.Model, tmp_path: Path) -> None:
    keras.utils.set_random_seed(5)
    alone = pretrained.pretrained(Config(**THIN))
    path = tmp_path / "own.weights.h5"
    alone.save_weights(path)
    ours = model(weights=str(path))
    theirs = {weight.path: weight for weight in alone.weights}
    for weight in ours.weights:
        if not weight.path.startswith("head"):
            np.testing.assert_array_equal(weight, theirs[weight.path])
    (tmp_path / "broken.h5").write_bytes(b"no weights")
    with pytest.raises(UsageError, match=r"broken\.h5 holds no weights of mobilenet"):
        model(weights=str(tmp_path / "broken.h5"))
    with pytest.raises(UsageError, match="write imagenet, none, or a file of weights"):
        model(weights="imagnet")


def test_imagenet_is_never_fetched_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(DataError, match=r"mlzoo weights pull mobilenet.*copy https://.* as .*h5"):
        model(weights="imagenet")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """An address whose files are those of `served`."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "w.h5").write_bytes(b"weights")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_download_is_checked(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    right = hashlib.md5(b"weights", usedforsecurity=False).hexdigest()
    path = Path(pretrained.download("w.h5", f"{server}/w.h5", file_hash=right))
    assert path == tmp_path / "home" / "models" / "w.h5" and path.read_bytes() == b"weights"
    path.unlink()
    with pytest.raises(DataError, match=r"can't be fetched .*copy http://127.*w\.h5 as "):
        pretrained.download("w.h5", f"{server}/w.h5", file_hash="0" * 32)
    assert not path.exists()
    with pytest.raises(DataError, match=r"gone\.h5 can't be fetched"):
        pretrained.download("gone.h5", f"{server}/gone.h5")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backbone": "mobilnet_v2"}, "did you mean 'mobilenet_v2'"),
        ({"backbone": "vgg16", "alpha": 0.5}, "alpha has no effect on vgg16"),
        ({"train": "head", "rate": 0.5}, "rate has no effect on train=head"),
        ({"freeze_norm": False}, "freeze_norm=false has no effect on train=head"),
    ],
)
def test_settings_without_effect_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Config(**settings)


def test_images_that_do_not_fit_are_refused() -> None:
    for shape, message in [((32, 32, 4), "one or three"), ((32, 24, 3), "from 32x32 up")]:
        with pytest.raises(UsageError, match=message):
            build(Config(**THIN), Inputs(shape, "image"), CLASSES)
    with pytest.raises(UsageError, match="xception needs images from 71x71 up"):
        build(Config(backbone="xception"), Inputs((64, 64, 3), "image"), CLASSES)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images") / "images.npz"
    y = np.arange(60) % 2
    x = np.random.default_rng(0).integers(0, 100, (60, 32, 32, 3), dtype=np.uint8)
    x[y == 1, :16] += 150
    np.savez(path, x=x, y=y)
    return path


@pytest.mark.slow
def test_a_head_on_kept_features_is_the_head_of_the_whole_model(
    images: Path, tmp_path: Path
) -> None:
    """The run's model, fed raw images, gives what the head that was trained apart gave."""
    settings = {**THIN, "dropout": 0}
    run = mlzoo.train(
        "transfer",
        str(images),
        set=settings,
        epochs=3,
        keep="last",
        calibrate="none",
        out=str(tmp_path),
        **LEAN,
    )
    history = (run.path / "history.csv").read_text().splitlines()
    row = dict(zip(history[0].split(","), history[-1].split(","), strict=True))
    again = run.evaluate(part="valid")["metrics"]["log_loss"]
    assert again == pytest.approx(float(row["val_loss"]), rel=1e-3)
    names, features = run.features(np.zeros((2, 32, 32, 3), "uint8"))
    assert names == ["sample 0", "sample 1"] and features.shape == (2, 256)
    weights, bias = run.model.get_layer("head").get_weights()
    logits = features @ weights + bias
    said = run.outputs(np.zeros((2, 32, 32, 3), "uint8"))
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), said, atol=1e-5)


class Cut(BaseException):
    """The process ends here."""


class CutAt(Listener):
    def __init__(self, step: int) -> None:
        self.left = step

    def step(self, epoch: int, step: int, logs: Mapping[str, float]) -> None:
        self.left -= 1
        if not self.left:
            raise Cut


@pytest.mark.slow
def test_a_head_that_was_cut_off_goes_on_exactly(images: Path, tmp_path: Path) -> None:
    given = {"model": "transfer", "data": str(images), "set": THIN, "epochs": 2, "batch_size": 8}
    config = merge({**given, "checkpoint_every": 0}).config
    data = datasets.load(config)

    def fit(name: str, cut: int = 0) -> str:
        features._KEPT.clear()
        net = build_model(config, data, 0)
        Training(net, data, config, tmp_path / name, 0, CutAt(cut), Stop()).fit()
        return weights_sha256(net)

    whole = fit("whole")
    with pytest.raises(Cut):
        fit("cut", 7)
    assert fit("cut") == whole
