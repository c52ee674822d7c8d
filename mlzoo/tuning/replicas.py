"""Fits that share what was compiled: candidates of one architecture are replicas of one program.

A fit puts a compiled network back to the first weights of its seed, sets rate, dropout and
penalties, and trains. Inputs are scaled before, so that what a fold's training part says is no
part of the program. Dense and recurrent networks run all their epochs in one call; convolutional
ones a step a call, which is faster for them on a CPU.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mlzoo import files, registry
from mlzoo.configs import RunConfig
from mlzoo.data.samples import Data, Part
from mlzoo.errors import DivergedError
from mlzoo.evaluation.metrics import score
from mlzoo.specs import Inputs, Outputs
from mlzoo.training import checkpoints
from mlzoo.training.batches import Rows, chunk_size
from mlzoo.training.optimizers import build_loss, build_optimizer, direction
from mlzoo.training.watch import Watch
from mlzoo.tuning.backend import Arrays, Parts, Program, State, Work, build_program, put
from mlzoo.tuning.scalars import Scalars, adjustable, numbers_of

_MOST_BYTES = 2**29
_PROGRAMS = 24
_STARTS = 400
_CHECKED = 250
_FREE = ("learning_rate", "epochs", "early_stopping", "monitor", "keep", "batch_size", "seed")
_CONVOLUTIONS = ("Conv", "Pooling", "Upsampling", "UpSampling")


@dataclass
class Compiled:
    """A program, and the optimizer's first values."""

    program: Program
    slots: Arrays
    loop: bool


@dataclass(frozen=True)
class Start:
    """A network as the seed made it: its weights, and its dropout rates and penalties."""

    trainable: Arrays
    others: Arrays


