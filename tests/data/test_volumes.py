"""Volumes: stacks of slices and arrays are read, changed at random and read anew alike."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mlzoo.augmentation.augmenter import Augmenter
from mlzoo.augmentation.choosing import choose
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError, UsageError
from mlzoo.data import loading, recognition
from mlzoo.data.images.headers import BadFileError
from mlzoo.data.images.inference_inputs import open_images
from mlzoo.data.inputs import read_inputs, read_labelled
from mlzoo.data.masks.reader import DenseReader
from mlzoo.data.reader_record import parse_reader
from mlzoo.data.record import write_reader
from mlzoo.data.samples import Samples
from mlzoo.data.volumes.recognizing import has_stacks
from mlzoo.data.volumes.slices import side_by_side, slices_of, stacked
from mlzoo.data.volumes.tiff import read_stack
from mlzoo.runs import datasets

DEPTH, SIDE = 3, 8


def noise(count: int = 12, dtype: str = "uint8", seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).integers(0, 200, (count, DEPTH, SIDE, SIDE))
    return values.astype(dtype)


def write(path: Path, slices: np.ndarray, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *others = (Image.fromarray(each) for each in slices)
    first.save(path, save_all=True, append_images=others, **options)
    return path


def read(data: Path, **more: Any) -> Samples:
    return loading.read(RunConfig(**{"model": "cnn", "data": str(data), **more}))


def classes(root: Path, x: np.ndarray) -> Path:
    for number, volume in enumerate(x):
        write(root / "ab"[number % 2] / f"{number:02}.tif", volume)
    return root


def masked(root: Path, x: np.ndarray, y: np.ndarray) -> Path:
    for number, (volume, mask) in enumerate(zip(x, y, strict=True)):
        write(root / "images" / f"{number}.tif", volume)
        write(root / "masks" / f"{number}.tif", mask)
    return root


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_stack_is_read_page_by_page(tmp_path: Path, dtype: str) -> None:
    volume = noise(dtype=dtype)[0]
    read = read_stack(write(tmp_path / "a.tif", volume))
    assert read.dtype == np.dtype(dtype)
    assert np.array_equal(read[..., 0], volume)


def test_what_is_no_stack_is_refused_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "cut.tif").write_bytes(write(tmp_path / "a.tif", noise()[0]).read_bytes()[:90])
    with pytest.raises(BadFileError, match="cut short or damaged"):
        read_stack(tmp_path / "cut.tif")
    Image.fromarray(noise()[0, 0]).save(tmp_path / "a.png")
    with pytest.raises(BadFileError, match="is no TIFF file"):
        read_stack(tmp_path / "a.png")
    with pytest.raises(BadFileError, match="3 slices of 8x8 pixels are more than the limit of 100"):
        read_stack(tmp_path / "a.tif", max_voxels=100)
    tags = {270: "ImageJ=1.54f\nimages=7\nslices=7\n"}
    Image.fromarray(noise()[0, 0]).save(tmp_path / "imagej.tif", tiffinfo=tags)
    with pytest.raises(BadFileError, match="says that it holds 7 images, of which 1 can be read"):
        read_stack(tmp_path / "imagej.tif")
    small = Image.fromarray(noise()[0, 0, :4])
    Image.fromarray(noise()[0, 0]).save(tmp_path / "b.tif", save_all=True, append_images=[small])
    with pytest.raises(BadFileError, match="page 2 is 8x4 L, the first is 8x8 L"):
        read_stack(tmp_path / "b.tif")


def test_a_page_that_is_damaged_is_told_as_such(tmp_path: Path) -> None:
    compression = struct.pack("<HHI", 259, 3, 1)
    stack = bytearray(write(tmp_path / "a.tif", noise()[0]).read_bytes())
    at = stack.rindex(compression) + len(compression)
    stack[at : at + 2] = struct.pack("<H", 9999)
    (tmp_path / "b.tif").write_bytes(stack)
    with pytest.raises(BadFileError, match="cut short or damaged"):
        read_stack(tmp_path / "b.tif")


def test_new_volumes_as_large_as_those_of_the_training_are_read(tmp_path: Path) -> None:
    x = noise()
    root = masked(tmp_path / "pairs", x, (x > 120).astype("uint8"))
    few = read(root, model="unet", source_set={"max_voxels": DEPTH * SIDE * SIDE})
    reader = parse_reader(write_reader(few.reader))
    assert isinstance(reader, DenseReader)
    assert reader.max_voxels == DEPTH * SIDE * SIDE
    assert len(open_images(str(root / "images"), reader)) == len(read_labelled(str(root), reader))
    small = reader.model_copy(update={"max_voxels": 9})
    for reads in (open_images, read_labelled):
        with pytest.raises(DataError, match="more than the limit of 9"):
            reads(str(root / "images" if reads is open_images else root), small)
    flat = read(classes(tmp_path / "classes", x)).reader.model_copy(update={"max_voxels": 9})
    with pytest.raises(DataError, match="more than the limit of 9"):
        read_inputs(str(tmp_path / "classes" / "a"), flat)


def test_settings_without_effect_on_volumes_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=noise(), y=np.arange(12) % 2)
    with pytest.raises(UsageError, match="max_voxels: has no effect on arrays"):
        read(tmp_path / "a.npz", source="volumes", source_set={"max_voxels": 9})
    np.savez(tmp_path / "m.npz", x=noise(), y=(noise() > 9).astype("uint8"))
    with pytest.raises(UsageError, match="--class-order: has no effect on masks"):
        read(tmp_path / "m.npz", source="volumes", model="unet", class_order=["0", "1"])


def test_links_to_stacks_are_followed_and_pairs_of_stacks_are_pairs(tmp_path: Path) -> None:
    root = classes(tmp_path / "data", noise())
    linked = tmp_path / "linked"
    linked.mkdir()
    for name in "ab":
        (linked / name).symlink_to(root / name)
    (linked / "again").symlink_to(linked)
    assert recognition.recognize(str(linked)) == "volumes"
    for name in ("noisy", "clean"):
        write(tmp_path / "pairs" / name / "0.tif", noise()[0])
    assert recognition.recognize(str(tmp_path / "pairs")) == "image_pairs"


def test_folders_of_stacks_are_recognized_and_read_as_classes(tmp_path: Path) -> None:
    x = noise()
    root = classes(tmp_path / "data", x)
    assert has_stacks(root)
    assert recognition.recognize(str(root)) == "volumes"
    samples = read(root)
    assert samples.inputs.shape == (12, DEPTH * SIDE, SIDE, 1)
    assert (samples.class_names, samples.reader.depth) == (("a", "b"), DEPTH)
    assert samples.name_of(0) == "a/00.tif"
    assert np.array_equal(slices_of(samples.inputs[0], DEPTH)[..., 0], x[0])
    assert datasets.arrange(samples, RunConfig(model="cnn", data=str(root)), 0).inputs.depth == 3
    write(root / "a" / "short.tif", x[0, :2])
    with pytest.raises(DataError, match=r"1 of 13 .*\n.*short.tif: is 2x8x8x1 uint8, the first"):
        read(root)


def test_folders_of_pages_are_still_images(tmp_path: Path) -> None:
    for number, slices in enumerate(noise()):
        path = tmp_path / "ab"[number % 2] / f"{number}.tif"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(slices[0]).save(path)
    assert recognition.recognize(str(tmp_path)) == "image_folder"


def test_masks_of_stacks_keep_their_names_and_are_read_anew(tmp_path: Path) -> None:
    x = noise()
    y = (x > 120).astype("uint8")
    root = masked(tmp_path / "pairs", x, y)
    (root / "classes.txt").write_text("0 void space\n1 grain\n")
    assert recognition.recognize(str(root)) == "volumes"
    samples = read(root, model="unet")
    assert (samples.task, samples.class_names) == ("segmentation", ("void space", "grain"))
    assert np.array_equal(slices_of(np.asarray(samples.targets)[0], DEPTH), y[0])
    reader = parse_reader(write_reader(samples.reader))
    assert isinstance(reader, DenseReader)
    assert reader.depth == DEPTH
    again = read_labelled(str(root), reader)
    assert np.array_equal(again.inputs, samples.inputs)
    assert np.array_equal(again.targets, samples.targets)
    new = open_images(str(root / "images"), reader)
    assert new.names[0] == "0.tif"
    assert np.array_equal(new.image(0), samples.inputs[0])


@pytest.mark.parametrize("channels", [(), (1,), (2,)])
def test_arrays_of_volumes(tmp_path: Path, channels: tuple[int, ...]) -> None:
    x = noise().reshape(12, DEPTH, SIDE, SIDE, *(1,) * len(channels))
    x = x if channels != (2,) else np.concatenate([x, x], axis=-1)
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(12) % 3)
    samples = read(tmp_path / "a.npz", source="volumes", task="classification")
    assert samples.inputs.shape == (12, DEPTH * SIDE, SIDE, (*channels, 1)[0])
    assert (samples.kind, samples.maximum, len(samples.class_names)) == ("image", 255, 3)
    reader = parse_reader(write_reader(samples.reader))
    again = read_inputs(str(tmp_path / "a.npz"), reader)
    assert np.array_equal(again.rows, samples.inputs)
    np.savez(tmp_path / "deep.npz", x=np.concatenate([x, x], axis=1), y=np.arange(12) % 3)
    with pytest.raises(DataError, match="volumes have 6 slices, but the model takes 3"):
        read_inputs(str(tmp_path / "deep.npz"), reader)


def test_numbers_at_voxels_are_fields_and_negative_values_are_standardized(tmp_path: Path) -> None:
    x = noise(dtype="float32") - 100
    np.savez(tmp_path / "a.npz", x=x, y=np.sqrt(np.abs(x)))
    samples = read(tmp_path / "a.npz", source="volumes", model="unet")
    assert (samples.task, samples.kind, samples.maximum) == ("fields", "array", None)
    assert samples.targets.shape == (12, DEPTH * SIDE, SIDE, 1)


def test_wrong_arrays_and_settings_are_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "flat.npz", x=noise()[:, 0], y=np.arange(12) % 2)
    with pytest.raises(DataError, match=r"volumes are numbers \(n, depth, height, width\)"):
        read(tmp_path / "flat.npz", source="volumes")
    np.savez(tmp_path / "off.npz", x=noise(), y=noise()[:, :, :4])
    with pytest.raises(DataError, match="must have the volumes' depth, height and width"):
        read(tmp_path / "off.npz", source="volumes")
    np.savez(tmp_path / "a.npz", x=noise(), y=np.arange(12) % 2)
    with pytest.raises(DataError, match="threshold and ignore are for masks"):
        read(tmp_path / "a.npz", source="volumes", source_set={"threshold": 3})
    with pytest.raises(UsageError, match="task fields is not chosen for volumes"):
        read(tmp_path / "a.npz", source="volumes", task="fields")
    with pytest.raises(UsageError, match="--restore noise=0.1: is for images, .* of 3 slices"):
        read(tmp_path / "a.npz", source="volumes", model="unet", restore="noise=.1")
    config = RunConfig(model="unet", data="-", tile=64)
    y = (noise() > 9).astype("uint8")
    np.savez(tmp_path / "m.npz", x=noise(), y=y)
    samples = read(tmp_path / "m.npz", source="volumes", model="unet")
    with pytest.raises(UsageError, match="--tile 64: volumes are taken whole"):
        datasets.arrange(samples, config, 0)


def test_slices_side_by_side() -> None:
    image = stacked(np.arange(10)[None, :, None, None] * np.ones((1, 10, 2, 3)))[0]
    shown = side_by_side(image, 10)
    assert shown.shape == (2, 24)
    assert shown[0, ::3].tolist() == [0, 1, 3, 4, 5, 6, 8, 9]


def test_all_slices_and_their_masks_are_turned_alike(tmp_path: Path) -> None:
    x = noise()
    np.savez(tmp_path / "m.npz", x=x, y=(x > 100).astype("uint8"))
    samples = read(tmp_path / "m.npz", source="volumes", model="unet")
    data = datasets.arrange(samples, RunConfig(model="unet", data="-"), 0)
    part = data.train
    augmenter = Augmenter(choose("flips", part), part, seed=3)
    seen = set()
    for epoch in range(12):
        items = np.arange(len(part))
        inputs, masks = augmenter.change(part.inputs(), part.targets, items, epoch)
        assert masks is not None
        assert np.array_equal(masks, inputs[..., 0] > 100)
        before, after = (slices_of(each[0], DEPTH)[..., 0] for each in (part.inputs(), inputs))
        matches = [
            (turns, mirror)
            for turns in range(4)
            for mirror in (1, -1)
            if np.array_equal(np.rot90(before, turns, (1, 2))[:, :, ::mirror], after)
        ]
        assert len(matches) == 1
        seen.update(matches)
    assert len(seen) >= 5
    with pytest.raises(UsageError, match="CutMix: is for single images, and these are volumes"):
        choose([{"CutMix": {}}], part)
