"""Compiling models as a run is configured, and the loss and metrics that they then report."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.data.samples import Data
from mlzoo.data.specs import Compiled, TrainingModel
from mlzoo.layers.predictive import trained_on
from mlzoo.training.distributed.group import mean_scores
from mlzoo.training.loop.batches import class_weights
from mlzoo.training.optimizers import build_loss, build_metrics, build_optimizer, has_rates

if TYPE_CHECKING:
    from mlzoo.layers.networks import Networks

JIT: dict[str, object] = {"auto": "auto", "on": True, "off": False}


def compile_for_training(
    model: keras.Model, data: Data, config: RunConfig, steps: int, seed: int
) -> tuple[keras.Model, keras.Model, keras.Model]:
    """Return the models that steps train, that epochs validate, and whose best weights are kept.

    All three share their layers, and are one where the model is fed its inputs alone.

    Args:
        model: of the run, as its plug-in built it.
        data: that it is trained on.
        config: of the run.
        steps: of an epoch.
        seed: of what the losses of several networks draw.
    """
    twin: TrainingModel | None = getattr(model, "twin", None)
    networks: Networks | None = getattr(model, "networks", None)
    compiled: Compiled | None = getattr(model, "compiled_with", None)
    if config.equation and twin is not None and (twin.members > 1 or twin.feeds):
        raise UsageError(
            f"--equation: {config.model} has other outputs in training than these; leave out the "
            "setting that adds them, such as deep_supervision"
        )
    if networks is not None:
        refuse_episodes(data, config)
        if config.averages_weights:
            flag = "--ema-momentum" if config.ema_momentum else "--swa-share"
            raise UsageError(
                f"{flag} has no effect on {config.model}, a model of several networks: leave it out"
            )
        from mlzoo.training.loop.networks import NetworksModel

        several = NetworksModel(networks, steps, seed)
        several.compile_each(config, JIT[config.xla])
        return several, several, several
    if compiled is not None:
        compile_as_told(compiled, data, config)
        return compiled.model, compiled.model, model
    if data.outputs.distribution:
        spread = trained_on(model, data.outputs)
        compile_model(spread, data, config, steps)
        return spread, spread, model
    compile_model(model, data, config, steps)
    if config.equation:
        twin = with_equation(model, data, config.equation, config.equation_weight)
        model.twin = twin
    if twin is None:
        return model, model, model
    # A twin on the model's layers is fed more than the inputs, which validation does not have.
    compile_model(twin.model, data, config, steps)
    return twin.model, model, model


def with_equation(model: keras.Model, data: Data, name: str, weight: float) -> TrainingModel:
    """Return a model on the same layers whose loss has the residual of equations in it.

    Args:
        model: of fields.
        data: that it is trained on.
        name: file of the problem, or one that comes along.
        weight: of the residual.

    Raises:
        DataError: the file is no problem.
        UsageError: it is of other fields, or these are cut into tiles.
    """
    from mlzoo.layers.grid_residual import EquationResidual, check_grid

    problem = registry.load("source", "problem").problem_of(name)
    shape = data.inputs.shape
    check_grid(problem, shape, data.outputs.units)
    if data.tiling is not None:
        raise UsageError("--equation: fields are cut into tiles, which have no ends; --tile none")
    layer = EquationResidual(problem, shape[:2], weight, name="equation")
    outputs = layer(model.input, model.output)
    return TrainingModel(keras.Model(model.input, outputs, name=f"{model.name}_on_equation"))


def compile_model(model: keras.Model, data: Data, config: RunConfig, steps: int) -> None:
    """Compile a model with the optimizer, loss and metrics of a configuration.

    Raises:
        UsageError: the model learns equations, which it is not shown the solution of.
    """
    if data.samples.problem is not None:
        raise UsageError(
            f"{config.model} learns from the residuals of equations, which are not minimized here: "
            "leave out --overfit, --find-rate and --dry-run"
        )
    model.compile(
        optimizer=build_optimizer(config, steps, has_rates(model)),
        loss=build_loss(config, data.outputs, inside_weights(config, data), data.policy.mixes),
        metrics=build_metrics(data.outputs, data.policy.mixes, config.metrics),
        jit_compile=JIT[config.xla],
    )
    model.optimizer.build(model.trainable_variables)  # so that a checkpoint finds its slots


def refuse_episodes(data: Data, config: RunConfig) -> None:
    """Raise UsageError where a model learns from episodes, which this loop does not play."""
    if data.samples.environment is not None:
        raise UsageError(
            f"{config.model} learns from episodes that it plays, which are not played here: leave "
            "out --overfit, --find-rate and --dry-run"
        )


def compile_as_told(compiled: Compiled, data: Data, config: RunConfig) -> None:
    """Compile a model with the optimizer and loss that its author chose.

    Raises:
        UsageError: targets are mixed, which a loss of one's own need not know.
    """
    if data.policy.mixes:
        raise UsageError("--augment: MixUp and CutMix need losses of ours; leave them out")
    compiled.model.compile(
        optimizer=compiled.optimizer,
        loss=compiled.loss,
        metrics=list(compiled.metrics),
        jit_compile=JIT[config.xla],
    )
    compiled.model.optimizer.build(compiled.model.trainable_variables)


def inside_weights(config: RunConfig, data: Data) -> np.ndarray | None:
    """Class weights of pixels and steps, the loss's affair; those of samples come with batches."""
    inside = data.outputs.target.dense or data.outputs.target.stepwise
    return class_weights(config.class_weights, data) if inside else None


def measure(model: keras.Model, batches: Iterable[tuple[Any, ...]]) -> dict[str, float]:
    """Loss and metrics of a compiled model on (inputs, targets), as means over their samples.

    Weights, where they come third, count in the loss alone.
    """
    return mean_scores(measured(model, batches))


def measured(
    model: keras.Model, batches: Iterable[tuple[Any, ...]]
) -> list[tuple[dict[str, float], int]]:
    """Loss and metrics of each batch, with its number of samples; see `measure`."""
    parts = []
    for inputs, targets, *weights in batches:
        model.reset_metrics()  # which older versions of Keras leave to the caller
        logs = model.test_on_batch(inputs, targets, *weights, return_dict=True)
        parts.append(({name: float(value) for name, value in logs.items()}, len(targets)))
    return parts


def history_columns(config: RunConfig, data: Data, networks: Networks | None = None) -> list[str]:
    """Loss and metrics as the history names them, or what several networks follow."""
    if networks is not None:
        names = networks.columns
    else:
        followed = build_metrics(data.outputs, extra=config.metrics)
        names = ["loss", *(metric.name for metric in followed)]
    return names + [f"val_{name}" for name in names if len(data.valid)]


def monitored(config: RunConfig, data: Data, columns: list[str]) -> str:
    """The metric to watch: `monitor`, or the loss on the training split where no other part is.

    Raises:
        UsageError: the history will have no such column.
    """
    if config.monitor in columns:
        return config.monitor
    if config.monitor == "val_loss" and not len(data.valid):
        return "loss"
    raise UsageError(f"--monitor {config.monitor}: choose one of {', '.join(columns)}")
