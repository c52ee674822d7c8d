"""Fits that share what was compiled: candidates of one architecture are replicas of one program.

A fit puts a compiled network back to the first weights of its seed, sets rate, dropout and
penalties, and trains. Inputs are scaled before, so that what a fold's training part says is no
part of the program. Dense and recurrent networks run an epoch a call or more; convolutional ones
a step a call, which is faster for them on a CPU. Narrow dense networks are padded to share the
program of wide ones, and on JAX several of their fits are one vectorised call.
"""

from __future__ import annotations

import json
import tempfile
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mlzoo import registry
from mlzoo.configs import RunConfig
from mlzoo.data.samples import Data, Part
from mlzoo.errors import DivergedError
from mlzoo.spaces import Space
from mlzoo.specs import Outputs
from mlzoo.training import checkpoints
from mlzoo.training.optimizers import build_loss, build_optimizer
from mlzoo.tuning.backend import Arrays, Parts, State, build_program
from mlzoo.tuning.declared import layers_of
from mlzoo.tuning.feeding import MOST_BYTES, Feeder, Fit, Shape, batch_size
from mlzoo.tuning.padding import can_pad, draws, is_dense, is_vector, pad, widened
from mlzoo.tuning.scalars import Scalars, adjustable, numbers_of

_PROGRAMS = 24
_STARTS = 400
_CHECKED = 7
"""Steps an epoch of the self-check."""
_FREE = (
    *("learning_rate", "epochs", "early_stopping", "monitor", "keep", "batch_size", "seed"),
    *("schedule", "warmup", "decay_factor", "decay_every", "plateau_patience", "class_weights"),
    "sampler",
)
_CONVOLUTIONS = ("Conv", "Pooling", "Upsampling", "UpSampling")


@dataclass(frozen=True)
class Architecture:
    """What tells programs apart, and the numbers that don't.

    Attributes:
        signature: equal for networks that share a program.
        drawn: equal for networks whose first weights are equal for one seed.
        wide: the candidate that the program is built for.
        dropout: rates, as `Scalars` has them.
        penalties: as `Scalars` has them.
        vector: whether fits of it gain from being vectorised.
        random: whether training it draws numbers.
    """

    signature: str
    drawn: str
    wide: RunConfig
    dropout: np.ndarray
    penalties: np.ndarray
    vector: bool
    random: bool


@dataclass
class Compiled:
    """A program, the optimizer's first values, and what its variables look like."""

    program: Any
    like: State
    loop: bool


