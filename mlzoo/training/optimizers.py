"""Optimizers, learning-rate schedules and losses, from a configuration."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from mlzoo.core.configs import RunConfig, check_fit, loss_terms
from mlzoo.core.errors import UsageError
from mlzoo.data import contracts
from mlzoo.data.specs import Outputs
from mlzoo.losses.field_losses import MaskedFields
from mlzoo.losses.losses import Focal, Standardised, class_accuracy
from mlzoo.losses.pixel_losses import LossSum, pixel_loss
from mlzoo.metrics.pixel_metrics import as_metric, field_mae, mean_iou, pixel_accuracy


def build_optimizer(
    config: RunConfig, steps_per_epoch: int, rated: bool = False, micro: int = 1
) -> keras.Optimizer:
    """Return the Keras optimizer with its schedule, clipping and gradient accumulation.

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
    clipping = {"global_clipnorm": config.clip_norm, "clipvalue": config.clip_value}
    clipping = {name: value for name, value in clipping.items() if value is not None}
    optimizers = keras.optimizers
    classes: dict[str, tuple[Any, dict[str, Any]]] = {
        "sgd": (optimizers.SGD, {}),
        "momentum": (optimizers.SGD, {"momentum": config.momentum}),
        "nesterov": (optimizers.SGD, {"momentum": config.momentum, "nesterov": True}),
        "adagrad": (optimizers.Adagrad, {}),
        "rmsprop": (optimizers.RMSprop, {}),
        "adadelta": (optimizers.Adadelta, {}),
        "adam": (optimizers.Adam, {}),
        "adamw": (optimizers.AdamW, {"weight_decay": config.weight_decay}),
    }
    optimizer_class, settings = classes[config.optimizer]
    if rated:
        optimizer_class = _rated(optimizer_class)
    if micro > 1:
        settings = {**settings, "gradient_accumulation_steps": micro}
    return optimizer_class(learning_rate=rate, **settings, **clipping)


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

    def get_config(self) -> dict[str, Any]:
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
    """Whether some of a model's variables learn at a share of the rate."""
    return any(getattr(v, "rate_factor", 1.0) != 1.0 for v in model.trainable_variables)


def _rated(optimizer: Any) -> Any:
    """An optimizer's class in which variables learn at `rate_factor` times the rate."""

    class Rated(optimizer):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            ours = self._trainable_variables[self._get_variable_index(variable)]
            share = getattr(ours, "rate_factor", 1.0)
            super().update_step(gradient, variable, learning_rate * share)

    return Rated


def learning_rate(config: RunConfig, steps_per_epoch: int) -> Any:
    """A number, or a Keras schedule over steps (a plateau schedule changes the number instead).

    cosine: after a linear warm-up, rate * (1 + cos(pi t / T)) / 2 (Loshchilov and Hutter 2017,
    without restarts). step: multiplied by `decay_factor` every `decay_every` epochs.
    """
    if config.schedule == "cosine":
        warm = config.warmup * steps_per_epoch
        total = config.epochs * steps_per_epoch
        return keras.optimizers.schedules.CosineDecay(
            0.0 if warm else config.rate,
            decay_steps=total - warm,
            warmup_target=config.rate if warm else None,
            warmup_steps=warm,
        )
    if config.schedule == "step":
        return keras.optimizers.schedules.ExponentialDecay(
            config.rate, config.decay_every * steps_per_epoch, config.decay_factor, staircase=True
        )
    return config.rate


