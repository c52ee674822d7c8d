"""Small folders of images with masks for training tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def pair(seed: int, height: int = 48, width: int = 48) -> tuple[np.ndarray, np.ndarray]:
    """Noise with a bright rectangle, and the rectangle's mask of 0 and 255."""
    random = np.random.default_rng(seed)
    image = random.integers(0, 100, (height, width), dtype=np.uint8)
    mask = np.zeros((height, width), np.uint8)
    top, left = random.integers(4, height // 2), random.integers(4, width // 2)
    mask[top : top + height // 3, left : left + width // 3] = 255
    return np.where(mask > 0, image + 120, image).astype(np.uint8), mask


def folder(root: Path, count: int = 15, height: int = 48, width: int = 48) -> Path:
    """images/ and masks/ with `count` pairs."""
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    for number in range(count):
        image, mask = pair(number, height, width)
        Image.fromarray(image).save(root / "images" / f"{number:02d}.png")
        Image.fromarray(mask).save(root / "masks" / f"{number:02d}.png")
    return root
