"""Training by an optimizer that takes the whole training split at once, such as L-BFGS.

For small models with a deterministic loss. One iteration counts as one epoch. A run that was
stopped starts again from its initial weights, which ends in the same place. A model that its
plug-in's `initialize` has solved says how in its attribute `solved`, and is only measured.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DivergedError, Interrupted, UsageError
from mlzoo.core.progress import Listener
from mlzoo.core.settings import plugin_config
from mlzoo.data.samples import Data
from mlzoo.layers.gradients import GradientRecorder
from mlzoo.layers.predictive import trained_on
from mlzoo.training import checkpoints
from mlzoo.training.compiling import (
    JIT,
    compile_for_training,
    history_columns,
    inside_weights,
    measure,
    monitored,
)
from mlzoo.training.loop.batches import chunks, class_weights, sample_weights
from mlzoo.training.loop.early_stopping import Fitted, stop_reason, watch
from mlzoo.training.optimizers import build_loss, build_metrics, direction
from mlzoo.training.signals import Stop

MOST_PARAMETERS = 200_000
CONVERGED = "converged"
"""Reason that a full-batch optimizer gives where it met its tolerance."""


def fit(
    model: keras.Model,
    data: Data,
    config: RunConfig,
    listener: Listener,
    stop: Stop,
    name: str = "",
) -> Fitted:
    """Minimize the mean loss over the training split, penalties included.

    Args:
        model: its weights are changed.
        data: samples in splits.
        config: of the run.
        listener: hears of progress.
        stop: notes signals.
        name: of the training, for the listener.

    Raises:
        UsageError: the model is too large, its loss is random (dropout, batch normalization), or
            it is trained on more than its inputs.
        DivergedError: the loss is NaN or infinite at the start.
        Interrupted: a signal came.
    """
    solved: str = getattr(model, "solved", "")
    if not solved:
        _check(model, config.optimizer)
    recorder = GradientRecorder()
    if getattr(model, "networks", None) is not None:  # solved: they are only measured
        columns = history_columns(config, data, model.networks)
        model, _, _ = compile_for_training(model, data, config, 1, config.seed)
    else:
        columns = history_columns(config, data)
        model = trained_on(model, data.outputs)
        model.compile(
            optimizer=recorder,
            loss=build_loss(config, data.outputs, inside_weights(config, data)),
            metrics=build_metrics(data.outputs, extra=config.metrics),
            jit_compile=JIT[config.xla],
        )
    search = _Search(model, data, config, recorder, listener, stop, columns)
    listener.start(name, 1 if solved else config.epochs, 1)
    search.keep(solved) if solved else search.run()
    listener.end()
    return search.result()


def _check(model: keras.Model, optimizer: str) -> None:
    count = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    if count > MOST_PARAMETERS:
        raise UsageError(
            f"--optimizer {optimizer} is for models of up to {MOST_PARAMETERS:,} parameters, this "
            f"one has {count:,}; choose adam"
        )
    twin = getattr(model, "twin", None)
    if twin is not None:
        settings = {"targets": "teacher_forcing=false", "goes_on": "carry_state=false"}
        setting = settings.get(twin.feeds, "members=1")
        raise UsageError(
            f"--optimizer {optimizer} minimizes the model's own loss: add --set {setting}, or "
            "choose adam"
        )
    random_layers = [layer.name for layer in model.layers if _random(layer)]
    if random_layers:
        raise UsageError(
            f"--optimizer {optimizer} needs a loss that is the same at each call; take out "
            f"{random_layers[0]}, as with --set dropout=0 or --set batch_normalization=false, or "
            "choose adam"
        )


def _random(layer: Any) -> bool:
    """Return whether a layer draws random numbers in training, or mixes the samples of a batch."""
    layer = getattr(layer, "forward_layer", layer)
    kinds = (keras.layers.Dropout, keras.layers.AlphaDropout, keras.layers.BatchNormalization)
    rates = (getattr(layer, name, 0) for name in ("dropout", "recurrent_dropout"))
    return isinstance(layer, kinds) or any(isinstance(rate, float) and rate > 0 for rate in rates)


class _Search:
    """The loss as a function of one flat vector of weights, and what is seen on the way."""

    def __init__(
        self,
        model: keras.Model,
        data: Data,
        config: RunConfig,
        recorder: GradientRecorder,
        listener: Listener,
        stop: Stop,
        columns: list[str],
    ) -> None:
        self.model, self.data, self.config = model, data, config
        self.recorder, self.listener, self.stop = recorder, listener, stop
        inside = inside_weights(config, data) is not None
        of_class = None if inside else class_weights(config.class_weights, data)
        self.weights = sample_weights(data.train, of_class)
        metric = monitored(config, data, columns)
        self.watch = watch(config, metric, direction(metric))
        self.history: list[dict[str, float]] = []
        self.best: checkpoints.Arrays | None = None
        self.stopped = ""

    def run(self) -> None:
        start = _flatten(checkpoints.values(self.model.trainable_variables))
        if not np.isfinite(self.loss_and_gradient(start)[0]):
            raise DivergedError("the loss is not finite at the initial weights; check the data")
        name = self.config.optimizer
        chosen = plugin_config(self.config, "optimizer", name)
        minimize = registry.load("optimizer", name).build(chosen)
        end, reason = minimize(
            self.loss_and_gradient, start, self.config.epochs, self._seen(self._iteration)
        )
        self._assign(end)
        if not self.history:
            self._iteration(end)
        if not self.stopped and reason != CONVERGED:
            more = "; raise --epochs" if len(self.history) >= self.config.epochs else ""
            self.listener.warn(f"{registry.stem(name)} {reason}{more}")
        self.stopped = self.stopped or f"{registry.stem(name)}: {reason}"

    def keep(self, solved: str) -> None:
        """Measure the weights that the model has; `solved` says how they were found."""
        self._iteration(_flatten(checkpoints.values(self.model.trainable_variables)))
        self.stopped = solved

    def loss_and_gradient(self, flat: np.ndarray) -> tuple[float, np.ndarray]:
        """Mean loss and its gradient over the training split, a chunk at a time."""
        self._assign(flat)
        loss, gradient, start = 0.0, np.zeros_like(flat), 0
        for inputs, targets, *_ in chunks(self.data.train):
            end = start + len(targets)
            weights = None if self.weights is None else self.weights[start:end]
            start = end
            self.model.reset_metrics()
            logs = self.model.train_on_batch(inputs, targets, weights, return_dict=True)
            share = len(targets) / len(self.data.train)
            loss += share * float(logs["loss"])
            gradient += share * _flatten(self.recorder.gradients())
        return loss, gradient

    def _seen(self, see: Callable[[np.ndarray], None]) -> Callable[[np.ndarray], None]:
        def callback(flat: np.ndarray) -> None:
            see(flat)
            if self.stop.signal:
                raise Interrupted(f"stopped in iteration {len(self.history)}", self.stop.signal)
            if self.watch.stop:
                self.stopped = stop_reason(self.config, self.watch.metric)
                raise StopIteration

        return callback

    def _iteration(self, flat: np.ndarray) -> None:
        self._assign(flat)
        epoch = len(self.history) + 1
        row = measure(self.model, chunks(self.data.train))
        if len(self.data.valid):
            row |= {f"val_{k}": v for k, v in measure(self.model, chunks(self.data.valid)).items()}
        self.history.append({"epoch": epoch, **row})
        if self.watch.see(epoch, row[self.watch.metric]) and self.config.keep == "best":
            self.best = checkpoints.values(self.model.weights)
        self.listener.epoch(self.history[-1])

    def _assign(self, flat: np.ndarray) -> None:
        start = 0
        for variable in self.model.trainable_variables:
            size = int(np.prod(variable.shape))
            variable.assign(flat[start : start + size].reshape(variable.shape).astype("float32"))
            start += size

    def result(self) -> Fitted:
        kept = len(self.history)
        if self.best is not None:
            checkpoints.assign(self.model.weights, self.best)
            kept = self.watch.best_epoch
        return Fitted(
            history=self.history,
            kept_epoch=kept,
            criterion=f"best {self.watch.metric}" if self.best is not None else "last epoch",
            value=self.history[kept - 1][self.watch.metric],
            stopped=self.stopped,
        )


def _flatten(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0), *(array.ravel() for array in arrays)])
