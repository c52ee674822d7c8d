"""Coverage of intervals and sets over splits of data, beside MAPIE on the same predictions."""

from __future__ import annotations

import csv
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from measuring import REPOSITORY, peers_python
from sklearn.datasets import load_diabetes, load_digits, load_wine

LEVEL = 0.9
REAL = REPOSITORY.parent / "shared" / "data"
TABLES = ("winequality-red", "strike", "sensory", "quake", "segment")
"""Held-out tables of at least 500 rows; nothing was chosen on them."""
NAMES = ("diabetes", "heteroscedastic", "wine", "digits", "mnist", *TABLES)
CLASSES = ("wine", "digits", "mnist", "segment")
HEADER = (
    f"{'data':16} splits coverage of {LEVEL:.0%}   exact    size  by value  by width   "
    "MAPIE     size   ratio"
)


def table(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs (n, columns) and targets (n,) of a data set."""
    loaders = {"diabetes": load_diabetes, "wine": load_wine, "digits": load_digits}
    if name in loaders:
        return loaders[name](return_X_y=True)
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, size=(1500, 3))
    spread = 0.2 + np.abs(x[:, 1])
    return x, np.sin(2 * x[:, 0]) + x[:, 2] + spread * rng.normal(size=len(x))


def write(name: str, folder: Path) -> Path:
    """Write a data set as a CSV file, classes as words; 2,000 MNIST digits as arrays."""
    if name == "mnist":
        with np.load(REAL / "mnist10k" / "mnist10k.npz") as file:
            x, y = (file[key][:2000] for key in ("x", "y"))
        np.savez(folder / "mnist.npz", x=x, y=y)
        return folder / "mnist.npz"
    path = folder / f"{name}.csv"
    if name in TABLES:
        path.write_bytes((REAL / "tables" / f"{name}.csv").read_bytes())
        return path
    x, y = table(name)
    lines = [",".join([*(f"x{i}" for i in range(x.shape[1])), "y"])]
    for row, target in zip(x.tolist(), y.tolist(), strict=True):
        word = f"class{target}" if name in CLASSES else repr(target)
        lines.append(",".join([*map(repr, row), word]))
    path.write_text("\n".join(lines) + "\n")
    return path


def tested(name: str, path: Path, seed: int, folder: Path) -> dict[str, Any] | None:
    """Return what a run on one split says of its coverage, and write its predictions for MAPIE."""
    import mlzoo

    more: dict[str, Any] = {}
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            more["target"] = next(csv.reader(file))[-1]
        more["task"] = "classification" if name in CLASSES else "regression"
    run = mlzoo.train(
        "mlp",
        str(path),
        seed=seed,
        fractions="50/30/20",
        conformal=0.5,
        baselines="none",
        pictures="none",
        preset="none",
        epochs=30,
        set={"hidden": [32]},
        out=str(folder),
        **more,
    )
    record: dict[str, Any] | None = run.metrics["conformal"]
    if record is None:
        return None
    file = _write_predictions(run, folder / f"{name}-{seed}.npz")
    scores = np.ravel(
        json.loads((run.path / "calibration.json").read_text())["conformal"]["scores"]
    )
    with np.load(file) as saved:
        if not saved["classes"]:
            return {**record, "exact": record["coverage"]}
        y_test = saved["y_test"]
        own = 1 - saved["test"][np.arange(len(y_test)), y_test]
    # Sets as the theory has them, which may be empty: without the most probable class put in.
    place = int(np.ceil(LEVEL * (len(scores) + 1))) - 1
    return {**record, "exact": float((own <= np.sort(scores)[place]).mean())}


def _write_predictions(run: Any, path: Path) -> Path:
    """Write a run's predictions of the samples set aside, and of the test split."""
    from mlzoo.core.progress import Listener
    from mlzoo.statistics.metrics import as_probabilities
    from mlzoo.training.calibration.conformal import set_aside

    data = run.own_data()
    _, part = set_aside(run.config, data, run.config.seed, Listener())
    classes, arrays = data.outputs.target.is_class, {}
    for name, rows in (("known", part), ("test", data.test)):
        outputs = np.concatenate([run.outputs(rows.inputs(at)) for at in rows.chunks()])
        arrays[name] = as_probabilities(outputs) if classes else outputs.reshape(len(rows), 1)
        y_true = np.ravel(rows.targets)
        arrays[f"y_{name}"] = y_true.astype("int64" if classes else "float64")
    np.savez(path, **arrays, level=LEVEL, classes=classes)
    return path


def coverage(name: str, splits: int, mapie: bool) -> str:
    """Return the row of a data set.

    Args:
        name: of the data.
        splits: how many are trained on.
        mapie: measure MAPIE too, in the environment of `peers/`.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        path = write(name, folder)
        each = [tested(name, path, seed, folder) for seed in range(splits)]
        records = [record for record in each if record]
        held = np.array([r["coverage"] for r in records])
        size = np.mean([np.mean(r.get("width", r.get("set_size"))) for r in records])
        error = held.std(ddof=1) / len(held) ** 0.5 if len(held) > 1 else np.nan
        exact = np.mean([r["exact"] for r in records])
        worst = "  ".join(f"{lowest(records, k):8.3f}" for k in ("value", "width"))
        row = f"{name:16} {len(records):6} {held.mean():8.3f} ±{error:.3f}  {exact:.3f} {size:8.3f}"
        row = f"{row}  {worst}"
        if not mapie:
            return row
        script = REPOSITORY / "benchmarks" / "peers" / "conformal.py"
        words = [peers_python(), script, *sorted(folder.glob(f"{name}-*.npz"))]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        theirs = [json.loads(line) for line in done.stdout.splitlines()]
        covered, width = (np.mean([t[key] for t in theirs]) for key in ("coverage", "size"))
        return f"{row}   {covered:.3f} {width:8.3f} {size / width:7.3f}"


def lowest(records: list[dict[str, Any]], kind: str) -> float:
    """Return the lowest coverage of a part over all splits, each the same by its order.

    Args:
        records: of the splits.
        kind: `width`: fifths of the widths, of classes of the confidence; `value`: fifths of the
            predictions, or the classes.

    Returns:
        NaN where there is no such part.
    """
    spread = ("widths ", "confidence ")
    parts = [
        [p for p in r["parts"] if p["part"].startswith(spread) == (kind == "width")]
        for r in records
    ]
    places = max(map(len, parts), default=0)
    alike = [each for each in parts if len(each) == places]
    if not places:
        return np.nan
    held = np.array([[p["coverage"] for p in each] for each in alike])
    counts = np.array([[p["samples"] for p in each] for each in alike])
    return float(((held * counts).sum(axis=0) / counts.sum(axis=0)).min())
