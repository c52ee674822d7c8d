"""Networks of volumes: what they are made of, what they learn, and what they refuse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import mlzoo
from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.data.volumes.slices import slices_of
from mlzoo.data.volumes.tiff import read_stack
from mlzoo.explaining.explain_run import explain
from mlzoo.explaining.pages.slices import shares
from mlzoo.introspection.probe import Probe
from mlzoo.introspection.resampling import upsample
from mlzoo.layers.volumes import Stack, Unstack, depth_of
from mlzoo.reporting.mask_export import Folder
from tests.contracts import CLASSES, FIELDS, MASKS
from tests.training.made import LEAN

DEPTH, SIDE = 4, 8
VOLUME = Inputs((DEPTH * SIDE, SIDE, 1), "image", depth=DEPTH)


def build(name: str, outputs: Outputs, inputs: Inputs = VOLUME, **settings) -> keras.Model:
    keras.utils.set_random_seed(0)
    plugin = registry.load("model", name)
    return plugin.build(plugin.Config(**settings), inputs, outputs)


def run(model: keras.Model, x: np.ndarray) -> np.ndarray:
    return np.asarray(model.predict_on_batch(x.astype("float32")))


@pytest.mark.backends
def test_slices_are_unstacked_and_stacked_again() -> None:
    x = np.arange(2 * 12 * 5 * 3, dtype="float32").reshape(2, 12, 5, 3)
    volumes = np.asarray(Unstack(4)(x))
    assert np.array_equal(volumes, x.reshape(2, 4, 3, 5, 3))
    assert np.array_equal(np.asarray(Stack()(volumes)), x)


def test_kernels_are_cubic() -> None:
    cnn = build("cnn", CLASSES, filters=(3, 5), convolutions=1)
    assert cnn.get_layer("block1_conv1").kernel.shape == (3, 3, 3, 1, 3)
    assert cnn.get_layer("block2_conv1").input.shape == (None, 2, 4, 4, 3)
    unet = build("unet", MASKS, depth=2, filters=4)
    assert unet.get_layer("bottleneck_conv1").kernel.shape == (3, 3, 3, 8, 16)
    assert unet.get_layer("bottleneck_conv1").input.shape[1] == 2  # 4, 2, and no further
    assert unet.output_shape == (None, None, None, 3)
    assert depth_of(unet) == depth_of(cnn) == DEPTH


def test_a_slice_is_seen_by_its_neighbors_alone() -> None:
    model = build("cnn", CLASSES, filters=(4,), convolutions=1, pooling="none", head="flatten")
    seen = keras.Model(model.inputs, model.get_layer("block1_conv1").output)
    x = np.random.default_rng(0).random((1, DEPTH * SIDE, SIDE, 1))
    other = x.copy()
    other[:, -SIDE:] += 1  # the last slice
    changed = np.abs(run(seen, other) - run(seen, x))[0].max(axis=(1, 2, 3))
    assert (changed[:2] == 0).all()
    assert (changed[2:] > 0).all()


@pytest.mark.backends
@pytest.mark.parametrize("upsampling", ["transposed", "bilinear", "nearest"])
def test_masks_of_any_plane(upsampling: str) -> None:
    model = build("unet", MASKS, depth=2, filters=2, upsampling=upsampling)
    for height, width in ((8, 8), (6, 11)):
        y = run(model, np.random.default_rng(0).random((2, DEPTH * height, width, 1)))
        assert y.shape == (2, DEPTH * height, width, 3)
        assert np.allclose(y.sum(axis=-1), 1, atol=1e-5)
    assert run(build("unet", FIELDS, depth=1, filters=2), np.zeros((1, 32, 8, 1))).shape[-1] == 2


def test_what_is_for_images_alone_is_refused() -> None:
    with pytest.raises(UsageError, match="resnet needs images .* volumes of 4 slices; `cnn` and"):
        build("resnet", CLASSES)
    with pytest.raises(UsageError, match="separable=true is for images"):
        build("cnn", CLASSES, separable=True)
    with pytest.raises(UsageError, match="stride=2 is for images"):
        build("unet", MASKS, stride=2)
    films = replace(VOLUME, shape=(4, 8, 8, 1), depth=0, kind="array")
    with pytest.raises(UsageError, match="--source volumes"):
        build("cnn", CLASSES, films)


def test_maps_of_voxels_are_enlarged_about_the_middles_of_their_cells() -> None:
    maps = np.zeros((1, 2, 1, 1), "float32")
    maps[0, 1] = 1
    large = upsample(maps, (4, 1, 1))[0, :, 0, 0]
    assert large.tolist() == [0, 0.25, 0.75, 1]


def test_explainers_see_where_voxels_count() -> None:
    """Only slice 2 has an effect: maps of gradients, patches and masks all say so."""
    inputs = keras.Input((DEPTH * SIDE, SIDE, 1))
    x = Unstack(DEPTH, name="volume")(inputs)
    kernel = np.zeros((1, 1, 1, 1, 1), "float32") + 1
    layer = keras.layers.Conv3D(1, 1, use_bias=False, name="conv")
    x = keras.layers.Flatten()(layer(x))
    head = keras.layers.Dense(2, name="head")
    model = keras.Model(inputs, head(x))
    layer.set_weights([kernel])
    weights = np.zeros((DEPTH, SIDE * SIDE, 2), "float32")
    weights[2, :, 1] = 1
    head.set_weights([weights.reshape(-1, 2), np.zeros(2, "float32")])
    sample = np.random.default_rng(0).random((1, DEPTH * SIDE, SIDE, 1)).astype("float32")
    probe = Probe(model, sample)
    assert (probe.depth, probe.frame, probe.cells) == (DEPTH, (4, 8, 8), (4, 8, 8))
    target = np.array([[0.0, 1.0]], "float32")
    for name, settings in (
        ("saliency", {}),
        ("layercam", {}),
        ("occlusion", {"patch": 0.3}),
        ("rise", {"masks": 600, "cells": 4}),
    ):
        plugin = registry.load("explainer", name)
        maps = plugin.explain(plugin.Config(**settings), probe, sample, target)
        assert maps.shape == (1, DEPTH * SIDE, SIDE), name
        assert shares(maps[0], DEPTH).argmax() == 2, name
        if name in ("saliency", "layercam", "occlusion"):
            assert np.abs(slices_of(maps[0], DEPTH)[[0, 1, 3]]).max() < 1e-6, name


def balls(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy volumes, and masks of a ball in each even one, of a disc in each odd one."""
    places = np.stack(np.meshgrid(np.arange(DEPTH), *[np.arange(SIDE)] * 2, indexing="ij"))
    center = np.stack([rng.uniform(1, 2, count), *rng.uniform(2, 5, (2, count))])
    apart = places[:, None] - center[:, :, None, None, None]
    inside = (apart**2).sum(axis=0) < 7
    inside[1::2] &= np.abs(apart[0, 1::2]) < 0.6
    return (60 * rng.random(inside.shape) + 150 * inside).astype("uint8"), inside.astype("uint8")


