"""Tables that are larger than memory: time of an epoch beside its steps alone, and peak memory.

Writes a parquet file of normal numbers in 20 columns and a target, in row groups, and trains an
`mlp` on it for two epochs with batches of 1,024, without baselines: once with the rows on disk,
once (`--compare 1`) with the rows in memory. `profile.csv` of the runs says how long steps took and
how long they waited for batches. Bars: waiting and steps take at most 1.2 times the steps alone,
and the process with rows on disk at most 2.5 GB. The bar is meant for `--rows 10000000`.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from pathlib import Path
from typing import Any

from measuring import arguments, run_well, table, verdict

BAR, PEAK_BAR = 1.2, 2500.0
COLUMNS, GROUP = 20, 2**17


def make_table(path: Path, rows: int) -> None:
    """Write `rows` rows whose target is a noisy sum of the inputs."""
    import numpy as np
    import pyarrow
    from pyarrow import parquet

    random = np.random.default_rng(0)
    weights = random.normal(size=COLUMNS)
    names = [f"x{column}" for column in range(COLUMNS)]
    schema = pyarrow.schema([(name, pyarrow.float32()) for name in [*names, "y"]])
    with parquet.ParquetWriter(path, schema) as file:
        for start in range(0, rows, GROUP):
            x = random.normal(size=(min(GROUP, rows - start), COLUMNS)).astype("float32")
            y = (x @ weights + random.normal(size=len(x))).astype("float32")
            file.write_table(pyarrow.table([*x.T, y], schema=schema))


def train(path: str, out: str, where: str) -> None:
    """Train on a table, whose rows are kept `disk` or `memory` whatever its size."""
    import mlzoo
    from mlzoo.data.large_tables import files

    files.LARGE_BYTES = 0 if where == "disk" else 2**62
    mlzoo.train(
        "mlp",
        path,
        preset="none",
        epochs=2,
        batch_size=1024,
        early_stopping=0,
        baselines="none",
        profile=True,
        out=out,
        name=where,
    )


def seconds(folder: Path) -> dict[str, float]:
    """Return the seconds of each part of a training."""
    with (folder / "profile.csv").open(encoding="utf-8") as file:
        return {row["part"]: float(row["seconds"]) for row in csv.DictReader(file)}


def measure(path: Path, out: Path, rows: int, where: str) -> list[Any]:
    """Train in a process of its own; return the row of the table."""
    cost = run_well([sys.executable, __file__, "--train", path, out, where])
    parts = seconds(out / where)
    steps, waiting = parts["steps"], parts["waiting for batches"] + parts.get("transfer", 0.0)
    epochs = 2 * int(0.6 * rows)
    return [where, epochs / (steps + waiting), epochs / steps, (steps + waiting) / steps, cost.peak]


def main() -> None:
    parser = arguments(__doc__, rows=4_000_000, compare=1)
    parser.add_argument("--train", nargs=3, help="only train: FILE OUT disk|memory")
    args = parser.parse_args()
    if args.train:
        train(*args.train)
        return
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "rows.parquet"
        make_table(path, args.rows)
        ways = ["disk", "memory"] if args.compare else ["disk"]
        measured = [measure(path, Path(temporary) / "runs", args.rows, where) for where in ways]
    print(f"{args.rows:,} rows of {COLUMNS} columns")
    table(["rows are in", "rows/s", "rows/s of steps", "epoch to steps", "peak MiB"], measured)
    share, peak = measured[0][3], measured[0][4] * 2**20 / 1e6
    print(f"an epoch takes {share:.2f} of its steps (bar {BAR}): {verdict(share <= BAR)}")
    print(f"peak {peak:,.0f} MB (bar {PEAK_BAR:,.0f}): {verdict(peak <= PEAK_BAR)}")


if __name__ == "__main__":
    main()
