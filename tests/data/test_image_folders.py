from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from mlzoo.core.errors import DataError
from mlzoo.data import loading
from mlzoo.data.images.decoding import ImageForm, convert, orient, shape_up
from mlzoo.data.images.headers import MAX_PIXELS
from mlzoo.data.quality.validation import check_images, choose_form
from mlzoo.data.samples import Samples
from mlzoo.runs import datasets
from tests.data.pictures import config, folder, noise, save, shared, tree_hash


def read(path: object, **fields: Any) -> Samples:
    return loading.read(config(path, **fields))


def test_a_folder_a_class(tmp_path: Path) -> None:
    samples = read(folder(tmp_path, {"b": 3, "a": 4}))
    assert samples.class_names == ("a", "b")
    assert samples.targets.tolist() == [0] * 4 + [1] * 3
    assert samples.inputs.shape == (7, 24, 32, 3)
    assert samples.inputs.dtype == np.uint8
    assert samples.maximum == 255
    assert samples.names[0] == "a/0000.png"
    assert np.array_equal(samples.inputs[4], noise(1))


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".tiff", ".webp", ".jpg", ".jpeg"])
@pytest.mark.parametrize("channels", [1, 3])
def test_formats(tmp_path: Path, suffix: str, channels: int) -> None:
    options = {"lossless": True} if suffix == ".webp" else {}
    for number in range(4):
        image = noise(number, channels=channels)
        save(tmp_path / "ab"[number % 2] / f"{number}{suffix}", image, **options)
    samples = read(tmp_path)
    stored_as_rgb = suffix == ".webp" and channels == 1
    assert samples.inputs.shape == (4, 24, 32, 3 if stored_as_rgb else channels)
    if "jp" not in suffix and not stored_as_rgb:
        assert np.array_equal(samples.inputs[0], noise(0, channels=channels).reshape(24, 32, -1))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bits_keep_their_values_and_channel_order(
    tmp_path: Path, suffix: str, channels: int
) -> None:
    images = np.random.default_rng(0).integers(0, 65536, (4, 20, 30, channels), dtype=np.uint16)
    for number, image in enumerate(images):
        stored = image if channels == 1 else image[..., [2, 1, 0, 3][:channels]]
        path = tmp_path / "ab"[number % 2] / f"{number}{suffix}"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), stored)
    samples = read(tmp_path)
    assert samples.inputs.dtype == np.uint16
    assert samples.maximum == 65535
    assert np.array_equal(samples.inputs[:], images[[0, 2, 1, 3]])


def test_alpha_palette_bilevel_and_cmyk(tmp_path: Path) -> None:
    gray = Image.fromarray(noise(0, channels=1))
    colour = Image.fromarray(noise(1))
    for name, image, mode in [
        ("LA", gray.convert("LA"), 2),
        ("RGBA", Image.fromarray(noise(2, channels=4)), 4),
        ("P", colour.quantize(16), 3),
        ("1", gray.convert("1"), 1),
    ]:
        root = tmp_path / name
        for number in range(4):
            path = root / "ab"[number % 2] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)
        assert read(root).inputs.shape == (4, 24, 32, mode), name
    palette = read(tmp_path / "P").inputs[0]
    assert np.array_equal(palette, np.asarray(colour.quantize(16).convert("RGB")))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    for number in range(4):
        save(tmp_path / "ab"[number % 2] / f"{number}.jpg", noise(number), exif=exif, quality=95)
    with Image.open(tmp_path / "a" / "0.jpg") as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    samples = read(tmp_path)
    assert np.array_equal(samples.inputs[0], expected)
    turned = [note for note in samples.notes if note.startswith("EXIF")]
    assert turned == ([] if orientation == 1 else [turned[0]])
    assert all("4 images" in note for note in turned)


def test_orient_leaves_the_pixels_of_an_upright_image() -> None:
    image = noise(0)
    assert orient(image, 1) is image
    assert np.array_equal(orient(orient(image, 6), 8), image)


