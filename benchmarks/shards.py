"""Image sets in tar shards: time of an epoch beside its steps alone, start of a run, peak memory.

Writes JPEG images of 64x64 pixels with a class each into tar files, as WebDataset does, and trains
a small `cnn` on them for an epoch, of a quarter of the shards and of all: a first run, which
decodes each image into the cache, and a second one, which finds them there. `profile.csv` says how
long steps took and how long they waited for batches. Bars: waiting and steps take at most 1.2 times
the steps alone, the second run begins its first step within 60 s, and the process takes at most
2.5 GB; all are meant for a million images, to which memory and start are extended.
"""

from __future__ import annotations

import csv
import io
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

from measuring import arguments, run_well, table, verdict

BAR, START_BAR, PEAK_BAR = 1.2, 60.0, 2500.0
SIDE, SHARD, MEANT = 64, 1000, 1_000_000


def make_shards(folder: Path, count: int) -> None:
    """Write images of noise, in which one of two colors is brighter."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    for start in range(0, count, SHARD):
        with tarfile.open(folder / f"shard-{start // SHARD:05d}.tar", "w") as tar:
            for number in range(start, min(start + SHARD, count)):
                pixels = random.integers(0, 100, (SIDE, SIDE, 3)).astype("uint8")
                pixels[..., number % 2] += np.uint8(100)
                image = io.BytesIO()
                Image.fromarray(pixels).save(image, "JPEG", quality=85)
                for ending, content in (("jpg", image.getvalue()), ("cls", b"%d" % (number % 2))):
                    entry = tarfile.TarInfo(f"{number:08d}.{ending}")
                    entry.size = len(content)
                    tar.addfile(entry, io.BytesIO(content))


def train(shards: str, out: str, name: str) -> None:
    """Train on shards; print the seconds until the first step is done."""
    began = time.perf_counter()
    import mlzoo
    from mlzoo.core.progress import Listener

    class FirstStep(Listener):
        done = False

        def step(self, epoch: int, step: int, logs: Any) -> None:
            if not self.done:
                print(time.perf_counter() - began, flush=True)
            self.done = True

    mlzoo.train(
        "cnn",
        shards,
        preset="none",
        set={"filters": [8, 16]},
        epochs=1,
        early_stopping=0,
        baselines="none",
        pictures="none",
        profile=True,
        out=out,
        name=name,
        listener=FirstStep(),
    )


def measure(root: Path, count: int, name: str) -> list[Any]:
    """Train in a process of its own; return the row of the table."""
    shards = root / f"shards-{count}"
    if not shards.is_dir():
        shards.mkdir()
        make_shards(shards, count)
    command = [sys.executable, __file__, "--train", shards / "*.tar", root / "runs", name]
    cost = run_well(command, MLZOO_CACHE=str(root / f"cache-{count}"))
    with (root / "runs" / name / "profile.csv").open(encoding="utf-8") as file:
        parts = {row["part"]: float(row["seconds"]) for row in csv.DictReader(file)}
    steps, waiting = parts["steps"], parts["waiting for batches"] + parts.get("transfer", 0.0)
    return [name, count, float(cost.out.split()[0]), (steps + waiting) / steps, cost.peak]


def main() -> None:
    parser = arguments(__doc__, images=20_000)
    parser.add_argument("--train", nargs=3, help="only train: SHARDS OUT NAME")
    args = parser.parse_args()
    if args.train:
        train(*args.train)
        return
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        few = max(args.images // 4, 8)
        small = [measure(root, few, f"{name}-few") for name in ("first", "second")]
        large = [measure(root, args.images, f"{name}-all") for name in ("first", "second")]
    header = ["run", "images", "s to the first step", "epoch to steps", "peak MiB"]
    table(header, [*small, *large])
    share = large[1][3]
    held = share <= BAR
    print(f"an epoch takes {share:.2f} of its steps (bar {BAR}): {verdict(held)}")
    start, peak = (_extended(small[1], large[1], place) for place in (2, 4))
    peak *= 2**20 / 1e6
    print(f"of {MEANT:,} images, extended from both sizes:")
    print(
        f"start of a second run {start:,.0f} s (bar {START_BAR:g}): {verdict(start <= START_BAR)}"
    )
    print(f"peak {peak:,.0f} MB (bar {PEAK_BAR:,.0f}): {verdict(peak <= PEAK_BAR)}")
    sys.exit(0 if held and start <= START_BAR and peak <= PEAK_BAR else 1)


def _extended(small: list[Any], large: list[Any], place: int) -> float:
    """Return a figure for `MEANT` images on the line through those of two sizes."""
    slope = (large[place] - small[place]) / (large[1] - small[1])
    return float(large[place] + slope * (MEANT - large[1]))


if __name__ == "__main__":
    main()
