"""One training step, as fast as each backend's public interface allows.

On TensorFlow and PyTorch a step is one call of the function that `fit` calls, without the reset of
all metrics and the wait for their values that `train_on_batch` adds. On TensorFlow it is traced
once, for batches of every size, so that no step's rounding depends on the sizes before it. On JAX
the state stays in JAX between steps, and the model is brought up to date only when somebody looks
at it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import keras

from mlzoo.training.loop.batches import Batch


class TrainingSteps:
    """Steps through the model's own train function."""

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        model.make_train_function()

    def step(self, batch: Batch) -> Mapping[str, Any]:
        """Train on one batch.

        Returns:
            Means of loss and metrics since the metrics were reset. They may still be being
            computed; `float` waits for them.
        """
        logs: Mapping[str, Any] = self._model.train_function([batch])
        return logs

    def sync(self) -> None:
        """Make the model's variables those of the last step."""

    def forget(self) -> None:
        """Let go of a state that a failed step may have spoilt."""


class TensorFlowSteps(TrainingSteps):
    """Steps through the model's own train function, traced once for batches of every size."""

    def __init__(self, model: keras.Model) -> None:
        super().__init__(model)
        self._traced: dict[Any, Any] = {}

    def step(self, batch: Batch) -> Mapping[str, Any]:
        """Train on one batch."""
        arrays = [array for array in keras.tree.flatten(batch) if array is not None]
        kinds = tuple((array.dtype, array.ndim) for array in arrays)
        if kinds not in self._traced:
            self._traced[kinds] = self._trace(batch)
        logs: Mapping[str, Any] = self._traced[kinds](*arrays)
        return logs

    def _trace(self, batch: Batch) -> Any:
        import tensorflow as tf

        inputs, targets, weights = batch
        shapes = [tensor.shape for tensor in self._model.inputs]
        count, *sides = self._model.output_shape
        # Targets are as large as the outputs, where these are of any size.
        sides = [
            size if side else side
            for size, side in zip(targets.shape[1:], [*sides, 1], strict=False)
        ]
        shapes += [(count, *sides)] + ([] if weights is None else [(count,)])
        arrays = [array for array in keras.tree.flatten(batch) if array is not None]
        signature = [
            tf.TensorSpec(shape, array.dtype) for shape, array in zip(shapes, arrays, strict=True)
        ]
        train = self._model.train_function

        def step(*arrays: Any) -> Any:
            given = iter(arrays)
            packed = keras.tree.map_structure(lambda _: next(given), (inputs, targets))
            return train([(*packed, None if weights is None else next(given))])

        return tf.function(step, input_signature=signature, autograph=False)


class JaxSteps(TrainingSteps):
    """Steps through the model's own `train_step`, compiled once, with the state kept aside."""

    def __init__(self, model: keras.Model, compiled: bool, metrics_built: bool) -> None:
        import jax

        self._model = model
        self._state: Any = None
        self._metrics_built = metrics_built
        # A new function each time, or JAX would find what it compiled for another optimizer.
        step = partial(model.train_step)
        self._step = jax.jit(step, donate_argnums=0) if compiled else step

    def _variables(self) -> tuple[list[Any], ...]:
        model = self._model
        return (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
        )

    def step(self, batch: Batch) -> Mapping[str, Any]:
        """Train on one batch; JAX may still be computing when this returns."""
        if not self._metrics_built:
            self._build_metrics(batch)
        if self._state is None:
            self._state = tuple([v.value for v in group] for group in self._variables())
        logs, self._state = self._step(self._state, batch)
        return logs

    def _build_metrics(self, batch: Batch) -> None:
        """Let the metrics make their variables, which they do when they first see outputs."""
        inputs, targets, weights = batch
        sides = zip(self._model.output_shape[1:], (*targets.shape[1:], None), strict=False)
        outputs = keras.ops.zeros(
            (len(targets), *(side or target_side for side, target_side in sides))
        )
        self._model.compute_metrics(inputs, targets, outputs, weights)
        self._model.reset_metrics()
        self._metrics_built = True

    def sync(self) -> None:
        """Make the model's variables those of the last step."""
        if self._state is None:
            return
        for group, values in zip(self._variables(), self._state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        self._state = None

    def forget(self) -> None:
        """Let go of a state that a failed step may have spoilt."""
        self._state = None


def build_steps(
    model: keras.Model, xla: str = "auto", metrics_built: bool = False
) -> TrainingSteps:
    """The steps of a compiled model for the backend in use.

    `metrics_built` says that the metrics have their variables, and values worth keeping.
    """
    if keras.backend.backend() == "jax":
        return JaxSteps(model, xla != "off", metrics_built)
    if keras.backend.backend() == "tensorflow" and isinstance(model.output_shape, tuple):
        return TensorFlowSteps(model)
    return TrainingSteps(model)