def test_default_size_keeps_a_common_small_one_and_else_takes_128(tmp_path: Path) -> None:
    assert read(folder(tmp_path / "same", {"a": 2, "b": 2})).inputs.shape[1:3] == (24, 32)
    big = folder(tmp_path / "big", {"a": 2, "b": 2}, height=300, width=20)
    assert read(big).inputs.shape[1:3] == (128, 128)
    mixed = folder(tmp_path / "mixed", {"a": 2, "b": 2})
    save(mixed / "a" / "other.png", noise(9, 40, 40))
    samples = read(mixed)
    assert samples.inputs.shape[1:3] == (128, 128)
    assert any("5, of 2 sizes, resized to 128x128 (--size)" in note for note in samples.notes)
    assert read(mixed, size="16x8").inputs.shape == (5, 16, 8, 3)


def test_shrinking_averages() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    image[:2, :2] = 100
    small = shape_up(image, ImageForm(2, 2, 3))
    assert small[..., 0].tolist() == [[100, 0], [0, 0]]
    assert shape_up(image, ImageForm(1, 1, 3)).ravel().tolist() == [25, 25, 25]


def test_mixed_channels_and_depths_are_made_one(tmp_path: Path) -> None:
    root = folder(tmp_path, {"a": 3, "b": 2})
    save(root / "b" / "gray.png", noise(7, channels=1))
    samples = read(root)
    assert samples.inputs.shape[-1] == 3
    assert any("5 RGB, 1 gray; all are made RGB (--color)" in note for note in samples.notes)
    gray = read(root, color="gray")
    assert np.array_equal(gray.inputs[5][..., 0], noise(7, channels=1))
    deep = np.full((24, 32), 40000, np.uint16)
    cv2.imwrite(str(root / "a" / "deep.png"), deep)
    both = read(root, color="gray")
    assert both.inputs.dtype == np.uint16
    assert np.array_equal(both.inputs[6][..., 0], noise(7, channels=1).astype(np.uint16) * 257)


def test_conversions_between_numbers_of_channels() -> None:
    grey = np.full((2, 2, 1), 7, np.uint8)
    assert convert(grey, 3).tolist() == np.full((2, 2, 3), 7).tolist()
    assert convert(grey, 4)[0, 0].tolist() == [7, 7, 7, 255]
    rgba = np.array([[[255, 0, 0, 9]]], np.uint8)
    assert convert(rgba, 3).tolist() == [[[255, 0, 0]]]
    assert convert(rgba, 1).tolist() == [[[76]]]  # .299 * 255
    assert convert(rgba, 2).tolist() == [[[76, 9]]]


# -- Layouts


def test_given_parts_by_folder(tmp_path: Path) -> None:
    counts = {"train/a": 6, "train/b": 6, "val/a": 2, "val/b": 2, "test/a": 3, "test/b": 3}
    data = datasets.load(config(folder(tmp_path, counts)))
    assert [len(p) for p in data.parts().values()] == [12, 4, 6]
    assert all(name.startswith("val/") for name in data.valid.names())


def test_a_class_missing_from_validation_leaves_the_labels_as_they_are(tmp_path: Path) -> None:
    counts = {"train/a": 4, "train/b": 4, "train/c": 4, "valid/b": 2, "valid/c": 2}
    counts |= {"test/a": 1, "test/b": 1, "test/c": 1}
    data = datasets.load(config(folder(tmp_path, counts)))
    assert data.valid.targets.tolist() == [1, 1, 2, 2]
    assert any("class 'a' does not occur in the valid split" in w for w in data.warnings)


def test_a_class_that_training_lacks_is_refused(tmp_path: Path) -> None:
    counts = {"train/a": 4, "train/b": 4, "test/a": 1, "test/bb": 1}
    with pytest.raises(DataError, match="class 'bb' is in the test folder but not in the training"):
        read(folder(tmp_path, counts))


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"": 3}, "holds 3 images but no class folders"),
        ({"a": 3}, "one class only \\('a'\\)"),
        ({"train/a": 2, "train/b": 2, "extra": 2}, "beside them extra"),
        ({"train/a": 2, "train/b": 2, "val/a": 1, "valid/a": 1}, "two folders for one split"),
    ],
)
def test_other_layouts_are_refused(tmp_path: Path, counts: dict[str, int], message: str) -> None:
    with pytest.raises(DataError, match=f"{message}.*expected one folder of images a class"):
        read(folder(tmp_path, counts))


