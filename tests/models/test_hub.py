"""Backbones of KerasHub: scaled as their preset says, frozen by blocks, fetched only when asked."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from pydantic import ValidationError

import mlzoo
from mlzoo.core.backbones import files_of, placed
from mlzoo.core.errors import DataError, UsageError
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.layers import hub
from mlzoo.layers.description import describe
from mlzoo.models import unet_pretrained
from mlzoo.models.transfer import Config, build

kh = pytest.importorskip("keras_hub", reason="pip install 'mlzoo-keras[hub]'")
SCALE, OFFSET = [1 / 255, 1 / 200, 1 / 100], [-0.5, -0.4, 0.2]
CLASSES = Outputs("classification", 3)
SIDES = 32


def resnet() -> keras.Model:
    return kh.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 64],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
    )


def vit() -> keras.Model:
    return kh.models.ViTBackbone((SIDES, SIDES, 3), (16, 16), 2, 2, 8, 16)


def mobilenet() -> keras.Model:
    return kh.models.MobileNetBackbone(
        stackwise_expansion=[[8], [16]],
        stackwise_num_blocks=[1, 1],
        stackwise_num_filters=[[8], [16]],
        stackwise_kernel_size=[[3], [5]],
        stackwise_num_strides=[[2], [2]],
        stackwise_se_ratio=[[0.25], [None]],
        stackwise_activation=[["relu"], ["hard_swish"]],
        stackwise_padding=[[1], [2]],
        output_num_filters=32,
        input_num_filters=8,
        input_activation="hard_swish",
        depthwise_filters=8,
        depthwise_stride=2,
        depthwise_residual=False,
        squeeze_and_excite=0.5,
        last_layer_filter=16,
    )


def save(folder: Path, backbone: keras.Model, scaled: bool = True) -> str:
    """Write a preset's folder; the name of the backbone that it is."""
    backbone.save_to_preset(str(folder))
    if scaled:
        name = type(backbone).__name__.replace("Backbone", "ImageConverter")
        converter = getattr(kh.layers, name)(image_size=(SIDES, SIDES), scale=SCALE, offset=OFFSET)
        converter.save_to_preset(str(folder))
    return f"hub:{folder}"


def hgnet() -> keras.Model:
    """Of several maps: a stem's, whose name is the last of the alphabet, and of each stage."""
    return kh.models.HGNetV2Backbone(
        depths=[1, 1],
        embedding_size=8,
        hidden_sizes=[16, 32],
        stem_channels=[3, 8, 8],
        hidden_act="relu",
        use_learnable_affine_block=False,
        stackwise_stage_filters=[[8, 8, 16, 1, 2, 3], [16, 8, 32, 1, 2, 3]],
        apply_downsample=[False, True],
        use_lightweight_conv_block=[False, False],
    )


MADE: dict[str, Callable[[], keras.Model]] = {
    "resnet": resnet,
    "vit": vit,
    "mobilenet": mobilenet,
    "hgnet": hgnet,
}


@pytest.fixture(scope="module")
def presets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, keras.Model]]:
    """Of each preset its backbone's name and itself."""
    root = tmp_path_factory.mktemp("presets")
    keras.utils.set_random_seed(0)
    made = {name: make() for name, make in MADE.items()}
    return {name: (save(root / name, made[name]), made[name]) for name in made}


def model(backbone: str, **settings: Any) -> keras.Model:
    keras.utils.set_random_seed(1)
    inputs = Inputs((SIDES, SIDES, 3), "image")
    return build(Config(backbone=backbone, **settings), inputs, CLASSES)


