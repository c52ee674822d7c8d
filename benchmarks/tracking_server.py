"""A real MLflow server on this machine, and a run that is interrupted, resumed and read back.

The server and its client are installed in environments of their own in `--work` (from the package
index; kept there), since what they need excludes what is installed here. `mlzoo train --log mlflow`
reports to the server; it is interrupted (SIGINT) once the server has `--at` epochs, and resumed.
Then the server is asked by its REST API, without any client, for settings, epochs, scores, load of
the machine and files. Exits with 1 where something differs from the run folder.

    python benchmarks/tracking_server.py [--epochs 40] [--at 5] [--work FOLDER]
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pack import environment, free_port

# What is installed here comes first; of the client's environment the rest is taken.
COMMAND = "import sys; sys.path.append(sys.argv.pop(1)); from mlzoo_cli.main import run; run()"
WAIT = 300
"""Seconds for the server to start, and for the first epochs."""


class Server:
    """REST API of an MLflow server (https://mlflow.org/docs/latest/api_reference/rest-api.html)."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, page: str, **query: str) -> bytes:
        """Return what the server answers."""
        address = f"{self.address}/{page}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(address, timeout=30) as answer:
            return bytes(answer.read())

    def ask(self, method: str, body: dict[str, Any] | None = None, **query: str) -> dict[str, Any]:
        """Return an answer of the API."""
        if body is None:
            return dict(json.loads(self.get(f"api/2.0/mlflow/{method}", **query)))
        request = urllib.request.Request(
            f"{self.address}/api/2.0/mlflow/{method}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return dict(json.loads(answer.read()))

    def runs(self) -> list[dict[str, Any]]:
        """Return all runs of all experiments."""
        experiments = self.ask("experiments/search", {"max_results": 100}).get("experiments", [])
        numbers = [each["experiment_id"] for each in experiments]
        return list(self.ask("runs/search", {"experiment_ids": numbers}).get("runs", []))

    def history(self, run: str, metric: str) -> list[tuple[int, float]]:
        """Return the values of a metric as steps and values, in the order of the steps."""
        answer = self.ask("metrics/get-history", run_id=run, metric_key=metric)
        return sorted((int(m["step"]), float(m["value"])) for m in answer.get("metrics", []))

    def files(self, run: str, folder: str = "") -> list[str]:
        """Return the paths of a run's files, those in folders too."""
        query = {"run_id": run} | ({"path": folder} if folder else {})
        paths = []
        for each in self.ask("artifacts/list", **query).get("files", []):
            inner = self.files(run, each["path"]) if each["is_dir"] else [each["path"]]
            paths += inner
        return paths


@contextmanager
def served(program: Path, folder: Path) -> Iterator[Server]:
    """Give a server that keeps all it has in a folder, and ends with the context."""
    port = free_port()
    words = ["server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    words += ["--backend-store-uri", f"sqlite:///{folder / 'runs.db'}"]
    words += ["--artifacts-destination", str(folder / "files")]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [program, *words], stdout=log, stderr=log, cwd=folder, start_new_session=True
        )
    server = Server(f"http://127.0.0.1:{port}")
    try:
        wait_until(lambda: server.get("health") == b"OK", f"the server; see {folder}/server.log")
        yield server
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def wait_until(reached: Any, what: str) -> None:
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        try:
            if reached():
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"waited {WAIT} s for {what}")


def trained(site: Path, server: Server, words: list[str]) -> subprocess.Popen[bytes]:
    """Return a started training that reports to the server."""
    environ = {**os.environ, "MLFLOW_TRACKING_URI": server.address}
    command = [sys.executable, "-c", COMMAND, site, "train", *words, "--json"]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE)


