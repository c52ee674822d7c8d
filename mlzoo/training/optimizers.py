"""Optimizers, learning-rate schedules and losses, from a configuration."""

from __future__ import annotations

from typing import Any

import keras

from mlzoo.configs import RunConfig
from mlzoo.errors import UsageError
from mlzoo.layers.losses import Focal, Standardised
from mlzoo.specs import Outputs

_CLASSIFICATION = ("crossentropy", "focal")
_REGRESSION = ("mse", "mae", "huber")


def build_optimizer(config: RunConfig, steps_per_epoch: int) -> keras.Optimizer:
    """The Keras optimizer with its schedule and clipping.

    `momentum` and `nesterov` are SGD with (Nesterov) momentum. The global norm of all gradients
    is clipped where `clip_norm` is set, each entry where `clip_value` is.
    """
    rate = learning_rate(config, steps_per_epoch)
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
    return optimizer_class(learning_rate=rate, **settings, **clipping)


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


def build_loss(config: RunConfig, outputs: Outputs) -> keras.Loss:
    """The loss for the task. Losses on numbers work on standardised targets.

    Raises:
        UsageError: the loss asked for belongs to the other task.
    """
    allowed = _CLASSIFICATION if outputs.task == "classification" else _REGRESSION
    name = allowed[0] if config.loss == "auto" else config.loss
    if name not in allowed:
        raise UsageError(
            f"--loss {name} does not fit {outputs.task}; choose {' or '.join(allowed)}"
        )
    if name == "focal":
        return Focal(gamma=config.focal_gamma)
    if name == "crossentropy":
        binary = outputs.units == 1
        return (
            keras.losses.BinaryCrossentropy()
            if binary
            else keras.losses.SparseCategoricalCrossentropy()
        )
    inner = {
        "mse": keras.losses.MeanSquaredError,
        "mae": keras.losses.MeanAbsoluteError,
        "huber": keras.losses.Huber,
    }[name]()
    return Standardised(inner, outputs.mean, outputs.std) if outputs.mean else inner


def build_metrics(outputs: Outputs) -> list[keras.Metric]:
    """What is followed beside the loss: accuracy for classes, the mean absolute error else."""
    if outputs.task != "classification":
        return [keras.metrics.MeanAbsoluteError(name="mae")]
    if outputs.units == 1:
        return [keras.metrics.BinaryAccuracy(name="accuracy")]
    return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]


def direction(metric: str) -> str:
    """`max` or `min`: which way a monitored metric improves."""
    return "max" if metric.removeprefix("val_") == "accuracy" else "min"
