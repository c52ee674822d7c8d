"""New images, with and without masks, for a model that predicts at every pixel."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from mlzoo.core.errors import DataError, UsageError
from mlzoo.data import loading
from mlzoo.data.images.inference_inputs import NewImages, as_images, image_names, open_images
from mlzoo.data.inputs import read_labelled
from mlzoo.data.record import split_record, trained_on
from mlzoo.data.samples import Part, Samples
from mlzoo.data.specs import IGNORED
from mlzoo.runs import datasets
from tests.data.pictures import as_stored, config, noise, save

SIZES = [(24, 32), (40, 20), (24, 32)]


def mask(seed: int, height: int, width: int, values: tuple[int, ...] = (0, 1, 2)) -> np.ndarray:
    return np.random.default_rng(seed).choice(values, (height, width)).astype(np.uint8)


def pairs(root: Path, sizes: list[tuple[int, int]] = SIZES, seed: int = 0, **options: Any) -> Path:
    for number, (height, width) in enumerate(sizes):
        save(root / f"images/{number}.png", noise(seed + number, height, width))
        save(root / f"masks/{number}.png", mask(seed + number, height, width, **options))
    return root


def reader_of(data: object, **fields: Any) -> Any:
    """What a run folder would hold: it must survive JSON."""
    return as_stored(loading.read(config(data, **fields)).reader)


@pytest.fixture
def reader(tmp_path: Path) -> dict[str, Any]:
    return reader_of(pairs(tmp_path / "trained"))


def all_of(images: NewImages) -> list[np.ndarray]:
    return [images.image(index) for index in range(len(images))]


# -- Images alone


def test_images_come_in_their_own_size(tmp_path: Path, reader: Any) -> None:
    sizes = [(97, 101), (5, 8), (300, 20)]
    root = pairs(tmp_path / "new", sizes, seed=50) / "images"
    found = open_images(str(root), reader)
    assert found.names == ["0.png", "1.png", "2.png"]
    assert found.sizes == sizes
    assert found.warnings == ()
    for number, image in enumerate(all_of(found)):
        assert np.array_equal(image, noise(50 + number, *sizes[number]))
    one = open_images(str(root / "1.png"), reader)
    assert (one.names, one.sizes) == (["1.png"], [(5, 8)])
    assert np.array_equal(one.image(0), noise(51, 5, 8))


def test_channels_become_those_of_training(tmp_path: Path, reader: Any) -> None:
    gray = noise(1, channels=1)
    save(tmp_path / "new" / "gray.png", gray)
    save(tmp_path / "new" / "rgba.png", noise(2, channels=4))
    found = all_of(open_images(str(tmp_path / "new"), reader))
    assert np.array_equal(found[0], np.repeat(gray[..., None], 3, axis=-1))
    assert np.array_equal(found[1], noise(2, channels=4)[..., :3])
    one = reader_of(tmp_path / "trained", color="gray")
    assert all_of(open_images(str(tmp_path / "new"), one))[0].tolist() == gray[..., None].tolist()


def test_images_of_another_depth_are_scaled_to_the_trained_range(
    tmp_path: Path, reader: Any
) -> None:
    deep = noise(1).astype(np.uint16) * 257
    (tmp_path / "new").mkdir()
    cv2.imwrite(str(tmp_path / "new/deep.png"), deep[..., ::-1])
    found = open_images(str(tmp_path / "new"), reader)
    assert found.image(0).dtype == np.uint8
    assert np.array_equal(found.image(0), noise(1))
    assert "pixels run to 65535, but to 255 in the training data" in found.warnings[0]
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"trained/images/{number}.png"), deep)
        save(tmp_path / f"trained/masks/{number}.png", mask(number, 24, 32))
    wide = reader_of(tmp_path / "trained", allow_leakage=True)
    assert wide.maximum == 65535
    save(tmp_path / "plain.png", noise(1))
    plain = open_images(str(tmp_path / "plain.png"), wide)
    assert np.array_equal(plain.image(0), deep) and plain.warnings == ()


def test_a_model_of_small_floats_gets_them_from_files_too(tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((6, 24, 32, 3))
    np.savez(tmp_path / "d.npz", x=x, y=np.stack([mask(i, 24, 32) for i in range(6)]))
    reader = reader_of(tmp_path / "d.npz")
    assert reader.maximum == 1
    save(tmp_path / "new.png", noise(3))
    found = open_images(str(tmp_path / "new.png"), reader)
    assert found.image(0).dtype == np.float32
    np.testing.assert_allclose(found.image(0), noise(3) / 255, rtol=1e-6)


def test_resized_training_resizes_new_images_alike(tmp_path: Path) -> None:
    reader = reader_of(pairs(tmp_path / "trained"), size="12x16")
    new = pairs(tmp_path / "new", [(24, 32), (97, 101), (6, 9), (12, 16)], seed=70) / "images"
    found = open_images(str(new), reader)
    assert found.sizes == [(24, 32), (97, 101), (6, 9), (12, 16)]
    assert {image.shape for image in all_of(found)} == {(12, 16, 3)}
    # The same pixels as an array give the same.
    for number, size in enumerate(found.sizes):
        array = as_images(noise(70 + number, *size)[None], reader)
        assert array.sizes == [size]
        assert np.array_equal(array.image(0), found.image(number))


@pytest.mark.parametrize(
    ("image", "other"),
    [
        ("images/{}.png", ["masks/{}.png", "overlays/{}.png"]),
        ("Imgs/deep/{}.png", ["labels/deep/{}.png"]),
        ("{}.jpg", ["{}_mask.png"]),
        ("test/images/{}.png", ["test/masks/{}.png"]),
        ("train/{}.png", ["train/{}_mask.png"]),
        ("images/train/{}.png", ["masks/train/{}.png"]),
    ],
)
def test_masks_beside_images_are_no_images(
    tmp_path: Path, reader: Any, image: str, other: list[str]
) -> None:
    new = tmp_path / "new"
    for name in ("a", "b"):
        save(new / image.format(name), noise(1))
        for path in other:
            save(new / path.format(name), mask(1, 24, 32))
    found = open_images(str(new), reader)
    assert found.names == image_names(str(new)) == [image.format(name) for name in "ab"]
    said = f"the 2 images are taken, the {2 * len(other)} other files are not"
    assert len(found.warnings) == 1 and said in found.warnings[0]
    for name in "ab":
        (new / image.format(name)).unlink()
    if "/images/" in f"/{image}":
        with pytest.raises(DataError, match="holds masks, but no images"):
            open_images(str(new), reader)


def test_names_that_end_in_mask_are_images_where_nothing_is_beside_them(
    tmp_path: Path, reader: Any
) -> None:
    names = ["a_mask.png", "b.png", "sub/b_mask.png"]
    for name in names:
        save(tmp_path / "new" / name, noise(1))
    found = open_images(str(tmp_path / "new"), reader)
    assert (found.names, found.warnings) == (names, ())
    save(tmp_path / "new" / "b_mask.png", noise(1))
    assert open_images(str(tmp_path / "new"), reader).names == names


def test_names_are_those_of_the_images(tmp_path: Path, reader: Any) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros((2, 7, 9, 3), np.uint8))
    save(tmp_path / "new" / "b.c.png", noise(1))
    for path in ("x.npz", "new", "new/b.c.png"):
        assert image_names(str(tmp_path / path)) == open_images(str(tmp_path / path), reader).names


def test_bad_and_missing_files_are_named(tmp_path: Path, reader: Any) -> None:
    save(tmp_path / "new" / "good.png", noise(1))
    (tmp_path / "new" / "bad.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"1 of 2 images can't be used:\n  bad.png: empty file"):
        open_images(str(tmp_path / "new"), reader)
    with pytest.raises(UsageError, match="is not there"):
        open_images(str(tmp_path / "nowhere"), reader)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no images"):
        open_images(str(tmp_path / "empty"), reader)


# -- Arrays


@pytest.mark.parametrize("shape", [(2, 24, 32, 3), (3, 97, 101, 3), (1, 1, 5, 3)])
def test_arrays_of_any_size(tmp_path: Path, reader: Any, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    np.savez(tmp_path / "pair.npz", x=x, y=np.zeros(len(x)))
    np.savez(tmp_path / "one.npz", pictures=x)
    np.save(tmp_path / "x.npy", x.astype(np.int64))
    files = [open_images(str(tmp_path / name), reader) for name in ("pair.npz", "one.npz", "x.npy")]
    for found in (as_images(x, reader), *files):
        assert found.names == [f"sample {i}" for i in range(len(x))]
        assert found.sizes == [shape[1:3]] * len(x)
        assert {image.dtype.name for image in all_of(found)} == {"uint8"}
        assert np.array_equal(all_of(found), x)


def test_gray_arrays_need_no_channel_axis(tmp_path: Path) -> None:
    reader = reader_of(pairs(tmp_path / "trained"), color="gray")
    assert as_images(np.zeros((2, 7, 9), np.uint8), reader).image(1).shape == (7, 9, 1)
    with pytest.raises(DataError, match="no samples"):
        as_images(np.zeros((0, 7, 9), np.uint8), reader)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 7, 9, 4), np.uint8), "the model takes (7, 9, 3)"),
        (np.zeros((2, 7, 9), np.uint8), "the model takes (7, 9, 3)"),
        (np.zeros((7, 9), np.uint8), "the model takes images (n, height, width, 3)"),
        (np.zeros((1, 2, 7, 9, 3), np.uint8), "the model takes images (n, height, width, 3)"),
        (np.full((2, 7, 9, 3), 256), "values run from 256 to 256"),
        (np.full((2, 7, 9, 3), 300, np.uint16), "whole numbers from 0 to 255"),
        (np.full((2, 7, 9, 3), -1), "whole numbers from 0 to 255"),
        (np.full((2, 7, 9, 3), 0.5), "whole numbers from 0 to 255"),
        (np.full((2, 7, 9, 3), np.nan), "NaN or infinite values in 2 of 2 samples"),
        (np.full((2, 7, 9, 3), "a"), "the model takes (7, 9, 3)"),
    ],
)
def test_arrays_that_do_not_fit(reader: Any, x: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        as_images(x, reader)


def test_floats_beyond_the_trained_range_are_refused(tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((6, 8, 8, 3))
    np.savez(tmp_path / "d.npz", x=x, y=np.stack([mask(i, 8, 8) for i in range(6)]))
    reader = reader_of(tmp_path / "d.npz")
    assert np.array_equal(as_images(x, reader).image(2), x[2].astype(np.float32))
    for bad in (x * 255, x - 0.5, noise(0, 8, 8)[None]):
        with pytest.raises(DataError, match="was trained on images with values from 0 to 1"):
            as_images(bad, reader)


def test_a_model_of_arrays_takes_no_image_files(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(6, 24, 32, 3))
    masks = np.stack([mask(i, 24, 32) for i in range(6)])
    for number, y in enumerate((masks, x[..., :2])):
        np.savez(tmp_path / "d.npz", x=x, y=y)
        reader = reader_of(tmp_path / "d.npz", source_set={"kind": "array"})
        assert np.array_equal(as_images(9 * x, reader).image(1), (9 * x[1]).astype(np.float32))
        new = pairs(tmp_path / str(number))
        with pytest.raises(DataError, match=r"the model takes arrays \(n, height, width, 3\)"):
            open_images(str(new / "images"), reader)
        with pytest.raises(DataError, match=r"model takes arrays|holds no fields"):
            read_labelled(str(new), reader)


# -- With masks


def check(samples: Samples, sizes: list[tuple[int, int]], seed: int) -> None:
    part = Part(samples, np.arange(len(samples)))
    for number, size in enumerate(sizes):
        assert np.array_equal(part.image(number), noise(seed + number, *size))
        assert np.array_equal(part.target(number), mask(seed + number, *size))
        counts = np.bincount(part.target(number).ravel(), minlength=3)
        assert samples.pixels[number].tolist() == counts.tolist()


def test_reading_the_training_data_again_gives_the_same(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "d.npz", x=noise(0)[None].repeat(4, 0), y=mask(0, 24, 32)[None].repeat(4, 0)
    )
    pairs(tmp_path / "folder")
    for path, fields in (("folder", {}), ("folder", {"size": "8x8"}), ("d.npz", {})):
        data = loading.read(config(tmp_path / path, allow_leakage=True, **fields))
        again = read_labelled(str(tmp_path / path), as_stored(data.reader))
        assert np.array_equal(again.inputs[:], data.inputs[:])
        assert np.array_equal(again.targets[:], data.targets[:])
        assert again.task == "segmentation" and again.class_names == data.class_names
        assert np.array_equal(again.pixels, data.pixels)
        assert again.hashes.tolist() == data.hashes.tolist()
        assert again.target_hashes.tolist() == data.target_hashes.tolist()


def test_pairs_of_another_size(tmp_path: Path, reader: Any) -> None:
    sizes = [(97, 101), (5, 8), (30, 300)]
    samples = read_labelled(str(pairs(tmp_path / "new", sizes, seed=30)), reader)
    assert samples.inputs.shape == (3, 97, 300, 3)
    assert samples.names == ["images/0.png", "images/1.png", "images/2.png"]
    check(samples, sizes, 30)
    assert samples.warnings == ()


def test_samples_that_were_trained_on_are_known_again(tmp_path: Path) -> None:
    root = pairs(tmp_path / "trained", [(24, 32)] * 10)
    run = config(root)
    record = json.loads(json.dumps(split_record(datasets.load(run), run)))
    again = read_labelled(str(root), reader_of(root))
    assert trained_on(again, record) == 8
    fresh = read_labelled(str(pairs(tmp_path / "new", seed=500)), reader_of(root))
    assert trained_on(fresh, record) == 0


def test_classes_are_those_of_training(tmp_path: Path) -> None:
    root = pairs(tmp_path / "trained", values=(0, 255))
    reader = reader_of(root)
    new = pairs(tmp_path / "new", seed=40, values=(0, 255))
    save(new / "masks/0.png", np.zeros((24, 32), np.uint8))
    samples = read_labelled(str(new), reader)
    assert np.array_equal(samples.targets[1][:40, :20], mask(41, 40, 20, (0, 255)) == 255)
    assert samples.warnings == ("1 of 3 masks hold 'background' only: images/0.png",)
    # One class alone is fine here, but not 1 beside 255.
    for number, (height, width) in enumerate(SIZES):
        save(new / f"masks/{number}.png", np.full((height, width), 255, np.uint8))
    assert np.unique(read_labelled(str(new), reader).targets[0]).tolist() == [1, IGNORED]
    save(new / "masks/1.png", mask(0, 40, 20, (0, 1)))
    with pytest.raises(DataError) as error:
        read_labelled(str(new), reader)
    assert str(error.value) == (
        "values that are no class in images/1.png (1); the classes are 0 background, 255 "
        "foreground; correct the masks, or say in classes.txt which values the model's names have"
    )


@pytest.mark.parametrize(("trained", "new"), [((0, 255), (0, 1)), ((0, 1), (0, 255))])
def test_two_classes_are_known_in_both_codes(
    tmp_path: Path, trained: tuple[int, int], new: tuple[int, int]
) -> None:
    reader = reader_of(pairs(tmp_path / "trained", values=trained))
    samples = read_labelled(str(pairs(tmp_path / "new", [(24, 32)], 40, values=new)), reader)
    expected = mask(40, 24, 32, new) > 0
    assert np.array_equal(samples.targets[0], expected)
    assert samples.pixels[0].tolist() == [(~expected).sum(), expected.sum()]
    said = f"masks: {new[1]} is taken for 'foreground', which is {trained[1]} in the training data"
    assert [text for text in samples.warnings if text.startswith(said)]
    np.savez(tmp_path / "new.npz", x=noise(40)[None], y=mask(40, 24, 32, new)[None])
    arrays = read_labelled(str(tmp_path / "new.npz"), reader)
    assert np.array_equal(arrays.targets[0], expected)
    assert arrays.warnings == samples.warnings


def test_values_that_do_not_count_are_no_other_code(tmp_path: Path) -> None:
    void = reader_of(
        pairs(tmp_path / "trained", values=(0, 9, 255)), source_set={"ignore_index": 9}
    )
    samples = read_labelled(str(pairs(tmp_path / "new", [(24, 32)], values=(0, 1, 9))), void)
    expected = {0: 0, 1: 1, 9: IGNORED}
    found = [expected[value] for value in mask(0, 24, 32, (0, 1, 9)).flat]
    assert samples.targets[0].ravel().tolist() == found
    three = reader_of(pairs(tmp_path / "three", values=(0, 128, 255)))
    with pytest.raises(DataError, match=r"no class in images/0.png \(1\)"):
        read_labelled(str(pairs(tmp_path / "new", [(24, 32)], values=(0, 1))), three)


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        ((0, 1, 2), "0 0\n1 128\n2 255\n"),  # as predict writes
        ((0, 1, 2), "0\n128\n255\n"),
        ((7, 5, 3), "7 0\n3 255\n5 128\n9 rust\n"),
        ((2, 1, 0), "255\n128\n0\n"),
        ((0, 128, 255), "0\n128\n255\n"),
    ],
)
def test_classes_txt_of_new_masks_maps_by_name(
    tmp_path: Path, values: tuple[int, ...], classes: str
) -> None:
    reader = reader_of(pairs(tmp_path / "trained", values=(0, 128, 255)))
    new = pairs(tmp_path / "new", seed=40, values=values)
    (new / "classes.txt").write_text(classes)
    samples = read_labelled(str(new), reader)
    assert np.array_equal(samples.targets[1][:40, :20], mask(41, 40, 20, (0, 1, 2)))
    assert samples.class_names == ("0", "128", "255") and samples.warnings == ()


def test_classes_txt_with_strange_names_is_refused(tmp_path: Path, reader: Any) -> None:
    new = pairs(tmp_path / "new")
    (new / "classes.txt").write_text("0 0\n1 rust\n2 2\n")
    message = "class 'rust' is unknown to the model, which has '0', '1', '2'"
    with pytest.raises(DataError, match=message):
        read_labelled(str(new), reader)
    (new / "classes.txt").write_text("0 2\n2 0\n")
    with pytest.raises(
        DataError, match=r"no class in .*images/0.png \(1\).*; the classes are 2 0, 0 2;"
    ):
        read_labelled(str(new), reader)


def test_a_list_holds_beside_thresholds_and_ignored_values(tmp_path: Path) -> None:
    root = pairs(tmp_path / "t", values=(0, 90, 100, 200))
    (root / "classes.txt").write_text("0 sound\n255 crack\n")
    limit = reader_of(root, source_set={"threshold": 100})
    assert np.array_equal(
        read_labelled(str(root), limit).targets[0][:24, :32],
        mask(0, 24, 32, (0, 90, 100, 200)) >= 100,
    )
    # A list that says otherwise is believed: 1 is far below the threshold.
    new = pairs(tmp_path / "n", [(24, 32)], values=(0, 1))
    (new / "classes.txt").write_text("0 sound\n1 crack\n")
    assert np.array_equal(read_labelled(str(new), limit).targets[0], mask(0, 24, 32, (0, 1)))
    void = reader_of(pairs(tmp_path / "v", values=(0, 1, 255)))
    pairs(tmp_path / "n", [(24, 32)], values=(0, 255))
    (new / "classes.txt").write_text("0 background\n255 foreground\n")
    assert np.array_equal(read_labelled(str(new), void).targets[0], mask(0, 24, 32, (0, 1)))
    (new / "classes.txt").write_text("0 background\n1 foreground\n255 void\n")
    found = read_labelled(str(new), void).targets[0]
    assert np.array_equal(found == IGNORED, mask(0, 24, 32, (0, 1)) == 1)


def test_thresholds_ignored_values_and_colours_hold_for_new_masks(tmp_path: Path) -> None:
    root = pairs(tmp_path / "t", values=(0, 90, 100, 200))
    limit = reader_of(root, source_set={"threshold": 100})
    new = pairs(tmp_path / "n", [(24, 32)], seed=9, values=(3, 99, 100, 255))
    expected = mask(9, 24, 32, (3, 99, 100, 255)) >= 100
    assert np.array_equal(read_labelled(str(new), limit).targets[0], expected)
    save(new / "masks/0.png", noise(3))
    with pytest.raises(DataError, match="threshold needs gray masks, but images/0.png has colors"):
        read_labelled(str(new), limit)
    void = reader_of(pairs(tmp_path / "v", values=(0, 1, 255)))
    pairs(tmp_path / "n", [(24, 32)], seed=9, values=(0, 255))
    found = read_labelled(str(new), void)
    assert np.array_equal(found.targets[0] == IGNORED, mask(9, 24, 32, (0, 255)) == 255)
    colours = np.array([(0, 0, 0), (255, 0, 0), (0, 0, 255)], np.uint8)
    coloured = pairs(tmp_path / "c")
    for number, (height, width) in enumerate(SIZES):
        save(coloured / f"masks/{number}.png", colours[mask(number, height, width)])
    save(new / "masks/0.png", colours[mask(9, 24, 32)])
    found = read_labelled(str(new), reader_of(coloured))
    assert np.array_equal(found.targets[0], np.array([0, 2, 1])[mask(9, 24, 32)])


def test_pairs_of_another_depth(tmp_path: Path, reader: Any) -> None:
    new = pairs(tmp_path / "new", seed=20)
    for number, size in enumerate(SIZES):
        image = noise(20 + number, *size).astype(np.uint16) * 257
        cv2.imwrite(str(new / f"images/{number}.png"), image[..., ::-1])
    samples = read_labelled(str(new), reader)
    assert samples.inputs.dtype == np.uint8
    check(samples, SIZES, 20)
    assert "pixels run to 65535, but to 255 in the training data" in samples.warnings[0]


def test_missing_and_bad_masks_are_named(tmp_path: Path, reader: Any) -> None:
    new = pairs(tmp_path / "new")
    (new / "masks/1.png").unlink()
    save(new / "masks/2.png", mask(2, 32, 24))
    with pytest.raises(DataError) as error:
        read_labelled(str(new), reader)
    assert str(error.value) == (
        "2 of 3 images and masks can't be used:\n  images/1.png: has no mask called 1 in masks/\n"
        "  masks/2.png: the mask is 32x24, but its image is 24x32"
    )
    with pytest.raises(DataError, match="has no image with a mask"):
        read_labelled(str(new / "images"), reader)
    with pytest.raises(DataError, match="can't be listed: Not a directory"):
        read_labelled(str(new / "images/0.png"), reader)


def test_arrays_with_masks(tmp_path: Path, reader: Any) -> None:
    x = np.random.default_rng(0).integers(0, 256, (3, 9, 11, 3), np.uint8)
    y = mask(0, 3 * 9, 11).reshape(3, 9, 11)
    y[1] = 0
    np.savez(tmp_path / "new.npz", images=x, masks=y)
    samples = read_labelled(str(tmp_path / "new.npz"), reader)
    assert np.array_equal(samples.inputs, x) and np.array_equal(samples.targets, y)
    assert samples.pixels.sum(axis=1).tolist() == [99] * 3
    assert samples.names == ["sample 0", "sample 1", "sample 2"]
    assert samples.warnings == ("1 of 3 masks hold '0' only: sample 1",)
    y[2, 3, 4], y[0, 0, 0] = 7, 8
    for masks, message in (
        (y, "no class in sample 0 (8), sample 2 (7); the classes are 0 0, 1 1, 2 2; correct them"),
        (y[:, :-1], "do not stand at the pixels of images"),
        (np.arange(3), "do not stand at the pixels of images"),
        (y + 300.0, "values run from 300"),
        (y - 0.5, "masks hold whole numbers"),
    ):
        np.savez(tmp_path / "new.npz", images=x, masks=masks)
        with pytest.raises(DataError, match=re.escape(message)):
            read_labelled(str(tmp_path / "new.npz"), reader)
    np.savez(tmp_path / "new.npz", images=x[:0], masks=y[:0])
    with pytest.raises(DataError, match="do not stand at the pixels"):
        read_labelled(str(tmp_path / "new.npz"), reader)


def test_arrays_with_masks_are_resized_as_in_training(tmp_path: Path) -> None:
    reader = reader_of(pairs(tmp_path / "trained"), size="12x16")
    image, target = noise(5, 24, 32), mask(5, 12, 16).repeat(2, 0).repeat(2, 1)
    np.savez(tmp_path / "new.npz", x=image[None], y=target[None])
    save(tmp_path / "new/images/a.png", image)
    save(tmp_path / "new/masks/a.png", target)
    arrays = read_labelled(str(tmp_path / "new.npz"), reader)
    files = read_labelled(str(tmp_path / "new"), reader)
    assert np.array_equal(arrays.inputs, files.inputs[:])
    assert np.array_equal(arrays.targets, files.targets[:])
    assert np.array_equal(arrays.targets[0], mask(5, 12, 16))
    assert np.array_equal(arrays.pixels, files.pixels)


def test_fields(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x, y = random.random((6, 8, 9, 1)), random.normal(size=(6, 8, 9, 2))
    np.savez(tmp_path / "d.npz", x=x, y=y)
    reader = reader_of(tmp_path / "d.npz")
    y[2, 3, 4] = np.nan
    np.savez(tmp_path / "new.npz", x=x[:4, :5, :7, 0], y=y[:4, :5, :7])
    samples = read_labelled(str(tmp_path / "new.npz"), reader)
    assert samples.task == "fields"
    assert np.array_equal(samples.inputs, x[:4, :5, :7].astype(np.float32))
    assert np.array_equal(samples.targets, y[:4, :5, :7].astype(np.float32), equal_nan=True)
    np.savez(tmp_path / "new.npz", x=x, y=y[..., :1])
    with pytest.raises(DataError, match="1 fields, but the model predicts 2"):
        read_labelled(str(tmp_path / "new.npz"), reader)
    y[0, 0, 0, 0] = np.inf
    np.savez(tmp_path / "new.npz", x=x, y=y)
    with pytest.raises(DataError, match="infinite"):
        read_labelled(str(tmp_path / "new.npz"), reader)
    with pytest.raises(DataError, match="holds no fields; give an .npz file"):
        read_labelled(str(pairs(tmp_path / "folder")), reader)


def test_a_palette_mask_is_read_by_index(tmp_path: Path) -> None:
    def indexed(values: np.ndarray) -> Image.Image:
        image = Image.fromarray(values)
        image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
        return image

    root = pairs(tmp_path / "trained")
    for number, size in enumerate(SIZES):
        indexed(mask(number, *size)).save(root / f"masks/{number}.png")
    reader = reader_of(root)
    assert reader.masks.colours == ((0, 0, 0), (255, 0, 0), (0, 255, 0))
    check(read_labelled(str(pairs(tmp_path / "new", seed=8)), reader), SIZES, 8)
