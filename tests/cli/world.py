"""Data sets and configuration files for the tests of the command line."""

from __future__ import annotations

import io
import shutil
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tests.training.masks import folder as mask_folder

OWN_MODEL = '''"""A model of mine: one dense layer behind a layer of my own."""

import keras
from mlzoo.core.configs import Settings


@keras.saving.register_keras_serializable("mine")
class Twice(keras.layers.Layer):
    def call(self, inputs):
        return 2 * inputs


class Config(Settings):
    units: int = 4
    """Units of the dense layer."""


def build(config, inputs, outputs):
    tensor, scaled = inputs.start()
    hidden = keras.layers.Dense(config.units, activation="tanh")(Twice(name="twice")(scaled))
    return keras.Model(tensor, outputs.head(hidden))
'''
SMALL = ("--epochs", 2, "--set", "hidden=8")
SHALLOW = ("--set", "filters=2", "--set", "depth=2", "--set", "convolutions=1")
RUNS: dict[str, tuple[object, ...]] = {
    "table": ("mlp", "ok.csv", "--target", "y", *SMALL, "--repeats", 2, "--preset", "none"),
    "numbers": ("linear", "ok.csv", "--target", "a", "--task", "regression", "--epochs", 2),
    "images": (
        *("cnn", "images", "--epochs", 2, "--set", "filters=4", "--batch-size", 8),
        *("--preset", "none"),
    ),
    "masks": ("unet", "pairs", "--epochs", 2, *SHALLOW),
    "fields": ("unet", "fields.npz", "--epochs", 1, *SHALLOW),
    "own": ("./my_model.py", "ok.csv", "--target", "y", "--epochs", 1, "--set", "units=3"),
}
CONFIGS = {
    "five.yaml": (
        "model: cnn\ndata: digits\nepcohs: 5\nbatch_size: many\nmomentum: 2\noptimizer: adm\n"
        "set:\n  filtesr: 3\n"
    ),
    "twice.yaml": "model: cnn\ndata: digits\nepochs: 5\nepochs: 6\n",
    "twice_set.yaml": "model: cnn\ndata: digits\nset:\n  kernel: 3\n  kernel: 5\n",
    "tag.yaml": "model: cnn\ndata: digits\nseed: !!python/object/apply:os.mkdir ['hacked']\n",
    "alias.yaml": "model: cnn\ndata: digits\nset: {filters: &a [4], dense: *a}\n",
    "deep.yaml": "model: " + "[" * 900 + "]" * 900,
    "list.yaml": "- cnn\n- digits\n",
    "broken.yaml": "model: cnn\ndata: [digits\n",
    "bool.yaml": "model: cnn\ndata: digits\nepochs: yes\n",
    "inert.yaml": "model: mlp\ndata: digits\nmomentum: 0.5\n",
    "number.yaml": "model: cnn\ndata: digits\nset: 5\n",
    "weights.yaml": "0: 1\n7: 2\n",
}
PLUGINS = {
    "my_model.py": OWN_MODEL,
    "no_build.py": OWN_MODEL.partition("def build")[0],
    "raises.py": 'raise RuntimeError("no licence for this")\n',
    "syntax.py": "def build(:\n",
    "wrong_end.py": OWN_MODEL.replace("outputs.head(hidden)", "hidden"),
    "lambda.py": OWN_MODEL.replace(
        "return keras.Model(", "hidden = keras.layers.Lambda(abs)(hidden)\n    return keras.Model("
    ),
    "subclass.py": OWN_MODEL.replace(
        "return keras.Model(", "return type('Net', (keras.Model,), {})()\n    return keras.Model("
    ),
    "fails.py": OWN_MODEL.replace("return keras.Model(", "return 1 / 0\n    return keras.Model("),
    "no_model.py": OWN_MODEL.replace("return keras.Model(", "return ("),
}


def build(root: Path) -> None:
    """Make everything below `root`."""
    for name, text in (CONFIGS | PLUGINS).items():
        (root / name).write_text(text)
    (root / "a_file").write_text("text\n")
    _tables(root)
    _arrays(root)
    _image_folders(root)
    _masks(root)
    _sequences(root)


def csv(path: Path, names: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    lines = [",".join(map(str, row)) for row in [names, *rows]]
    path.write_text("\n".join(lines) + "\n")
    return path


def rows(count: int = 60) -> list[list[object]]:
    """Two numbers, a word, and a class that follows from the first number."""
    x = np.random.default_rng(0).normal(size=(count, 2))
    x[:, 0] += np.where(x[:, 0] > 0, 0.5, -0.5)
    return [
        [round(float(a), 4), round(float(b), 4), ("red", "blue")[i % 2], int(a > 0)]
        for i, (a, b) in enumerate(x)
    ]


def _tables(root: Path) -> None:
    names = ["a", "b", "color", "y"]
    csv(root / "ok.csv", names, rows())
    csv(root / "copy.csv", [*names, "label"], [[*row, 2 * row[3] + 1] for row in rows()])
    for name, value in (("text", "n/k"), ("infinite", "inf")):
        bad = rows()
        bad[16][1] = value
        csv(root / f"{name}.csv", names, bad)
    csv(root / "one_class.csv", names, [[*row[:3], 1] for row in rows()])
    csv(root / "rare.csv", names, [[*row[:3], "ab"[i == 7]] for i, row in enumerate(rows())])
    csv(root / "header.csv", names, [])
    csv(root / "ragged.csv", names, [*rows(5), [1, 2]])
    (root / "empty.csv").write_text("")
    (root / "binary.csv").write_bytes(bytes(range(256)))


def _arrays(root: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 3))
    y = (x[:, 0] > 0).astype(int)
    for name, value in (("nan", np.nan), ("inf", np.inf)):
        bad = x.copy()
        bad[5, 1] = value
        np.savez(root / f"{name}.npz", x=bad, y=y)
    np.savez(root / "nan_target.npz", x=x, y=np.where(np.arange(60) == 7, np.nan, x[:, 1]))
    objects = np.array([{"a": 1}] * 60, dtype=object)
    np.savez(root / "pickled.npz", allow_pickle=True, x=x, y=objects)
    np.savez(root / "lengths.npz", x=x, y=y[:-1])
    np.savez(root / "three.npz", first=x, second=y, third=y)
    np.savez(root / "label.npz", x_train=x[:40], y_train=y[:40], x_test=x[40:], y_test=y[40:] + 1)
    spans = {"train": slice(0, 30), "valid": slice(30, 45), "test": slice(45, 60)}
    parts = {f"{n}_{part}": v[s] for part, s in spans.items() for n, v in (("x", x), ("y", y))}
    np.savez(root / "parts.npz", **parts)
    (root / "no_zip.npz").write_bytes(b"not a zip file")
    with zipfile.ZipFile(root / "other.npz", "w") as archive:
        archive.writestr("notes.txt", "no array")


