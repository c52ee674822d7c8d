from __future__ import annotations

import functools
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mlzoo.core.errors import DataError
from mlzoo.data import loading
from mlzoo.data.loading import recognize
from mlzoo.data.masks import pairs as mask_pairs
from mlzoo.data.masks.masks import lazy_masks
from mlzoo.data.quality.validation import check_images
from mlzoo.data.samples import Part, Samples
from mlzoo.data.specs import IGNORED
from mlzoo.runs import datasets
from tests.data.pictures import config, folder, noise, save, shared, tree_hash


def read(path: object, **fields: Any) -> Samples:
    return loading.read(config(path, **fields))


def blobs(seed: int, height: int = 24, width: int = 32) -> np.ndarray:
    """A mask of 0 and 255 that no other seed has, and that no flip or turn leaves as it is."""
    return np.where(noise(seed, height, width, 1) > 150, 255, 0).astype(np.uint8)


def pair(root: Path, image: str, mask: str, seed: int, **shape: int) -> None:
    save(root / image, noise(seed, **shape))
    save(root / mask, blobs(seed, **shape))


def pairs(root: Path, count: int = 6, **shape: int) -> Path:
    for seed in range(count):
        pair(root, f"images/{seed}.png", f"masks/{seed}.png", seed, **shape)
    return root


def check(samples: Samples, seeds: dict[str, int]) -> None:
    """Each image stands beside the mask that was made with it."""
    assert list(samples.names) == list(seeds)
    for position, seed in enumerate(seeds.values()):
        assert np.array_equal(samples.targets[position], blobs(seed) == 255)
        if not samples.names[position].endswith("jpg"):
            assert np.array_equal(samples.inputs[position], noise(seed))


# -- Layouts


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("images", "masks"),
        ("Images", "MASKS"),
        ("image", "mask"),
        ("imgs", "labels"),
        ("img", "Annotations"),
    ],
)
def test_two_folders_by_stem(tmp_path: Path, images: str, masks: str) -> None:
    names = {"a.jpg": 3, "b.c.png": 1, "deeper/a.bmp": 2}
    for name, seed in names.items():
        stem = name.rpartition(".")[0]
        pair(tmp_path, f"{images}/{name}", f"{masks}/{stem}.png", seed)
    assert recognize(str(tmp_path)) == "image_masks"
    samples = read(tmp_path)
    check(samples, {f"{images}/{name}": seed for name, seed in names.items()})
    assert (samples.task, samples.kind, samples.maximum) == ("segmentation", "image", 255)
    assert samples.inputs.shape == (3, 24, 32, 3)
    assert (samples.targets.shape, samples.targets.dtype) == ((3, 24, 32), np.uint8)
    assert samples.class_names == ("background", "foreground")
    assert samples.given_parts is None


def test_masks_in_a_folder_may_end_in_mask(tmp_path: Path) -> None:
    pair(tmp_path, "images/a.png", "masks/a_mask.png", 1)
    pair(tmp_path, "images/_mask.png", "masks/_mask.png", 2)
    check(read(tmp_path), {"images/_mask.png": 2, "images/a.png": 1})


def test_masks_beside_their_images(tmp_path: Path) -> None:
    pair(tmp_path, "a.jpg", "a_mask.png", 1)
    pair(tmp_path, "b.png", "b_mask.tif", 2)
    assert recognize(str(tmp_path)) == "image_masks"
    check(read(tmp_path), {"a.jpg": 1, "b.png": 2})
    save(tmp_path / "lone_mask.png", blobs(3))
    save(tmp_path / "bare.png", noise(3))
    with pytest.raises(DataError) as error:
        read(tmp_path)
    for line in (
        "2 of 4 images and masks can't be used",
        "\n  bare.png: has no mask called bare in ",
        "\n  lone_mask.png: has no image called lone in ",
    ):
        assert line in str(error.value)


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("{0}/images/{1}.png", "{0}/masks/{1}.png"),
        ("{0}/{1}.png", "{0}/{1}_mask.png"),
        ("images/{0}/{1}.png", "masks/{0}/{1}.png"),
    ],
)
def test_given_parts(tmp_path: Path, image: str, mask: str) -> None:
    counts = {"train": 4, "val": 2, "test": 1}
    seeds = {}
    for number, part in enumerate(sorted(counts)):
        for index in range(counts[part]):
            name, seed = image.format(part, index), 10 * number + index
            pair(tmp_path, name, mask.format(part, index), seed)
            seeds[name] = seed
    assert recognize(str(tmp_path)) == "image_masks"
    data = datasets.load(config(tmp_path))
    check(data.samples, seeds)
    assert [len(part) for part in data.parts().values()] == [4, 2, 1]
    assert all("val" in name for name in data.valid.names())


