from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mlzoo.core.errors import DataError, UsageError
from mlzoo.data import loading
from mlzoo.data.images.headers import MAX_PIXELS, BadFileError
from mlzoo.data.masks.classes import choose_classes, read_classes
from mlzoo.data.masks.matching import match_classes
from mlzoo.data.masks.quality import rare_classes
from mlzoo.data.masks.reader import GRAY, ClassMap, DenseReader
from mlzoo.data.masks.values import MaskFile, encode, examine, read_values
from mlzoo.data.samples import Samples
from mlzoo.data.specs import IGNORED
from tests.data.pictures import as_stored, config, noise, save

SHAPE = (16, 20)
PALETTE = ((9, 9, 9), (220, 20, 60), (0, 130, 200), (255, 225, 25))


def drawn(*values: int, seed: int = 0) -> np.ndarray:
    """A mask in which every value occurs."""
    mask = np.random.default_rng(seed).choice(values, SHAPE).astype(np.uint8)
    mask.ravel()[: len(values)] = values
    return mask


def palette_image(mask: np.ndarray, palette: tuple[tuple[int, int, int], ...] = PALETTE) -> Image:
    image = Image.fromarray(mask)
    image.putpalette([byte for colour in palette for byte in colour])
    return image


def read(root: Path, masks: list[np.ndarray | Image.Image], **settings: Any) -> Samples:
    """Images with these masks, saved as PNG."""
    for number, mask in enumerate(masks):
        save(root / f"images/{number}.png", noise(number, *SHAPE))
        image = Image.fromarray(mask) if isinstance(mask, np.ndarray) else mask
        (root / "masks").mkdir(exist_ok=True)
        image.save(root / f"masks/{number}.png")
    return loading.read(config(root, source_set=settings))


def file(*values: int, each: int = 10, palette: Any = (), lossy: bool = False) -> MaskFile:
    """What would be found in a mask of these gray levels."""
    counts = {value * GRAY: each for value in values}
    return MaskFile(each, len(values), counts, len(values), palette, lossy)


def stored(classes: ClassMap) -> ClassMap:
    """The mapping as a run folder holds it."""
    reader = DenseReader(channels=3, dtype="uint8", maximum=255, task="segmentation", masks=classes)
    return as_stored(reader).masks