class Replicas:
    """All programs of a process, the data that they are fed, and the first weights by seed.

    Args:
        space: of the search; narrow candidates share the programs of wide ones.
        lanes: fits that a vectorised program does at once; 1: none is vectorised.
    """

    def __init__(self, space: Space, lanes: int = 1) -> None:
        self.space, self.lanes = space, lanes
        self.feeder = Feeder()
        self._programs: OrderedDict[str, Compiled] = OrderedDict()
        self._starts: OrderedDict[tuple[str, int], tuple[Arrays, Arrays]] = OrderedDict()
        self._known: dict[str, Architecture | None] = {}

    def suits(self, fit: Fit) -> bool:
        """Whether a fit can share a program; others are done by the code of `mlzoo train`."""
        return unshared(fit.config, fit.data) is None and self._architecture(fit) is not None

    def group(self, fit: Fit) -> str | None:
        """Equal for fits that are done at once; None where a fit is done alone."""
        if self.lanes == 1 or not self.suits(fit):
            return None
        found = self._architecture(fit)
        if found is None or not found.vector:
            return None
        shape = Shape.of(fit.config, fit.folds)
        if found.random and not shape.even:
            return None  # what is drawn for a batch depends on its size
        stacked = self.feeder.stacked(fit.folds, fit.config)
        return None if stacked is None else json.dumps([found.signature, stacked.key, str(shape)])

    def fit(self, fits: Sequence[Fit]) -> list[tuple[np.ndarray, int] | DivergedError]:
        """Do fits of one group at once, or one fit that has none.

        Returns:
            Of each fit the outputs (n, units) for the validation part and the epochs trained in
            all; or the error, where its loss became NaN or infinite.
        """
        from mlzoo.tuning.courses import Course, run_alone, run_together

        architecture = self._architecture(fits[0])
        assert architecture is not None
        together = self.group(fits[0]) is not None
        compiled = self._program(architecture, fits[0], together)
        courses = []
        for fit in fits:
            own = self._architecture(fit)
            assert own is not None
            trainable, others = self._start(own, fit)
            state = State(
                pad(trainable, compiled.like.trainable),
                pad(others, compiled.like.others),
                compiled.like.optimizer,
            )
            courses.append(Course(fit, state, own.dropout, own.penalties))
        if together:
            return run_together(compiled.program, courses, self.feeder, self.lanes)
        return [run_alone(compiled.program, courses[0], self.feeder)]

    def check(self, fit: Fit) -> float:
        """How far a short fit differs from one by the code of `mlzoo train`.

        Returns:
            The largest difference of outputs, in units of their standard deviation.
        """
        from mlzoo.listening import Listener
        from mlzoo.trained import outputs_of
        from mlzoo.training.building import build_model
        from mlzoo.training.loop import Training
        from mlzoo.training.signals import Stop

        own: dict[str, Any] = {"epochs": 2, "early_stopping": 0, "keep": "last"}
        if fit.config.schedule == "plateau":
            own["schedule"] = "constant"
        # Automatic weights of classes are those of the whole training part.
        config = fit.config.model_copy(update={**own, "class_weights": "none"})
        train = fit.data.train.indices
        size = batch_size(config, len(train))
        # Whole batches and a rest as long as that of the fold: the program is that of the search.
        count = min(len(train), _CHECKED * size + len(train) % size)
        few = replace(fit.data, train=Part(fit.data.samples, train[:count]))
        found = self.fit([replace(fit, config=config, part=few, before=None, keep=None)])[0]
        if isinstance(found, DivergedError):
            raise found
        model = build_model(config, few, fit.seed)
        with tempfile.TemporaryDirectory(prefix="mlzoo-") as folder:
            Training(model, few, config, Path(folder), fit.seed, Listener(), Stop()).fit()
        theirs = outputs_of(model, few.valid.inputs())
        spread = float(np.std(theirs)) or 1.0
        return float(np.abs(found[0] - theirs).max()) / spread

    def _architecture(self, fit: Fit) -> Architecture | None:
        """What a candidate's network is; None: it can't be shared."""
        config, data = fit.config, fit.folds[fit.fold]
        text = _key(config, data)
        if text not in self._known:
            model = self._build(config, fit, fit.seed)
            plain = getattr(model, "twin", None) or getattr(model, "plain_only", False)
            if plain or _stateful(model):
                self._known[text] = None
                return None
            padded = can_pad(model)
            wide = widened(config, self.space) if padded else config
            dropout, penalties = numbers_of(model)
            own = Architecture(
                signature=_signature(model, config, wide if padded else None),
                drawn=_drawn(model),
                wide=wide,
                dropout=dropout,
                penalties=penalties,
                vector=is_vector(model),
                random=draws(model),
            )
            self._known[text] = own
            self._keep_start(own.drawn, fit.seed, model)
        return self._known[text]

    def _build(self, config: RunConfig, fit: Fit, seed: int) -> keras.Model:
        """The network on scaled inputs and standardised targets, as the seed makes it."""
        data = fit.folds[fit.fold]
        plugin = registry.load("model", config.model)
        keras.config.set_dtype_policy(config.precision)
        keras.utils.set_random_seed(seed)
        return plugin.build(
            plugin.Config(**config.set), self.feeder.inputs(data), _plain_outputs(data.outputs)
        )

    def _program(self, architecture: Architecture, fit: Fit, together: bool) -> Compiled:
        key = f"{together} {architecture.signature}"
        if key not in self._programs:
            scalars = Scalars()
            built = self._build(architecture.wide, fit, 0)
            loop = not any(_convolutional(layer) for layer in built.layers)
            dense = is_dense(built)
            model, penalised = adjustable(built, scalars)
            constant = architecture.wide.model_copy(update={"schedule": "constant"})
            optimizer = build_optimizer(constant, 1)
            optimizer.build(model.trainable_variables)
            loss = build_loss(constant, _plain_outputs(fit.data.outputs))
            parts = Parts(model, optimizer, loss, scalars, penalised, loop, dense)
            variables = (
                model.trainable_variables,
                model.non_trainable_variables,
                optimizer.variables,
            )
            like = State(*(checkpoints.values(group) for group in variables))
            self._programs[key] = Compiled(build_program(parts, together), like, loop)
            while len(self._programs) > _PROGRAMS:
                self._programs.popitem(last=False)
        self._programs.move_to_end(key)
        return self._programs[key]

    def _start(self, architecture: Architecture, fit: Fit) -> tuple[Arrays, Arrays]:
        """The first weights of a seed, the same that `mlzoo train` begins with."""
        key = architecture.drawn, fit.seed
        if key not in self._starts:
            self._keep_start(*key, self._build(fit.config, fit, fit.seed))
        self._starts.move_to_end(key)
        return self._starts[key]

    def _keep_start(self, drawn: str, seed: int, model: keras.Model) -> None:
        groups = model.trainable_variables, model.non_trainable_variables
        trainable, others = (checkpoints.values(group) for group in groups)
        self._starts[drawn, seed] = trainable, others
        while len(self._starts) > _STARTS:
            self._starts.popitem(last=False)


