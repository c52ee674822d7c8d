"""Kills of workers, and of the command that drives them, in a training on two nodes of Ray.

Run by `distributed.py --part kills`. Four workers train a small `mlp` with a checkpoint a step, on
two Ray nodes of this machine with two cores each. Once no process is disturbed; then, in another
run, a worker's process is killed with -9 after each epoch that ends, and the command itself in
turns, after which it is resumed. Bar: weights and losses have the bits of the run without a kill.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from measuring import table, verdict

WORKERS = 4
GIVEN = (
    *("mlp", "iris", "--preset", "none", "--set", "hidden=8", "--set", "dropout=.2"),
    *("--batch-size", "12", "--early-stopping", "0", "--checkpoint-every", "0"),
    *("--baselines", "none", "--pictures", "none", "--calibrate", "none", "--name", "run"),
)


@contextlib.contextmanager
def nodes() -> Iterator[str]:
    """The address of a cluster of two nodes with two cores each."""
    from ray.cluster_utils import Cluster

    from mlzoo.training.distributed.channel import free_port

    names = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port")
    # Ports that are given need not be waited for.
    ports = [{n: free_port("") for n in (*names, "runtime_env_agent_port")} for _ in range(2)]
    os.environ["RAY_worker_niceness"] = "0"
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, **ports[0]})
    cluster.add_node(num_cpus=2, **ports[1])
    try:
        yield cluster.address
    finally:
        cluster.shutdown()


def start(folder: Path, address: str, mark: str, *words: str) -> subprocess.Popen[bytes]:
    """`mlzoo train` with these words and the workers, whose processes carry a mark."""
    engine = ("--engine", "ray", "--workers", str(WORKERS), "--address", address)
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "XLA_FLAGS": "--xla_backend_optimization_level=0",
        "MLZOO_MARK": mark,
    }
    with (folder / "told").open("ab") as told:
        return subprocess.Popen(
            [sys.executable, "-m", "mlzoo", "train", *words, *engine],
            cwd=folder,
            env=environment,
            stdout=told,
            stderr=told,
        )


def members(mark: str) -> list[int]:
    """The processes of ranks that carry a mark."""
    numbers = []
    for place in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if (
                place.name.isdecimal()
                and f"MLZOO_MARK={mark}".encode() in (place / "environ").read_bytes().split(b"\0")
                and b"mlzoo.training.workers.member" in (place / "cmdline").read_bytes()
            ):
                numbers.append(int(place.name))
    return numbers


def epochs_of(run: Path) -> int:
    """The epochs that an unfinished run has done."""
    with contextlib.suppress(OSError):
        lines = (run.with_name("run.partial") / "epochs.csv").read_text().splitlines()
        return len({line.split(",")[1] for line in lines[1:]})
    return 0


def disturbed(folder: Path, address: str, kills: int, epochs: int, chance: Any) -> dict[str, int]:
    """Train to the end with kills of workers and of the command in turns; how many of each."""
    done = {"worker": 0, "driver": 0}
    mark = secrets.token_hex(8)
    words = (*GIVEN, "--epochs", str(epochs), "--out", ".")
    process, before = start(folder, address, mark, *words), 0
    while process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
            break
        count = epochs_of(folder / "run")
        if count <= before or sum(done.values()) >= 2 * kills:
            continue
        time.sleep(chance.uniform(0, 0.5))
        ranks = members(mark)
        if len(ranks) < WORKERS:
            continue
        before = count
        if done["worker"] <= done["driver"]:
            os.kill(chance.choice(ranks), signal.SIGKILL)
            done["worker"] += 1
        else:
            process.kill()
            process.wait()
            while members(mark):  # their workers end with the command
                time.sleep(0.1)
            done["driver"] += 1
            process = start(folder, address, mark, "--resume", "run")
        print("killed:", done, "after epoch", count, file=sys.stderr, flush=True)
    if process.returncode:
        sys.exit(f"the training ended with {process.returncode}: {(folder / 'told').read_text()}")
    return done


def weights(run: Path) -> list[Any]:
    """The weights of a finished run, as its file holds them."""
    import h5py

    arrays: list[Any] = []
    with zipfile.ZipFile(run / "model.keras") as archive:
        content = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(content) as file:
        file.visititems(
            lambda _, item: arrays.append(item[()]) if isinstance(item, h5py.Dataset) else None
        )
    return arrays


def compare(kills: int, seed: int) -> bool:
    """Print whether a training with kills ends as one without; return it."""
    import pandas as pd

    epochs = 2 * kills + 4
    with tempfile.TemporaryDirectory() as place, nodes() as address:
        whole, broken = Path(place, "whole"), Path(place, "broken")
        whole.mkdir()
        broken.mkdir()
        words = (*GIVEN, "--epochs", str(epochs), "--out", ".")
        if start(whole, address, "none", *words).wait():
            sys.exit((whole / "told").read_text())
        began = time.monotonic()
        done = disturbed(broken, address, kills, epochs, random.Random(seed))
        seconds = time.monotonic() - began
        pairs = list(zip(weights(whole / "run"), weights(broken / "run"), strict=True))
        losses = [pd.read_csv(each / "run" / "history.csv")["loss"] for each in (whole, broken)]
        same = all((a == b).all() for a, b in pairs) and losses[0].equals(losses[1])
    held = same and min(done.values()) >= kills
    rows = [[done["worker"], done["driver"], WORKERS, epochs, seconds, same, verdict(held)]]
    header = ["kills of workers", "of the command", "workers", "epochs", "seconds", "same bits"]
    table([*header, "bar"], rows)
    return held
