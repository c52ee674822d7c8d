"""Which cells remember: delayed-xor at a lag of 5 and of 50 steps.

A network sees two marked bits, then random ones, and is asked whether the marked ones differ. All
cells solve it after 5 steps, GRU and LSTM after 50, the simple cell does not (Bengio, Simard and
Frasconi 1994). Writes `lags.png` with the gradient's norm by step before the end, of every cell.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from measuring import MLZOO, arguments, run_well, shown, table, verdict

CELLS: dict[str, list[Any]] = {"simple": [], "gru": ["--set", "memory=50"], "lstm": []}
COMMON = [
    *("--set", "units=48", "--learning-rate", 0.003, "--batch-size", 64, "--clip-norm", 1),
    *("--source-set", "samples=4000", "--early-stopping", 0),
]
EPOCHS = {5: 15, 50: 40}
SOLVED = 0.99


def train(cell: str, lag: int, out: str) -> tuple[float, list[tuple[int, float]]]:
    """Test accuracy, and the gradient's norm by lag."""
    typed = [MLZOO, "train", "rnn", "delayed-xor", "--source-set", f"lag={lag}"]
    typed += ["--set", f"cell={cell}", *(CELLS[cell] if lag == 50 else []), *COMMON]
    typed += ["--epochs", EPOCHS[lag]]
    print(shown(typed), flush=True)
    name = f"{cell}-{lag}"
    run_well([*typed, "--out", out, "--name", name, "--json"])
    folder = Path(out) / name
    found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    with (folder / "plots" / "gradient_lags.csv").open(encoding="utf-8") as file:
        norms = [(int(row["lag"]), float(row["gradient norm"])) for row in csv.DictReader(file)]
    return float(found["test"]["metrics"]["accuracy"]), norms


def draw(path: Path, curves: dict[str, list[tuple[int, float]]]) -> None:
    """The gradient's norm over the lag, a line a training."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name, norms in curves.items():
        lags, values = zip(*norms, strict=True)
        axes.plot(lags, values, label=name)
    axes.set_yscale("log")
    axes.set_xlabel("steps before the end")
    axes.set_ylabel("norm of the loss's gradient")
    axes.legend(fontsize=8)
    figure.savefig(path)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--picture", type=Path, default=Path("lags.png"))
    args = parser.parse_args()
    rows, curves, held = [], {}, True
    with tempfile.TemporaryDirectory() as out:
        for lag in EPOCHS:
            for cell in CELLS:
                accuracy, curves[f"{cell}, lag {lag}"] = train(cell, lag, out)
                solved = accuracy >= SOLVED
                held &= solved == (lag == 5 or cell != "simple")
                rows.append([cell, lag, accuracy, "solved" if solved else "not solved"])
    table(["cell", "lag", "test accuracy", ""], rows)
    draw(args.picture, curves)
    print(f"all at lag 5, GRU and LSTM alone at lag 50: {verdict(held)}; curves: {args.picture}")
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
