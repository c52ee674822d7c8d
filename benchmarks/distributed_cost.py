"""Cost of a step, of communication and of input for some processes, and a model of more of them.

Run by `distributed.py --part cost`. Each process has a core; they take turns where there are fewer.
Of each family, in one process, the steps of batches of 64, 32 and 16 samples are timed, and what it
takes to make a batch of 64; in 2 and 4 processes the sum of arrays of the gradients' sizes over all
processes, and whole steps of 64 samples. All times are the lower quarter of many, since other work
only adds to them.

The model: t(N) = compute(64 / N) max(1, N / cores) + ring(N), where compute is a
straight line through the three batch sizes, and ring(N) = 2 (N - 1) (K a + bytes / N / b), the
reduce-scatter and all-gather of a ring (Patarasuk and Yuan, "Bandwidth optimal all-reduce
algorithms for clusters of workstations", 2009, section 4), with the latency a and the bandwidth b
of 2 processes, for K sums: on processors XLA adds up each gradient by itself, moments of batch
normalization in both directions, and the loss. It is checked against whole steps of 4 processes,
which it was not fitted to.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from measuring import table

BATCH = 64
SIZES = (64, 32, 16)
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "mlp": ("digits", {"set": {"hidden": [512, 512]}}),
    "cnn": ("digits", {"size": "32", "set": {"filters": [16, 32]}}),
    "unet": ("shapes", {"set": {"filters": 8, "depth": 2}}),
    "rnn": ("accelerometer", {"set": {"units": [32]}}),
}
LINK = {"latency": 25e-6, "bandwidth": 1.25e9}
"""Assumed of a cluster: seconds of a message, and bytes a second of Ethernet of 10 Gbit/s."""


def quarter(times: list[float]) -> float:
    """The lower quarter of some times."""
    return sorted(times)[len(times) // 4]


def timed(work: Callable[[], Any], repeats: int) -> float:
    """Seconds that some work takes, once it is compiled."""
    work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return quarter(times)


def training(model: str, batch: int, folder: Path) -> Any:
    """A training that has not begun."""
    from mlzoo.core.progress import Listener
    from mlzoo.runs import devices
    from mlzoo.runs.config_loading import merge
    from mlzoo.training.building import build_model
    from mlzoo.training.loop.training import Training
    from mlzoo.training.signals import Stop
    from mlzoo.training.starting.preparing import prepared

    data, settings = FAMILIES[model]
    given = {"model": model, "data": data, "batch_size": batch, "preset": "none", **settings}
    devices.prepare()
    ready = prepared(merge(given | {"limit": 320}, allow_unused=True), Listener())
    config = ready.merged.config
    network = build_model(config, ready.data, 0)
    return Training(network, ready.data, config, folder / str(batch), 0, Listener(), Stop())


def stepping(made: Any, repeats: int) -> float:
    """Seconds of a step on a batch that is there; its loss is read while the next one runs."""
    batch = next(iter(made.batches.epoch(0, 0)))
    pending, times = made.step_on(batch, 0), []
    float(pending["loss"])  # compiled
    last = time.perf_counter()
    for _ in range(repeats + 1):
        logs = made.step_on(batch, 0)
        float(pending["loss"])
        now = time.perf_counter()
        times.append(now - last)
        pending, last = logs, now
    float(pending["loss"])
    return quarter(times[1:])


def feeding(made: Any) -> float:
    """Seconds that it takes to make a batch."""
    times, number = [], 0
    while len(times) < 12:
        began = time.perf_counter()
        for _ in made.batches.epoch(number, 0):
            times.append(time.perf_counter() - began)
            began = time.perf_counter()
        number += 1
    return quarter(times)


def summing(shapes: list[tuple[int, ...]], world: int, repeats: int) -> float:
    """Seconds in which arrays of these shapes are added up over all processes."""
    import jax
    import numpy as np

    from mlzoo.training.loop.data_parallel import SharedDevices

    shared = SharedDevices()
    arrays = shared.share([np.ones((world, *shape), "float32") for shape in shapes])
    add = jax.jit(
        lambda given: [each.sum(0) for each in given],
        out_shardings=[shared.replicated] * len(shapes),
    )
    return timed(lambda: jax.block_until_ready(add(arrays)), repeats)


def measure(model: str, world: int, repeats: int, folder: Path) -> dict[str, Any]:
    """Measurements of a family in this process, one of `world`."""
    if world == 1:
        made = {size: training(model, size, folder) for size in SIZES}
        shapes = [tuple(each.shape) for each in made[BATCH].trained.trainable_variables]
        times = {str(size): stepping(each, repeats) for size, each in made.items()}
        held = made[BATCH].trained.non_trainable_variables
        moments = sum("moving" in variable.name for variable in held)
        sums = len(shapes) + 2 * moments + 1
        return {"compute": times, "input": feeding(made[BATCH]), "shapes": shapes, "sums": sums}
    whole = training(model, BATCH, folder)
    shapes = [tuple(each.shape) for each in whole.trained.trainable_variables]
    return {
        "step": stepping(whole, repeats),
        "sum": summing(shapes, world, repeats),
        "small": summing([(16,)], world, repeats),
        "large": summing([(2**20,)], world, repeats),
    }


def member(models: list[str], place: str, repeats: int) -> None:
    """Measure as one of several processes; `place` is rank, world, coordinator and a file."""
    from mlzoo.core.configs import RunConfig
    from mlzoo.training.distributed.joining import joined
    from mlzoo.training.distributed.settings import Machines

    rank, count, coordinator, path = place.split(",")
    world, cores = int(count), sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[int(rank) % len(cores)]})
    several = {"rank": int(rank), "world": world, "coordinator": coordinator}
    machines = Machines(**several if world > 1 else {})
    with (
        tempfile.TemporaryDirectory() as folder,
        joined(machines, RunConfig(model="mlp", data="iris")),
    ):
        seconds = {}
        for model in models:
            seconds[model] = measure(model, world, repeats, Path(folder, model))
            if not int(rank):
                print(f"measured: {model}, {world} processes", file=sys.stderr, flush=True)
    if not int(rank):
        Path(path).write_text(json.dumps(seconds))


def by_processes(models: list[str], world: int, repeats: int) -> Any:
    """Measurements of each family by so many processes."""
    from mlzoo.training.distributed.channel import free_port

    script = Path(__file__).with_name("distributed.py")
    words = [sys.executable, script, "--part", "cost", "--steps", str(repeats), "--models", *models]
    with tempfile.TemporaryDirectory() as folder:
        path, address = Path(folder, "found.json"), f"127.0.0.1:{free_port('127.0.0.1')}"
        started = [
            subprocess.Popen([*words, "--member", f"{rank},{world},{address},{path}"])
            for rank in range(world)
        ]
        if any([process.wait() for process in started]):
            sys.exit(f"one of {world} processes has failed")
        return json.loads(path.read_text())


def line(times: Mapping[str, float]) -> tuple[float, float]:
    """Seconds of a step without samples, and of a sample, by least squares."""
    import numpy as np

    slope, start = np.polyfit([int(size) for size in times], list(times.values()), 1)
    return max(float(start), 0.0), float(slope)


def ring(world: int, sums: int, size: float, latency: float, bandwidth: float) -> float:
    """Seconds of so many ring all-reduces of so many bytes in all."""
    return 2 * (world - 1) * (sums * latency + size / world / bandwidth)


def link(two: Mapping[str, float]) -> tuple[float, float]:
    """Latency and bandwidth between 2 processes, from sums of 16 and of 2^20 numbers."""
    latency = two["small"] / 2
    return latency, 4 * 2**20 / max(two["large"] - two["small"], 1e-9)


def compare(models: list[str], repeats: int, processes: list[int]) -> None:
    """Measure, and print costs, the check of the model and what it predicts."""
    cores = len(os.sched_getaffinity(0))
    one = by_processes(models, 1, repeats)
    several = {world: by_processes(models, world, repeats) for world in processes}
    costs, checks, growth = [], [], []
    for model in models:
        size = 4.0 * sum(_count(shape) for shape in one[model]["shapes"])
        start, slope = line(one[model]["compute"])
        latency, bandwidth = link(several[2][model])
        sums = one[model]["sums"]
        costs.append(
            [model, size / 2**20, sums, *(1e3 * t for t in one[model]["compute"].values())]
            + [1e3 * one[model]["input"]]
            + [1e3 * several[world][model]["sum"] for world in processes]
            + [1e6 * latency, bandwidth / 1e9]
        )
        for world in processes:
            share = BATCH / world
            compute = (start + slope * share) * max(1.0, world / cores)
            predicted = compute + ring(world, sums, size, latency, bandwidth)
            seen = several[world][model]["step"]
            checks.append([model, world, 1e3 * seen, 1e3 * predicted, predicted / seen])
        for world in (8, 64, 256, 1024):
            alone = start + slope * BATCH
            apart, one_sum = (ring(world, count, size, **LINK) for count in (sums, 1))
            strong = alone / (start + slope * BATCH / world + apart) if world <= BATCH else None
            shown = [1e3 * apart, alone / (alone + apart), alone / (alone + one_sum), strong]
            growth.append([model, world, BATCH * world, *shown])
    times = [f"sum of {world} (ms)" for world in processes]
    header = ["family", "gradients (MiB)", "sums", *(f"{size} samples (ms)" for size in SIZES)]
    table([*header, "input (ms)", *times, "latency (us)", "GB/s"], costs)
    table(["family", "processes", "step (ms)", "predicted (ms)", "ratio"], checks)
    header = ["family", "workers", "batch", "all-reduce (ms)", "efficiency", "by one sum"]
    table([*header, "speedup at batch 64"], growth)


def _count(shape: list[int]) -> int:
    count = 1
    for side in shape:
        count *= side
    return count