def test_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is empty; expected one folder of images a class"):
        read(tmp_path)


def test_images_of_a_format_that_is_not_read_are_named(tmp_path: Path) -> None:
    for name in ("a/1.gif", "a/2.gif", "b/1.gif", "b/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"GIF89a")
    with pytest.raises(DataError, match=r"that is not read \(\.gif: 3\); save them as PNG"):
        read(tmp_path)


def test_other_files_are_passed_over_and_counted(tmp_path: Path) -> None:
    root = folder(tmp_path, {"a": 2, "b": 2})
    (root / "a" / "Thumbs.db").write_bytes(b"x")
    (root / "a" / ".hidden.png").write_bytes(b"x")
    (root / "b" / "notes.txt").write_text("x")
    (root / ".git").mkdir()
    (root / "empty").mkdir()
    samples = read(root)
    assert len(samples) == 4
    assert any("3 files that are no images by name (.db 1, .txt 1, hid" in n for n in samples.notes)
    assert samples.warnings == ("folder 'empty' holds no images and is no class",)


def test_spaces_unicode_nested_folders_and_links(tmp_path: Path) -> None:
    root = folder(tmp_path / "my daten ü", {"ris s/日本": 2, "sound": 2})
    elsewhere = folder(tmp_path / "elsewhere", {"c": 2})
    os.symlink(elsewhere / "c", root / "linked")
    os.symlink(root, root / "sound" / "circle")
    samples = read(root)
    assert samples.class_names == ("linked", "ris s", "sound")
    assert samples.names[2] == "ris s/日本/0000.png"


# -- Bad files


def faulty(root: Path) -> dict[str, str]:
    """A folder of 40 good images and eight bad ones; the reason expected for each bad one."""
    folder(root, {"a": 20, "b": 20})
    buffer = io.BytesIO()
    Image.fromarray(noise(99, 64, 64)).save(buffer, "JPEG")
    jpeg = buffer.getvalue()
    buffer = io.BytesIO()
    Image.fromarray(noise(98, 64, 64)).save(buffer, "PNG")
    png = buffer.getvalue()
    deep = cv2.imencode(".png", np.random.default_rng(0).integers(0, 2**16, (64, 64, 3), np.uint16))
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    contents = {
        "a/empty.png": (b"", "empty file"),
        "a/cut.jpg": (jpeg[: len(jpeg) // 2], "cut short"),
        "a/cut.png": (png[: len(png) // 2], "cut short"),
        "a/text.png": (b"hello, this is no image", "not an image"),
        "b/wrong.png": (jpeg, "is a JPEG image, but its name says .png"),
        "b/stub.png": (png[:20], "cut short or damaged"),
        "b/deep cut.png": (deep[1].tobytes()[:9000], "cut short"),
        "b/bomb.png": (bomb.getvalue(), "pixels"),
    }
    for name, (content, _) in contents.items():
        (root / name).write_bytes(content)
    return {name: reason for name, (_, reason) in contents.items()}


def test_eight_faults_give_eight_reports_and_leave_the_folder_alone(tmp_path: Path) -> None:
    expected = faulty(tmp_path)
    before = tree_hash(tmp_path)
    samples = read(tmp_path, on_bad="skip", max_bad=0.2)
    assert tree_hash(tmp_path) == before
    found = dict(samples.problems)
    assert sorted(found) == sorted(expected)
    for name, reason in expected.items():
        assert reason in found[name], (name, found[name])
    assert len(samples) == 40
    assert not set(samples.names) & set(expected)
    assert len(samples.warnings) == 1
    assert "8 of 48 images can't be used and are left out (a 4 of 24, b 4 of 24)" in str(
        samples.warnings[0]
    )


def test_bad_files_are_refused_by_default_with_the_list(tmp_path: Path) -> None:
    expected = faulty(tmp_path)
    with pytest.raises(DataError) as error:
        read(tmp_path)
    text = str(error.value)
    assert text.startswith("8 of 48 images can't be used:")
    assert all(name in text for name in expected)
    assert "--on-bad skip" in text
    with pytest.raises(DataError, match=r"16.7%, more than --max-bad 0.1 accepts"):
        read(tmp_path, on_bad="skip", max_bad=0.1)


def test_a_class_of_bad_files_only_is_refused(tmp_path: Path) -> None:
    folder(tmp_path, {"a": 30})
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.png").write_bytes(b"")
    with pytest.raises(DataError, match="all of class b"):
        read(tmp_path, on_bad="skip", max_bad=0.5)


def test_a_read_only_folder_is_enough(tmp_path: Path) -> None:
    root = folder(tmp_path / "data", {"a": 6, "b": 6})
    paths = [root, *root.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert len(datasets.load(config(root)).samples) == 12
    finally:
        for path in paths:
            path.chmod(0o755)


def test_a_file_that_breaks_after_the_check_is_named(tmp_path: Path) -> None:
    root = folder(tmp_path, {"a": 2, "b": 2})
    files = sorted(root.rglob("*.png"))
    checked = check_images(files, lambda h: choose_form(h, None, "auto"), MAX_PIXELS, cache_bytes=0)
    files[1].write_bytes(b"")
    with pytest.raises(DataError, match="a/0001.png was readable when the data were checked"):
        checked.images[np.array([0, 1])]


# -- Memory


def test_images_beyond_the_budget_are_never_held(tmp_path: Path) -> None:
    files = sorted(folder(tmp_path, {"a": 5, "b": 5}).rglob("*.png"))

    def check(cache_bytes: int) -> Any:
        return check_images(
            files, lambda h: choose_form(h, None, "auto"), MAX_PIXELS, cache_bytes=cache_bytes
        ).images

    size = 10 * 24 * 32 * 3
    held, lazy = check(size), check(size - 1)
    assert held.nbytes == lazy.nbytes == size
    assert held.cached
    for indices in (slice(2, 6), np.array([7, 1, 1]), slice(None)):
        assert np.array_equal(held[indices], lazy[indices])
    assert np.array_equal(lazy[3], noise(4))
    assert not lazy.cached
    assert [type(v) for v in vars(lazy).values() if isinstance(v, np.ndarray)] == []
    assert not lazy.only(np.array([1, 2])).cached
    assert np.array_equal(lazy.only(np.array([9, 0]))[:], held[[9, 0]])


def test_the_check_decodes_every_file_once_and_reports_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlzoo.data.quality.validation as checking

    decoded: list[Path] = []
    original = checking.decode

    def counting(path: Path, *rest: Any, **options: Any) -> np.ndarray:
        decoded.append(path)
        return original(path, *rest, **options)

    monkeypatch.setattr(checking, "decode", counting)
    root = folder(tmp_path, {"a": 5, "b": 5})
    calls: list[tuple[int, int, str]] = []
    samples = loading.read(config(root), lambda *call: calls.append(call))
    samples.inputs[:]
    assert sorted(decoded) == sorted(root.rglob("*.png"))
    assert [c[0] for c in calls if c[2] == "checking images"] == list(range(1, 11))
    assert {c[1] for c in calls} == {10}


# -- Groups


def test_group_by_takes_the_first_group_of_the_expression(tmp_path: Path) -> None:
    for number in range(12):
        save(tmp_path / "ab"[number % 2] / f"{number // 4:03d}_{number}.png", noise(number))
    assert read(tmp_path, group_by=r"^(\d+)_").groups.tolist() == list(
        "000 000 001 001 002 002".split() * 2
    )
    assert set(read(tmp_path, group_by=r"^\d+_").groups) == {"000_", "001_", "002_"}
    with pytest.raises(DataError, match=r"does not match a/000_0\.png"):
        read(tmp_path, group_by=r"^(\d+)-")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_photograph_of_the_crack_patches_is_in_two_parts(seed: int) -> None:
    data = datasets.load(config(shared("crack_patches"), group_by=r"^(\d+)_", seed=seed, size="32"))
    photographs = [{Path(name).name[:3] for name in part.names()} for part in data.parts().values()]
    assert len(set.union(*photographs)) == 18 == sum(map(len, photographs))
    assert sum(len(part) for part in data.parts().values()) == 541
    assert len(data.train) / 541 == pytest.approx(0.6, abs=0.06)
    for part in data.parts().values():
        assert part.targets.mean() == pytest.approx(213 / 541, abs=0.05)
    assert data.warnings == ()
