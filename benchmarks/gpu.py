"""Training on an accelerator: mlp, cnn and resnet, with each backend that sees one.

Prints steps per second in float32 and in mixed precision, beside `model.fit` on the same network
in turns, and the largest batch whose step fits into memory. Ends at once, with a sentence and exit
code 0, where no backend sees an accelerator. `--cpu` is a dry run: a tiny version of all of it on
the CPU, to see that it works; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measuring import REPOSITORY, arguments, middle, run, run_well, table

MODELS = ("mlp", "cnn", "resnet")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
SHAPE, CLASSES = (32, 32, 3), 10
PROBES = {
    "jax": "import jax; d = jax.devices()[0]; print(d.device_kind if d.platform != 'cpu' else '')",
    "torch": "import torch as t; print(t.cuda.get_device_name() if t.cuda.is_available() else '')",
    "tensorflow": "import tensorflow as t; g = t.config.list_physical_devices('GPU'); "
    "print(t.config.experimental.get_device_details(g[0]).get('device_name', 'GPU') if g else '')",
}
"""For each backend, a program that prints the name of its accelerator, or nothing."""
_OUT_OF_MEMORY = ("RESOURCE_EXHAUSTED", "OOM when", "out of memory")


@dataclass(frozen=True)
class Scale:
    """Amount of work to do."""

    samples: int
    batch: int
    epochs: int
    largest: int
    settings: dict[str, dict[str, str]] = field(default_factory=dict)


FULL = Scale(20_000, 256, 12, 2**20)
DRY = Scale(
    samples=120,
    batch=24,
    epochs=2,
    largest=64,
    settings={"mlp": {"hidden": "8"}, "cnn": {"filters": "4"}},
)


def devices() -> dict[str, str]:
    """The accelerator's name for each backend that is installed and sees one."""
    found = {}
    for backend, program in PROBES.items():
        if importlib.util.find_spec(backend) is None:
            continue
        # A process each: a backend that has seen a GPU takes most of its memory.
        words = run([sys.executable, "-c", program], TF_CPP_MIN_LOG_LEVEL="3").out.split("\n")
        if words[0].strip():
            found[backend] = words[0].strip()
    return found


# One model on one backend, in a process of its own


def network(model: str, settings: dict[str, str]) -> Any:
    """The plug-in's network, compiled: what `model.fit` trains."""
    import keras

    from mlzoo.core import registry
    from mlzoo.data.specs import Inputs, Outputs

    plugin = registry.load("model", model)
    scaling = keras.layers.serialize(keras.layers.Rescaling(1 / 255, dtype="float32"))
    inputs = Inputs(SHAPE, "image", "uint8", (scaling,))
    network = plugin.build(plugin.Config(**settings), inputs, Outputs("classification", CLASSES))
    network.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )
    return network


def images(count: int) -> tuple[Any, Any]:
    """Noise that is brighter in one class than in the one before."""
    import numpy as np

    random = np.random.default_rng(0)
    y = np.arange(count) % CLASSES
    x = random.integers(0, 60, (count, *SHAPE)) + 20 * y[:, None, None, None]
    return x.astype("uint8"), y.astype("int32")


def rates(model: str, precision: str, scale: Scale) -> tuple[float, float, float]:
    """Steps per second of mlzoo and of `model.fit`, and the median of their ratios by epoch."""
    import numpy as np
    from pace import Fit, measure

    x, y = images(scale.samples)
    part, settings = scale.samples * 6 // 10, scale.settings.get(model, {})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npz"
        np.savez(path, x=x, y=y)
        turns = measure(
            Fit(lambda: network(model, settings), x[:part], y[:part], scale.batch),
            model,
            path,
            epochs=scale.epochs,
            batch_size=scale.batch,
            learning_rate=1e-3,
            precision=precision,
            set=settings,
        )
    ours, theirs = (np.array(side[1:])[:, 0] for side in (turns.ours, turns.theirs))
    both = (turns.steps / middle(ours), turns.steps / middle(theirs))
    return (*both, middle(ours / theirs))


def largest_batch(model: str, precision: str, scale: Scale) -> str:
    """The largest power of two that a training step takes, up to a limit."""
    import keras

    fits, size = 0, min(256, scale.largest)
    while size <= scale.largest:
        keras.utils.clear_session()
        keras.config.set_dtype_policy(precision)
        try:
            network(model, scale.settings.get(model, {})).train_on_batch(*images(size))
        except Exception as error:
            if not any(word in str(error) for word in _OUT_OF_MEMORY):
                raise
            return str(fits)
        fits, size = size, 2 * size
    return f"{fits} or more"


def measure_model(model: str, scale: Scale) -> list[list[Any]]:
    """A line of the table for each precision."""
    rows = []
    for precision in PRECISIONS:
        ours, theirs, ratio = rates(model, precision, scale)
        fits = largest_batch(model, precision, scale)
        rows.append([model, precision, ours, theirs, ratio, fits])
    return rows


# All of them


def measure_backend(backend: str, device: str, models: list[str], cpu: bool) -> None:
    """Print a backend's table."""
    paths = [*filter(None, [os.environ.get("PYTHONPATH")]), str(REPOSITORY)]
    env = {
        "KERAS_BACKEND": backend,
        "PYTHONPATH": os.pathsep.join(paths),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    rows = []
    for model in models:
        words = [sys.executable, __file__, "--worker", model, *(["--cpu"] if cpu else [])]
        rows += json.loads(run_well(words, **env).out.splitlines()[-1])
    batch = (DRY if cpu else FULL).batch
    print(f"\n{device}, {backend}, {'x'.join(map(str, SHAPE))} images, batches of {batch}")
    header = ["model", "precision", "mlzoo steps/s", "fit steps/s", "ratio", "largest batch"]
    table(header, rows)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--cpu", action="store_true", help="dry run on the CPU")
    parser.add_argument("--worker", choices=MODELS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        print(json.dumps(measure_model(args.worker, DRY if args.cpu else FULL)))
        return
    if args.cpu:
        found = {os.environ.get("KERAS_BACKEND", "tensorflow"): "CPU (dry run)"}
    else:
        found = devices()
    if not found:
        print("no backend sees an accelerator here, so there is nothing to measure (`mlzoo doctor`")
        print("says why; `--cpu` is a dry run)")
    for backend, device in found.items():
        measure_backend(backend, device, args.models, args.cpu)


if __name__ == "__main__":
    main()
