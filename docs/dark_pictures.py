"""Pictures for dark pages: `python docs/dark_pictures.py` makes NAME-dark.png of each NAME.png.

White paper becomes transparent and ink light, while photographs, maps and colored surfaces stay as
they are. Lightness is that of OKLab (https://bottosson.github.io/posts/oklab).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import binary_fill_holes, binary_opening, find_objects, label

FOLDER = Path(__file__).parent / "pictures"
SURFACE = 1500
"""Pixels from which on a colored area is a surface; text and lines have fewer in one piece."""
BOXED = ("generated", "maps", "mistakes", "report", "shapes")
"""Pictures whose surfaces are rectangles, in which white is a value."""
KEPT: dict[str, tuple[slice, slice] | None] = {
    "forecasts": None,
    "posterior": (slice(None), slice(0, 300)),
    "report": (slice(470, 610), slice(600, 1200)),
}
"""Rows and columns that alone hold surfaces; None: there are none."""
_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def surfaces(name: str, rgb: np.ndarray) -> np.ndarray:
    """Return where a picture (height, width, 3) uint8 stays as it is, as truth values."""
    mask = np.zeros(rgb.shape[:2], bool)
    window = KEPT.get(name, (slice(None), slice(None)))
    if window is None:
        return mask
    inside = mask[window]
    # Opening leaves out axes and ticks, which touch what they are of.
    solid = binary_opening((rgb[window] < 250).any(axis=-1), np.ones((5, 5)))
    regions, _ = label(solid)
    for number, place in enumerate(find_objects(regions), 1):
        region = regions[place] == number
        if region.sum() >= SURFACE:
            inside[place] |= True if name in BOXED else binary_fill_holes(region)
    return mask


def lightened(rgb: np.ndarray) -> np.ndarray:
    """Return the colors (..., 3) of ink for dark paper: gray is turned, colors are lightened."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    lab = np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T
    lightness, chroma = lab[..., 0], np.hypot(lab[..., 1], lab[..., 2])
    colorful = np.clip(chroma / 0.08 - 0.5, 0, 1)
    gray, color = 0.98 - 0.5 * lightness, np.maximum(lightness, 0.66)
    lab[..., 0] = (1 - colorful) * gray + colorful * color
    linear = np.clip((lab @ np.linalg.inv(_TO_LAB).T) ** 3 @ np.linalg.inv(_TO_LMS).T, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def dark(name: str, rgb: np.ndarray) -> np.ndarray:
    """Return a picture (height, width, 3) uint8 for dark pages, (height, width, 4) uint8."""
    kept = surfaces(name, rgb)
    values = rgb / 255
    # The most transparent ink that gives the color on white.
    alpha = 1 - values.min(axis=-1, keepdims=True)
    ink = np.clip((values - (1 - alpha)) / np.maximum(alpha, 1e-6), 0, 1)
    result = np.concatenate([lightened(ink), alpha], axis=-1)
    result[kept] = np.concatenate([values, np.ones_like(alpha)], axis=-1)[kept]
    return np.rint(255 * result).astype("uint8")


if __name__ == "__main__":
    for path in sorted(FOLDER.glob("*.png")):
        if not path.stem.endswith("-dark"):
            rgb = np.asarray(Image.open(path).convert("RGB"))
            target = path.with_name(f"{path.stem}-dark.png")
            Image.fromarray(dark(path.stem, rgb)).save(target, optimize=True)
            print(target.name, target.stat().st_size)
