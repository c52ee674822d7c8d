"""Equality of a training whose batches several devices share with that of one device.

Trains every family by steps on JAX, on 1, 2 and 4 devices into which XLA divides the processor:
with a smaller last batch, class weights, masked and padded sequences, clipping, batch
normalization, dropout and augmentation wherever a family has them. The bars: losses of all steps
and weights after them equal to 1e-6 in double and 1e-4 in single precision, of the largest. The
steps are those of gradient descent with momentum, since Adam divides small gradients by their own
size, rounding included; input scalings, heads and some losses compute in single precision always.
With `--processes N` the batches are shared by processes in place of devices.

`--part kills` kills workers of a Ray cluster and the command that drives them (`--kills` of each),
and `--part cost` measures a step, communication and input, and models up to 1,024 workers.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import distributed_cost
import distributed_kills
from measuring import arguments, table, verdict

BARS = {"float64": 1e-6, "float32": 1e-4}
_THIN = {"backbone": "mobilenet", "alpha": 0.25, "weights": "none", "train": "all"}
_WEIGHTED = {"class_weights": "auto"}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "mlp": ("iris", {**_WEIGHTED, "clip_norm": 1.0, "set": {"dropout": 0.2, "members": 2}}),
    "linear": ("wine", _WEIGHTED),
    "quantum": ("iris", {}),
    "cnn": ("digits", {**_WEIGHTED, "augment": "light", "set": {"filters": [8, 16]}}),
    "lenet": ("digits", {"size": "32", "set": {"dropout": 0.2}}),
    "resnet": ("digits", {"size": "16", "clip_value": 0.1, "set": {"variant": "tiny"}}),
    "transfer": ("digits", {"size": "32", "color": "rgb", "set": {**_THIN, "freeze_norm": False}}),
    "autoencoder": ("digits", {"set": {"filters": [8]}}),
    "vae": ("digits", {}),
    "dcgan": ("digits", {}),
    "diffusion": ("digits", {}),
    "unet": ("shapes", {"loss": "crossentropy+dice", "set": {"filters": 4, "depth": 2}}),
    "unet_two_decoders": ("flow-fields", {"set": {"filters": 4, "depth": 2}}),
    "unet_xception": ("shapes", {"set": {"entry": 8, "down": [16], "up": [16, 16]}}),
    "unet_pretrained": ("flow-fields", {"set": _THIN}),
    "rnn": ("accelerometer", {**_WEIGHTED, "set": {"units": [16], "dropout": 0.2}}),
    "tcn": ("accelerometer", {"set": {"filters": 8, "blocks": 2}}),
    "nlinear": ("sine-mix", {"horizon": 4}),
    "conv_lstm": ("moving-spots", {"set": {"filters": [4]}}),
}
"""Data and settings of each family."""


class Losses:
    """Means over the epoch after each step, as a training tells them."""

    def __init__(self, inner: type) -> None:
        self.seen: list[float] = []
        self.listener = inner()
        self.listener.step = self._step

    def _step(self, epoch: int, step: int, logs: Mapping[str, float]) -> None:
        self.seen.append(logs["loss"])


def trained(model: str, precision: str, counts: list[int], steps: int) -> dict[int, Any]:
    """Losses and weights after about so many steps, by the number of devices."""
    from mlzoo.core.progress import Listener
    from mlzoo.runs import devices
    from mlzoo.runs.config_loading import merge
    from mlzoo.training import checkpoints
    from mlzoo.training.building import build_model
    from mlzoo.training.loop.training import Training
    from mlzoo.training.signals import Stop
    from mlzoo.training.starting.preparing import prepared

    data_name, settings = CASES[model]
    flags = {"batch_size": 12, "epochs": 50, "limit": 150, "preset": "none", **settings}
    common = {"model": model, "data": data_name, "early_stopping": 0, "keep": "last"}
    common |= {"optimizer": "momentum", "learning_rate": 0.01}
    devices.prepare(precision=precision)
    # Double precision is for equations alone, but tells rounding from mistakes in all families.
    devices.set_precision = lambda precision: None
    ready = prepared(merge(common | flags, allow_unused=True), Listener())
    results = {}
    for count in counts:
        config = ready.merged.config
        size = -(-len(ready.data.train) // 12)
        config = config.model_copy(update={"devices": str(count), "epochs": -(-steps // size)})
        network, losses = build_model(config, ready.data, 0), Losses(Listener)
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "run" / "checkpoints" / "seed-0"
            training = Training(network, ready.data, config, place, 0, losses.listener, Stop())
            training.fit()
        results[count] = losses.seen, checkpoints.values(training.trained.variables)
    return results


def member(model: str, precision: str, steps: int, place: str) -> None:
    """Train as one of several processes; `place` is rank, world, coordinator and a file."""
    import numpy as np

    from mlzoo.core.configs import RunConfig
    from mlzoo.training.distributed.joining import joined
    from mlzoo.training.distributed.settings import Machines

    rank, world, coordinator, path = place.split(",")
    several = {"rank": int(rank), "world": int(world), "coordinator": coordinator}
    machines = Machines(**several if int(world) > 1 else {})
    with joined(machines, RunConfig(model=model, data=CASES[model][0])):
        losses, weights = trained(model, precision, [1], steps)[1]
    if not int(rank):
        np.savez(path, losses, *weights)


def by_processes(model: str, precision: str, count: int, steps: int) -> Any:
    """Losses and weights after about so many steps, which processes have taken together."""
    import numpy as np

    from mlzoo.training.distributed.channel import free_port

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trained.npz"
        address = f"127.0.0.1:{free_port('127.0.0.1')}"
        words = ["--models", model, "--precisions", precision, "--steps", str(steps)]
        started = [
            subprocess.Popen(
                [sys.executable, __file__, *words, "--member", f"{rank},{count},{address},{path}"]
            )
            for rank in range(count)
        ]
        if any([process.wait() for process in started]):
            sys.exit(f"{model}: a process has failed")
        with np.load(path, allow_pickle=False) as file:
            first, *rest = (file[f"arr_{i}"] for i in range(len(file.files)))
    return first, rest


def apart(one: Any, other: Any) -> tuple[float, float]:
    """Largest difference of losses, and of weights, relative to the largest or 1."""
    import numpy as np

    def differ(first: Any, second: Any) -> float:
        first, second = np.asarray(first, float), np.asarray(second, float)
        return float(np.abs(first - second).max(initial=0) / max(np.abs(first).max(initial=0), 1))

    weights = [differ(a, b) for a, b in zip(one[1], other[1], strict=True)]
    return differ(one[0], other[0]), max(weights)


def main() -> None:
    parser = arguments(__doc__, steps=50)
    parser.add_argument("--models", nargs="+", default=list(CASES), choices=CASES)
    parser.add_argument("--devices", nargs="+", type=int, default=[2, 4])
    parser.add_argument("--precisions", nargs="+", default=list(BARS), choices=BARS)
    parser.add_argument("--processes", nargs="+", type=int, default=[])
    parser.add_argument("--member", help="rank,world,coordinator,file: of a process of those")
    parser.add_argument("--part", default="equality", choices=["equality", "kills", "cost"])
    parser.add_argument("--kills", type=int, default=10, help="of workers, and of the command")
    parser.add_argument("--seed", type=int, default=0, help="of what is killed when")
    args = parser.parse_args()
    os.environ["KERAS_BACKEND"] = "jax"
    if args.part == "kills":
        sys.exit(0 if distributed_kills.compare(args.kills, args.seed) else 1)
    if args.part == "cost":
        models = [model for model in distributed_cost.FAMILIES if model in args.models]
        if args.member:
            return distributed_cost.member(models, args.member, args.steps)
        return distributed_cost.compare(models, args.steps, args.processes or [2, 4])
    if args.member:
        return member(args.models[0], args.precisions[0], args.steps, args.member)
    shares = args.processes or args.devices
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={max(args.devices)}"
    rows = []
    for model in args.models:
        for precision in args.precisions:
            if args.processes:
                given = model, precision
                results = {n: by_processes(*given, n, args.steps) for n in [1, *shares]}
            else:
                results = trained(model, precision, [1, *shares], args.steps)
            for count in shares:
                loss, weights = apart(results[1], results[count])
                held = max(loss, weights) <= BARS[precision]
                steps = len(results[count][0])
                rows.append([model, precision, count, steps, loss, weights, verdict(held)])
                print("measured:", *rows[-1], file=sys.stderr, flush=True)
    kind = "processes" if args.processes else "devices"
    table(["model", "precision", kind, "steps", "loss", "weights", "bar"], rows)
    sys.exit(0 if all(row[-1] == "met" for row in rows) else 1)


if __name__ == "__main__":
    main()