class Replicas:
    """All programs of a process, the data that they are fed, and the first weights by seed."""

    def __init__(self) -> None:
        self._programs: OrderedDict[str, Compiled] = OrderedDict()
        self._starts: OrderedDict[tuple[str, int], Start] = OrderedDict()
        self._known: dict[str, tuple[str, np.ndarray, np.ndarray] | None] = {}
        self._fed: OrderedDict[str, tuple[np.ndarray, Any]] = OrderedDict()

    def suits(self, config: RunConfig, data: Data) -> bool:
        """Whether a fit can share a program; others are done by the code of `mlzoo train`."""
        return _simple(config, data) and self._architecture(config, data) is not None

    def fit(
        self,
        config: RunConfig,
        data: Data,
        seed: int,
        *,
        before: Path | None = None,
        keep: Path | None = None,
    ) -> tuple[np.ndarray, int]:
        """Train a replica.

        Args:
            config: of the candidate.
            data: of the fold.
            seed: decides first weights and order.
            before: a folder that `keep` was, to go on from.
            keep: where to keep the state.

        Returns:
            The outputs (n, units) for the validation part, and the epochs trained in all.

        Raises:
            DivergedError: the loss became NaN or infinite.
        """
        found = self._architecture(config, data)
        assert found is not None
        signature, dropout, penalties = found
        compiled = self._program(signature, config, data, seed)
        start = self._start(signature, config, data, seed)
        state, watch, first = State(start.trainable, start.others, compiled.slots), None, 0
        if before is not None and (saved := _restore(before)) is not None:
            state, watch, first = saved
        compiled.program.load(state)
        work = self._work(config, data, seed, dropout, penalties)
        said, epochs, watch = _train(compiled.program, work, config, data, seed, first, watch)
        if keep is not None:
            _save(keep, compiled.program.state(), watch, epochs)
        mean, std = np.array(data.outputs.mean), np.array(data.outputs.std)
        return (said * std + mean if len(mean) else said), epochs

    def check(self, config: RunConfig, data: Data, seed: int) -> float:
        """How far a short fit differs from one by the code of `mlzoo train`.

        Returns:
            The largest difference of outputs, in units of their standard deviation.
        """
        from mlzoo.listening import Listener
        from mlzoo.trained import outputs_of
        from mlzoo.training.building import build_model
        from mlzoo.training.loop import Training
        from mlzoo.training.signals import Stop

        short = config.model_copy(
            update={"epochs": 2, "early_stopping": 0, "schedule": "constant", "keep": "last"}
        )
        few = replace(
            data,
            train=Part(data.samples, data.train.indices[:_CHECKED]),
            valid=Part(data.samples, data.valid.indices[:_CHECKED]),
        )
        ours, _ = self.fit(short, few, seed)
        model = build_model(short, few, seed)
        with tempfile.TemporaryDirectory(prefix="mlzoo-") as folder:
            Training(model, few, short, Path(folder), seed, Listener(), Stop()).fit()
        theirs = outputs_of(model, few.valid.inputs())
        spread = float(np.std(theirs)) or 1.0
        return float(np.abs(ours - theirs).max()) / spread

    # Programs

    def _architecture(
        self, config: RunConfig, data: Data
    ) -> tuple[str, np.ndarray, np.ndarray] | None:
        """What tells programs apart, and the numbers that don't; None: it can't be shared."""
        text = _key(config, data)
        if text not in self._known:
            model = self._build(config, data, 0)
            plain = getattr(model, "twin", None) or getattr(model, "plain_only", False)
            shared = not plain and not _stateful(model)
            numbers = (_signature(model, config), *numbers_of(model))
            self._known[text] = numbers if shared else None
        return self._known[text]

    def _build(self, config: RunConfig, data: Data, seed: int) -> keras.Model:
        """The network on scaled inputs and standardised targets, as the seed makes it."""
        plugin = registry.load("model", config.model)
        keras.config.set_dtype_policy(config.precision)
        keras.utils.set_random_seed(seed)
        return plugin.build(
            plugin.Config(**config.set), self._inputs(data), _plain_outputs(data.outputs)
        )

    def _inputs(self, data: Data) -> Inputs:
        _, scaled = self._scaled(data)
        return replace(
            data.inputs, shape=tuple(scaled.shape[1:]), dtype="float32", scaling=(), fixed=True
        )

    def _program(self, signature: str, config: RunConfig, data: Data, seed: int) -> Compiled:
        if signature not in self._programs:
            scalars = Scalars()
            model, penalised = adjustable(self._build(config, data, seed), scalars)
            constant = config.model_copy(update={"schedule": "constant"})
            optimizer = build_optimizer(constant, 1)
            optimizer.build(model.trainable_variables)
            loss = build_loss(config, _plain_outputs(data.outputs))
            loop = not any(_convolutional(layer) for layer in model.layers)
            program = build_program(Parts(model, optimizer, loss, scalars, penalised), loop)
            slots = checkpoints.values(optimizer.variables)
            self._programs[signature] = Compiled(program, slots, loop)
            while len(self._programs) > _PROGRAMS:
                self._programs.popitem(last=False)
        self._programs.move_to_end(signature)
        return self._programs[signature]

    def _start(self, signature: str, config: RunConfig, data: Data, seed: int) -> Start:
        """The first weights of a seed, the same that `mlzoo train` begins with."""
        key = signature, seed
        if key not in self._starts:
            model = self._build(config, data, seed)
            self._starts[key] = Start(
                checkpoints.values(model.trainable_variables),
                checkpoints.values(model.non_trainable_variables),
            )
            while len(self._starts) > _STARTS:
                self._starts.popitem(last=False)
        return self._starts[key]

    # Data

    def _scaled(self, data: Data) -> tuple[np.ndarray, Any]:
        """Sorted positions in the samples, and their scaled inputs where the backend computes."""
        pool = np.union1d(data.train.indices, data.valid.indices)
        which = hashlib.sha256(pool.tobytes()).hexdigest()
        key = json.dumps([list(data.inputs.scaling), which], default=str)
        if key not in self._fed:
            part = Part(data.samples, pool)
            size = chunk_size(data.inputs.shape)
            layers = [keras.layers.deserialize(config) for config in data.inputs.scaling]
            found = []
            for begin in range(0, len(pool), size):
                rows = part.inputs(slice(begin, begin + size))
                for layer in layers:
                    rows = keras.ops.convert_to_numpy(layer(rows))
                found.append(np.asarray(rows, "float32"))
            self._fed[key] = pool, put(np.concatenate(found))
            while len(self._fed) > 12:
                self._fed.popitem(last=False)
        return self._fed[key]

    def _work(
        self,
        config: RunConfig,
        data: Data,
        seed: int,
        dropout: np.ndarray,
        penalties: np.ndarray,
    ) -> Work:
        """What a fit is fed; its order is filled in epoch by epoch."""
        pool, x = self._scaled(data)
        targets = data.samples.targets[pool]
        if data.outputs.mean:
            flat = targets.reshape(len(pool), -1).astype("float64")
            targets = (flat - data.outputs.mean) / data.outputs.std
            targets = targets.astype("float32")
        nothing = np.zeros((0, 0, 0), "int32")
        valid = np.searchsorted(pool, data.valid.indices).astype("int32")
        return Work(x, put(targets), nothing, nothing, valid, dropout, penalties, config.rate)