def test_part_folders_may_be_called_otherwise_on_the_other_side(tmp_path: Path) -> None:
    for seed, (image, mask) in enumerate([("Train", "train"), ("val", "Validation")]):
        pair(tmp_path, f"images/{image}/a.png", f"masks/{mask}/a.png", seed)
    samples = read(tmp_path)
    check(samples, {"images/Train/a.png": 0, "images/val/a.png": 1})
    assert samples.given_parts.tolist() == ["train", "valid"]


def test_a_part_without_its_other_folder_is_named(tmp_path: Path) -> None:
    pair(tmp_path, "images/train/a.png", "masks/train/a.png", 0)
    save(tmp_path / "images/val/b.png", noise(1))
    save(tmp_path / "masks/test/c.png", blobs(2))
    with pytest.raises(DataError) as error:
        read(tmp_path)
    assert "images/val/b.png: has no mask called b in val/" in str(error.value)
    assert "masks/test/c.png: has no image called c in test/" in str(error.value)


def test_nothing_beside_part_folders_is_lost_in_silence(tmp_path: Path) -> None:
    pair(tmp_path, "train/a.png", "train/a_mask.png", 0)
    save(tmp_path / "cover.png", noise(1))
    assert "cover.png" in read(tmp_path).warnings[0]
    save(tmp_path / "extra/b.png", noise(2))
    with pytest.raises(DataError, match="the split folders train and beside them extra; expected"):
        read(tmp_path)
    other = tmp_path / "other"
    pair(other, "images/train/a.png", "masks/train/a.png", 0)
    pair(other, "images/more/a.png", "masks/more/a.png", 0)
    with pytest.raises(DataError, match="images has the split folders train and beside them more"):
        read(other)
    twice = tmp_path / "twice"
    for part in ("train", "val", "valid"):
        pair(twice, f"{part}/a.png", f"{part}/a_mask.png", 0)
    with pytest.raises(DataError, match="two folders for one split: val, valid"):
        read(twice)


def test_subfolders_of_a_name_are_no_parts_without_train(tmp_path: Path) -> None:
    pair(tmp_path, "images/test/a.png", "masks/test/a.png", 1)
    samples = read(tmp_path)
    check(samples, {"images/test/a.png": 1})
    assert samples.given_parts is None


@pytest.mark.parametrize(
    ("counts", "source"),
    [
        ({"a": 1, "b": 1}, "image_folder"),
        ({"train/a": 1, "train/b": 1, "test/a": 1}, "image_folder"),
        ({"images": 1}, "image_folder"),
        ({"masks": 1, "sound": 1}, "image_folder"),
        ({"images": 1, "masks": 1}, "image_masks"),
        ({"test/images": 1, "test/masks": 1}, "image_masks"),
    ],
)
def test_recognition(tmp_path: Path, counts: dict[str, int], source: str) -> None:
    folder(tmp_path, counts)
    assert recognize(str(tmp_path)) == source


def test_recognition_of_what_else_stands_there(tmp_path: Path) -> None:
    save(tmp_path / "lone" / "a_mask.png", blobs(0))
    assert recognize(str(tmp_path / "lone")) == "image_folder"
    pairs(tmp_path / "both", 1)
    np.save(tmp_path / "both" / "x.npy", np.zeros(3))
    assert recognize(str(tmp_path / "both")) == "arrays"
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "classes.txt").write_text("a\nb\n")
    assert recognize(str(tmp_path / "text")) == "image_folder"