def values_of(classes: ClassMap) -> list[int]:
    return [own[0] // GRAY for own in classes.classes]


# -- Values that are classes at once


@pytest.mark.parametrize(
    ("values", "classes", "names", "ignored"),
    [
        ([0, 255], [0, 255], ["background", "foreground"], []),
        ([0, 1], [0, 1], ["background", "foreground"], []),
        ([0, 1, 2, 3], [0, 1, 2, 3], ["0", "1", "2", "3"], []),
        ([0, 1, 255], [0, 1], ["background", "foreground"], [255]),
        ([0, 1, 2, 255], [0, 1, 2], ["0", "1", "2"], [255]),
        ([0, 128, 255], [0, 128, 255], ["0", "128", "255"], []),
        ([1, 2], [1, 2], ["1", "2"], []),
        ([3, 200], [3, 200], ["3", "200"], []),
    ],
)
def test_gray_levels(
    tmp_path: Path, values: list[int], classes: list[int], names: list[str], ignored: list[int]
) -> None:
    # Not every mask has all of them.
    masks = [drawn(*values), drawn(*values, seed=1), drawn(*values[:2], seed=2)]
    samples = read(tmp_path, [*masks, np.full(SHAPE, values[0], np.uint8)])
    assert list(samples.class_names) == names
    for mask, found, counted in zip(masks, samples.targets, samples.pixels, strict=False):
        expected = np.array([classes.index(v) if v in classes else IGNORED for v in mask.flat])
        assert np.array_equal(found.ravel(), expected)
        assert counted.tolist() == [int((mask == value).sum()) for value in classes]
    total = sum((mask == classes[1]).sum() for mask in masks) / (4 * mask.size)
    said = [note for note in samples.notes if note.startswith("masks: ")]
    assert len(said) == 1 and f"{classes[1]} is {names[1]} ({total:.1%})" in said[0]
    share = sum((mask == 255).sum() for mask in masks) / (4 * mask.size)
    assert [note for note in samples.notes if note.startswith("ignored: v")] == [
        f"ignored: value {v}, {share:.1%} of all pixels (--source-set ignore=)" for v in ignored
    ]


def test_a_palette_gives_indices_and_colours(tmp_path: Path) -> None:
    masks = [drawn(0, 1, 2, 3, seed=seed) for seed in range(3)]
    samples = read(tmp_path, [palette_image(mask) for mask in masks])
    assert np.array_equal(samples.targets[:], masks)
    assert samples.class_names == ("0", "1", "2", "3")
    assert samples.reader.masks.colours == tuple(map(tuple, PALETTE))


def test_colours_stay_away_where_they_tell_nothing(tmp_path: Path) -> None:
    gray = tuple((level, level, level) for level in (0, 100, 200))
    same = (PALETTE[1], PALETTE[1], PALETTE[2])
    for number, palette in enumerate((gray, same)):
        masks = [palette_image(drawn(0, 1, 2), palette), palette_image(drawn(0, 2, 1), palette)]
        assert read(tmp_path / str(number), masks).reader.masks.colours == ()
    assert read(tmp_path / "l", [drawn(0, 1)] * 2).reader.masks.colours == ()


def test_palettes_that_disagree_are_refused_by_name(tmp_path: Path) -> None:
    swapped = (PALETTE[1], PALETTE[0], *PALETTE[2:])
    masks = [palette_image(drawn(0, 1)), palette_image(drawn(0, 1), swapped)]
    with pytest.raises(
        DataError, match=r"index \d has the color .* in images/0.png, but .* in ima"
    ):
        read(tmp_path, masks)
    # A shorter palette, and other colours for indices that don't occur, disagree in nothing.
    other = (*PALETTE[:2], (1, 2, 3), (4, 5, 6))
    masks = [palette_image(drawn(0, 1), palette) for palette in (PALETTE, PALETTE[:2], other)]
    found = read(tmp_path / "fine", masks).reader.masks.colours
    assert found == PALETTE[:2]


def test_rgb_colours(tmp_path: Path) -> None:
    colours = np.array([(0, 0, 0), (255, 0, 0), (0, 0, 255)], np.uint8)
    masks = [drawn(0, 1, 2, seed=seed) for seed in range(2)]
    samples = read(tmp_path, [colours[mask] for mask in masks])
    # In the order of red, green, blue.
    place = np.array([0, 2, 1])
    assert samples.class_names == ("0", "(0, 0, 255)", "(255, 0, 0)")
    assert np.array_equal(samples.targets[:], place[np.array(masks)])
    assert samples.reader.masks.colours == ((0, 0, 0), (0, 0, 255), (255, 0, 0))
    assert "(0, 0, 255) is (0, 0, 255) (" in "".join(samples.notes)


def test_gray_as_colour_and_other_modes_are_gray_levels(tmp_path: Path) -> None:
    mask = drawn(0, 255)
    gray, alpha = Image.fromarray(mask), Image.fromarray(noise(0, *SHAPE, 1))
    modes = {
        "L": gray,
        "1": gray.convert("1"),
        "RGB": gray.convert("RGB"),
        "LA": Image.merge("LA", (gray, alpha)),
        "RGBA": Image.merge("RGBA", (gray, gray, gray, alpha)),
    }
    for mode, image in modes.items():
        assert image.mode == mode
        samples = read(tmp_path / mode, [image, image])
        assert np.array_equal(samples.targets[0], mask == 255), mode
        assert samples.class_names == ("background", "foreground")
    both = [modes["L"], modes["RGB"], modes["LA"], modes["RGBA"]]
    assert np.array_equal(read(tmp_path / "both", both).targets[2], mask == 255)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits(tmp_path: Path, suffix: str) -> None:
    mask = drawn(0, 1, 2, 255)
    path = tmp_path / f"mask.{suffix}"
    cv2.imwrite(str(path), mask.astype(np.uint16))
    values, palette = read_values(path, MAX_PIXELS)
    assert np.array_equal(values, mask.astype(int) * GRAY)
    assert palette == ()
    cv2.imwrite(str(path), mask.astype(np.uint16) * 2)
    with pytest.raises(BadFileError, match="values run to 510; a mask has at most 255 classes"):
        examine(path, MAX_PIXELS)
    cv2.imwrite(str(path), np.stack([mask.astype(np.uint16)] * 3, axis=-1))
    with pytest.raises(BadFileError, match="colors of 16 bits"):
        examine(path, MAX_PIXELS)


def test_sixteen_bits_beside_eight(tmp_path: Path) -> None:
    samples = read(tmp_path, [drawn(0, 1, 2), drawn(0, 1, 2, seed=1).astype(np.uint16)])
    assert np.array_equal(samples.targets[1], drawn(0, 1, 2, seed=1))


# -- Settings


def test_threshold(tmp_path: Path) -> None:
    gray = noise(0, *SHAPE, 1)
    gray[0, :3] = 99, 100, 101
    for number, suffix in enumerate(("png", "jpg")):
        root = tmp_path / suffix
        for name in ("a", "b"):
            save(root / f"images/{name}.png", noise(number, *SHAPE))
            save(root / f"masks/{name}.{suffix}", gray, **({"quality": 95} if number else {}))
        with Image.open(root / f"masks/a.{suffix}") as stored:
            expected = np.asarray(stored) >= 100
        samples = loading.read(config(root, source_set={"threshold": 100}))
        assert np.array_equal(samples.targets[0], expected)
        assert samples.class_names == ("background", "foreground")
        assert samples.pixels[0].tolist() == [(~expected).sum(), expected.sum()]
        share = f"{expected.mean():.1%}"
        assert f"values from 100 on are foreground ({share}), all others back" in str(samples.notes)


def test_threshold_takes_two_names_and_no_colours(tmp_path: Path) -> None:
    masks = {"a": file(0, 90, 200), "b": file(3)}
    chosen, _ = choose_classes(masks, [(None, "sound"), (None, "crack")], threshold=128)
    assert chosen.names == ("sound", "crack")
    with pytest.raises(DataError, match="threshold makes two classes, but 3 are listed"):
        choose_classes(masks, [(None, name) for name in "abc"], threshold=128)
    with pytest.raises(DataError, match="threshold needs gray masks, but images/0.png has colors"):
        read(tmp_path, [noise(1, *SHAPE)], threshold=128)  # more colours than are counted
    few = np.array([(0, 0, 0), (255, 0, 0)], np.uint8)
    with pytest.raises(DataError, match="threshold needs gray masks, but images/0.png has colors"):
        read(tmp_path, [few[drawn(0, 1)]], threshold=128)
    with pytest.raises(UsageError, match="threshold and ignore exclude each other"):
        read(tmp_path, [drawn(0, 1)], threshold=128, ignore_index=3)


def test_ignore_index(tmp_path: Path) -> None:
    masks = [drawn(0, 7, 9), drawn(0, 7, seed=1)]
    samples = read(tmp_path, masks, ignore_index=9)
    assert samples.class_names == ("0", "7")
    assert np.array_equal(samples.targets[0] == IGNORED, masks[0] == 9)
    assert np.array_equal(samples.targets[1] == 1, masks[1] == 7)
    assert samples.pixels[0].sum() == (masks[0] != 9).sum()
    assert any("ignored: value 9, " in note for note in samples.notes)
    # Where something else is ignored, 255 is a class.
    chosen, _ = choose_classes({"a": file(0, 1, 2, 255)}, ignore=2)
    assert values_of(chosen) == [0, 1, 255]


# -- Lists of classes


def listed(*names: str) -> list[tuple[int | None, str]]:
    return [(None, name) for name in names]


@pytest.mark.parametrize(
    ("values", "names", "classes", "ignored"),
    [
        ([0, 255], 2, [0, 255], []),
        ([0, 1], 2, [0, 1], []),
        ([0, 1, 2], 3, [0, 1, 2], []),
        ([0, 2], 3, [0, 1, 2], []),
        ([0, 1, 2, 255], 3, [0, 1, 2], [255]),
        ([0, 1, 255], 3, [0, 1, 2], [255]),
        ([0, 128, 255], 3, [0, 128, 255], []),
        ([7, 9], 2, [7, 9], []),
        ([1, 2], 2, [1, 2], []),
    ],
)
def test_names_in_order(
    values: list[int], names: int, classes: list[int], ignored: list[int]
) -> None:
    wanted = listed(*"abcdefg"[:names])
    chosen, notes = choose_classes({"x": file(*values)}, wanted)
    assert values_of(chosen) == classes
    assert chosen.names == tuple("abcdefg"[:names])
    assert [value // GRAY for value in chosen.ignored] == ignored
    assert notes[0].startswith(f"masks: {classes[0]} is a (")


def test_classes_txt_names_the_classes_of_a_folder(tmp_path: Path) -> None:
    masks = [drawn(0, 128, 255), drawn(0, 128, seed=1)]
    read(tmp_path, masks)
    (tmp_path / "classes.txt").write_text("sound\n\n  fine crack \nspalling\n")
    samples = read(tmp_path, masks)
    assert samples.class_names == ("sound", "fine crack", "spalling")
    assert np.array_equal(samples.targets[0], np.searchsorted([0, 128, 255], masks[0]))
    (tmp_path / "classes.txt").write_text("255 spalling\n128 fine crack\n0 sound\n")
    samples = read(tmp_path, masks)
    assert samples.class_names == ("spalling", "fine crack", "sound")
    assert np.array_equal(samples.targets[0], 2 - np.searchsorted([0, 128, 255], masks[0]))


def test_colours_in_classes_txt(tmp_path: Path) -> None:
    colours = np.array([(0, 0, 0), (255, 0, 0), (0, 0, 255)], np.uint8)
    masks = [drawn(0, 1, 2, seed=seed) for seed in range(2)]
    read(tmp_path, [colours[mask] for mask in masks])
    (tmp_path / "classes.txt").write_text("0,0,0 sound\n255,0,0 rust\n0,0,255: crack\n4,5,6 none\n")
    samples = read(tmp_path, [colours[mask] for mask in masks])
    assert samples.class_names == ("sound", "rust", "crack", "none")
    assert np.array_equal(samples.targets[:], masks)
    assert samples.reader.masks.colours[1:] == ((255, 0, 0), (0, 0, 255), (4, 5, 6))
    white = colours[masks[0]].copy()
    white[0, 0] = 255
    # White is a colour like any other, not the mark of ignored pixels.
    with pytest.raises(
        DataError, match=r"no class in images/0.png \(255\); .* 0 sound, \(255, 0, 0"
    ):
        read(tmp_path, [white, colours[masks[1]]])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb", [(None, "a"), (None, "b")]),
        ("\ufeffa b\r\n\r\n c\t\r\n", [(None, "a b"), (None, "c")]),
        ("0 a\n7: b c\n", [(0, "a"), (7 * GRAY, "b c")]),
        ("1,2,3 a\n0\tb", [(0x010203, "a"), (0, "b")]),
        ("0\n1\n2", [(None, "0"), (None, "1"), (None, "2")]),
        ("0,sky\n7, wet road\n", [(0, "sky"), (7 * GRAY, "wet road")]),
        ('id,name\n0,sky\n1;"road"\n', [(0, "sky"), (GRAY, "road")]),
        ("0 : a\n7=b\n1,2,3,c", [(0, "a"), (7 * GRAY, "b"), (0x010203, "c")]),
        ("3,4\nb", [(None, "3,4"), (None, "b")]),
        ("class,name\nb", [(None, "class,name"), (None, "b")]),
    ],
)
def test_lists_that_are_read(tmp_path: Path, text: str, expected: Any) -> None:
    (tmp_path / "classes.txt").write_text(text, encoding="utf-8", newline="")
    assert read_classes(tmp_path / "classes.txt") == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "lists 0 classes; write one name a line, at least two"),
        (b"one\n\n", "lists 1 classes"),
        (b"\xff\xfe\x00", "can't be read as text"),
        (b"a\nb\na\n", "has the name a twice"),
        (b"0 a\n0 b\n", "has the value 0 twice"),
        (b"9 a\n9,9,9 b\n", "has the value 9 twice"),
        (b"0 a\n1,2,3 b\n1,2,3 c", r"has the value (1, 2, 3) twice"),
        (b"0 a\nb\n", "'0 a' is a value and a name, but 'b' has no value (0 to 255, or 255,0,0)"),
        (b"0 a\n256 b\n", "but '256 b' has no value"),
        (b"0,a\n256,b\n", "but '256,b' has no value"),
        (b"-1 a\n1 b\n", "'1 b' is a value and a name, but '-1 a' has no value"),
    ],
)
def test_lists_that_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "classes.txt").write_bytes(content)
    with pytest.raises(DataError, match=re.escape(message)):
        read_classes(tmp_path / "classes.txt")


