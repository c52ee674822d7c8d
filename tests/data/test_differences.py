"""Warnings about new images that are unlike those of the training data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mlzoo.core.errors import DataError
from mlzoo.data import loading
from mlzoo.data.images.headers import Header
from mlzoo.data.images.inference_inputs import open_images
from mlzoo.data.inputs import read_inputs
from mlzoo.data.masks.reader import DenseReader
from mlzoo.data.quality.differences import Content, measure
from mlzoo.data.reader import Reader
from tests.data.pictures import config, folder, noise, save


@pytest.fixture(scope="module")
def color(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """What a run keeps of RGB images of 24x32 with all values."""
    root = folder(tmp_path_factory.mktemp("color"), {"a": 3, "b": 3})
    return loading.read(config(root)).reader


@pytest.fixture(scope="module")
def gray(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    root = folder(tmp_path_factory.mktemp("gray"), {"a": 3, "b": 3}, channels=1)
    return loading.read(config(root)).reader


def warned(path: Path, pixels: np.ndarray, reader: Reader) -> tuple[str, ...]:
    return read_inputs(str(save(path, pixels)), reader).warnings


def test_images_alike_are_no_matter(tmp_path: Path, color: Reader) -> None:
    assert warned(tmp_path / "a.png", noise(9), color) == ()
    opaque = np.concatenate([noise(9), np.full((24, 32, 1), 255, np.uint8)], axis=-1)
    assert warned(tmp_path / "b.png", opaque, color) == ()


def test_other_channels(tmp_path: Path, color: Reader, gray: Reader) -> None:
    (text,) = warned(tmp_path / "a.png", noise(9, channels=1), color)
    assert text == (
        "channels: 1 of 1 images are gray, but those of the training data RGB; they are converted "
        "to RGB"
    )
    (text,) = warned(tmp_path / "b.png", noise(9), gray)
    assert text.startswith("channels: 1 of 1 images are RGB, but those of the training data gray;")
    # Gray in all but its header is converted exactly.
    assert warned(tmp_path / "c.png", noise(9, channels=1)[..., None].repeat(3, -1), gray) == ()
    (text,) = warned(tmp_path / "d.png", noise(9, channels=4), color)
    assert text.startswith("channels: 1 of 1 images are RGB with alpha, but those of the")


def test_a_single_gray_image_makes_gray_no_usual_kind() -> None:
    headers = [Header(9, 9, 3, 8)] * 40
    colored, plain = Content(3, 0, 1), Content(1, 0, 1)
    assert measure(headers, [plain] + [colored] * 39).channels == (3,)
    assert measure(headers, [plain] * 20 + [colored] * 20).channels == (1, 3)


def test_another_size(tmp_path: Path, color: Reader) -> None:
    (text,) = warned(tmp_path / "a.png", noise(9, 48, 64), color)
    assert text == (
        "size: 1 of 1 images have another size (48x64) than those of the training data (24x32); "
        "they are resized to 24x32"
    )


@pytest.mark.parametrize(("most", "shown"), [(1, "1"), (20, "20")])
def test_another_range(tmp_path: Path, color: Reader, most: int, shown: str) -> None:
    dark = np.rint(noise(9) / 255 * most).astype(np.uint8)
    (text,) = warned(tmp_path / "a.png", dark, color)
    assert text.startswith(f"range: values run from 0 to {shown}, but from 0 to 255 in the train")
    assert warned(tmp_path / "b.png", noise(9) // 4, color) == ()


def test_one_image_of_another_range_among_others(tmp_path: Path, color: Reader) -> None:
    """Values from 0 to 1 in one of three files; the others hide it in the range of all."""
    for name, most in (("a", 1), ("b", 255), ("c", 255)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.rint(noise(9) / 255 * most).astype(np.uint8))
    (text,) = read_inputs(str(tmp_path), color).warnings
    assert text.startswith("range: 1 of 3 images have no value over 1, but those of the training")


def test_twelve_bits_in_a_file_of_sixteen(tmp_path: Path, color: Reader) -> None:
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), noise(9).astype(np.uint16) * 16)
    depth, span = read_inputs(str(path), color).warnings
    assert depth.startswith("pixels run to 65535, but to 255 in the training data")
    assert span.startswith("range: values run from 0 to 15.88, but from 0 to 255")


def test_arrays_of_another_range(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "d.npz", x=rng.random((8, 6, 5, 1)), y=np.arange(8) % 2)
    reader = loading.read(config(tmp_path / "d.npz")).reader
    np.save(tmp_path / "new.npy", 255 * rng.random((3, 6, 5, 1)))
    (text,) = read_inputs(str(tmp_path / "new.npy"), reader).warnings
    assert text.startswith("range: values run from ") and "in the training data" in text
    np.save(tmp_path / "like.npy", rng.random((3, 6, 5, 1)))
    assert read_inputs(str(tmp_path / "like.npy"), reader).warnings == ()


def test_images_that_keep_their_size_and_runs_that_know_less(tmp_path: Path, color: Reader) -> None:
    new = save(tmp_path / "a.png", noise(9, 48, 64, channels=1))
    older = color.model_copy(update={"images": None})
    (text,) = read_inputs(str(new), older).warnings
    assert text.startswith("channels: ")
    kept = DenseReader(**color.model_dump(exclude={"size"}))
    assert [text[:9] for text in open_images(str(new), kept).warnings] == ["channels:"]


# -- Files of several images


def several(path: Path, **options: Any) -> Path:
    from PIL import Image

    first, *more = (Image.fromarray(noise(seed)) for seed in range(3))
    path.parent.mkdir(parents=True, exist_ok=True)
    first.save(path, save_all=True, append_images=more, **options)
    return path


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("a.tif", {}, "holds several pages, of which only the first would be read; save each as"),
        ("b.tif", {"big_tiff": True}, "holds several pages"),
        ("a.png", {}, "holds 3 frames"),
        ("b.png", {"default_image": True}, "holds 3 frames"),
        ("a.webp", {"lossless": True}, "holds 3 frames"),
        ("c.png", {"format": "GIF"}, "is a GIF image, which is not read; save each of its frames"),
    ],
)
def test_several_images_in_a_file_are_refused(
    name: str, options: Reader, words: str, tmp_path: Path, color: Reader
) -> None:
    path = several(tmp_path / name, **options)
    with pytest.raises(DataError, match=words):
        read_inputs(str(path), color)
    root = folder(tmp_path / "train", {"a": 3, "b": 3})
    several(root / "a" / name, **options)
    with pytest.raises(DataError, match=f"a/{name}: {words}"):
        loading.read(config(root))


def test_sixteen_bit_pages_and_stacks_of_imagej(tmp_path: Path, color: Reader) -> None:
    from PIL import Image

    pages = [noise(seed).astype(np.uint16) * 257 for seed in range(2)]
    cv2.imwritemulti(str(tmp_path / "deep.tif"), pages)
    with pytest.raises(DataError, match="deep.tif: holds several pages"):
        read_inputs(str(tmp_path / "deep.tif"), color)
    for count, name in ((7, "stack.tif"), (1, "single.tif")):
        described = f"ImageJ=1.54f\nimages={count}\nslices={count}\n"
        Image.fromarray(noise(1)).save(tmp_path / name, tiffinfo={270: described})
    with pytest.raises(DataError, match="stack.tif: holds a stack of 7 images"):
        read_inputs(str(tmp_path / "stack.tif"), color)
    assert len(read_inputs(str(tmp_path / "single.tif"), color)) == 1


def test_a_thumbnail_is_no_page(tmp_path: Path, color: Reader) -> None:
    from PIL import Image, TiffImagePlugin

    path = tmp_path / "a.tif"
    small = Image.fromarray(noise(2, 6, 8))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    with TiffImagePlugin.AppendingTiffWriter(str(path), new=True) as file:
        Image.fromarray(noise(1)).save(file, "TIFF")
        file.newFrame()
        small.save(file, "TIFF", tiffinfo={254: 1})
        file.newFrame()
    with Image.open(path) as written:
        assert written.n_frames == 2
    assert np.array_equal(read_inputs(str(path), color).rows[0], noise(1))