def unshared(config: RunConfig, data: Data) -> str | None:
    """Why a fit is done by the code of `mlzoo train`; None where it may share a program."""
    samples = data.samples
    numbers = float(np.prod(data.inputs.shape)) * (len(data.train) + len(data.valid))
    reasons = {
        "the backend is torch": keras.backend.backend() not in ("tensorflow", "jax"),
        f"{samples.task}": samples.task not in ("classification", "regression"),
        "forecasts and windows of series": samples.windows is not None,
        "samples of several shapes": data.inputs.uneven,
        "optimizer=lbfgs": config.optimizer == "lbfgs",
        f"precision={config.precision}": config.precision != "float32",
        f"xla={config.xla}": config.xla != "auto",
        f"monitor={config.monitor}": config.monitor not in _MONITORS,
        "samples are augmented": config.augment != "none",
        "the data take too much memory": numbers * 4 > MOST_BYTES,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


_MONITORS = ("val_loss", "val_accuracy", "val_mae")


def _key(config: RunConfig, data: Data) -> str:
    own = {n: v for n, v in config.model_dump(mode="json").items() if n not in _FREE}
    return json.dumps([own, data.inputs.shape, data.outputs.units], sort_keys=True, default=str)


def _signature(model: keras.Model, config: RunConfig, wide: RunConfig | None) -> str:
    """A network and how it is trained, without the numbers that are arguments.

    `wide` is what it is padded to: then its own widths are no part of it.
    """
    layers = [_masked(layer) for layer in model.get_config()["layers"]]
    if wide is not None:
        for layer in layers:
            layer["config"].pop("units", None)
    training = [
        getattr(config, name)
        for name in ("optimizer", "momentum", "weight_decay", "loss", "focal_gamma")
    ]
    settings = {own.setting for own in layers_of(config.model).values()}
    sizes = None if wide is None else [wide.set.get(name) for name in sorted(settings)]
    content = [layers, sizes, training, config.clip_norm, config.clip_value]
    return json.dumps(content, sort_keys=True, default=str)


def _drawn(model: keras.Model) -> str:
    """What a network's first weights depend on: layers that have weights or draw numbers."""
    layers = []
    for layer in model.layers:
        if layer.weights or "Dropout" in type(layer).__name__:
            config = _masked_config(type(layer).__name__, layer.get_config())
            config.pop("activation", None)
            layers.append([type(layer).__name__, config, [w.shape for w in layer.weights]])
    return json.dumps(layers, sort_keys=True, default=str)


def _masked(layer: dict[str, Any]) -> dict[str, Any]:
    """A layer's configuration without dropout rate, strengths of penalties and made-up names."""
    links = [_sources(node["args"]) for node in layer["inbound_nodes"]]
    config = _masked_config(layer["class_name"], layer["config"])
    return {"class": layer["class_name"], "config": config, "links": links}


def _sources(arguments: Any) -> Any:
    """Where a layer's inputs come from, without their shapes, which widths decide."""
    if isinstance(arguments, dict):
        return arguments.get("config", {}).get("keras_history")
    return [_sources(one) for one in arguments] if isinstance(arguments, list | tuple) else None


def _masked_config(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    config = dict(config)
    if kind == "Dropout":
        config.pop("rate")
    for name, value in config.items():
        if name.endswith("_regularizer") and isinstance(value, dict):
            config[name] = True
        if name.endswith("_initializer") and isinstance(value, dict):
            inner = {k: v for k, v in value["config"].items() if k != "seed"}
            config[name] = [value["class_name"], inner]
    return config


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
