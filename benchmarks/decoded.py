"""Reading alone, with and without decoded images kept on disk.

Makes JPEG files of 6 megapixels (2000x3000) in a temporary place and reads them at 256x256 as a
training does that may hold none of them in memory: a check, then epochs in batches of 32. Three
times: without a cache, with an empty one, and with what the second left, as the next trial of a
search or the next run does. Bars: the second epoch takes a fifth of the first pass (check and first
epoch) at most, the first pass 1.1 of that without a cache, and rows are equal bit by bit.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measuring import arguments, table, verdict

BAR, FIRST_BAR = 5.0, 1.1
SIDE, BATCH = 256, 32
HEIGHT, WIDTH = 2000, 3000


def make_images(folder: Path, count: int) -> list[Path]:
    """Write `count` photograph-like images: a gradient of its own each, under coarse noise."""
    import cv2
    import numpy as np

    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH] / WIDTH
    paths = []
    for index in range(count):
        random = np.random.default_rng(index)
        coarse = random.normal(0, 60, (HEIGHT // 8, WIDTH // 8, 3)).astype("float32")
        image = cv2.resize(coarse, (WIDTH, HEIGHT)) + random.normal(0, 6, (HEIGHT, WIDTH, 1))
        slopes = random.uniform(-60, 60, (2, 3))
        image += 120 + rows[..., None] * slopes[0] + columns[..., None] * slopes[1]
        paths.append(folder / f"{index:05d}.jpg")
        cv2.imwrite(str(paths[-1]), image.clip(0, 255).astype("uint8"))
    return paths


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return a result, and the wall and CPU seconds of all threads that it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def epoch(images: Any, seed: int) -> int:
    """Read all rows once in batches, shuffled; return the sum of all values."""
    import numpy as np

    order = np.random.default_rng(seed).permutation(len(images))
    starts = range(0, len(order), BATCH)
    return sum(int(images[order[at : at + BATCH]].sum(dtype=np.int64)) for at in starts)


def measure(name: str, paths: list[Path], cache: str) -> tuple[list[list[Any]], set[int]]:
    """Check all files and read two epochs; return rows of the table and the sums of values."""
    from mlzoo.data.decoded.space import CacheChoice
    from mlzoo.data.images.reader import MAX_PIXELS
    from mlzoo.data.quality.validation import check_images, choose_form

    checked, *first = timed(
        lambda: check_images(
            paths,
            lambda headers: choose_form(headers, (SIDE, SIDE), "auto"),
            MAX_PIXELS,
            cache_bytes=0,
            choice=CacheChoice(cache),
        )
    )
    rows, sums = [[name, "check", *first]], set()
    for number in (1, 2):
        total, *seconds = timed(lambda number=number: epoch(checked.images, number))  # type: ignore[misc]
        rows.append([name, f"epoch {number}", *seconds])
        sums.add(total)
    return rows, sums


def main() -> None:
    args = arguments(__doc__, images=48).parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "images").mkdir()
        paths = make_images(folder / "images", args.images)
        size = sum(path.stat().st_size for path in paths) / len(paths) / 1e6
        print(
            f"{len(paths)} JPEG files of {WIDTH * HEIGHT / 1e6:.0f} megapixels, {size:.1f} MB each"
        )
        cache = str(folder / "cache")
        ways = {"no cache": "none", "empty cache": cache, "next run": cache}
        measured = {name: measure(name, paths, where) for name, where in ways.items()}
        kept = sum(path.stat().st_size for path in (folder / "cache").iterdir()) / 1e6
    table(["", "part", "wall s", "CPU s"], [row for rows, _ in measured.values() for row in rows])
    plain, cold, warm = ([row[3] for row in rows] for rows, _ in measured.values())
    equal = len(set().union(*(sums for _, sums in measured.values()))) == 1
    print(f"kept on disk: {kept:.1f} MB; sums of all values equal: {equal}")
    faster = (cold[0] + cold[1]) / cold[2]
    print(
        f"second epoch {faster:.0f} times as fast as the first pass (bar {BAR:g}), CPU seconds: "
        f"{verdict(faster >= BAR)}; as an epoch without a cache: {plain[2] / cold[2]:.0f} times"
    )
    share = (cold[0] + cold[1]) / (plain[0] + plain[1])
    print(
        f"first pass {share:.2f} of that without a cache (bar {FIRST_BAR}): "
        f"{verdict(share <= FIRST_BAR)}; the check alone {cold[0] / plain[0]:.2f}"
    )
    print(
        f"next run: check and first epoch {(plain[0] + plain[1]) / (warm[0] + warm[1]):.0f} times "
        f"as fast as without a cache (bar {BAR:g}): "
        f"{verdict((cold[0] + cold[1]) / (warm[0] + warm[1]) >= BAR)}"
    )


if __name__ == "__main__":
    main()
