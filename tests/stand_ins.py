"""Small made-up data under the names that README.md and docs/ use."""

from __future__ import annotations

import contextlib
import datetime
import sqlite3
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_diabetes

from tests.cli.world import csv, image_folder


def build(root: Path) -> None:
    """Make every data set below `root`, each named as in the pages."""
    rng = np.random.default_rng(0)
    _crack_patches(root / "crack_patches", rng)
    _membrane(root / "membrane", rng)
    _temperatures(root / "daily-min-temperatures.csv", rng)
    _movement(root / "indoor_movement", rng)
    _wine(root / "winequality-red.csv", rng)
    _wounds(root / "wounds", rng)
    words = "once upon a time there was the quick brown fox that ran and jumped".split()
    lines = [" ".join(rng.choice(words, 8)).capitalize() for _ in range(40)]
    (root / "book.txt").write_text(".\n".join(lines))
    image_folder(root / "new", {".": 3})
    csv(root / "starts.csv", ["angle", "momentum"], [[0.5, 0.1], [1.2, -0.4]])
    csv(root / "points.csv", ["x", "t"], [[0.5, 0.1], [0.2, 0.9]])
    _patients(root / "patients.csv")
    _lab(root / "lab.db", rng)


def _crack_patches(root: Path, rng: np.random.Generator) -> None:
    """Gray patches of ten photographs, half of them with a dark line."""
    for name in ("Positive", "Negative"):
        (root / name).mkdir(parents=True)
        for number in range(40):
            pixels = rng.normal(150, 15, (64, 64, 3)).clip(0, 255)
            if name == "Positive":
                top = rng.integers(8, 56)
                pixels[top : top + 4] = 30
            path = root / name / f"{number % 10:03d}_{number:03d}.png"
            Image.fromarray(pixels.astype(np.uint8)).save(path)


def _membrane(root: Path, rng: np.random.Generator) -> None:
    """Gray sections with dark lines, of which there are 0 in the masks and 255 elsewhere."""
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    for number in range(10):
        mask = np.full((64, 64), 255, np.uint8)
        mask[:, rng.integers(0, 64, 4)] = 0
        mask[rng.integers(0, 64, 4)] = 0
        pixels = (mask * 0.4 + rng.normal(60, 15, mask.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(root / "images" / f"{number:02d}.png")
        Image.fromarray(mask).save(root / "masks" / f"{number:02d}.png")


def _wounds(root: Path, rng: np.random.Generator) -> None:
    """Dark squares in images that a table names, with their areas and ten patients."""
    (root / "images").mkdir(parents=True)
    rows = []
    for number in range(40):
        pixels, side = rng.integers(90, 110, (24, 24)).astype(np.uint8), int(rng.integers(3, 12))
        pixels[5 : 5 + side, 7 : 7 + side] = 10
        Image.fromarray(pixels).save(root / "images" / f"{number:03d}.png")
        rows.append([f"{number:03d}", f"{side**2 / 10:.1f}", f"p{number // 4}"])
    csv(root / "labels.csv", ["id", "area", "patient"], rows)


def _temperatures(path: Path, rng: np.random.Generator) -> None:
    days = [datetime.date(1981, 1, 1) + datetime.timedelta(n) for n in range(400)]
    values = 11 + 4 * np.cos(np.arange(400) * 2 * np.pi / 365) + rng.normal(0, 1, 400)
    csv(path, ["Date", "Temp"], [[d, f"{v:.1f}"] for d, v in zip(days, values, strict=True)])


def _movement(root: Path, rng: np.random.Generator) -> None:
    """Radio signals that rise or fall, with a table of their classes and one of their rooms."""
    root.mkdir()
    labels, rooms = [], []
    for number in range(1, 31):
        rises = number % 2
        steps = np.arange(rng.integers(10, 16))[:, None] / 10
        signals = (2 * rises - 1) * steps + rng.normal(0, 0.2, (len(steps), 4))
        names = ["#RSS_anchor1", *(f" RSS_anchor{n}" for n in (2, 3, 4))]
        csv(root / f"MovementAAL_RSS_{number}.csv", names, signals.round(3).tolist())
        labels.append([number, rises or -1])
        rooms.append([number, 1 + number % 3])
    csv(root / "MovementAAL_target.csv", ["#sequence_ID", " class_label"], labels)
    csv(root / "MovementAAL_DatasetGroup.csv", ["#sequence_ID", " dataset_ID"], rooms)


def _wine(path: Path, rng: np.random.Generator) -> None:
    """Wines whose quality follows from the alcohol; some stand in the table twice."""
    alcohol, acid = rng.normal(10, 1, 80), rng.normal(0.5, 0.1, 80)
    quality = np.round(alcohol - 4.5 + rng.normal(0, 0.3, 80)).clip(3, 8).astype(int)
    rows = [[f"{a:.2f}", f"{s:.3f}", q] for a, s, q in zip(alcohol, acid, quality, strict=True)]
    csv(path, ["alcohol", "volatile acidity", "quality"], [*rows, *rows[:6]])


def _patients(path: Path) -> None:
    """Twelve rows with the columns of scikit-learn's `diabetes`."""
    data = load_diabetes(scaled=False)
    csv(path, data.feature_names, data.data[:12].tolist())


def _lab(path: Path, rng: np.random.Generator) -> None:
    """A database with the table `tests`: columns a, b and y, their sum."""
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE tests (a REAL, b REAL, y REAL)")
        rows = [(a, b, a + b) for a, b in rng.normal(size=(60, 2)).tolist()]
        database.executemany("INSERT INTO tests VALUES (?, ?, ?)", rows)