def _train(
    program: Program,
    work: Work,
    config: RunConfig,
    data: Data,
    seed: int,
    first: int,
    watch: Watch | None,
) -> tuple[np.ndarray, int, Watch]:
    """Train to the end, or to where early stopping stops; outputs, epochs, and what it watched."""
    stops = 0 < config.early_stopping < config.epochs
    lowers = config.schedule == "plateau"
    watch = watch or Watch(config.monitor, direction(config.monitor), config.early_stopping)
    pool = np.union1d(data.train.indices, data.valid.indices)
    feed = Rows(data.train, seed)
    places = np.searchsorted(pool, data.train.indices).astype("int32")
    size = batch_size(config, len(data.train))
    rate, epoch = work.rate, first
    span = 1 if stops or lowers else max(config.epochs - first, 1)
    while True:
        order, rest = _order(feed, places, size, range(epoch, min(epoch + span, config.epochs)))
        said = program.run(replace(work, order=order, rest=rest, rate=rate))
        epoch += len(order)
        if not np.isfinite(said.loss):
            raise DivergedError(f"the loss became {said.loss} by epoch {epoch}")
        if stops or lowers:
            watch.see(epoch, _watched(watch.metric, said.valid_loss, said.outputs, data))
            if lowers and watch.plateau(config.plateau_patience):
                rate *= config.decay_factor
        if epoch >= config.epochs or (stops and watch.stop):
            return said.outputs, epoch, watch


def _order(
    feed: Rows, places: np.ndarray, size: int, epochs: range
) -> tuple[np.ndarray, np.ndarray]:
    """Positions of every batch (epochs, steps, size), and of each epoch's smaller last one."""
    rows = np.stack([places[feed.order(epoch)] for epoch in epochs])
    whole = rows.shape[1] // size * size
    return rows[:, :whole].reshape(len(rows), -1, size), rows[:, whole:]


def batch_size(config: RunConfig, count: int) -> int:
    """Samples a step, as `mlzoo train` takes them."""
    asked = {"auto": 32, "full": count}.get(str(config.batch_size)) or int(config.batch_size)
    return min(asked, count)


def _watched(metric: str, loss: float, outputs: np.ndarray, data: Data) -> float:
    if metric == "val_loss":
        return loss
    from mlzoo.evaluation.metrics import as_probabilities

    task, targets = data.samples.task, data.valid.targets
    if task == "classification":
        said = as_probabilities(outputs)
    else:
        said = (outputs * data.outputs.std + data.outputs.mean).reshape(targets.shape)
    found = score(task, targets, said)[metric.removeprefix("val_")]
    return float("nan") if found is None else found