def build_loss(
    config: RunConfig,
    outputs: Outputs,
    class_weights: np.ndarray | None = None,
    mixed: bool = False,
) -> keras.Loss:
    """The loss for the task. Losses on numbers work on standardised targets.

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
    whole = [name for _, name in terms if name in ("lovasz", "boundary")]
    if mixed and whole:
        raise UsageError(f"--loss {whole[0]}: needs whole labels; leave out MixUp and CutMix")
    if outputs.target.pixel_class or outputs.target.stepwise:
        return _pixel_loss(config, terms, class_weights)
    losses = [_single_loss(name, config, outputs, mixed) for _, name in terms]
    if terms == [(1.0, terms[0][1])]:
        return losses[0]
    return LossSum(losses, [weight for weight, _ in terms])


def scales(config: RunConfig, outputs: Outputs) -> dict[str, str]:
    """Return what the columns of a history are measured in, where that is not one scale.

    Losses on numbers work on standardized targets, while their errors are told in the units of
    the target. Empty where there are no such numbers.
    """
    if not outputs.mean:
        return {}
    terms = [
        name if weight == 1 else f"{weight:g} {name}"
        for weight, name in _terms(config, outputs.task)
    ]
    plural = "s" if len(outputs.mean) > 1 else ""
    return {
        "loss": f"{' + '.join(terms)} of standardized target{plural}",
        "mae": "units of the target",
    }


def scale_note(config: RunConfig, outputs: Outputs) -> str:
    """Return `scales` as a sentence, with the statistics that standardize the first target."""
    found = scales(config, outputs)
    if not found:
        return ""
    rest = f" (first of {len(outputs.mean)} targets)" if len(outputs.mean) > 1 else ""
    return (
        f"scales: loss is {found['loss']}, mae is in {found['mae']}; standardized means minus "
        f"{outputs.mean[0]:.4g}, divided by {outputs.std[0]:.4g}{rest}, from the training split"
    )


def _terms(config: RunConfig, task: str) -> list[tuple[float, str]]:
    """Weights and names of the losses."""
    if config.loss == "auto":
        return [(1.0, name) for name in contracts.task(task).losses]
    return loss_terms(config.loss)


def _pixel_loss(
    config: RunConfig, terms: list[tuple[float, str]], class_weights: np.ndarray | None
) -> keras.Loss:
    return pixel_loss(
        terms,
        class_weights=None if class_weights is None else class_weights.tolist(),
        focal_gamma=config.focal_gamma,
        tversky_beta=config.tversky_beta,
        top_share=config.top_share,
    )


def _single_loss(name: str, config: RunConfig, outputs: Outputs, mixed: bool) -> keras.Loss:
    if name == "crossentropy" and mixed:
        return Focal(gamma=0.0, name="crossentropy")
    if name == "focal":
        return Focal(gamma=config.focal_gamma)
    if name == "crossentropy":
        binary = outputs.units == 1
        return (
            keras.losses.BinaryCrossentropy()
            if binary
            else keras.losses.SparseCategoricalCrossentropy()
        )
    if outputs.target.pixel_numbers or outputs.target.ahead:
        return MaskedFields(name, outputs.mean, outputs.std)
    inner = {
        "mse": keras.losses.MeanSquaredError,
        "mae": keras.losses.MeanAbsoluteError,
        "huber": keras.losses.Huber,
    }[name]()
    return Standardised(inner, outputs.mean, outputs.std) if outputs.mean else inner


def build_metrics(outputs: Outputs, mixed: bool = False) -> list[keras.Metric]:
    """What is followed beside the loss.

    Accuracy for classes, and for masks the mean intersection over union as well; the mean
    absolute error for numbers.

    Args:
        outputs: what the model predicts.
        mixed: whether targets may be shares of classes in place of positions.
    """
    if outputs.target.pixel_class or outputs.target.stepwise:
        followed = [as_metric(pixel_accuracy, "accuracy")]
        return followed if outputs.target.causal else [*followed, as_metric(mean_iou, "iou")]
    if outputs.target.pixel_numbers or outputs.target.ahead:
        return [as_metric(field_mae, "mae")]
    if not outputs.target.sample_class:
        return [keras.metrics.MeanAbsoluteError(name="mae")]
    if mixed:
        return [as_metric(class_accuracy, "accuracy")]
    if outputs.units == 1:
        return [keras.metrics.BinaryAccuracy(name="accuracy")]
    return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]


def direction(metric: str) -> str:
    """`max` or `min`: which way a monitored metric improves."""
    return "max" if metric.removeprefix("val_") in ("accuracy", "iou") else "min"