def interrupted_and_resumed(server: Server, site: Path, out: Path, epochs: int, at: int) -> None:
    """Train, interrupt once the server has some epochs, and resume."""
    words = ["mlp", "iris", "--log", "mlflow", "--epochs", str(epochs), "--early-stopping", "0"]
    words += ["--baselines", "none", "--out", str(out), "--name", "run"]
    process = trained(site, server, words)

    def reached() -> bool:
        runs = server.runs()
        return bool(runs) and len(server.history(runs[0]["info"]["run_id"], "loss")) >= at

    wait_until(reached, "the first epochs")
    process.send_signal(signal.SIGINT)
    code = process.wait()
    (run,) = server.runs()
    seen = len(server.history(run["info"]["run_id"], "loss"))
    print(f"interrupted: exit code {code}, {run['info']['status']}, {seen} epochs")
    check(code == 130 and run["info"]["status"] == "KILLED", "it was stopped")
    check(at <= seen < epochs, "it was stopped within")
    process = trained(site, server, ["--resume", str(out / "run")])
    printed, _ = process.communicate()
    check(process.returncode == 0, "it was resumed")
    check(isinstance(json.loads(printed), dict), "the standard output is one JSON document")


def check(holds: bool, what: str) -> None:
    if not holds:
        raise SystemExit(f"differs: {what}")


def compare(server: Server, folder: Path) -> None:
    """Compare what the server has with a run folder."""
    runs = server.runs()
    check(len(runs) == 1, f"one run, but there are {len(runs)}")
    key, data = runs[0]["info"]["run_id"], runs[0]["data"]
    print(f"read back: {len(runs)} run {runs[0]['info']['run_name']}, {runs[0]['info']['status']}")
    check(runs[0]["info"]["status"] == "FINISHED", "it finished")
    params = {each["key"]: each["value"] for each in data["params"]}
    print(f"settings: {len(params)}, model {params['model']}, data {params['data']}")
    with (folder / "history.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for name in ("loss", "val_loss"):
        expected = [(n, float(row[name])) for n, row in enumerate(rows, 1)]
        reported = server.history(key, name)
        check([n for n, _ in reported] == [n for n, _ in expected], f"{name}: each epoch once")
        off = max(abs(a - b) for (_, a), (_, b) in zip(reported, expected, strict=True))
        print(
            f"{name}: epochs 1 to {len(reported)}, each once; differ from history.csv by {off:.2g}"
        )
        check(off < 1e-6, name)
    metrics = {each["key"]: each["value"] for each in data["metrics"]}
    scores = json.loads((folder / "metrics.json").read_text())["test"]["metrics"]
    check(metrics["test/accuracy"] == scores["accuracy"], "the score on the test split")
    system = {name: value for name, value in metrics.items() if name.startswith("system/")}
    print(f"test/accuracy: {metrics['test/accuracy']:.4g}; load of the machine:")
    for name, value in sorted(system.items()):
        print(f"  {name}: {value:.4g}, {len(server.history(key, name))} epochs")
    check("system/cpu_utilization_percentage" in system, "the load of the machine")
    files = server.files(key)
    same = sum(
        server.get("get-artifact", run_id=key, path=path) == (folder / path).read_bytes()
        for path in files
    )
    plots = sum(path.startswith("plots/") for path in files)
    print(f"files: {len(files)}, {same} equal to those of the run folder, {plots} below plots/")
    check(same == len(files) and {"model.keras", "config.yaml"} <= set(files), "the files")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(tempfile.gettempdir()) / "mlzoo-tracking-server"
    parser.add_argument("--work", type=Path, default=default)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--at", type=int, default=5, help="epochs after which it is interrupted")
    given = parser.parse_args()
    work = given.work.resolve()
    client, _ = environment(work / "client", ["mlflow-skinny>=3.1"])
    program, _ = environment(work / "server", ["mlflow>=3.1"])
    site = next((work / "client").glob("lib/python*/site-packages"))
    check(client.is_file(), "the client's environment")
    with tempfile.TemporaryDirectory(dir=work) as folder:
        out = Path(folder)
        with served(program.with_name("mlflow"), out) as server:
            version = server.get("version").decode()
            print(f"MLflow {version} at {server.address}")
            interrupted_and_resumed(server, site, out, given.epochs, given.at)
            compare(server, out / "run")


if __name__ == "__main__":
    main()