def images(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((2, SIDES, SIDES, 3), dtype=np.float32)


@pytest.fixture(scope="module")
def loaded(
    presets: dict[str, tuple[str, keras.Model]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, np.ndarray]:
    """What each model says in a process that knows of KerasHub only that it is installed."""
    folder = tmp_path_factory.mktemp("loaded")
    np.save(folder / "x.npy", images())
    for name, (path, _) in presets.items():
        model(path).save(folder / f"{name}.keras")
    code = (
        "import keras, numpy, pathlib, sys, mlzoo.layers; folder = pathlib.Path(sys.argv[1])\n"
        "for path in folder.glob('*.keras'):\n"
        "    net = keras.models.load_model(path, safe_mode=True)\n"
        "    numpy.save(path.with_suffix('.npy'), net(numpy.load(folder / 'x.npy')))\n"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True)
    return {name: np.load(folder / f"{name}.npy") for name in presets}


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_features_are_the_backbone_s_own_and_are_saved(
    presets: dict[str, tuple[str, keras.Model]], name: str, loaded: dict[str, np.ndarray]
) -> None:
    path, own = presets[name]
    net, x = model(path), images()
    maps = own(x * 255 * np.float32(SCALE) + np.float32(OFFSET))
    if isinstance(maps, dict):
        maps = maps["stage2"]
    expected = keras.ops.convert_to_numpy(maps)
    expected = expected.mean(axis=tuple(range(1, expected.ndim - 1)))
    features = keras.Model(net.input, net.get_layer("features").output)
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(features(x), expected, atol=1e-5 * np.abs(expected).max())
    np.testing.assert_allclose(loaded[name], net(x), atol=1e-6)


def trainable(net: keras.Model) -> set[str]:
    return {"/".join(v.path.split("/")[:-1]) for v in net.trainable_variables} - {"head"}


@pytest.mark.slow
def test_blocks_learn_from_the_last_on(presets: dict[str, tuple[str, keras.Model]]) -> None:
    path = presets["resnet"][0]
    assert trainable(model(path)) == set()
    convolutions = {f"stack1_block0_{n}_conv" for n in (0, 1, 2)}
    assert trainable(model(path, train=1)) == convolutions
    both = trainable(model(path, train=1, freeze_norm=False))
    assert both == convolutions | {f"stack1_block0_{n}_bn" for n in (0, 1, 2)}
    with pytest.raises(UsageError, match="has 3 blocks"):
        model(path, train=4)
    whole = model(path, train="all", rate=0.3)
    learns = [v for v in whole.trainable_variables if not v.path.startswith("head")]
    assert {v.rate_factor for v in learns} == {0.3} and "conv1_conv" in trainable(whole)


def test_norms_within_a_layer_stay_as_they_are(
    presets: dict[str, tuple[str, keras.Model]],
) -> None:
    net = model(presets["mobilenet"][0], train="all")
    norms = [n for n in net._flatten_layers() if isinstance(n, keras.layers.BatchNormalization)]
    assert len(norms) > 4 and not any(norm.trainable for norm in norms)
    assert any("conv" in path for path in trainable(net))


def test_a_transformer_learns_by_its_own_blocks(
    presets: dict[str, tuple[str, keras.Model]],
) -> None:
    last = {v.path for v in model(presets["vit"][0], train=1).trainable_variables}
    assert any("transformer_block_2" in path for path in last)
    assert not any("transformer_block_1" in path or "embedding" in path for path in last)
    whole = {v.path for v in model(presets["vit"][0], train=3).trainable_variables}
    assert any("embedding" in path for path in whole)


@pytest.mark.slow
def test_a_hierarchical_transformer_learns_by_its_own_blocks(tmp_path: Path) -> None:
    """Its blocks stand side by side in the model, not within a layer."""
    mit = kh.models.MiTBackbone(
        layerwise_depths=[1, 1],
        num_layers=2,
        layerwise_num_heads=[1, 2],
        layerwise_sr_ratios=[2, 1],
        max_drop_path_rate=0.1,
        layerwise_patch_sizes=[7, 3],
        layerwise_strides=[4, 2],
        image_shape=(SIDES, SIDES, 3),
        hidden_dims=[8, 16],
    )
    path = save(tmp_path / "mit", mit)
    last = [v.path for v in model(path, train=1).trainable_variables]
    assert any("hierarchical_encoder_1_0" in name for name in last)
    assert not any("hierarchical_encoder_0_0" in name for name in last)


def test_positions_that_are_saved_at_another_size_do_not_learn(tmp_path: Path) -> None:
    sides = {"image_shape": (SIDES, SIDES, 3), "position_embedding_shape": (SIDES, SIDES, 3)}
    path = save(tmp_path / "dino", kh.models.DINOV2Backbone(16, 2, 8, 2, 16, **sides))
    names = [v.path for v in model(path, train="all").trainable_variables]
    assert any("encoder" in name for name in names)
    assert not any("embedding" in name for name in names)


def test_random_weights_are_others_than_the_preset_s(
    presets: dict[str, tuple[str, keras.Model]],
) -> None:
    path, own = presets["resnet"]
    kernel = own.get_layer("conv1_conv").get_weights()[0]
    np.testing.assert_array_equal(model(path).get_layer("conv1_conv").get_weights()[0], kernel)
    other = model(path, weights="none").get_layer("conv1_conv").get_weights()[0]
    assert np.abs(other - kernel).max() > 0.01


@pytest.mark.slow
def test_a_unet_on_its_maps(presets: dict[str, tuple[str, keras.Model]]) -> None:
    inputs, outputs = Inputs((None, None, 3), "image"), Outputs("segmentation", 2)

    def unet(backbone: str, inputs: Inputs = inputs) -> keras.Model:
        config = unet_pretrained.Config(backbone=backbone, filters=2)
        return unet_pretrained.build(config, inputs, outputs)

    for name, finest in (("resnet", 3), ("mobilenet", 4)):
        net = unet(presets[name][0])
        assert {f"decoder{level}_skip" for level in range(1, finest + 1)} <= {
            layer.name for layer in net.layers
        }
        assert net(np.zeros((1, 40, 56, 3), "float32")).shape == (1, 40, 56, 2)
    with pytest.raises(UsageError, match=r"takes images of one size \(32x32\) alone"):
        unet(presets["vit"][0])
    with pytest.raises(UsageError, match="a row of tokens, no map"):
        unet(presets["vit"][0], Inputs((SIDES, SIDES, 3), "image", fixed=True))


def test_what_is_no_preset_is_refused(
    presets: dict[str, tuple[str, keras.Model]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    with pytest.raises(DataError, match=r"weights pull hub:resnet_18_imagenet.*copy its files"):
        model("hub:resnet_18_imagenet")
    with pytest.raises(UsageError, match="there is no folder"):
        model("hub:./nothing")
    with pytest.raises(UsageError, match=r"it has no config\.json"):
        model(f"hub:{tmp_path}")
    with pytest.raises(UsageError, match=r"has no image_converter\.json"):
        model(save(tmp_path / "bare", resnet(), scaled=False))
    broken = Path(save(tmp_path / "broken", resnet()).removeprefix("hub:"))
    (broken / "model.weights.h5").write_bytes(b"no weights")
    with pytest.raises(DataError, match="can't be read as a preset of KerasHub"):
        model(f"hub:{broken}")
    (broken / "config.json").write_text("{}")
    with pytest.raises(DataError, match="can't be read as a preset of KerasHub"):
        model(f"hub:{broken}")
    with pytest.raises(UsageError, match=r"images of 32x32, these are 48x48; try --size 32"):
        net = Inputs((48, 48, 3), "image")
        build(Config(backbone=presets["vit"][0]), net, CLASSES)
    assert not (tmp_path / "home").exists()


def test_what_a_converter_does_beyond_scaling_is_found_out(
    presets: dict[str, tuple[str, keras.Model]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kh.layers.ResNetImageConverter, "call", lambda self, x: x / 3)
    with pytest.raises(UsageError, match="the ResNetImageConverter of .* does more than scale"):
        model(presets["resnet"][0])


def test_a_network_of_images_and_texts_is_refused(tmp_path: Path) -> None:
    vision = kh.models.CLIPVisionEncoder(16, 8, 1, 2, 16, image_shape=(SIDES, SIDES, 3))
    text = kh.models.CLIPTextEncoder(10, 8, 8, 1, 2, 16)
    path = save(tmp_path / "clip", kh.models.CLIPBackbone(vision, text, 8))
    with pytest.raises(UsageError, match=r"CLIPBackbone\) is no network from an image to a map"):
        model(path)


def test_settings_that_go_without_effect_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for settings, message in [
        ({"backbone": "hub:"}, "needs a preset's name or folder"),
        ({"backbone": "hub:x", "weights": "own.h5"}, "a preset of KerasHub brings its own"),
        ({"backbone": "hub:x", "alpha": 0.5}, "alpha has no effect on hub:x"),
    ]:
        with pytest.raises(ValidationError, match=message):
            Config(**settings)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(UsageError, match=r"pip install 'mlzoo-keras\[hub\]'"):
        hub.presets()


@pytest.mark.slow
def test_a_run_says_that_it_needs_keras_hub(
    presets: dict[str, tuple[str, keras.Model]], tmp_path: Path
) -> None:
    """Which is asked for by layers of its own alone."""
    x = np.random.default_rng(0).integers(0, 256, (12, SIDES, SIDES, 3), dtype=np.uint8)
    data = tmp_path / "images.npz"
    np.savez(data, x=x, y=np.arange(12) % 2)
    (tmp_path / "without" / "keras_hub").mkdir(parents=True)
    lacking = "raise ModuleNotFoundError(\"No module named 'keras_hub'\")"
    (tmp_path / "without" / "keras_hub" / "__init__.py").write_text(lacking)
    code = (
        "import sys; from mlzoo.core import errors; from mlzoo.runs import models, opened\n"
        "find = models.find_spec\n"
        "models.find_spec = lambda name: None if name == 'keras_hub' else find(name)\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        opened.open_run(path).model; print('loaded')\n"
        "    except errors.UsageError as error:\n"
        "        print(error)\n"
    )
    runs = []
    for name in ("resnet", "vit"):
        settings = {"backbone": presets[name][0]}
        out = str(tmp_path / name)
        done = mlzoo.train(
            "transfer", str(tmp_path / "images.npz"), epochs=1, out=out, set=settings
        )
        runs.append(str(done.path))
    said = subprocess.run(
        [sys.executable, "-c", code, *runs],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "without")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert said[0] == "loaded" and "pip install 'mlzoo-keras[hub]'" in said[1], said


def test_a_folder_of_a_preset_s_name_is_read_and_nothing_else(
    presets: dict[str, tuple[str, keras.Model]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = presets["resnet"][1]
    save(tmp_path / "resnet_50_imagenet", own)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    found = model("hub:resnet_50_imagenet").get_layer("conv1_conv").get_weights()[0]
    np.testing.assert_array_equal(found, own.get_layer("conv1_conv").get_weights()[0])
    settings = {"backbone": "hub:resnet_50_imagenet", "train": "head"}
    assert placed(settings) == {**settings, "backbone": f"hub:{tmp_path}/resnet_50_imagenet"}
    assert placed({"backbone": "hub:other"}) == {"backbone": "hub:other"}
    names = ["config.json", "image_converter.json", "model.weights.h5"]
    assert [path.name for path in files_of(settings)] == names
    assert files_of({"backbone": "hub:other"}) == [] == files_of({"hidden": [8]})


def test_presets_that_fit_no_image_of_ours_say_why(
    presets: dict[str, tuple[str, keras.Model]], tmp_path: Path
) -> None:
    gray = kh.models.ViTBackbone((SIDES, SIDES, 1), (16, 16), 1, 2, 8, 16)
    with pytest.raises(UsageError, match="is for images of 1 channels, not of 3"):
        model(save(tmp_path / "gray", gray))
    bare = Path(save(tmp_path / "bare", resnet()).removeprefix("hub:"))
    (bare / "model.weights.h5").unlink()
    with pytest.raises(DataError, match=r"has no model\.weights\.h5; copy it there"):
        model(f"hub:{bare}")
    assert model(f"hub:{bare}", weights="none")
    converter = bare / "image_converter.json"
    config = json.loads(converter.read_text())
    config["config"] |= {"height": 8, "width": 8}  # as presets were written once
    converter.write_text(json.dumps(config))
    assert model(f"hub:{bare}", weights="none")


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="explains on TensorFlow")
def test_heads_of_attention_are_no_map(presets: dict[str, tuple[str, keras.Model]]) -> None:
    import tensorflow as tf

    from mlzoo.introspection.graphs import call
    from mlzoo.introspection.layers import spatial

    net, found = model(presets["vit"][0]), []

    @tf.function(input_signature=[tf.TensorSpec((None, SIDES, SIDES, 3))])
    def look(x: Any) -> Any:
        called = call(net, x)
        found.extend((type(layer).__name__, shape) for layer, shape in spatial(called, 4))
        return called.outputs

    look.get_concrete_function()
    assert ("Conv2D", (None, 2, 2, 8)) in found
    assert {name for name, _ in found} <= {"Conv2D", "BackboneInput", "Rescaling", "InputLayer"}


def test_layers_of_several_outputs_are_described(
    presets: dict[str, tuple[str, keras.Model]],
) -> None:
    said = describe("transfer", (SIDES, SIDES, 3), 2, {"backbone": presets["hgnet"][0]})
    assert {"HGNetV2Encoder", "Dense"} <= {layer["type"] for layer in said["layers"]}


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose files a server of this machine gives as Kaggle does, with their checksums."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Served(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            files = [{"name": path.name} for path in folder.iterdir() if path.suffix != ".md5"]
            kind, checksum = "application/json", ""
            body = json.dumps({"files": files, "nextPageToken": ""}).encode()
            if self.path.endswith("/DownloadModelInstanceVersion"):
                path = folder / asked["path"]
                kind, body = "application/octet-stream", path.read_bytes()
                said = path.with_name(f"{path.name}.md5")
                checksum = said.read_text() if said.exists() else md5(body)
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if checksum:
                self.send_header("x-goog-hash", f"md5={checksum}")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    from kagglesdk import kaggle_env

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Served)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.delenv("KAGGLE_API_ENVIRONMENT", raising=False)
    monkeypatch.setitem(
        kaggle_env._env_to_endpoint,
        kaggle_env.KaggleEnv.PROD,
        f"http://127.0.0.1:{server.server_port}",
    )
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    yield folder
    server.shutdown()
    thread.join()
    server.server_close()


def md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


@pytest.mark.slow
def test_a_named_preset_is_fetched_once_whole_or_not_at_all(
    kaggle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(kaggle, resnet())
    home = tmp_path / "home" / "hub"
    (kaggle / "config.json.md5").write_text(md5(b"another"))
    with pytest.raises(
        DataError, match=r"can't be fetched .*https://www\.kaggle\.com/models/keras"
    ):
        hub.pull("resnet_18_imagenet")
    assert not list(home.iterdir())
    (kaggle / "config.json.md5").unlink()
    folder = hub.pull("resnet_18_imagenet")
    assert folder == home / "resnet_18_imagenet"
    assert sorted(p.name for p in folder.iterdir()) == sorted(p.name for p in kaggle.iterdir())
    assert trainable(model("hub:resnet_18_imagenet", train=1))
    for path in kaggle.iterdir():
        path.unlink()
    assert folder.stat().st_mode & 0o777 == 0o755
    assert hub.pull("resnet_18_imagenet") == folder, "it is there already"
    assert capsys.readouterr().out == "", "stdout is for results"
    with pytest.raises(UsageError, match="did you mean 'resnet_18_imagenet'"):
        hub.pull("resnet_18_imagnet")
    (folder / "model.weights.h5").unlink()
    with pytest.raises(DataError, match="holds a preset in part; remove it"):
        hub.pull("resnet_18_imagenet")
