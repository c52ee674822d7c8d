"""The packed reader gives the numbers that mlzoo reads from the same rows and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mlzoo.data.inputs import read_inputs
from mlzoo.data.reader_record import parse_reader
from mlzoo.packing.served.errors import InputError
from mlzoo.packing.served.images import ImageInputs
from mlzoo.packing.served.resizing import resize
from mlzoo.packing.served.tables import TableInputs

SIDES = st.integers(1, 60)


@settings(max_examples=150, deadline=None)
@given(SIDES, SIDES, SIDES, SIDES, st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_resizing_gives_the_pixels_of_opencv(
    rows: int, columns: int, height: int, width: int, channels: int, seed: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (rows, columns, channels), dtype=np.uint8)
    shrinks = height < rows or width < columns
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    expected = cv2.resize(pixels, (width, height), interpolation=how)
    resized = resize(pixels, height, width)
    if rows % height == columns % width == 0 and shrinks:
        # Means of whole blocks that end in a half may be rounded to the other side.
        assert np.abs(resized - expected.reshape(resized.shape).astype(int)).max() <= 1
    else:
        np.testing.assert_array_equal(resized, expected.reshape(resized.shape))


def image_reader(channels: int, dtype: str, maximum: float) -> dict[str, Any]:
    return {"height": 9, "width": 12, "channels": channels, "dtype": dtype, "maximum": maximum}


@pytest.mark.parametrize(
    ("channels", "dtype", "maximum"),
    [(1, "uint8", 255), (3, "uint8", 255), (4, "uint8", 255), (1, "uint8", 16), (3, "float32", 1)],
)
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "CMYK"])
def test_files_are_read_as_new_samples_of_a_run(
    tmp_path: Path, mode: str, channels: int, dtype: str, maximum: float
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (23, 17, 3), dtype=np.uint8)
    image = Image.fromarray(noise).convert(mode)
    exif = image.getexif()
    exif[0x0112] = 6
    path = tmp_path / ("new.jpg" if mode == "CMYK" else "new.png")
    image.save(path, exif=exif)
    facts = image_reader(channels, dtype, maximum)
    reader = parse_reader({"kind": "image", "task": "classification", "size": [9, 12], **facts})
    expected = np.asarray(read_inputs(str(path), reader).rows[:1])[0]
    inputs, _ = ImageInputs({**facts, "max_pixels": 1000}).read(path.read_bytes())
    assert inputs.dtype == expected.dtype
    np.testing.assert_array_equal(inputs, expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: b"", "empty"),
        (lambda content: b"no image", "is no image"),
        (lambda content: content[:200], "cut short or damaged"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, change: Any, message: str) -> None:
    Image.fromarray(np.zeros((40, 40, 3), np.uint8) + 7).save(tmp_path / "a.jpg")
    content = (tmp_path / "a.jpg").read_bytes()
    read = ImageInputs({**image_reader(3, "uint8", 255), "max_pixels": 2000}).read
    assert read(content)[0].shape == (9, 12, 3)
    with pytest.raises(InputError, match=message):
        read(change(content))
    with pytest.raises(InputError, match="40x40 pixels, more than the limit of 1,599"):
        ImageInputs({**image_reader(3, "uint8", 255), "max_pixels": 1599}).read(content)


def test_deep_and_several_images_are_refused(tmp_path: Path) -> None:
    read = ImageInputs({**image_reader(1, "uint8", 255), "max_pixels": 2000}).read
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(InputError, match="more than 8 bits"):
        read((tmp_path / "deep.png").read_bytes())
    page = Image.new("L", (4, 4))
    page.save(tmp_path / "pages.tif", save_all=True, append_images=[page])
    with pytest.raises(InputError, match="holds 2 images"):
        read((tmp_path / "pages.tif").read_bytes())


COLUMNS = [
    {"name": "size", "categories": []},
    {"name": "color", "categories": ["blue", "red"]},
    {"name": "level", "categories": ["1", "2", "x"]},
]


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        ({"size": 2.5, "color": "red", "level": 2}, "2.5,red,2"),
        ({"size": "1e3", "color": " blue ", "level": 1.0}, "1e3, blue ,1"),
        ({"size": None, "color": "green", "level": "x", "more": 1}, ",green,x"),
        ({"size": "n/a", "color": "", "level": None}, "n/a,,x?"),
        ({"size": 0.1, "color": "NaN", "level": "2"}, "0.1,NaN,2"),
    ],
)
def test_rows_are_read_as_those_of_a_file(tmp_path: Path, row: Any, cells: str) -> None:
    reader = parse_reader({"kind": "table", "task": "classification", "columns": COLUMNS})
    (tmp_path / "new.csv").write_text(f"size,color,level\n{cells}\n")
    read = read_inputs(str(tmp_path / "new.csv"), reader)
    inputs, warnings = TableInputs(COLUMNS).read(row)
    np.testing.assert_array_equal(inputs, np.asarray(read.rows)[0])
    assert bool(warnings) == any("green" in text for text in read.warnings)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": "big"}, "'size' takes numbers, but this is 'big'"),
        ({"size": True}, "'size' takes numbers"),
        ({"size": 1e39}, "no finite number"),
        ({"size": "inf"}, "no finite number"),
        ({"size": "1_0"}, "takes numbers"),
        ({"color": ["red"]}, "'color' takes a text or a number"),
    ],
)
def test_bad_rows_are_refused(change: Any, message: str) -> None:
    read = TableInputs(COLUMNS).read
    with pytest.raises(InputError, match=message):
        read({"size": 1, "color": "red", "level": 1, **change})
    with pytest.raises(InputError, match="lacks 'color', 'level'"):
        read({"size": 1})
    with pytest.raises(InputError, match="an object of names and values"):
        read([1, 2])
