"""One training step, as fast as each backend's public interface allows.

`train_on_batch` is fast on TensorFlow and PyTorch. On JAX it copies all variables into and out of
the model at each step, so there the state stays in JAX between steps and the model is brought up
to date only when somebody looks at it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from mlzoo.training.batches import Batch


class Steps:
    """Steps through `train_on_batch`. Logs are the batch's own: loss and metrics."""

    def __init__(self, model: keras.Model) -> None:
        self._model = model

    def step(self, batch: Batch) -> Mapping[str, Any]:
        """Train on one batch; the logs' values may still be being computed."""
        logs: Mapping[str, Any] = self._model.train_on_batch(*batch, return_dict=True)
        return logs

    def sync(self) -> None:
        """Make the model's variables those of the last step."""


class JaxSteps(Steps):
    """Steps through the model's own `train_step`, compiled once, with the state kept aside."""

    def __init__(self, model: keras.Model, compiled: bool) -> None:
        import jax

        super().__init__(model)
        self._state: Any = None
        self._step = jax.jit(self._fresh_step, donate_argnums=0) if compiled else self._fresh_step

    def _variables(self) -> tuple[list[Any], list[Any], list[Any]]:
        model = self._model
        return (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
        )

    def _fresh_step(self, state: Any, batch: Batch) -> Any:
        import jax.numpy as jnp

        # Every metric here starts from zero at each batch.
        metrics = [jnp.zeros(v.shape, v.dtype) for v in self._model.metrics_variables]
        logs, new = self._model.train_step((*state, metrics), batch)
        return logs, new[:3]

    def step(self, batch: Batch) -> Mapping[str, Any]:
        """Train on one batch; JAX may still be computing when this returns."""
        if self._state is None:
            self._state = tuple([v.value for v in group] for group in self._variables())
        logs, self._state = self._step(self._state, batch)
        return logs

    def sync(self) -> None:
        """Make the model's variables those of the last step."""
        if self._state is None:
            return
        for group, values in zip(self._variables(), self._state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        self._state = None


def build_steps(model: keras.Model, xla: str = "auto") -> Steps:
    """The steps of a compiled model for the backend in use.

    The model must be built and its metrics must have variables, which one `test_on_batch` sees to.
    """
    if keras.backend.backend() == "jax":
        return JaxSteps(model, xla != "off")
    return Steps(model)