@pytest.mark.slow
def test_a_run_of_masks_predicts_stacks_and_is_explained_slice_by_slice(tmp_path: Path) -> None:
    x, y = balls(60, np.random.default_rng(0))
    np.savez(tmp_path / "m.npz", x=x, y=y)
    run = mlzoo.train(
        "unet",
        tmp_path / "m.npz",
        source="volumes",
        out=str(tmp_path / "runs"),
        name="masks",
        epochs=10,
        batch_size=6,
        learning_rate=0.01,
        augment="flips",
        set={"filters": 4, "depth": 1},
        **{**LEAN, "pictures": "all"},
    )
    assert run.metrics["test"]["metrics"]["mean_iou"] > 0.8
    new, truth = balls(4, np.random.default_rng(1))
    predicted = np.stack(run.predict(new).labels)
    assert predicted.shape == (4, DEPTH, SIDE, SIDE)
    assert (predicted == truth).mean() > 0.97
    assert (run.path / "plots" / "samples.png").is_file()
    folder = Folder(tmp_path / "out", run.reader, ["a/1.tif"], overwrite=False)
    painted = replace(next(iter(run.masks(new, outputs=True))), name="a/1.tif")
    assert folder.write(painted) == "masks/a/1.tif"
    written = read_stack(tmp_path / "out" / "masks" / "a" / "1.tif")
    assert np.array_equal(written[..., 0], predicted[0])
    outputs = np.load(tmp_path / "out" / "probabilities" / "a" / "1.npy")
    assert outputs.shape == (DEPTH, SIDE, SIDE, 2)
    with Image.open(tmp_path / "out" / "overlays" / "a" / "1.png") as overlay:
        assert overlay.size == (DEPTH * SIDE, SIDE)
    result = explain(run.path, method=["gradcam"], limit=1, out=tmp_path / "maps", sanity=[])
    (values,) = result.maps["gradcam"].values()
    assert values.shape == (DEPTH * SIDE, SIDE)
    assert result.record["model"]["cells"] == [2, 4, 4]
    assert list((tmp_path / "maps" / "overlays" / "gradcam").glob("*.png"))
