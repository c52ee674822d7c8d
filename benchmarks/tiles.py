"""Time and memory of `mlzoo predict` for a large image in tiles.

Trains a U-Net for one epoch on small made images, predicts one of 6000x6000 pixels with it, and
prints the process's peak of memory and its seconds. The bar: under 2,500 MB.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from measuring import MLZOO, arguments, run_well, table, verdict

BAR = 2500.0


def make(folder: Path, count: int, side: int) -> None:
    """Write images of noise with a bright disk each, and the disks' masks."""
    import cv2
    import numpy as np

    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for index in range(count):
        random = np.random.default_rng(index)
        mask = np.zeros((side, side), np.uint8)
        centre = tuple(int(c) for c in random.integers(side // 4, 3 * side // 4, 2))
        cv2.circle(mask, centre, side // 6, 255, -1)
        image = random.integers(0, 120, (side, side, 3), dtype=np.uint8) + (mask // 2)[..., None]
        cv2.imwrite(str(folder / "images" / f"{index}.png"), image)
        cv2.imwrite(str(folder / "masks" / f"{index}.png"), mask)


def main() -> None:
    parser = arguments(__doc__, side=6000, tile=512)
    parser.add_argument("--make", nargs=3, help="only make FOLDER with COUNT images of SIDE")
    args = parser.parse_args()
    if args.make:
        make(Path(args.make[0]), int(args.make[1]), int(args.make[2]))
        return
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary)
        # In processes of their own: a child's peak counts from what its parent holds.
        for name, count, side in (("small", 12, 128), ("large", 1, args.side)):
            run_well([sys.executable, __file__, "--make", out / name, count, side])
        run_well(
            [MLZOO, "train", "unet", out / "small", "--epochs", 1, "--out", out, "--name", "r"]
        )
        command = [MLZOO, "predict", out / "r", out / "large" / "images", "--tile", args.tile]
        cost = run_well([*command, "--output", out / "masks"])
    table(
        ["side", "tile", "peak MiB", "CPU s", "wall s"],
        [[args.side, args.tile, cost.peak, cost.cpu, cost.wall]],
    )
    peak = cost.peak * 2**20 / 1e6
    print(f"peak {peak:.0f} MB (bar {BAR:.0f} MB): {verdict(peak < BAR)}")


if __name__ == "__main__":
    main()