def _simple(config: RunConfig, data: Data) -> bool:
    """Whether a fit is one that programs know: samples of one shape, one loss, plain steps."""
    samples = data.samples
    shared = (
        keras.backend.backend() in ("tensorflow", "jax")
        and samples.task in ("classification", "regression")
        and samples.windows is None
        and not data.inputs.uneven
        and config.optimizer != "lbfgs"
        and config.schedule in ("constant", "plateau")
        and config.precision == "float32"
        and config.class_weights == "none"
        and config.sampler == "shuffle"
        and config.xla == "auto"
        and config.monitor in ("val_loss", "val_accuracy", "val_mae")
        and config.augment == "none"
    )
    numbers = float(np.prod(data.inputs.shape)) * (len(data.train) + len(data.valid))
    return shared and numbers * 4 <= _MOST_BYTES


def _key(config: RunConfig, data: Data) -> str:
    own = {n: v for n, v in config.model_dump(mode="json").items() if n not in _FREE}
    return json.dumps([own, data.inputs.shape, data.outputs.units], sort_keys=True, default=str)


def _signature(model: keras.Model, config: RunConfig) -> str:
    """A network and how it is trained, without the numbers that are arguments."""
    layers = model.get_config()["layers"]
    text = json.dumps([_masked(layer) for layer in layers], sort_keys=True, default=str)
    training = [
        getattr(config, name)
        for name in ("optimizer", "momentum", "weight_decay", "loss", "focal_gamma")
    ]
    return json.dumps([text, training, config.clip_norm, config.clip_value])


def _masked(layer: dict[str, Any]) -> dict[str, Any]:
    """A layer's configuration without dropout rate, strengths of penalties and made-up names."""
    config = dict(layer["config"])
    if layer["class_name"] == "Dropout":
        config.pop("rate")
    for name, value in config.items():
        if name.endswith("_regularizer") and isinstance(value, dict):
            config[name] = True
        if name.endswith("_initializer") and isinstance(value, dict):
            inner = {k: v for k, v in value["config"].items() if k != "seed"}
            config[name] = [value["class_name"], inner]
    links = [node["args"] for node in layer["inbound_nodes"]]
    return {"class": layer["class_name"], "config": config, "links": links}


def _stateful(model: keras.Model) -> bool:
    """Whether a layer keeps something that a reset would not put back."""
    return any(getattr(layer, "stateful", False) for layer in model.layers)


def _convolutional(layer: keras.layers.Layer) -> bool:
    return any(word in type(layer).__name__ for word in _CONVOLUTIONS)


def _plain_outputs(outputs: Outputs) -> Outputs:
    """Outputs in standardised units: the mean and spread of a fold are no part of a program."""
    if not outputs.mean:
        return outputs
    return replace(outputs, mean=(0.0,) * len(outputs.mean), std=(1.0,) * len(outputs.std))


def _save(folder: Path, state: State, watch: Watch, epochs: int) -> None:
    """Keep a state that a later trial goes on from."""
    folder.mkdir(parents=True, exist_ok=True)
    groups = [state.trainable, state.others, state.optimizer]
    file = checkpoints.write_arrays(folder / "replica.npz", [a for g in groups for a in g])
    sizes = [len(group) for group in groups]
    record = {**file, "sizes": sizes, "watch": watch.state(), "epochs": epochs}
    files.write_json(folder / "replica.json", record)


def _restore(folder: Path) -> tuple[State, Watch, int] | None:
    """A state that was kept; None where there is none."""
    if not (folder / "replica.json").is_file():
        return None
    record = files.read_json(folder / "replica.json")
    arrays = checkpoints.unpack((folder / record["name"]).read_bytes())
    first, second, _ = record["sizes"]
    groups = arrays[:first], arrays[first : first + second], arrays[first + second :]
    return State(*groups), Watch(**record["watch"]), record["epochs"]
