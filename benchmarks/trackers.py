"""Trackers on the libraries themselves: a run that is stopped and resumed, and a search.

mlflow-skinny, trackio and wandb are installed in `--work` (from the package index; kept there) and
are looked for after all that is installed here. No server is needed: MLflow writes a folder,
Trackio a database on this machine, Weights & Biases works offline.

    python benchmarks/trackers.py [--work FOLDER]
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PACKAGES = ("mlflow-skinny>=3.1", "trackio>=0.40", "wandb>=0.20")
LOG = "csv,mlflow,trackio,wandb"


def install(work: Path) -> Path:
    """Return the folder of the libraries, installed there once."""
    environment = work / "environment"
    if not (environment / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        pip = [environment / "bin" / "python", "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, *PACKAGES], check=True)
        (environment / "installed").touch()
    return next(environment.glob("lib/python*/site-packages"))


def stopped_and_resumed(out: str) -> Any:
    """Return a run of 4 epochs that was stopped after the third, and resumed from its start."""
    from mlzoo.core.errors import Interrupted
    from mlzoo.core.progress import Listener
    from mlzoo.runs.config_loading import merge
    from mlzoo.training.train import resume, train_merged

    class Stops(Listener):
        def epoch(self, row: Any) -> None:
            if row["epoch"] == 3:
                raise Interrupted("stopped", 2)

        def warn(self, text: str) -> None:
            print("warning:", text)

    given = {"model": "mlp", "data": "iris", "epochs": 4, "baselines": "none", "pictures": "none"}
    merged = merge({**given, "name": "run", "out": out, "log": LOG, "checkpoint_every": 1e9})
    try:
        train_merged(merged, listener=Stops())
    except Interrupted:
        pass
    return resume(Path(out) / "run")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(tempfile.gettempdir()) / "mlzoo-trackers"
    parser.add_argument("--work", type=Path, default=default)
    work = parser.parse_args().work.resolve()
    sys.path.append(str(install(work)))
    for variable in ("MLFLOW_TRACKING_URI", "WANDB_API_KEY", "TRACKIO_SPACE_ID"):
        os.environ.pop(variable, None)
    with tempfile.TemporaryDirectory(dir=work) as out:
        os.chdir(out)
        os.environ["TRACKIO_DIR"] = str(Path(out) / "trackio")
        run = stopped_and_resumed(out)
        with (run.path / "history.csv").open() as file:
            losses = [float(row["loss"]) for row in csv.DictReader(file)]
        print(f"history.csv: {len(losses)} epochs")
        seen = {"csv": from_csv(run.path), "mlflow": from_mlflow(), "trackio": from_trackio()}
        for name, logged in seen.items():
            equal = len(logged) == len(losses) and all(
                abs(a - b) < 1e-6 for a, b in zip(logged, losses, strict=True)
            )
            print(f"{name}: {len(logged)} epochs, {'equal' if equal else f'differ: {logged}'}")
        parts = sorted(path.name for path in Path("wandb").glob("offline-run-*"))
        keys = {name.rpartition("-")[2] for name in parts}
        print(f"wandb: {len(parts)} parts offline, of {len(keys)} run")
        searched()


def from_csv(folder: Path) -> list[float]:
    with (folder / "trackers" / "epochs.csv").open() as file:
        return [float(row["value"]) for row in csv.DictReader(file) if row["name"] == "loss"]


def from_mlflow() -> list[float]:
    from mlflow import MlflowClient

    client = MlflowClient(Path("mlruns").absolute().as_uri())
    experiment = client.get_experiment_by_name("mlzoo")
    (run,) = client.search_runs([experiment.experiment_id])
    files = [each.path for each in client.list_artifacts(run.info.run_id)]
    scores = sum(name.startswith("test/") for name in run.data.metrics)
    print(f"mlflow: {run.info.status}, {len(files)} files, {scores} scores")
    return [each.value for each in client.get_metric_history(run.info.run_id, "loss")]


def from_trackio() -> list[float]:
    from trackio.sqlite_storage import SQLiteStorage

    (run,) = SQLiteStorage.get_runs("mlzoo")
    rows = SQLiteStorage.get_logs("mlzoo", run)
    return [row["loss"] for row in rows if "loss" in row]


def searched() -> None:
    """Search with MLflow, and print what is there of it."""
    import mlflow

    import mlzoo

    settings = {"epochs": 2, "log": ["mlflow"], "out": ".", "name": "search"}
    grid = {"strategy": "grid"}
    mlzoo.tune(
        "mlp", "iris", vary=["learning_rate=0.001,0.01"], search=grid, final=False, **settings
    )
    client = mlflow.MlflowClient(Path("mlruns").absolute().as_uri())
    experiment = client.get_experiment_by_name("mlzoo")
    runs = client.search_runs([experiment.experiment_id])
    search = next(run for run in runs if run.info.run_name == "search")
    below = [r for r in runs if r.data.tags.get("mlflow.parentRunId") == search.info.run_id]
    names = sorted(run.info.run_name for run in below)
    print(f"mlflow: trials below the search: {', '.join(names)}")


if __name__ == "__main__":
    main()