def noise(seed: int, side: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def image_folder(root: Path, counts: dict[str, int]) -> Path:
    """Random images, no two alike, `counts` in each (perhaps nested) class folder."""
    seed = 0
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            seed += 1
            Image.fromarray(noise(seed)).save(root / name / f"{number:03d}_{seed}.png")
    return root


def _masks(root: Path) -> None:
    """Images with masks of bright rectangles, whole and broken."""
    mask_folder(root / "pairs", 15, 24, 31)
    for name in ("no_partner", "other_size", "smeared", "unknown", "empty_masks", "mixed"):
        mask_folder(root / name, 10)
    (root / "no_partner" / "masks" / "03.png").unlink()
    first = root / "{}" / "masks" / "00.png"

    def replace(name: str, mask: np.ndarray) -> None:
        Image.fromarray(mask).save(str(first).format(name))

    replace("other_size", np.zeros((47, 48), np.uint8))
    replace("smeared", np.arange(48 * 48, dtype=np.uint8).reshape(48, 48))
    replace("unknown", np.full((48, 48), 7, np.uint8))
    (root / "unknown" / "classes.txt").write_text("0 sound\n255 crack\n")
    for path in (root / "empty_masks" / "masks").iterdir():
        Image.fromarray(np.zeros((48, 48), np.uint8)).save(path)
    replace("mixed", (np.arange(48 * 48).reshape(48, 48) % 2).astype(np.uint8))
    x = np.random.default_rng(0).random((12, 16, 16, 1)).astype("float32")
    np.savez(root / "fields.npz", x=x, y=np.concatenate([x * 3, 1 - x], axis=-1))
    np.savez(root / "negative.npz", x=x, y=-(x[..., 0] > 0.5).astype("int64"))


def _sequences(root: Path) -> None:
    """A series, sequences with a class at every step, and a text."""
    x = np.random.default_rng(0).normal(size=100).round(3)
    days = [f"2021-{1 + i // 28:02d}-{1 + i % 28:02d}" for i in range(100)]
    lines = [[day, value, 2 * value] for day, value in zip(days, x.tolist(), strict=True)]
    csv(root / "series.csv", ["date", "rain", "flow"], lines)
    csv(root / "gap.csv", ["date", "flow"], [[d, "" if d == days[7] else f] for d, _, f in lines])
    csv(root / "back.csv", ["date", "flow"], [[d, f] for d, _, f in [*lines[:50], *lines[:50]]])
    (root / "states").mkdir()
    for i in range(12):
        own = [[value, int(value > 0)] for value in x[8 * i : 8 * i + 6 + i % 3].tolist()]
        csv(root / "states" / f"{i}.csv", ["x", "state"], own)
    (root / "words.txt").write_text("the quick brown fox jumps over\n" * 20)
    (root / "few.txt").write_text("the quick brown fox\njumps over it\n")


def _image_folders(root: Path) -> None:
    (root / "only_a_table").mkdir()
    csv(root / "only_a_table" / "t.csv", ["a", "y"], [[1, 2], [3, 4]])
    image_folder(root / "images", {"crack": 12, "sound": 12})
    image_folder(root / "one_class", {"crack": 6})
    image_folder(root / "small_class", {"crack": 8, "sound": 2})
    image_folder(root / "flat", {".": 4})
    (root / "nothing").mkdir()
    image_folder(root / "leak", {"train/a": 6, "train/b": 6, "test/a": 2, "test/b": 2})
    shutil.copytree(root / "leak" / "train", root / "leak" / "val")
    image_folder(root / "groups", {"train/a": 6, "train/b": 6, "test/a": 2, "test/b": 2})
    image_folder(root / "new_class", {"train/a": 6, "train/b": 6, "test/a": 2, "test/bb": 2})
    for name, (file, content) in _bad_files().items():
        image_folder(root / name, {"a": 6, "b": 6})
        (root / name / "a" / file).write_bytes(content)


def _bad_files() -> dict[str, tuple[str, bytes]]:
    buffer = io.BytesIO()
    Image.fromarray(noise(1, 64)).save(buffer, "JPEG")
    jpeg = buffer.getvalue()
    size = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", size)
    bomb += _chunk(b"IDAT", zlib.compress(bytes(100))) + _chunk(b"IEND", b"")
    return {
        "truncated": ("cut.jpg", jpeg[: len(jpeg) // 2]),
        "empty_file": ("empty.png", b""),
        "text_file": ("text.jpg", b"hello, this is no image"),
        "wrong_name": ("wrong.png", jpeg),
        "bomb": ("bomb.png", bomb),
    }


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