@pytest.mark.parametrize(("name", "count"), [("membrane", 24), ("crack_tiles", 60)])
def test_the_shared_sets(name: str, count: int) -> None:
    assert recognize(shared(name)) == "image_masks"
    samples = read(shared(name))
    assert len(samples) == count
    assert samples.class_names == ("background", "foreground")
    assert np.unique(samples.targets[:3]).tolist() == [0, 1]
    assert samples.problems == ()


# -- Bad files


def faulty(root: Path) -> dict[str, str]:
    """Twenty good pairs and eight bad ones; the reason expected for each bad file."""
    pairs(root, 20)
    buffer = io.BytesIO()
    Image.fromarray(noise(99)).save(buffer, "PNG")
    png = buffer.getvalue()
    deep = io.BytesIO()
    Image.fromarray(np.full((24, 32), 256, np.uint16)).save(deep, "PNG")
    for name in ("0a", "0b", "0c", "0d", "0e", "0f"):
        pair(root, f"images/{name}.png", f"masks/{name}.png", 50)
    save(root / "images/0g.png", noise(51))
    save(root / "masks/0h.png", blobs(52))
    save(root / "masks/0a.png", blobs(53, 32, 24))
    for name, content in {
        "images/0b.png": png[: len(png) // 2],
        "masks/0c.png": png[: len(png) // 2],
        "masks/0d.png": b"",
        "masks/0f.png": deep.getvalue(),
    }.items():
        (root / name).write_bytes(content)
    (root / "masks/0e.png").rename(root / "masks/0e.jpg")
    return {
        "masks/0a.png": "the mask is 32x24, but its image is 24x32",
        "images/0b.png": "cut short",
        "masks/0c.png": "cut short",
        "masks/0d.png": "empty file",
        "masks/0e.jpg": "is a PNG image, but its name says .jpg",
        "masks/0f.png": "values run to 256; a mask has at most 255 classes",
        "images/0g.png": "has no mask called 0g in masks/",
        "masks/0h.png": "has no image called 0h in images/",
    }


def test_eight_faults_give_eight_reports_and_leave_the_folder_alone(tmp_path: Path) -> None:
    expected = faulty(tmp_path)
    before = tree_hash(tmp_path)
    samples = read(tmp_path, on_bad="skip", max_bad=0.3)
    assert tree_hash(tmp_path) == before
    found = dict(samples.problems)
    assert sorted(found) == sorted(expected)
    for name, reason in expected.items():
        assert reason in found[name], (name, found[name])
    assert "8 of 28 images and masks can't be used and are left out" in samples.warnings[0]
    check(samples, {f"images/{seed}.png": seed for seed in sorted(range(20), key=str)})
    good = read(pairs(tmp_path / "good", 20))
    for field in ("hashes", "near_hashes", "target_hashes", "sizes", "pixels"):
        assert np.array_equal(getattr(samples, field), getattr(good, field)), field


def test_bad_files_are_refused_by_default_with_the_list(tmp_path: Path) -> None:
    expected = faulty(tmp_path)
    with pytest.raises(DataError) as error:
        read(tmp_path)
    for name, reason in expected.items():
        assert f"\n  {name}: {reason}" in str(error.value)
    assert str(error.value).startswith("8 of 28 images and masks can't be used:")
    assert "--on-bad skip" in str(error.value)
    with pytest.raises(DataError, match=r"28\.6%, more than --max-bad 0\.28 accepts"):
        read(tmp_path, on_bad="skip", max_bad=0.28)


@pytest.mark.parametrize(
    ("first", "second"), [("images/a.png", "images/a.jpg"), ("masks/a.png", "masks/a_mask.png")]
)
def test_two_files_of_one_stem(tmp_path: Path, first: str, second: str) -> None:
    pairs(tmp_path, 2)
    pair(tmp_path, "images/a.png", "masks/a.png", 5)
    save(tmp_path / second, noise(6))
    names = " and ".join(sorted([first, second]))
    with pytest.raises(DataError, match=f"{names} have one name"):
        read(tmp_path, on_bad="skip", max_bad=0.9)


def test_nothing_usable(tmp_path: Path) -> None:
    layout = "expected images/ and masks/ with the same file names"
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=f"has no image with a mask; {layout}"):
        read(tmp_path / "empty", source="image_masks")
    (tmp_path / "empty" / "classes.txt").write_text("a\nb\n")
    with pytest.raises(DataError, match=rf"by name \(\.txt 1\)\); {layout}"):
        read(tmp_path / "empty", source="image_masks")
    save(tmp_path / "apart" / "images" / "a.png", noise(0))
    save(tmp_path / "apart" / "masks" / "a_seg.png", blobs(0))
    both = r"images/a.png: has no mask called a in masks/; masks/a_seg.png: has no image called a_"
    with pytest.raises(DataError, match=both):
        read(tmp_path / "apart")
    for index in range(2):
        save(tmp_path / "gif" / "images" / f"{index}.png", noise(index))
        (tmp_path / "gif" / "masks").mkdir(exist_ok=True)
        Image.fromarray(blobs(index)).save(tmp_path / "gif" / "masks" / f"{index}.gif")
    with pytest.raises(DataError, match=r"2 files that are no images by name \(\.gif 2\)"):
        read(tmp_path / "gif")
    bad = pairs(tmp_path / "bad", 2)
    for mask in (bad / "masks").iterdir():
        mask.write_bytes(b"")
    with pytest.raises(DataError, match=r"no image has a usable mask; .*masks/0.png: empty file"):
        read(bad, on_bad="skip", max_bad=1)


def test_files_that_were_passed_over_are_counted(tmp_path: Path) -> None:
    pairs(tmp_path, 4)
    (tmp_path / "masks" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "images" / "notes.txt").write_text("x")
    assert "ignored: 2 files that are no images by name (.db 1, .txt 1)" in read(tmp_path).notes


def test_empty_masks_are_named(tmp_path: Path) -> None:
    pairs(tmp_path, 6)
    for name in ("1", "4"):
        save(tmp_path / "masks" / f"{name}.png", np.zeros((24, 32), np.uint8))
    found = read(tmp_path)
    assert found.warnings == ("2 of 6 masks hold 'background' only: images/1.png, images/4.png",)
    assert found.pixels[1].tolist() == [24 * 32, 0]
    for name in ("1", "4"):
        save(tmp_path / "masks" / f"{name}.png", np.full((24, 32), 7, np.uint8))
    ignoring = read(tmp_path, source_set={"ignore_index": 7})
    assert ignoring.warnings == (
        "2 of 6 masks hold ignored pixels only: images/1.png, images/4.png",
    )


def test_a_mask_that_breaks_after_the_check_is_named(tmp_path: Path, uncached: None) -> None:
    pairs(tmp_path, 4)
    samples = read(tmp_path)
    (tmp_path / "masks" / "2.png").write_bytes(b"")
    part = Part(samples, np.arange(4))
    for reading in (lambda: samples.targets[1:3], lambda: part.target(2)):
        with pytest.raises(DataError, match=r"masks/2.png was readable when the data were checked"):
            reading()
    assert np.array_equal(part.target(1), blobs(1) == 255)


# -- Parts


def test_group_by(tmp_path: Path) -> None:
    for seed in range(12):
        pair(tmp_path, f"images/{seed // 3}_{seed}.png", f"masks/{seed // 3}_{seed}.png", seed)
    samples = read(tmp_path, group_by=r"^(\d+)_")
    assert samples.groups.tolist() == [name[7] for name in samples.names]
    data = datasets.load(config(tmp_path, group_by=r"^(\d+)_"))
    parts = [set(samples.groups[part.indices]) for part in data.parts().values()]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 4
    with pytest.raises(DataError, match=r"does not match images/0_0\.png.*the folder of images"):
        read(tmp_path, group_by=r"^(\d+)-")


def test_split_and_limit(tmp_path: Path) -> None:
    pairs(tmp_path, 20)
    data = datasets.load(config(tmp_path))
    assert [len(part) for part in data.parts().values()] == [12, 4, 4]
    where = np.concatenate([part.indices for part in data.parts().values()])
    assert sorted(where) == list(range(20))
    few = datasets.load(config(tmp_path, limit=10))
    assert len(few.samples) == 10
    assert len(few.samples.pixels) == len(few.samples.sizes) == len(few.samples.target_hashes) == 10
    for position, name in enumerate(few.samples.names):
        assert np.array_equal(few.samples.targets[position], blobs(int(Path(name).stem)) == 255)
        assert few.samples.pixels[position, 1] == few.samples.targets[position].sum()


def test_copies_across_given_parts_are_refused(tmp_path: Path) -> None:
    for seed, part in enumerate(["train"] * 4 + ["valid", "test"]):
        pair(tmp_path, f"{part}/images/{seed}.png", f"{part}/masks/{seed}.png", seed)
    datasets.load(config(tmp_path))
    save(tmp_path / "test/images/5.png", noise(0))
    with pytest.raises(DataError, match="duplicates of train samples: test/images/5.png = train"):
        datasets.load(config(tmp_path))
    assert len(datasets.load(config(tmp_path, allow_leakage=True)).test) == 1


def test_the_fingerprint_changes_with_a_single_pixel_of_a_mask(tmp_path: Path) -> None:
    pairs(tmp_path)
    first = datasets.load(config(tmp_path)).fingerprint
    assert datasets.load(config(tmp_path)).fingerprint == first
    mask = blobs(3)
    mask[5, 7] = 255 - mask[5, 7]
    save(tmp_path / "masks" / "3.png", mask)
    assert datasets.load(config(tmp_path)).fingerprint != first


# -- Sizes


@pytest.fixture
def uncached(monkeypatch: pytest.MonkeyPatch) -> None:
    """All files stay on disk."""
    for function in (check_images, lazy_masks):
        small = functools.partial(function, cache_bytes=0)
        monkeypatch.setattr(mask_pairs, function.__name__, small)


SIZES = [(24, 32), (40, 20), (97, 101), (8, 64)]


def of_sizes(root: Path) -> Path:
    for seed, (height, width) in enumerate(SIZES):
        pair(root, f"images/{seed}.png", f"masks/{seed}.png", seed, height=height, width=width)
    return root


def test_sizes_are_kept_within_one_frame(tmp_path: Path) -> None:
    samples = read(of_sizes(tmp_path))
    assert samples.inputs.shape == (4, 97, 101, 3)
    assert samples.targets.shape == (4, 97, 101)
    assert samples.sizes.tolist() == [list(size) for size in SIZES]
    part = Part(samples, np.array([3, 1, 2, 0]))
    for position, seed in enumerate(part.indices):
        height, width = SIZES[seed]
        image, mask = noise(seed, height, width), blobs(seed, height, width) == 255
        padded = part.targets_at(np.array([position]))[0]
        assert np.array_equal(padded[:height, :width], mask)
        assert (padded[height:] == IGNORED).all() and (padded[:, width:] == IGNORED).all()
        framed = part.inputs(np.array([position]))[0]
        assert np.array_equal(framed[:height, :width], image)
        mirrored = framed[height : 2 * height, :width]
        assert np.array_equal(mirrored, image[::-1][: len(mirrored)])
        assert part.size(position) == (height, width)
        assert np.array_equal(part.image(position), image)
        assert np.array_equal(part.target(position), mask)
        assert samples.pixels[seed].tolist() == [(~mask).sum(), mask.sum()]
    assert any("images: 4, of 4 sizes, kept (--size, --tile)" in note for note in samples.notes)


@pytest.mark.parametrize("size", [None, "30x40"])
def test_files_on_disk_and_in_memory_give_the_same(
    tmp_path: Path, request: pytest.FixtureRequest, size: str | None
) -> None:
    held = read(of_sizes(tmp_path), size=size)
    request.getfixturevalue("uncached")
    lazy = read(tmp_path, size=size)
    assert held.inputs.cached and held.targets.cached
    assert not lazy.inputs.cached and not lazy.targets.cached
    assert np.array_equal(held.inputs[:], lazy.inputs[:])
    assert np.array_equal(held.targets[:], lazy.targets[:])
    assert np.array_equal(held.targets[np.array([2, 0])], lazy.targets[np.array([2, 0])])
    few = held.only(np.array([2, 1])), lazy.only(np.array([2, 1]))
    for one, other in ((held, lazy), few):
        parts = [Part(samples, np.arange(len(samples))) for samples in (one, other)]
        for position in range(len(one)):
            image, mask = parts[0].image(position), parts[0].target(position)
            assert np.array_equal(image, parts[1].image(position))
            assert np.array_equal(mask, parts[1].target(position))
            assert image.shape[:2] == mask.shape == parts[1].size(position)
    assert held.target_hashes.tolist() == lazy.target_hashes.tolist()


def test_masks_that_are_held_are_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = Part(read(of_sizes(tmp_path)), np.arange(4))
    for file in (tmp_path / "masks").iterdir():
        file.unlink()
    assert np.array_equal(part.target(1), blobs(1, 40, 20) == 255)


def test_size_resizes_masks_to_the_nearest_pixel(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for seed, (height, width) in enumerate(SIZES):
        save(tmp_path / f"images/{seed}.png", noise(seed, height, width))
        save(
            tmp_path / f"masks/{seed}.png",
            random.choice([0, 1, 2, 255], (height, width)).astype("u1"),
        )
    save(tmp_path / "images/big.png", np.repeat(noise(9, 24, 32), 2, 0).repeat(2, 1))
    small = random.choice([0, 1, 2, 255], (24, 32)).astype("u1")
    save(tmp_path / "masks/big.png", small.repeat(2, 0).repeat(2, 1))
    samples = read(tmp_path, size="24x32")
    assert samples.targets.shape == (5, 24, 32)
    assert np.unique(samples.targets[:]).tolist() == [0, 1, 2, IGNORED]
    # Every second pixel of a mask of doubled pixels, and its image with it.
    assert np.array_equal(samples.targets[4], small)
    assert np.array_equal(samples.inputs[4], noise(9, 24, 32))
    assert samples.sizes.tolist() == [[24, 32]] * 5
    assert samples.pixels[4].tolist() == [4 * (small == value).sum() for value in (0, 1, 2)]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photograph_has_an_upright_mask(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = noise(1)
    turned = orientation >= 5
    # What a camera stores: the scene, turned so that its orientation undoes it.
    undo = {1: 0, 2: 0, 3: 2, 4: 0, 5: 1, 6: 1, 7: 3, 8: 3}[orientation]
    stored = np.rot90(upright, undo)
    stored = {2: stored[:, ::-1], 4: stored[::-1], 5: stored[::-1], 7: stored[::-1]}.get(
        orientation, stored
    )
    save(tmp_path / "images/a.png", np.ascontiguousarray(stored), exif=exif)
    save(tmp_path / "masks/a.png", blobs(1))
    samples = read(tmp_path)
    assert np.array_equal(samples.inputs[0], upright)
    assert np.array_equal(samples.targets[0], blobs(1) == 255)
    assert any("EXIF orientation" in note for note in samples.notes) == (orientation != 1)
    # A mask that is stored as the image is and says so too.
    mask = np.rot90(blobs(1), undo)
    mask = {2: mask[:, ::-1], 4: mask[::-1], 5: mask[::-1], 7: mask[::-1]}.get(orientation, mask)
    save(tmp_path / "masks/a.png", np.ascontiguousarray(mask), exif=exif)
    small = read(tmp_path, size="12x16")
    assert np.array_equal(read(tmp_path).targets[0], blobs(1) == 255)
    assert small.targets.shape == (1, 12, 16)
    # One that is stored as the image is and does not say so.
    save(tmp_path / "masks/a.png", np.ascontiguousarray(mask))
    if turned:
        with pytest.raises(DataError, match="the mask is 32x24, but its image is 24x32"):
            read(tmp_path, on_bad="skip", max_bad=1)
