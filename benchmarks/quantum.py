"""Quantum circuits on iris beside perceptrons of as many parameters, on the same splits.

All are trained with one rate and the same number of epochs, and keep the epoch of the lowest
validation loss. The bar is 2 s for an epoch of the circuit, compiling and scoring included.
"""

from __future__ import annotations

import sys
import tempfile
from typing import Any

import numpy as np
from measuring import arguments, table, verdict
from scipy import stats

import mlzoo

SECONDS = 2.0
PAIRS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({"layers": 2}, {"hidden": [1], "skips": ["0-1"], "join": "concatenate"}),
    ({"layers": 3}, {"hidden": [3]}),
)
"""Settings of circuits and of perceptrons with as many parameters: 23 and 27."""


def trained(model: str, settings: dict[str, Any], seed: int, epochs: int, rate: float) -> Any:
    """Return what metrics.json says of one training on iris."""
    if model == "mlp":
        settings = {**settings, "activation": ["tanh"], "dropout": [0.0]}
    given = {"preset": "none", "early_stopping": 0, "learning_rate": rate, "epochs": epochs}
    with tempfile.TemporaryDirectory() as out:
        return mlzoo.train(model, "iris", seed=seed, set=settings, out=out, **given).metrics


def measure(model: str, settings: dict[str, Any], args: Any) -> tuple[list[Any], np.ndarray, float]:
    """Return a model's line of the table, its accuracies by seed, and the seconds of an epoch."""
    records = [trained(model, settings, seed, args.epochs, args.rate) for seed in range(args.seeds)]
    accuracy = np.array([record["test"]["metrics"]["accuracy"] for record in records])
    losses = [record["test"]["metrics"]["log_loss"] for record in records]
    linear = [record["test"]["baselines"]["linear"]["accuracy"] for record in records]
    seconds = max(record["seconds"] / record["epochs"] for record in records)
    shown = " ".join(f"{name}={value}" for name, value in settings.items())
    line = [model, shown, records[0]["parameters"], float(accuracy.mean()), float(np.mean(losses))]
    return [*line, float(np.mean(linear)), seconds], accuracy, seconds


def difference(circuit: np.ndarray, other: np.ndarray) -> str:
    """Return a sentence on the mean difference over splits with Student's 95 % interval."""
    apart = circuit - other
    half = 0.0
    if len(apart) > 1:
        half = stats.t.ppf(0.975, len(apart) - 1) * apart.std(ddof=1) / np.sqrt(len(apart))
    low, high = apart.mean() - half, apart.mean() + half
    return f"accuracy of quantum - mlp: {apart.mean():+.4f} ({low:+.4f} to {high:+.4f})"


def main() -> None:
    args = arguments(__doc__, seeds=5, epochs=60, rate=0.03).parse_args()
    rows, sentences, slowest = [], [], 0.0
    for circuit, perceptron in PAIRS:
        row, quantum, seconds = measure("quantum", circuit, args)
        beside, mlp, _ = measure("mlp", perceptron, args)
        rows += [row, beside]
        sentences.append(f"{row[2]} parameters: {difference(quantum, mlp)}")
        slowest = max(slowest, seconds)
    table(["model", "settings", "parameters", "accuracy", "log loss", "linear", "s an epoch"], rows)
    print("\n".join(sentences))
    held = slowest <= SECONDS
    print(f"an epoch takes {slowest:.2g} s at most (bar {SECONDS:g}): {verdict(held)}")
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