def test_a_listed_class_that_is_ignored_is_no_class() -> None:
    for wanted in (listed("a", "b", "void"), [(0, "a"), (GRAY, "b"), (2 * GRAY, "void")]):
        chosen, _ = choose_classes({"x": file(0, 1, 2)}, wanted, ignore=2)
        assert chosen.names == ("a", "b")
        assert encode(chosen, np.array([[0, 1, 2]]) * GRAY).tolist() == [[0, 1, IGNORED]]


# -- What is refused


def test_unknown_values_are_named_by_file(tmp_path: Path) -> None:
    masks = [drawn(0, 1, seed=seed) for seed in range(4)]
    read(tmp_path, masks)
    (tmp_path / "classes.txt").write_text("0 sound\n1 crack\n")
    masks[1], masks[3] = drawn(0, 1, 9), drawn(0, 7, 9)
    with pytest.raises(DataError) as error:
        read(tmp_path, masks)
    text = str(error.value)
    assert "values that are no class in images/1.png (9), images/3.png (7, 9); the classes " in text
    assert "are 0 sound, 1 crack; list every value in classes.txt" in text
    (tmp_path / "classes.txt").write_text("sound\ncrack\n")
    with pytest.raises(DataError, match="values that are no class in images/1.png"):
        read(tmp_path, masks)


