"""Decoded images on disk: equal to decoding, shared, bounded; half-written ones do not count."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlzoo.data.quality.validation as checking
from mlzoo.core.errors import UsageError
from mlzoo.data.decoded.cache import DecodedCache
from mlzoo.data.decoded.space import CacheChoice, cache_place, make_room, usable_cache
from mlzoo.data.images.decoding import ImageForm
from mlzoo.data.images.images import LazyImages
from mlzoo.data.quality.validation import Checked, check_images

FORM = ImageForm(8, 8, 3)
ROWS = 8 * 8 * 3
FACTS = np.dtype([("number", "<i8")])


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    import cv2

    folder = tmp_path / "images"
    folder.mkdir()
    paths = [folder / f"{number}.{'jpg' if number % 2 else 'png'}" for number in range(6)]
    for number, path in enumerate(paths):
        pixels = np.random.default_rng(number).integers(0, 256, (40 + number, 36, 3), np.uint8)
        cv2.imwrite(str(path), pixels)
    return paths


def check(files: list[Path], choice: CacheChoice, cache_bytes: int = 0) -> Checked:
    return check_images(
        files, lambda headers: (FORM, []), 10**6, cache_bytes=cache_bytes, choice=choice
    )


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    original = checking.decode

    def decode(path: Path, *rest: Any) -> np.ndarray:
        names.append(path.name)
        return original(path, *rest)

    monkeypatch.setattr(checking, "decode", decode)
    return names


def same(one: Checked, other: Checked) -> None:
    assert np.array_equal(one.images[:], other.images[:])
    assert np.array_equal(one.hashes, other.hashes)
    assert np.array_equal(one.near_hashes, other.near_hashes)
    assert one.contents == other.contents and one.problems == other.problems


@pytest.mark.parametrize("cache_bytes", [0, 2**20])
def test_kept_images_equal_decoded_ones_and_are_decoded_once(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache_bytes: int
) -> None:
    files[3].write_bytes(files[3].read_bytes()[:-500])
    plain = check(files, CacheChoice())
    decoded = counted(monkeypatch)
    choice = CacheChoice(str(tmp_path / "cache"))
    first = check(files, choice, cache_bytes)
    assert sorted(decoded) == sorted(path.name for path in files)
    decoded.clear()
    second = check(files[::-1], choice, cache_bytes)
    assert decoded == [files[3].name], "only the broken one, of which nothing is kept"
    same(plain, first)
    order = np.arange(5)[::-1]
    assert np.array_equal(second.images[:], plain.images[order])
    assert second.hashes.tolist() == plain.hashes[order].tolist()
    monkeypatch.setattr(LazyImages, "_read", None)
    subset = second.images.only(np.array([4, 1]))
    assert np.array_equal(subset[np.array([1, 0])], first.images[np.array([3, 0])])


def test_a_changed_file_is_decoded_again_and_a_new_one_beside_the_others(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = CacheChoice(str(tmp_path / "cache"))
    check(files[:4], choice)
    decoded = counted(monkeypatch)
    stat = files[1].stat()
    files[1].write_bytes(files[5].read_bytes())
    os.utime(files[1], ns=(stat.st_atime_ns, stat.st_mtime_ns))
    grown = check([*files[:5]], choice)
    assert sorted(decoded) == ["1.jpg", "4.png"]
    same(grown, check(files[:5], CacheChoice()))
    decoded.clear()
    same(check(files[:3], choice), check(files[:3], CacheChoice()))
    assert sorted(decoded) == ["0.png", "1.jpg", "2.png"], "those of the check without a cache"


def test_rows_that_are_removed_are_decoded_again(files: list[Path], tmp_path: Path) -> None:
    checked = check(files, CacheChoice(str(tmp_path / "cache")))
    expected = checked.images[:]
    for path in (tmp_path / "cache").iterdir():
        path.unlink()
    assert np.array_equal(checked.images[:], expected)
    assert np.array_equal(checked.images[2], expected[2])


def opened(folder: Path, limit: int = 10**6) -> DecodedCache:
    return DecodedCache(folder, "form", (4,), "u1", FACTS, 2, limit)


def row(value: int) -> np.ndarray:
    return np.full(4, value, np.uint8)


def test_two_writers_of_the_same_rows_leave_each_row_in_its_place(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    keys = [bytes([value]) * 32 for value in (1, 2)]
    for value in (0, 1):
        one.add(keys[value], row(value), (value,))
    for value in (1, 0):
        other.add(keys[value], row(value), (value,))
    stored = [each.finish(keys) for each in (one, other)]
    third = opened(tmp_path)
    for rows in (*stored, third.finish(keys)):
        assert rows is not None
        values = rows.read(np.array([0, 1]))
        assert values is not None and values.tolist() == [[0] * 4, [1] * 4]
    for value, key in enumerate(keys):
        entry = third.find(key)
        assert entry is not None and entry.facts == (value,)
        assert np.array_equal(third.read(entry), row(value))
    assert not list(tmp_path.glob("*.partial"))


def test_what_a_killed_writer_leaves_does_not_count_and_is_removed(tmp_path: Path) -> None:
    killed = opened(tmp_path)
    killed.add(b"k" * 32, row(1), (1,))
    assert killed._file is not None
    killed._file.flush()
    [partial] = tmp_path.iterdir()
    assert opened(tmp_path).find(b"k" * 32) is None
    assert make_room(tmp_path, 0, 10**6) and partial.exists(), "it may still be written to"
    os.utime(partial, (0, 0))
    assert make_room(tmp_path, 0, 10**6) and not partial.exists()
    rows = tmp_path / f"{killed._prefix}-0.npy"
    np.save(rows, np.zeros((1, 4), np.uint8))
    assert opened(tmp_path).find(b"k" * 32) is None, "rows without what is known of them"
    rows.with_suffix(".npz").write_bytes(b"PK\x03\x04 cut")
    assert opened(tmp_path).find(b"k" * 32) is None


def test_what_was_used_longest_ago_leaves(tmp_path: Path) -> None:
    size, keys = 128 + 4, [bytes([value]) * 32 for value in range(3)]
    for value, key in enumerate(keys[:2]):
        cache = opened(tmp_path, 2 * size + 7)
        cache.add(key, row(value), (value,))
        stored = cache.finish([key])
        assert stored is not None
        os.utime(stored.path, (1000 + value, 1000 + value))
    assert opened(tmp_path).finish([keys[0]]) is not None  # used again
    cache = opened(tmp_path, 2 * size + 7)
    cache.add(keys[2], row(2), (2,))
    assert cache.finish([keys[2]]) is not None
    left = opened(tmp_path)
    assert [left.find(key) is not None for key in keys] == [True, False, True]
    small = opened(tmp_path, 7)
    small.add(b"x" * 32, row(1), (1,))
    assert small.finish([b"x" * 32]) is None


def test_rows_in_use_do_not_leave_for_new_ones(tmp_path: Path) -> None:
    first, second = bytes(32), b"x" * 32
    cache = opened(tmp_path)
    cache.add(first, row(3), (3,))
    cache.finish([first])
    cache = opened(tmp_path, limit=128 + 4 + 7)
    assert cache.find(first) is not None
    cache.add(second, row(4), (4,))
    assert cache.finish([first, second]) is None
    assert opened(tmp_path).find(first) is not None


def test_where_a_file_can_grow_no_more_nothing_is_kept_and_nothing_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = pytest.importorskip("resource", reason="Windows limits no file")
    # A module imported meanwhile would be compiled into a file cut at the limit.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    cache, before = opened(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    cache.add(b"k" * 32, row(1), (1,))
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        assert cache.finish([b"k" * 32]) is None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_arrays_of_others_in_the_folder_are_not_removed_and_not_counted(tmp_path: Path) -> None:
    own = [tmp_path / name for name in ("x.npy", "x.npz", "old.npy.partial")]
    for path in own:
        path.write_bytes(bytes(10**4))
        os.utime(path, (0, 0))
    cache = opened(tmp_path, limit=1000)
    cache.add(b"k" * 32, row(1), (1,))
    assert cache.finish([b"k" * 32]) is not None
    assert all(path.exists() for path in own)


def test_a_run_that_is_read_again_needs_no_cache_of_its_own(tmp_path: Path) -> None:
    assert usable_cache(str(tmp_path)) == str(tmp_path)
    assert usable_cache(str(tmp_path / "gone")) == "auto"
    assert usable_cache("none") == "none"


def test_by_itself_the_cache_is_for_large_images_made_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLZOO_CACHE", str(tmp_path / "mine"))
    auto = CacheChoice("auto")
    assert cache_place(auto, 10**9, 100, 100) == tmp_path / "mine" / "decoded"
    assert cache_place(auto, 10**9, 101, 100) is None, "rows would take more room than the files"
    assert cache_place(auto, 10**8, 1, 100) is None, "decoding takes no time"
    assert cache_place(CacheChoice("none"), 10**9, 1, 100) is None
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="--cache: .*file can't be written to"):
        cache_place(CacheChoice(str(tmp_path / "file")), 1, 1, 1)
