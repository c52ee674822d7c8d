"""Savings by batches of like length: an epoch with and without them, on uneven sequences.

Trains the same network on the radio signals of `indoor_movement` (19 to 129 steps), padded to six
lengths and to the longest alone, in turns, and compares the median epoch. The bar: at least 1.3
times faster.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from measuring import arguments, data_argument, data_file, middle, table, verdict

BAR = 1.3
COMPILING = 2
"""Epochs at the beginning in which shapes are seen for the first time."""


def epochs(data: Path, buckets: int, count: int) -> list[float]:
    """Seconds of the training steps of each epoch."""
    import mlzoo
    from mlzoo.core.progress import Listener

    class Clock(Listener):
        """Times the steps of each epoch; validation comes after them."""

        def __init__(self) -> None:
            self.taken: list[float] = []
            self.steps, self.began = 0, 0.0

        def start(self, what: str, epochs: int, steps: int) -> None:
            """The first epoch begins."""
            self.steps, self.began = steps, time.perf_counter()

        def step(self, epoch: int, step: int, logs: Mapping[str, float]) -> None:
            """Note when the last step is done."""
            if step == self.steps:
                self.taken.append(time.perf_counter() - self.began)

        def epoch(self, row: Mapping[str, Any]) -> None:
            """The next one begins."""
            self.began = time.perf_counter()

    clock = Clock()
    with tempfile.TemporaryDirectory() as out:
        mlzoo.train(
            "rnn",
            str(data),
            out=out,
            epochs=count,
            early_stopping=0,
            batch_size=16,
            buckets=buckets,
            listener=clock,
        )
    return clock.taken[COMPILING:]


def main() -> None:
    parser = arguments(__doc__, repeats=3, epochs=12)
    data_argument(parser)
    args = parser.parse_args()
    data = data_file(args.data, "series") / "indoor_movement"
    taken: dict[int, list[float]] = {6: [], 0: []}
    for _ in range(args.repeats):
        for buckets in taken:
            taken[buckets] += epochs(data, buckets, args.epochs)
    seconds = {buckets: middle(times) for buckets, times in taken.items()}
    table(["buckets", "seconds an epoch"], [[b, s] for b, s in seconds.items()])
    ratio = seconds[0] / seconds[6]
    print(f"{ratio:.2f} times faster (bar {BAR}): {verdict(ratio >= BAR)}")
    sys.exit(0 if ratio >= BAR else 1)


if __name__ == "__main__":
    main()
