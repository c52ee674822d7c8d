"""Images in tar files: the pixels, labels and splits of the same files, and what is refused."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.files import recorded
from mlzoo.data import loading
from mlzoo.data.samples import Samples
from mlzoo.data.shards.members import ShardMember, samples_of, shards_at
from mlzoo.runs import datasets
from mlzoo.training.loop.batches import build_batches
from tests.data.pictures import config

COUNT = 24


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "decoded"


def jpeg(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (12, 10, 3)).astype("uint8")
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def write_shard(path: Path, files: Mapping[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def write_shards(
    folder: Path, names: tuple[str, ...] = ("a-0", "a-1"), beside: str = "cls"
) -> Path:
    for at, name in enumerate(names):
        files: dict[str, bytes] = {}
        for i in range(at * COUNT, (at + 1) * COUNT):
            label = "cat" if i % 2 else "dog"
            content = json.dumps({"label": label, "age": i / 8}) if beside == "json" else label
            files |= {f"set/{i:04d}.jpg": jpeg(i), f"set/{i:04d}.{beside}": content.encode()}
        write_shard(folder / f"{name}.tar", files)
    return folder


def pairs(number: int) -> dict[str, bytes]:
    return {"jpg": jpeg(number), "mask.png": jpeg(number), "cls": b"ab"[number % 2 :][:1]}


def read(path: Path | str, **fields: object) -> Samples:
    return loading.read(config(path, **fields))


def test_pixels_are_those_of_the_files_and_are_decoded_once(tmp_path: Path, cache: Path) -> None:
    samples = read(write_shards(tmp_path / "shards"))
    assert samples.task == "classification" and samples.class_names == ("cat", "dog")
    assert samples.names[25] == "a-1.tar/set/0025.jpg" and len(samples) == 2 * COUNT
    decoded = np.stack([np.asarray(Image.open(io.BytesIO(jpeg(i)))) for i in range(2 * COUNT)])
    np.testing.assert_array_equal(samples.inputs[:], decoded)
    np.testing.assert_array_equal(samples.targets, [1, 0] * COUNT)
    (kept,) = cache.glob("*.npy")
    before = kept.stat().st_ino
    again = read(str(tmp_path / "shards" / "*.tar"))
    np.testing.assert_array_equal(again.inputs[np.array([40, 3])], decoded[[40, 3]])
    assert [path.stat().st_ino for path in cache.glob("*.npy")] == [before]


def test_rows_that_were_removed_are_decoded_from_the_shard(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlzoo.data.quality.validation.CACHE_BYTES", 0)
    samples = read(write_shards(tmp_path / "shards"))
    expected = samples.inputs[np.arange(4)]
    for kept in cache.glob("*.npy"):
        kept.unlink()
    np.testing.assert_array_equal(samples.inputs[np.arange(4)], expected)


def test_an_epoch_goes_on_in_its_middle_as_it_was(tmp_path: Path) -> None:
    chosen = config(write_shards(tmp_path / "shards"), batch_size=5)
    data = datasets.arrange(loading.read(chosen), chosen, 0)
    whole = list(build_batches(chosen, data, 0).epoch(1))
    rest = list(build_batches(chosen, data, 0).epoch(1, first_step=2))
    for one, other in zip(whole[2:], rest, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_names_of_shards_are_the_splits(tmp_path: Path) -> None:
    names = ("train-0", "train-1", "val_0", "test-000")
    samples = read(write_shards(tmp_path / "shards", names))
    assert samples.given_parts is not None
    counts = dict(zip(*np.unique(samples.given_parts, return_counts=True), strict=True))
    assert counts == {"train": 2 * COUNT, "valid": COUNT, "test": COUNT}


def test_labels_of_json_files(tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "shards", beside="json")
    assert read(folder).class_names == ("cat", "dog")
    ages = read(folder, target="age")
    assert ages.task == "regression" and ages.targets[9] == 9 / 8 and ages.target_names == ("age",)
    groups = read(folder, group_by=r"/00(\d)").groups
    assert groups is not None and {*groups} == {"0", "1", "2", "3", "4"}
    with pytest.raises(DataError, match="48 of 48 images have no 'size' in its .json"):
        read(folder, target="size")


def test_mistakes_are_named(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "a.tar", {"1.jpg": jpeg(1), "1.png": jpeg(2), "1.cls": b"x"})
    with pytest.raises(DataError, match="'/1' needs one image, and has 2"):
        read(shard)
    write_shard(shard, {"1.cls": b"x"})
    with pytest.raises(DataError, match="needs one image, and has 0"):
        read(shard)
    write_shard(shard, {"1.jpg": jpeg(1), "1.json": b"{"})
    with pytest.raises(DataError, match=r"a.tar/1.jpg: its .json can't be read"):
        read(shard)
    shard.write_bytes(b"no tar file" * 100)
    with pytest.raises(DataError, match="can't be read as a tar file"):
        read(shard)
    with pytest.raises(UsageError, match="is not there"):
        loading.recognize(str(tmp_path / "b*.tar"))
    files = {f"{i}.jpg": jpeg(i) if i else b"\xff\xd8\xffbroken" for i in range(COUNT)}
    write_shard(
        shard,
        {
            k: v
            for n, c in files.items()
            for k, v in ((n, c), (n[:-3] + "cls", b"ab"[int(n[:-4]) % 2 :][:1]))
        },
    )
    with pytest.raises(DataError, match=r"a.tar/0.jpg: .*--on-bad skip|0.jpg"):
        read(shard)
    assert len(read(shard, on_bad="skip", max_bad=0.1)) == COUNT - 1


def test_names_end_at_their_first_point(tmp_path: Path) -> None:
    shard = tmp_path / "a.tar"
    write_shard(shard, {"1.v1.png": jpeg(1), "1.v1.cls": b"x", "2.png": jpeg(2), "2.cls": b"x"})
    with pytest.raises(DataError, match=r"'/1' needs one.*\(1.v1.png\); .*first point.* rename"):
        read(shard)
    write_shard(shard, {"1.v1.cls": b"x"})
    with pytest.raises(DataError, match=r"no image in 1 shards; names of images end with \.jpg"):
        read(shard)
    masks = {f"{i}.{e}": c for i in range(9) for e, c in pairs(i).items()}
    samples = read(write_shard(shard, masks))
    assert len(samples) == 9
    assert "not read (9, such as 0.mask.png): the files of a sample" in samples.warnings[0]
    assert samples_of([shard])[3].others == ["3.mask.png"]


def test_absolute_names_of_members(tmp_path: Path) -> None:
    files = {f"/data/{i}.{e}": c for i in range(9) for e, c in pairs(i).items() if e != "mask.png"}
    samples = read(write_shard(tmp_path / "a.tar", files))
    assert samples.names[3] == "a.tar/data/3.jpg" and samples.class_names == ("a", "b")


def test_long_files_are_refused_where_a_label_is_read_from_them(tmp_path: Path) -> None:
    long = json.dumps({"label": "a", "boxes": [0] * 2**15}).encode()
    beside = {"txt": long, "json": long}
    files = {
        f"{i}.{e}": c for i in range(9) for e, c in (pairs(i) | beside).items() if e != "mask.png"
    }
    shard = write_shard(tmp_path / "a.tar", files)
    assert read(shard).class_names == ("a", "b")
    with pytest.raises(DataError, match=r"0.jpg: its .json has more than 65,536 .*into a \.cls"):
        read(shard, target="label")


def test_a_member_is_read_at_its_place_and_goes_to_other_processes(tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "shards")
    (folder / "notes.txt").write_text("of people")
    assert shards_at(str(folder)) == []  # other files are beside them
    (folder / "notes.txt").unlink()
    third = samples_of(shards_at(str(folder)))[2].image
    assert isinstance(third, ShardMember) and third.read_bytes() == jpeg(2)
    assert pickle.loads(pickle.dumps(third)).read_bytes() == jpeg(2)
    assert recorded(str(folder / "*.tar")) == str(folder.resolve() / "*.tar")
