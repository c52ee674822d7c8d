"""Optimizers, learning-rate schedules and losses, from a configuration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import keras
import numpy as np

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.settings import plugin_config
from mlzoo.core.validation.consistency import check_fit
from mlzoo.core.validation.values import loss_terms
from mlzoo.data import contracts
from mlzoo.data.specs import Outputs
from mlzoo.losses._sum import LossSum
from mlzoo.statistics.metrics import Mode, mode
from mlzoo.training.loop.early_stopping import Watch


def build_optimizer(
    config: RunConfig, steps_per_epoch: int, rated: bool = False, micro: int = 1
) -> keras.Optimizer:
    """Return the Keras optimizer with its schedule, clipping, averages and gradient accumulation.

    `momentum` and `nesterov` are SGD with (Nesterov) momentum. The global norm of all gradients
    is clipped where `clip_norm` is set, each entry where `clip_value` is.

    Args:
        config: of the run.
        steps_per_epoch: whole steps an epoch.
        rated: whether a variable that has a `rate_factor` learns at that share of the rate.
        micro: micro-batches a step; from 2 on their gradients are added up.
    """
    rate = learning_rate(config, steps_per_epoch)
    if micro > 1 and isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        rate = WholeSteps(rate, micro)
    common: dict[str, object] = {
        "global_clipnorm": config.clip_norm,
        "clipvalue": config.clip_value,
    }
    if config.ema_momentum:
        # Keras averages after every micro-batch.
        common |= {"use_ema": True, "ema_momentum": config.ema_momentum ** (1 / micro)}
    if config.swa_share:
        common["use_ema"] = True
    if micro > 1:
        common["gradient_accumulation_steps"] = micro
    common = {name: value for name, value in common.items() if value is not None}
    plugin = registry.load("optimizer", config.optimizer)
    chosen = plugin_config(config, "optimizer", config.optimizer)
    optimizer: keras.Optimizer = plugin.build(chosen, rate, **common)
    if not isinstance(optimizer, keras.Optimizer):
        raise UsageError(
            f"{config.optimizer}: build must return a keras.Optimizer, but it returned "
            f"{type(optimizer).__name__}"
        )
    if config.swa_share:
        steps = config.epochs * steps_per_epoch
        _average_evenly(optimizer, math.floor(steps * (1 - config.swa_share) + 1e-6) * micro)
    return _rated(optimizer) if rated else optimizer


def _average_evenly(optimizer: keras.Optimizer, start: int) -> None:
    """Let the averages of an optimizer be means of the weights after each step from `start` on.

    Args:
        optimizer: with `use_ema`.
        start: the first step that counts, from 0; before it averages are the weights themselves.
    """
    ops = keras.ops

    def update(variables: Sequence[Any]) -> None:
        earlier = ops.maximum(optimizer._iterations - start, 0)  # steps that are averaged already
        pairs = zip(variables, optimizer._model_variables_moving_average, strict=True)
        for variable, average in pairs:
            if average is not None:
                share = ops.cast(1 / (earlier + 1), variable.dtype)
                average.assign(average + share * (variable - average))

    optimizer._update_model_variables_moving_average = update


@keras.saving.register_keras_serializable(package="mlzoo")
class WholeSteps(keras.optimizers.schedules.LearningRateSchedule):
    """Schedule over whole steps for an optimizer that accumulates gradients.

    Keras hands a schedule the number of micro-batches, and steps after the last one of each step:
    a schedule that is merely stretched would be read up to one whole step late in it.

    Args:
        schedule: over whole steps.
        micro: micro-batches a step.
    """

    def __init__(self, schedule: Any, micro: int) -> None:
        self.schedule, self.micro = schedule, micro

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of the step that a micro-batch belongs to."""
        return self.schedule(keras.ops.floor_divide(step, self.micro))

    def get_config(self) -> dict[str, object]:
        """Return the arguments."""
        schedule = keras.optimizers.schedules.serialize(self.schedule)
        return {"schedule": schedule, "micro": self.micro}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> WholeSteps:
        """Build it from its arguments."""
        return cls(keras.optimizers.schedules.deserialize(config["schedule"]), config["micro"])


def last_rate(optimizer: keras.Optimizer) -> float:
    """Return the learning rate of the last step taken (of the first, where none was)."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # of a LossScaleOptimizer
    rate = inner._learning_rate
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        done = int(keras.ops.convert_to_numpy(inner._iterations))
        rate = rate(max(done - 1, 0))
    elif not isinstance(rate, keras.Variable):
        rate = inner.learning_rate
    return float(keras.ops.convert_to_numpy(rate))


def has_rates(model: keras.Model) -> bool:
    """Return whether some of a model's variables learn at a share of the rate."""
    return any(getattr(v, "rate_factor", 1.0) != 1.0 for v in model.trainable_variables)


def _rated(optimizer: keras.Optimizer) -> keras.Optimizer:
    """Let each variable of an optimizer learn at `rate_factor` times the rate."""
    plain = optimizer.update_step

    def update_step(gradient: Any, variable: Any, learning_rate: Any) -> None:
        ours = optimizer._trainable_variables[optimizer._get_variable_index(variable)]
        plain(gradient, variable, learning_rate * getattr(ours, "rate_factor", 1.0))

    optimizer.update_step = update_step
    return optimizer


def learning_rate(config: RunConfig, steps_per_epoch: int) -> Any:
    """Return a number, or a Keras schedule over steps."""
    plugin, chosen = _schedule(config)
    return plugin.build(chosen, config.rate, config.epochs, steps_per_epoch)


def adapts(config: RunConfig) -> bool:
    """Return whether the schedule changes the rate by what is monitored."""
    return hasattr(registry.load("schedule", config.schedule), "after_epoch")


