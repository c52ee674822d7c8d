"""Growth of memory with the number of images in a folder.

Makes two folders of distinct 128x128 RGB JPEG files in a temporary place, 20,000 and 2,000 of
them, runs `mlzoo train cnn FOLDER --epochs 1` on each, and compares the processes' peaks. The bar:
at most 300 MB between them.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measuring import MLZOO, arguments, run_well, table, verdict

BAR = 300.0
SIDE = 128
CLASSES = ("dark", "bright")


def make_images(folder: Path, count: int) -> None:
    """Write `count` images in class folders: a gradient of its own each, under a patch of noise.

    The noise keeps them from being duplicates of each other.
    """
    import cv2
    import numpy as np

    rows, columns = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
    for index in range(count):
        random = np.random.default_rng(index)
        slopes = random.uniform(-60, 60, (2, 3))
        level = 90 + 80 * (index % len(CLASSES))
        image = level + rows[..., None] * slopes[0] + columns[..., None] * slopes[1]
        image[32:96, 32:96] += random.normal(0, 25, (64, 64, 1))
        path = folder / CLASSES[index % len(CLASSES)] / f"{index:06d}.jpg"
        cv2.imwrite(str(path), image.clip(0, 255).astype("uint8"))


def train(folder: Path, out: Path) -> list[Any]:
    """Train a small net on the folder; images, MiB at the peak, seconds."""
    command = [MLZOO, "train", "cnn", folder, "--epochs", 1, "--out", out]
    command += ["--set", "filters=4", "--set", "convolutions=1", "--batch-size", 64]
    cost = run_well(command)
    return [cost.peak, cost.cpu, cost.wall]


def main() -> None:
    parser = arguments(__doc__, few=2000, many=20000)
    parser.add_argument("--make", nargs=2, metavar=("FOLDER", "COUNT"), help="only make a folder")
    args = parser.parse_args()
    if args.make:
        make_images(Path(args.make[0]), int(args.make[1]))
        return
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        for count in (args.few, args.many):
            folder = Path(temporary) / str(count)
            began = time.perf_counter()
            # In a process of its own: a child's peak counts from what its parent holds.
            run_well([sys.executable, __file__, "--make", folder, count])
            made = time.perf_counter() - began
            rows.append([count, *train(folder, Path(temporary) / "runs"), made])
    table(["images", "peak MiB", "CPU s", "wall s", "made in s"], rows)
    more = rows[1][1] - rows[0][1]
    print(f"difference {more:.0f} MiB (bar {BAR:.0f}): {verdict(more <= BAR)}")


if __name__ == "__main__":
    main()
