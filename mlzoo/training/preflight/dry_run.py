"""Dry run: plan, model, memory and time of a step; nothing is kept."""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from mlzoo.core.configs import RunConfig
from mlzoo.core.progress import Listener
from mlzoo.runs import devices
from mlzoo.runs.config_loading import Merged

if TYPE_CHECKING:
    import keras

_STEPS = 5
_MIB = 2**20


class StepMemory(TypedDict):
    """MiB: weights; gradients and optimizer; what layers give, which going back needs."""

    weights: float
    optimizer: float
    activations: float


class StepSeconds(TypedDict):
    """Durations; None where a step is not alone."""

    first_step: float | None
    step: float | None
    epoch: float | None
    all: float | None


class TimedSteps(TypedDict):
    """Steps of an epoch, samples of each, and what they cost."""

    steps: int
    batch_size: int
    memory: StepMemory
    seconds: StepSeconds


class DryRun(TimedSteps):
    """The plan of a run, its model and the cost of a step.

    Attributes:
        run: folder that would be written.
        model: the plug-in.
        parameters: number of them.
        device: that it runs on.
        parts: samples of each split.
        epochs: at most.
        layers: the graph.
    """

    run: str
    model: str
    parameters: int
    device: str
    parts: dict[str, int]
    epochs: int
    layers: Sequence[Mapping[str, Any]]


def rehearse(merged: Merged, listener: Listener | None = None) -> DryRun:
    """Read the data, build the model and time a few steps.

    Raises:
        MlzooError: the run would fail before its first step.
    """
    from mlzoo.layers.description import layer_graph
    from mlzoo.training.building import build_model
    from mlzoo.training.starting.folder import free_place
    from mlzoo.training.starting.preparing import prepared

    ready = prepared(merged, listener or Listener())
    config, data = ready.merged.config, ready.data
    model = build_model(config, data, config.seed)
    if config.full_batch:
        timed: TimedSteps = {
            "steps": 1,
            "batch_size": len(data.train),
            "seconds": {"first_step": None, "step": None, "epoch": None, "all": None},
            "memory": _memory(model, len(data.train), 2),
        }
    else:
        timed = _timed(config, model, data)
    return {
        "run": str(free_place(config)),
        "model": config.model,
        "parameters": model.count_params(),
        "device": devices.device_name(),
        "parts": {name: len(part) for name, part in data.parts().items()},
        "epochs": config.epochs,
        "layers": layer_graph(model),
        **timed,
    }


def _timed(config: RunConfig, model: keras.Model, data: Any) -> TimedSteps:
    from mlzoo.training.loop.training import Training
    from mlzoo.training.signals import Stop

    with tempfile.TemporaryDirectory(prefix="mlzoo-") as scratch:
        folder = Path(scratch)
        training = Training(model, data, config, folder, config.seed, Listener(), Stop())
        seconds, shape = [], (1,)
        try:
            batches: Iterator[Any] = islice(training.batches.epoch(0), _STEPS)
            if data.inputs.uneven:  # each length is compiled, so that only one is timed
                batches = repeat(next(batches), _STEPS)
            for place, batch in enumerate(batches):
                began = time.perf_counter()
                float(training.step_on(batch, place)["loss"])  # waits until it is there
                seconds.append(time.perf_counter() - began)
                shape = shape if place else batch[0].shape
        finally:
            training.batches.close()
        steps, size = training.batches.steps, training.batches.batch_size
        optimizer = sum(math.prod(v.shape) for v in training.trained.optimizer.variables)
    step = statistics.median(seconds[1:] or seconds)
    memory = _memory(model, shape, 1 + optimizer / max(model.count_params(), 1))
    return {
        "steps": steps,
        "batch_size": size,
        "memory": memory,
        "seconds": {
            "first_step": seconds[0],
            "step": step,
            "epoch": step * steps,
            "all": step * steps * config.epochs * config.averaged,
        },
    }


def _memory(model: keras.Model, shape: Any, slots: float) -> StepMemory:
    """Return the memory of a step.

    What a layer gives counts twice: its value is kept, and its gradient comes beside it.
    """
    import keras

    weights = sum(math.prod(v.shape) for v in model.weights) * 4
    shape = (shape, *model.input_shape[1:]) if isinstance(shape, int) else shape
    outputs = [o for op in model.operations for o in _listed(op.output)]
    probe = keras.Model(model.inputs, outputs)
    given = probe.compute_output_spec(keras.KerasTensor(shape, dtype=model.inputs[0].dtype))
    numbers = sum(
        math.prod(side or 1 for side in each.shape) * (2 if "16" in str(each.dtype) else 4)
        for each in _listed(given)
    )
    return {
        "weights": weights / _MIB,
        "optimizer": model.count_params() * slots * 4 / _MIB,
        "activations": 2 * numbers / _MIB,
    }


def _listed(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]
