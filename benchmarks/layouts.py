"""Thirty ways in which users keep data: each is read, trained on, predicted, explained, exported.

Each layout is written with a few small samples. Of one that is a mistake the hint is shown that it
is refused with. `--only NAME ...` runs some of them.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from measuring import arguments
from PIL import Image

RNG = np.random.default_rng(0)
COUNT = 48
SHORT = {"epochs": 1, "baselines": "none", "pictures": "none"}


@dataclass(frozen=True)
class Layout:
    """A model, its data and new data to predict; a mistake names the hint it must get.

    Attributes:
        model: name of the model.
        data: path of the data.
        new: path of new data of the same kind.
        settings: of the training.
        hint: part of the sentence that a mistake is refused with; empty where there is none.
    """

    model: str
    data: Path
    new: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    hint: str = ""


def _frame(count: int = COUNT) -> pd.DataFrame:
    a, b = RNG.normal(size=(2, count))
    kind = RNG.choice(["x", "y", "z"], count)
    label = np.where(a + (kind == "x") > 0, "yes", "no")
    return pd.DataFrame({"a": a.round(4), "b": b.round(4), "kind": kind, "label": label})


def _numbers(count: int = COUNT) -> pd.DataFrame:
    frame = _frame(count).drop(columns="label")
    return frame.assign(y=2 * frame["a"] - frame["b"])


def _image(label: int, size: int = 24) -> np.ndarray:
    picture = RNG.integers(0, 60, (size, size, 3)).astype("uint8")
    half = size // 2
    picture[:half] += np.uint8(120 * (label == 1))
    picture[half:] += np.uint8(120 * (label == 0))
    return picture


def _save(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


def _mask(size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    picture = RNG.integers(0, 60, (size, size, 3)).astype("uint8")
    mask = np.zeros((size, size), "uint8")
    row, column = RNG.integers(4, size - 28, 2)
    mask[row : row + 24, column : column + 24] = 255
    picture[mask > 0] += np.uint8(150)
    return picture, mask


# -- Tables


def csv(folder: Path) -> Layout:
    _frame().to_csv(folder / "data.csv", index=False)
    _frame(5).drop(columns="label").to_csv(folder / "new.csv", index=False)
    return Layout("mlp", folder / "data.csv", folder / "new.csv")


def csv_without_header(folder: Path) -> Layout:
    _frame().to_csv(folder / "data.csv", index=False, header=False)
    _frame(5).drop(columns="label").to_csv(folder / "new.csv", index=False, header=False)
    return Layout("mlp", folder / "data.csv", folder / "new.csv")


def tsv(folder: Path) -> Layout:
    _numbers().to_csv(folder / "data.tsv", index=False, sep="\t")
    _numbers(5).drop(columns="y").to_csv(folder / "new.tsv", index=False, sep="\t")
    return Layout("mlp", folder / "data.tsv", folder / "new.tsv")


def csv_of_another_country(folder: Path) -> Layout:
    for name, rows in (("data.csv", _frame()), ("new.csv", _frame(5).drop(columns="label"))):
        rows.to_csv(folder / name, index=False, sep=";", decimal=",")
    return Layout("mlp", folder / "data.csv", folder / "new.csv")


def csv_gz(folder: Path) -> Layout:
    for name, rows in (("data.csv.gz", _frame()), ("new.csv.gz", _frame(5))):
        with gzip.open(folder / name, "wt") as file:
            rows.to_csv(file, index=False)
    return Layout("mlp", folder / "data.csv.gz", folder / "new.csv.gz")


def json_lines(folder: Path) -> Layout:
    for name, rows in (("data.jsonl", _frame()), ("new.jsonl", _frame(5))):
        rows.to_json(folder / name, orient="records", lines=True)
    return Layout("mlp", folder / "data.jsonl", folder / "new.jsonl")


def parquet(folder: Path) -> Layout:
    for name, rows in (("data.parquet", _frame()), ("new.parquet", _frame(5))):
        rows.to_parquet(folder / name)
    return Layout("mlp", folder / "data.parquet", folder / "new.parquet")


def feather(folder: Path) -> Layout:
    for name, rows in (("data.feather", _frame()), ("new.feather", _frame(5))):
        rows.to_feather(folder / name)
    return Layout("mlp", folder / "data.feather", folder / "new.feather")


def sqlite(folder: Path) -> Layout:
    with contextlib.closing(sqlite3.connect(folder / "data.db")) as file:
        _frame().to_sql("samples", file, index=False)
    _frame(5).to_csv(folder / "new.csv", index=False)
    return Layout("mlp", folder / "data.db", folder / "new.csv")


def arff(folder: Path) -> Layout:
    rows = [f"{a},{b},{label}" for a, b, label in _frame()[["a", "b", "label"]].to_numpy()]
    head = ["@relation r", "@attribute a numeric", "@attribute b numeric"]
    text = [*head, "@attribute label {yes,no}", "@data", *rows]
    (folder / "data.arff").write_text("\n".join(text))
    (folder / "new.arff").write_text("\n".join(text[:10]))
    return Layout("mlp", folder / "data.arff", folder / "new.arff")


def two_targets(folder: Path) -> Layout:
    rows = _numbers().assign(z=lambda r: r["a"] + r["b"])
    rows.to_csv(folder / "data.csv", index=False)
    rows[:5].drop(columns=["y", "z"]).to_csv(folder / "new.csv", index=False)
    return Layout("mlp", folder / "data.csv", folder / "new.csv", {"target": "y,z"})


def dates_and_texts(folder: Path) -> Layout:
    rows = _frame()
    days = pd.date_range("2024-01-31", periods=COUNT, freq="13h").strftime("%Y-%m-%d %H:%M")
    words = [
        "loose bolt near the flange",
        "paint is off",
        "no remark was made",
        "leaks at the seal",
    ]
    remarks = [f"{words[i % 4]} {i}" for i in range(COUNT)]
    rows = rows.assign(
        when=RNG.permutation(days), remark=remarks, id=[f"P-{i}" for i in range(COUNT)]
    )
    rows.to_csv(folder / "data.csv", index=False)
    rows[:5].to_csv(folder / "new.csv", index=False)
    return Layout("mlp", folder / "data.csv", folder / "new.csv", {"target": "label"})


# -- Images


def _classes(folder: Path, names: tuple[str, ...] = ("cracked", "whole")) -> None:
    for label, name in enumerate(names):
        for i in range(COUNT // 2):
            _save(folder / name / f"{i}.png", _image(label))


def _new_images(folder: Path) -> Path:
    for i in range(3):
        _save(folder / "new" / f"{i}.png", _image(i % 2))
    return folder / "new"


def folder_a_class(folder: Path) -> Layout:
    _classes(folder / "photos")
    return Layout("cnn", folder / "photos", _new_images(folder))


def folder_a_split(folder: Path) -> Layout:
    for name in ("train", "val", "test"):
        _classes(folder / "photos" / name)
    return Layout("cnn", folder / "photos", _new_images(folder))


def images_with_labels_csv(folder: Path) -> Layout:
    labels = RNG.integers(0, 2, COUNT)
    for i, label in enumerate(labels):
        _save(folder / "photos" / "images" / f"{i}.png", _image(label))
    names = [f"{i}.png" for i in range(COUNT)]
    rows = pd.DataFrame({"file": names, "label": np.where(labels, "top", "bottom")})
    rows.to_csv(folder / "photos" / "labels.csv", index=False)
    return Layout("cnn", folder / "photos", _new_images(folder))


def images_with_json_lines(folder: Path) -> Layout:
    labels = RNG.integers(0, 2, COUNT)
    for i, label in enumerate(labels):
        _save(folder / "photos" / f"{i}.png", _image(label))
    lines = [json.dumps({"file_name": f"{i}.png", "label": int(y)}) for i, y in enumerate(labels)]
    (folder / "photos" / "metadata.jsonl").write_text("\n".join(lines))
    return Layout("cnn", folder / "photos", _new_images(folder), {"task": "classification"})


def images_with_numbers(folder: Path) -> Layout:
    for i in range(COUNT):
        _save(folder / "photos" / f"{i}.png", _image(i % 2))
    names = [f"{i}.png" for i in range(COUNT)]
    rows = pd.DataFrame({"image": names, "depth": np.arange(COUNT) % 2 + RNG.normal(size=COUNT)})
    rows.to_csv(folder / "photos" / "depths.csv", index=False)
    return Layout("cnn", folder / "photos", _new_images(folder))


def images_with_several_labels(folder: Path) -> Layout:
    cells = ["top|bright", "bottom", "top", "bottom|bright"]
    for i in range(COUNT):
        _save(folder / "photos" / f"{i}.png", _image(1 - i % 2))
    names = [f"{i}.png" for i in range(COUNT)]
    rows = pd.DataFrame({"file": names, "labels": [cells[i % 4] for i in range(COUNT)]})
    rows.to_csv(folder / "photos" / "labels.csv", index=False)
    return Layout("cnn", folder / "photos", _new_images(folder))


def images_and_masks(folder: Path) -> Layout:
    for i in range(12):
        picture, mask = _mask()
        _save(folder / "tiles" / "images" / f"{i}.png", picture)
        _save(folder / "tiles" / "masks" / f"{i}.png", mask)
        _save(folder / "new" / f"{i}.png", picture)
    return Layout("unet", folder / "tiles", folder / "new", {"set": {"depth": 1, "filters": 4}})


def masks_beside_images(folder: Path) -> Layout:
    for i in range(12):
        picture, mask = _mask()
        _save(folder / "tiles" / f"{i}.png", picture)
        _save(folder / "tiles" / f"{i}_mask.png", mask)
        _save(folder / "new" / f"{i}.png", picture)
    return Layout("unet", folder / "tiles", folder / "new", {"set": {"depth": 1, "filters": 4}})


def noisy_and_clean(folder: Path) -> Layout:
    for i in range(12):
        clean = _mask()[0]
        noisy = np.clip(clean + RNG.normal(0, 20, clean.shape), 0, 255).astype("uint8")
        _save(folder / "pairs" / "noisy" / f"{i}.png", noisy)
        _save(folder / "pairs" / "clean" / f"{i}.png", clean)
        _save(folder / "new" / f"{i}.png", noisy)
    return Layout("unet", folder / "pairs", folder / "new", {"set": {"depth": 1, "filters": 4}})


# -- Arrays, sequences, sounds, texts


def npz_images(folder: Path) -> Layout:
    y = RNG.integers(0, 2, COUNT)
    np.savez(folder / "data.npz", x=np.stack([_image(label) for label in y]), y=y)
    np.savez(folder / "new.npz", x=np.stack([_image(label) for label in y[:3]]))
    return Layout("cnn", folder / "data.npz", folder / "new.npz")


def _signals() -> tuple[np.ndarray, np.ndarray]:
    y = RNG.integers(0, 2, COUNT)
    return RNG.normal(size=(COUNT, 20, 2)).astype("float32") + y[:, None, None], y


def hdf5(folder: Path) -> Layout:
    import h5py

    x, y = _signals()
    with h5py.File(folder / "data.h5", "w") as file:
        file["signals/x"], file["signals/y"] = x, y
    np.save(folder / "new.npy", x[:3])
    names = {"inputs": "signals/x", "targets": "signals/y"}
    return Layout("rnn", folder / "data.h5", folder / "new.npy", {"source_set": names})


def matlab(folder: Path) -> Layout:
    from scipy.io import savemat

    x, y = _signals()
    savemat(folder / "data.mat", {"X": x[:, :, 0], "y": y[:, None]})
    savemat(folder / "new.mat", {"X": x[:3, :, 0]})
    return Layout("mlp", folder / "data.mat", folder / "new.mat")


def _write_steps(path: Path, level: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    steps = level + RNG.normal(size=(10 + len(path.stem), 2))
    pd.DataFrame(steps, columns=["u", "v"]).to_csv(path, index=False)


def sequence_a_file(folder: Path) -> Layout:
    for label in (0, 1):
        for i in range(COUNT // 2):
            _write_steps(folder / "rides" / f"{label}" / f"{i}.csv", label)
    _write_steps(folder / "new" / "a.csv", 1)
    return Layout("rnn", folder / "rides", folder / "new")


def sequences_with_a_table(folder: Path) -> Layout:
    for i in range(COUNT):
        _write_steps(folder / "rides" / f"ride{i}.csv", i % 2)
    names = [f"ride{i}.csv" for i in range(COUNT)]
    rows = pd.DataFrame({"file": names, "surface": ["rough", "even"] * (COUNT // 2)})
    rows.to_csv(folder / "rides" / "labels.csv", index=False)
    _write_steps(folder / "new" / "a.csv", 1)
    return Layout("rnn", folder / "rides", folder / "new")


def array_a_sequence(folder: Path) -> Layout:
    for label in (0, 1):
        for i in range(COUNT // 2):
            path = folder / "rides" / f"{label}" / f"{i}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, label + RNG.normal(size=(10 + i % 3, 2)))
    np.save(folder / "new.npy", RNG.normal(size=(12, 2)))
    return Layout("rnn", folder / "rides", folder / "new.npy")


def sounds(folder: Path) -> Layout:
    from scipy.io import wavfile

    for name, frequency in (("high", 2000), ("low", 200)):
        for i in range(COUNT // 2):
            path = folder / "clips" / name / f"{i}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            wave = np.sin(2 * np.pi * frequency * np.arange(2400 + 80 * i) / 16_000)
            wavfile.write(path, 16_000, (wave * 20_000).astype("int16"))
    return Layout("rnn", folder / "clips", folder / "clips" / "high" / "0.wav")


def series(folder: Path) -> Layout:
    months = pd.date_range("2001-01-01", periods=120, freq="MS").strftime("%Y-%m")
    values = 10 + np.arange(120) / 10 + 3 * np.sin(np.arange(120) * np.pi / 6)
    pd.DataFrame({"month": months, "sales": values.round(3)}).to_csv(folder / "a.csv", index=False)
    return Layout("nlinear", folder / "a.csv", folder / "a.csv", {"horizon": 3})


def pairs_of_texts(folder: Path) -> Layout:
    days = pd.date_range("2001-01-01", periods=80, freq="17D")
    rows = pd.DataFrame({"text": days.strftime("%d %b %y"), "date": days.strftime("%Y-%m-%d")})
    rows.to_csv(folder / "dates.csv", index=False)
    rows[:4].to_csv(folder / "new.csv", index=False)
    settings = {"task": "translation", "target": "date"}
    return Layout("seq2seq", folder / "dates.csv", folder / "new.csv", settings)


# -- Mistakes


def one_class(folder: Path) -> Layout:
    _classes(folder / "photos", ("whole",))
    return Layout("cnn", folder / "photos", folder, hint="class")


def empty_folder(folder: Path) -> Layout:
    (folder / "empty").mkdir()
    return Layout("cnn", folder / "empty", folder, hint="expected")


def broken_image(folder: Path) -> Layout:
    _classes(folder / "photos")
    (folder / "photos" / "whole" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    return Layout("cnn", folder / "photos", folder, hint="--on-bad skip")


def masks_of_another_size(folder: Path) -> Layout:
    for i in range(12):
        picture, mask = _mask()
        _save(folder / "tiles" / "images" / f"{i}.png", picture)
        _save(folder / "tiles" / "masks" / f"{i}.png", mask[:40])
    return Layout("unet", folder / "tiles", folder, hint="but its image is 64x64")


def wrong_target(folder: Path) -> Layout:
    _frame().to_csv(folder / "data.csv", index=False)
    return Layout("mlp", folder / "data.csv", folder, {"target": "lable"}, hint="label")


LAYOUTS: tuple[Callable[[Path], Layout], ...] = (
    *(csv, csv_without_header, tsv, csv_of_another_country, csv_gz, json_lines, parquet, feather),
    *(sqlite, arff, two_targets, dates_and_texts),
    *(folder_a_class, folder_a_split, images_with_labels_csv, images_with_json_lines),
    *(images_with_numbers, images_with_several_labels, images_and_masks, masks_beside_images),
    *(noisy_and_clean, npz_images, hdf5, matlab, sequence_a_file, sequences_with_a_table),
    *(array_a_sequence, sounds, series, pairs_of_texts),
    *(one_class, empty_folder, broken_image, masks_of_another_size, wrong_target),
)


def use(layout: Layout, folder: Path) -> str:
    """Train, predict, explain and export; return what was made of it, or the hint of a refusal.

    Raises:
        AssertionError: it was refused without the hint, or not refused.
    """
    import mlzoo
    from mlzoo.core.errors import MlzooError
    from mlzoo.exporting.export import export

    fields = {**SHORT, **layout.settings}
    try:
        run = mlzoo.train(layout.model, str(layout.data), out=str(folder / "runs"), **fields)
    except MlzooError as error:
        assert layout.hint and layout.hint in str(error), f"refused: {error}"
        return f"refused: {str(error).splitlines()[0][:90]}"
    assert not layout.hint, "a mistake was not refused"
    done = [run.record["task"]]
    for name, step in (
        ("predict", lambda: run.predict(str(layout.new))),
        ("explain", lambda: run.explain(limit=1, evidence=False)),
        ("export", lambda: export(run.path, "keras")),
    ):
        try:
            step()
            done.append(name)
        except MlzooError as error:
            done.append(f"no {name} ({str(error).split(';')[0].split(': ', 1)[-1][:60]})")
    return ", ".join(done)


def main() -> None:
    parser = arguments(__doc__)
    names = [make.__name__ for make in LAYOUTS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME")
    args = parser.parse_args()
    rows, failed = [], 0
    for make in LAYOUTS:
        if make.__name__ not in args.only:
            continue
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    result = use(make(folder), folder)
            except Exception as error:
                result, failed = f"FAILED {type(error).__name__}: {str(error)[:300]}", failed + 1
        rows.append([make.__name__, result, round(time.perf_counter() - began, 1)])
        print(*rows[-1], sep="  ", flush=True)
    print(f"{len(rows) - failed} of {len(rows)} layouts were read or refused as they should be")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
