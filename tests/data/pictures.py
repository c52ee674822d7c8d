"""Image folders and configurations for the tests of `mlzoo.data`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mlzoo.core.configs import RunConfig
from mlzoo.data.reader import Reader
from mlzoo.data.reader_record import parse_reader
from mlzoo.data.record import write_reader

SHARED = Path(__file__).parents[2] / "../shared/data"


def shared(path: str) -> str:
    """A path in the shared data; the test is skipped where it is absent."""
    found = SHARED / path
    if not found.exists():
        pytest.skip(f"real data absent: ../shared/data/{path}")
    return str(found)


def config(data: object, **fields: object) -> RunConfig:
    return RunConfig(model="mlp", data=str(data), **fields)


def as_stored(reader: Reader) -> Any:
    """A reader as a run folder holds it: it must survive JSON."""
    again = parse_reader(json.loads(json.dumps(write_reader(reader))))
    assert again == reader
    return again


def noise(seed: int, height: int = 24, width: int = 32, channels: int = 3) -> np.ndarray:
    """A random image that survives no confusion with another: (height, width[, channels])."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return pixels[..., 0] if channels == 1 else pixels


def save(path: Path, pixels: np.ndarray, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def folder(root: Path, counts: dict[str, int], suffix: str = ".png", **shape: int) -> Path:
    """`counts` random images in each (perhaps nested) class folder."""
    seed = 0
    for name, count in counts.items():
        for number in range(count):
            seed += 1
            save(root / name / f"{number:04d}{suffix}", noise(seed, **shape))
    return root


def tree_hash(root: Path) -> str:
    """A digest of all names, contents and modification times below a folder."""
    total = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        total.update(f"{path.relative_to(root)} {path.lstat().st_mtime_ns}".encode())
        if path.is_file():
            total.update(path.read_bytes())
    return total.hexdigest()
