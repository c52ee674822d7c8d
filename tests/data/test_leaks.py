from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mlzoo.core.errors import DataError
from mlzoo.data import loading
from mlzoo.data.quality.digests import difference_hash
from mlzoo.data.quality.leakage import check_leakage
from mlzoo.data.quality.similarity import NEAR_BITS, near_pairs
from mlzoo.runs import datasets
from tests.data.pictures import config, folder, noise, save, shared


def npz(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


def test_validation_that_is_a_copy_of_training_is_refused_with_pairs(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    path = npz(
        tmp_path / "d.npz", x_train=x, y_train=y, x_valid=x, y_valid=y, x_test=x + 1, y_test=y
    )
    with pytest.raises(DataError) as error:
        datasets.load(config(path))
    assert "40 of 40 valid samples are exact duplicates of train samples" in str(error.value)
    assert "and 35 more" in str(error.value)
    assert "--allow-leakage" in str(error.value)
    data = datasets.load(config(path, allow_leakage=True))
    assert any("40 of 40 valid samples are exact duplicates" in w for w in data.warnings)


def test_a_copied_image_under_another_name_and_format_is_named(tmp_path: Path) -> None:
    root = folder(tmp_path, {"train/a": 5, "train/b": 5, "valid/a": 2, "valid/b": 2, "test/a": 2})
    save(root / "test" / "b" / "other.bmp", noise(7))
    with pytest.raises(
        DataError, match=r"1 of 3 test samples are exact .*: test/b/other.bmp = train/b/0001.png"
    ):
        datasets.load(config(root))


def test_one_picture_in_two_classes_is_named(tmp_path: Path) -> None:
    root = folder(tmp_path, {"a": 6, "b": 6})
    for name in ("a", "b"):
        save(root / name / "same.png", noise(999))
    warnings = datasets.load(config(root)).warnings
    said = "1 sample is a duplicate of one in another class: b/same.png = a/same.png"
    assert [warning for warning in warnings if "another class" in warning] == [said]


def test_one_group_in_two_given_parts_is_refused(tmp_path: Path) -> None:
    root = folder(tmp_path, {"train/a": 5, "train/b": 5, "test/a": 2, "test/b": 2})
    with pytest.raises(DataError, match=r"in both the train and the test split: 2 \('0000', '0001"):
        datasets.load(config(root, group_by=r"^\d+", fractions="80/0/20"))
    data = datasets.load(config(root, group_by=r"^\d+", fractions="80/0/20", allow_leakage=True))
    assert any("groups in both" in warning for warning in data.warnings)


def test_near_copies_are_warned_about_not_refused(tmp_path: Path) -> None:
    files = sorted(Path(shared("crack_patches")).glob("*/*.jpg"))[::45]
    for number, file in enumerate(files):
        image = Image.open(file)
        for part, quality in (("train", 95), ("test", 85)):
            path = tmp_path / part / "ab"[number % 2] / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path, quality=quality)
    data = datasets.load(config(tmp_path, fractions="80/0/20"))
    warning = next(w for w in data.warnings if "look like" in w)
    assert int(warning.split()[0]) >= 0.6 * len(files)
    assert "(--group-by)" in warning


def test_the_crack_patches_have_no_near_copies() -> None:
    data = datasets.load(config(shared("crack_patches"), size="16"))
    assert data.warnings == ()


def test_difference_hash_survives_encoding_and_brightness_but_not_another_picture() -> None:
    files = sorted(Path(shared("crack_patches")).glob("*/*.jpg"))[:40]
    images = [np.asarray(Image.open(file)) for file in files]
    hashes = [difference_hash(image) for image in images]
    assert len(set(hashes)) == 40

    def again(image: np.ndarray) -> np.ndarray:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=90)
        return np.asarray(Image.open(buffer))

    changed = [difference_hash(again(image)) for image in images]
    bits = [(a ^ b).bit_count() for a, b in zip(hashes, changed, strict=True)]
    assert np.mean(np.array(bits) <= NEAR_BITS) > 0.9
    assert difference_hash(noise(0, 31, 200)) == 0


def test_near_pairs_finds_what_comparing_all_finds() -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 2**63, 300, dtype=np.uint64)
    flips = np.array(
        [sum(1 << int(b) for b in rng.choice(64, i % 5, replace=False)) for i in range(300)],
        dtype=np.uint64,
    )
    hashes = np.concatenate([base, base ^ flips])
    a, b = np.arange(300), np.arange(300, 600)
    expected = []
    for j in b:
        near = [int(i) for i in a if int(hashes[i] ^ hashes[j]).bit_count() <= NEAR_BITS]
        expected += [(near[0], int(j))] if near else []
    assert near_pairs(hashes, a, b) == expected
    assert len(expected) == 180
    flat = np.zeros(10, np.uint64)
    assert near_pairs(flat, np.arange(5), np.arange(5, 10)) == []


def table(folder: Path, columns: dict[str, Any]) -> Path:
    path = folder / "t.csv"
    rows = zip(*columns.values(), strict=True)
    path.write_text("\n".join([",".join(columns), *(",".join(map(str, r)) for r in rows)]))
    return path


def test_a_column_that_copies_the_target_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=60).round(3)
    path = table(tmp_path, {"v": rng.normal(size=60), "w": 3 * y + 2, "y": y})
    with pytest.raises(DataError, match="column 'w' gives the target 'y' away .*--drop w"):
        datasets.load(config(path))
    assert len(datasets.load(config(path, drop=["w"])).train) == 36
    noisy = table(tmp_path, {"w": y + rng.normal(0, 0.1, 60), "y": y})
    assert datasets.load(config(noisy)).warnings == ()


@pytest.mark.parametrize("code", ["xyz", "102"])
def test_a_column_in_one_to_one_relation_with_the_class_is_refused(
    tmp_path: Path, code: str
) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 60)
    path = table(
        tmp_path, {"v": rng.normal(size=60), "w": [code[i] for i in y], "y": ["abc"[i] for i in y]}
    )
    with pytest.raises(DataError, match="column 'w' gives the target 'y' away"):
        datasets.load(config(path))
    data = datasets.load(config(path, allow_leakage=True))
    assert any("column 'w'" in warning for warning in data.warnings)


def test_copies_across_a_published_split_are_reported_only(tmp_path: Path) -> None:
    from dataclasses import replace

    x = np.random.default_rng(0).normal(size=(20, 2))
    path = npz(
        tmp_path / "d.npz",
        x_train=x,
        y_train=np.arange(20) % 2,
        x_test=x[:4],
        y_test=np.arange(4) % 2,
    )
    samples = loading.read(config(path))
    parts = {"train": np.arange(20), "test": np.arange(20, 24)}
    with pytest.raises(DataError, match="4 of 4 test samples"):
        check_leakage(samples, parts)
    warnings = check_leakage(replace(samples, published=True), parts)
    assert "4 of 4 test samples are exact duplicates" in warnings[0]