def rate_after(config: RunConfig, rate: float, watch: Watch) -> float:
    """Return the learning rate after an epoch, where the schedule `adapts`.

    Args:
        config: of the run.
        rate: of that epoch.
        watch: has seen what is monitored.
    """
    plugin, chosen = _schedule(config)
    return float(plugin.after_epoch(chosen, rate, watch))


def scheduled(config: RunConfig, rate: float, steps_per_epoch: int, step: np.ndarray) -> np.ndarray:
    """Return the learning rate of each step, as `learning_rate` has it.

    Args:
        config: of the run.
        rate: the present one, where the schedule is no function of the step.
        steps_per_epoch: whole steps an epoch.
        step: steps from the beginning of the training, (n,).
    """
    plugin, chosen = _schedule(config)
    if hasattr(plugin, "rates"):
        rates: np.ndarray = plugin.rates(chosen, config.rate, config.epochs, steps_per_epoch, step)
        return rates
    schedule = learning_rate(config, steps_per_epoch)
    if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return np.full(len(step), rate)
    return np.array([float(keras.ops.convert_to_numpy(schedule(one))) for one in step])


def _schedule(config: RunConfig) -> tuple[ModuleType, Any]:
    """Return the schedule's plug-in and its settings."""
    plugin = registry.load("schedule", config.schedule)
    return plugin, plugin_config(config, "schedule", config.schedule)


def build_loss(
    config: RunConfig,
    outputs: Outputs,
    class_weights: np.ndarray | None = None,
    mixed: bool = False,
) -> keras.Loss:
    """The loss for the task. Losses on numbers work on standardized targets.

    Args:
        config: which losses, and their parameters.
        outputs: what the model predicts.
        class_weights: of pixels; those of samples come with the batches.
        mixed: whether targets may be shares of classes in place of positions.

    Raises:
        UsageError: a loss belongs to another task, or class weights have no effect on it.
    """
    check_fit(config, outputs.task)
    terms = _terms(config, outputs.task)
    whole = [n for _, n in terms if registry.constants("loss", n).get("WHOLE_LABELS")]
    if mixed and whole:
        raise UsageError(f"--loss {whole[0]}: needs whole labels; leave out MixUp and CutMix")
    losses = [
        registry.load("loss", name).build(
            plugin_config(config, "loss", name), outputs, class_weights, mixed
        )
        for _, name in terms
    ]
    weights = [weight for weight, _ in terms]
    return losses[0] if weights == [1] else LossSum(losses, weights)


def scales(config: RunConfig, outputs: Outputs) -> dict[str, str]:
    """Return what the columns of a history are measured in, where that is not one scale.

    Losses on numbers work on standardized targets, while their errors are told in the units of
    the target. Empty where there are no such numbers.
    """
    if not outputs.mean:
        return {}
    terms = [
        registry.stem(name) if weight == 1 else f"{weight:g} {registry.stem(name)}"
        for weight, name in _terms(config, outputs.task)
    ]
    plural = "s" if len(outputs.mean) > 1 else ""
    return {
        "loss": f"{' + '.join(terms)} of standardized target{plural}",
        "mae": "units of the target",
    }


def scale_note(config: RunConfig, outputs: Outputs) -> str:
    """Return `scales` as a sentence, with the statistics that standardize the first target."""
    units = scales(config, outputs)
    if not units:
        return ""
    rest = f" (first of {len(outputs.mean)} targets)" if len(outputs.mean) > 1 else ""
    return (
        f"scales: loss is {units['loss']}, mae is in {units['mae']}; standardized means minus "
        f"{outputs.mean[0]:.4g}, divided by {outputs.std[0]:.4g}{rest}, from the training split"
    )


def _terms(config: RunConfig, task: str) -> list[tuple[float, str]]:
    """Return weights and names of the losses."""
    if config.loss == "auto":
        return [(1.0, name) for name in contracts.task(task).losses]
    return loss_terms(config.loss)


def build_metrics(
    outputs: Outputs, mixed: bool = False, extra: Sequence[str] = ()
) -> list[keras.Metric]:
    """Return the metrics that are followed beside the loss.

    Args:
        outputs: what the model predicts.
        mixed: whether targets may be shares of classes in place of positions.
        extra: names of metrics beside those of the task.

    Raises:
        UsageError: a metric is no Keras metric of its name.
    """
    names = dict.fromkeys((*contracts.task(outputs.task).followed, *extra))
    plugins = {registry.stem(name): registry.load("metric", name) for name in names}
    built = {n: p.build(outputs, mixed) for n, p in plugins.items() if hasattr(p, "build")}
    followed = {name: metric for name, metric in built.items() if metric is not None}
    for name, metric in followed.items():
        if not isinstance(metric, keras.Metric) or metric.name != name:
            raise UsageError(
                f"{name}: build must return a keras.Metric named {name!r}, but it returned "
                f"{metric!r}"
            )
    if outputs.distribution:
        return [OfMean(metric) for metric in followed.values()]
    return list(followed.values())


class OfMean(keras.metrics.Metric):
    """A metric of the first number of predicted distributions (batch, numbers, targets).

    Args:
        metric: takes predictions (batch, targets).
    """

    def __init__(self, metric: keras.Metric) -> None:
        super().__init__(name=metric.name, dtype="float32")
        self.metric = metric

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch into account."""
        self.metric.update_state(y_true, y_pred[:, 0], sample_weight)

    def result(self) -> Any:
        """Return the value so far."""
        return self.metric.result()

    def reset_state(self) -> None:
        """Forget all batches."""
        self.metric.reset_state()


def direction(column: str) -> Mode:
    """Return the direction in which a column of the history improves."""
    return mode(column.removeprefix("val_"))