@pytest.mark.parametrize("names", [(), ("sound", "crack")])
def test_255_that_only_some_binary_masks_have_is_refused(names: tuple[str, ...]) -> None:
    masks = {"a.png": file(0, 1), "b.png": file(0, 255), "c.png": file(0)}
    for wanted in (listed(*names), [(i * GRAY, name) for i, name in enumerate(names)]):
        with pytest.raises(DataError, match=r"0 and 1 \(a\.png\), others 0 and 255 \(b\.png\)"):
            choose_classes(masks, wanted)
        chosen, _ = choose_classes(masks, wanted, ignore=255)
        assert values_of(chosen) == [0, 1]
    # One mask that has both shows that 255 is not another way to write 1.
    chosen, _ = choose_classes({**masks, "d.png": file(0, 1, 255)}, listed(*names))
    assert (values_of(chosen), chosen.ignored) == ([0, 1], (255 * GRAY,))


def test_255_is_only_ignored_beside_classes_from_0_on() -> None:
    with pytest.raises(DataError, match=r"no class in a \(255\)"):
        choose_classes({"a": file(0, 128, 255)}, [(0, "x"), (128 * GRAY, "y")])
    chosen, _ = choose_classes({"a": file(0, 1, 255)}, [(0, "x"), (GRAY, "y")])
    assert chosen.ignored == (255 * GRAY,)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([0], {}, "one class only (0); segmentation needs two"),
        ([255], {}, "one class only (255)"),
        ([0, 1], {"ignore": 1}, "one class only (0) beside the ignored value 1"),
        ([0, 255], {"ignore": 255}, "one class only (0) beside the ignored value 255"),
        ([0], {"listed": listed("a", "b")}, "one class only (a)"),
        ([0, 255], {"listed": listed("a", "b", "c")}, "one class only (a) beside the ignored"),
        ([0, 255], {"listed": [(0, "a"), (GRAY, "b")]}, "one class only (a) beside the ignored"),
        ([0, 100], {"threshold": 128}, "one class only (background)"),
        ([200, 130], {"threshold": 128}, "one class only (foreground)"),
    ],
)
def test_masks_of_one_class(values: list[int], options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        choose_classes({"a": file(*values), "b": file(values[0])}, **options)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_a_class_that_only_the_alpha_channel_shows(tmp_path: Path, mode: str) -> None:
    black, shape = Image.new("L", SHAPE[::-1]), Image.fromarray(drawn(0, 255))
    image = black.convert(mode)
    image.putalpha(shape)
    suffix = "tif" if mode == "PA" else "png"
    for name in ("a", "b"):
        save(tmp_path / f"images/{name}.png", noise(1, *SHAPE))
        (tmp_path / "masks").mkdir(exist_ok=True)
        image.save(tmp_path / f"masks/{name}.{suffix}")
    with pytest.raises(DataError) as error:
        loading.read(config(tmp_path))
    text = str(error.value)
    assert "one class only (0); segmentation needs two classes or more; the alpha channel" in text
    assert "in images/a.png, is left out: save what it shows as gray levels" in text
    image.putalpha(255)
    image.save(tmp_path / f"masks/a.{suffix}")
    image.save(tmp_path / f"masks/b.{suffix}")
    with pytest.raises(DataError, match="needs two classes or more$"):
        loading.read(config(tmp_path))


@pytest.mark.parametrize("quality", [75, 95])
def test_a_jpeg_of_two_values_is_refused_by_name(tmp_path: Path, quality: int) -> None:
    disk = np.where(np.hypot(*np.mgrid[-8:8, -10:10]) < 6, 255, 0).astype(np.uint8)
    for name in ("a", "b"):
        save(tmp_path / f"images/{name}.png", noise(1, *SHAPE))
    save(tmp_path / "masks/a.png", disk)
    smeared = save(tmp_path / "masks/b.jpg", disk, quality=quality)
    distinct = examine(smeared, MAX_PIXELS).distinct
    assert 2 < distinct
    with pytest.raises(DataError) as error:
        loading.read(config(tmp_path))
    text = str(error.value)
    assert f"mask images/b.png holds {distinct} different values, which are no classes" in text
    assert "save masks as PNG" in text and "--source-set threshold=128" in text
    found = loading.read(config(tmp_path, source_set={"threshold": 128}))
    assert np.array_equal(found.targets[0], found.targets[1])
    # A JPEG file that still holds two values has lost nothing.
    save(smeared, disk.repeat(8, 0).repeat(8, 1), quality=100)
    save(tmp_path / "images/b.png", noise(1, 128, 160))
    assert np.array_equal(loading.read(config(tmp_path)).targets[1][:128:8, :160:8], disk == 255)


def test_smoothed_masks_are_refused(tmp_path: Path) -> None:
    smooth = np.linspace(0, 255, 16 * 20).reshape(SHAPE).astype(np.uint8)
    with pytest.raises(DataError, match=r"images/1.png holds 256 .* \(and 1 more masks like it\)"):
        read(tmp_path, [drawn(0, 255), smooth, smooth])
    with pytest.raises(DataError, match=r"mask images/0.png holds 320 different values"):
        read(tmp_path / "rgb", [noise(0, *SHAPE)])
    # A few smeared values in each mask are many in all.
    few = {str(n): file(0, 255, *range(10 * n, 10 * n + 9)) for n in range(1, 20)}
    with pytest.raises(DataError, match=r"173 different values together \(1 alone 11\)"):
        choose_classes(few)


def test_many_listed_classes_are_fine() -> None:
    names = [(number * GRAY, f"c{number}") for number in range(200)]
    masks = {"a": file(*range(100)), "b": file(*range(50, 200), 255)}
    chosen, notes = choose_classes(masks, names)
    assert len(chosen.classes) == 200
    assert "and 180 more" in notes[0]
    colours = [(0x010000 + number, f"c{number}") for number in range(256)]
    with pytest.raises(DataError, match="256 classes are more than the 255 that a mask can hold"):
        choose_classes({"a": MaskFile(1, 2, {0x010000: 1, 0x010001: 1}, 2)}, colours)


# -- Encoding


@given(st.data())
def test_encoding_gives_positions_and_survives_the_record(data: st.DataObject) -> None:
    levels = st.integers(0, 255).map(lambda level: level * GRAY) | st.integers(0, 2**24 - 1)
    known = data.draw(st.lists(levels, min_size=2, max_size=9, unique=True))
    ignored = known[2:][: data.draw(st.integers(0, 2))]
    classes = [value for value in known if value not in ignored]
    names = tuple(f"c{value}" for value in classes)
    colours = tuple((value >> 16, value >> 8 & 255, value & 255) for value in classes)
    chosen = ClassMap(tuple((value,) for value in classes), names, tuple(ignored), colours)
    again = stored(chosen)
    assert again == chosen
    drawn_ = data.draw(st.lists(st.sampled_from(known), min_size=6, max_size=6))
    values = np.array(drawn_, np.int32).reshape(2, 3)
    expected = [classes.index(v) if v in classes else IGNORED for v in drawn_]
    encoded = encode(again, values)
    assert (encoded.dtype, encoded.ravel().tolist()) == (np.uint8, expected)
    counts = dict(zip(*np.unique(values, return_counts=True), strict=True))
    assert again.counts(counts) == [expected.count(position) for position in range(len(classes))]


def test_encoding_refuses_what_is_no_class() -> None:
    chosen = ClassMap(((0,), (255 * GRAY,)), ("a", "b"))
    for value, shown in ((7 * GRAY, "7"), (0x0A0000, r"\(10, 0, 0\)"), (0xFFFFFF + 1, "")):
        with pytest.raises(BadFileError, match=f"holds the value {shown}.*, which is none"):
            encode(chosen, np.array([[0, value]]))


def test_a_threshold_survives_the_record() -> None:
    chosen, _ = choose_classes({"a": file(*range(0, 256, 3))}, threshold=100)
    again = stored(chosen)
    assert again == chosen
    values = np.arange(256, dtype=np.int32).reshape(16, 16) * GRAY
    assert np.array_equal(encode(again, values).ravel(), np.arange(256) >= 100)
    assert again.counts({99 * GRAY: 3, 100 * GRAY: 4, 0: 1}) == [4, 4]


# -- Names and colors that say that pixels don't count


@pytest.mark.parametrize(
    "name",
    ["void", "VOID", "Unlabeled", "unlabelled", "ignore", "Ignored", "ignore_label", "un-labeled"]
    + ["Void class", "not labeled", "don't care", "void/ignore", "no label"],
)
def test_a_name_that_means_void(name: str, tmp_path: Path) -> None:
    masks = [drawn(0, 1, 11), drawn(0, 1, 11, seed=1)]
    tmp_path.joinpath("classes.txt").write_text(f"0 sky\n1 road\n11 {name}\n")
    samples = read(tmp_path, masks)
    assert samples.class_names == ("sky", "road")
    assert np.array_equal(samples.targets[0] == IGNORED, masks[0] == 11)
    said = [note for note in samples.notes if note.startswith("ignored: v")]
    assert len(said) == 1 and f"value 11 ({name})" in said[0]


@pytest.mark.parametrize("name", ["background", "other", "avoid", "voids", "label", "sky"])
def test_a_name_that_means_a_class(name: str) -> None:
    names = [(0, name), (GRAY, "crack")]
    assert choose_classes({"a": file(0, 1)}, names)[0].names == (name, "crack")


def test_names_alone_and_colors_that_mean_void() -> None:
    chosen, _ = choose_classes({"a": file(0, 1, 2, 255)}, listed("void", "road", "car"))
    assert (chosen.names, chosen.ignored) == (("road", "car"), (0, 255 * GRAY))
    colors = {"a": MaskFile(1, 3, {0x800000: 1, 0x008000: 1, 0: 1}, 3)}
    wanted = [(0, "Void"), (0x800000, "car"), (0x008000, "tree")]
    chosen, _ = choose_classes(colors, wanted)
    assert (chosen.names, chosen.ignored) == (("car", "tree"), (0,))
    with pytest.raises(DataError, match=r"one class only \(crack\) beside the ignored value 0 \(v"):
        choose_classes({"a": file(0, 1)}, listed("void", "crack"))


def test_the_color_that_a_palette_has_for_void() -> None:
    void = (224, 224, 192)
    palette = tuple(void if index == 255 else (index, 0, 0) for index in range(256))
    chosen, _ = choose_classes({"a": file(0, 7, 15, 255, palette=palette)})
    assert (values_of(chosen), chosen.ignored) == ([0, 7, 15], (255 * GRAY,))
    chosen, _ = choose_classes({"a": file(0, 7, 15, 255)})
    assert values_of(chosen) == [0, 7, 15, 255]
    colors = {0x800000: 1, 0x008000: 1, 0xE0E0C0: 1}
    assert choose_classes({"a": MaskFile(1, 3, colors, 3)})[0].ignored == (0xE0E0C0,)


def test_several_values_are_ignored() -> None:
    chosen, _ = choose_classes({"a": file(0, 1, 2, 11, 255)}, ignore=(11, 255))
    assert (values_of(chosen), chosen.ignored) == ([0, 1, 2], (11 * GRAY, 255 * GRAY))


def test_the_setting_ignore(tmp_path: Path) -> None:
    masks = [drawn(0, 1, 11, 255), drawn(0, 1, 11, 255, seed=1)]
    for value in ([11, 255], "11,255"):
        assert read(tmp_path, masks, ignore=value).class_names == ("background", "foreground")
    assert read(tmp_path, masks, ignore=11).class_names == ("0", "1", "255")
    with pytest.raises(UsageError, match="ignore and ignore_index are one setting"):
        read(tmp_path, masks, ignore=11, ignore_index=255)


def test_new_masks_whose_list_has_a_void_class() -> None:
    known = ClassMap(((0,), (GRAY,)), ("sky", "road"))
    wanted = [(0, "unlabeled"), (GRAY, "road"), (2 * GRAY, "sky")]
    chosen, _ = match_classes(known, {"a": file(0, 1, 2)}, wanted, "")
    assert encode(chosen, np.array([[0, 1, 2]]) * GRAY).tolist() == [[IGNORED, 1, 0]]


# -- A rare highest value


def test_a_rare_highest_value_is_asked_about() -> None:
    masks = {
        "a": MaskFile(10, 100, {0: 600, GRAY: 370, 11 * GRAY: 30}, 3),
        "b": MaskFile(10, 100, {0: 600, GRAY: 400}, 2),
    }
    (text,) = rare_classes(masks, choose_classes(masks)[0], "")[:1]
    assert text == (
        "the highest value, 11, has no name and covers 1.50% of the pixels, in 1 of 2 masks: if "
        "it marks pixels that don't count (void), leave it out with --source-set ignore=11; if it "
        "is a class, nothing is wrong"
    )
    beside = {"a": MaskFile(10, 100, {0: 500, GRAY: 270, 2 * GRAY: 30, 255 * GRAY: 200}, 4)}
    (text,) = rare_classes(beside, choose_classes(beside)[0], "")
    assert "--source-set ignore=2,255;" in text


def test_a_common_highest_value_is_not() -> None:
    for counts in ({0: 500, GRAY: 300, 2 * GRAY: 200}, {0: 990, 255 * GRAY: 10}):
        masks = {name: MaskFile(10, 100, counts, len(counts)) for name in "ab"}
        assert rare_classes(masks, choose_classes(masks)[0], "") == []
