"""One training step, as fast as each backend's public interface allows.

On TensorFlow and PyTorch a step is one call of the function that `fit` calls, without the reset of
all metrics and the wait for their values that `train_on_batch` adds. On TensorFlow it is traced
once, for batches of every size, so that no step's rounding depends on the sizes before it. On JAX
the state stays in JAX between steps, and the model is brought up to date only when somebody looks
at it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

import keras

from mlzoo.core.errors import UsageError
from mlzoo.training.loop.batches import Batch
from mlzoo.training.loop.data_parallel import SharedDevices, shared_devices


class TrainingSteps:
    """Steps through the model's own train function, on one of `devices`."""

    devices = 1
    transfers = False
    """True: `transferred` moves a batch; elsewhere the step itself does."""

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

    def share(self, arrays: Any) -> Any:
        """Put nested arrays, whose first axis counts samples, where the model computes."""
        return arrays

    def transferred(self, batch: Batch) -> Batch:
        """Return a batch once it is where the model computes."""
        return batch

    def sync(self) -> None:
        """Make the model's variables those of the last step."""

    def forget(self) -> None:
        """Let go of a state that a failed step may have spoilt."""

    def release(self) -> None:
        """Make the model's variables those of the last step, on one device."""


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
        arrays = [array for array in keras.tree.flatten(batch) if array is not None]
        signature = [
            tf.TensorSpec(shape, array.dtype)
            for shape, array in zip(self._shapes(batch), arrays, strict=True)
        ]
        train = self._model.train_function

        def step(*arrays: Any) -> Any:
            given = iter(arrays)
            packed = keras.tree.map_structure(lambda _: next(given), (inputs, targets))
            return train([(*packed, None if weights is None else next(given))])

        return tf.function(step, input_signature=signature, autograph=False)

    def _shapes(self, batch: Batch) -> list[tuple[int | None, ...]]:
        """Return the shapes of all batches: inputs, targets and weights, where there are some."""
        _, targets, weights = batch
        shapes = [tensor.shape for tensor in self._model.inputs]
        count, *sides = self._model.output_shape
        # Targets are as large as the outputs, where these are of any size.
        sides = [
            size if side else side
            for size, side in zip(targets.shape[1:], [*sides, 1], strict=False)
        ]
        return [*shapes, (count, *sides), *([] if weights is None else [(count,)])]


class TensorFlowNetworkSteps(TensorFlowSteps):
    """The same for several networks, whose batches are of one shape but for their size."""

    def _shapes(self, batch: Batch) -> list[tuple[int | None, ...]]:
        arrays = [array for array in keras.tree.flatten(batch) if array is not None]
        return [(None, *array.shape[1:]) for array in arrays]


class JaxSteps(TrainingSteps):
    """Steps through the model's own `train_step`, compiled once, with the state kept aside."""

    transfers = True

    def __init__(
        self,
        model: keras.Model,
        compiled: bool,
        metrics_built: bool,
        shared: SharedDevices | None = None,
    ) -> None:
        import jax

        self._model, self._shared = model, shared
        self.devices = shared.count if shared else 1
        self._state: Any = None
        self._metrics_built = metrics_built
        # A new function each time, or JAX would find what it compiled for another optimizer.
        step = partial(model.train_step)
        # Else XLA might divide a weight among the devices.
        placed: dict[str, object] = {"out_shardings": shared.replicated} if shared else {}
        self._step = jax.jit(step, donate_argnums=0, **placed) if compiled else step

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
            if self._shared is not None:
                self._state = self._shared.replicate(self._state)
        logs, self._state = self._step(self._state, self.share(batch))
        return logs

    def share(self, arrays: Any) -> Any:
        """Put nested arrays, whose first axis counts samples, where the model computes."""
        return arrays if self._shared is None else self._shared.share(arrays)

    def transferred(self, batch: Batch) -> Batch:
        """Return a batch once it is where the model computes."""
        import jax

        there: Batch = jax.block_until_ready(jax.device_put(self.share(batch)))
        return there

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
                variable.assign(value if self._shared is None else self._shared.own(value))
        self._state = None

    def forget(self) -> None:
        """Let go of a state that a failed step may have spoilt."""
        self._state = None

    def release(self) -> None:
        """Make the model's variables those of the last step, on one device."""
        self.sync()
        if self._shared is not None:
            for variable in chain(*self._variables(), self._model.variables):
                variable.assign(keras.ops.convert_to_numpy(variable.value))


def build_steps(
    model: keras.Model,
    xla: str = "auto",
    metrics_built: bool = False,
    single: bool = True,
    devices: Sequence[str] = (),
) -> TrainingSteps:
    """The steps of a compiled model for the backend in use.

    Args:
        model: compiled.
        xla: `off` compiles nothing on JAX.
        metrics_built: the metrics have their variables, and values worth keeping.
        single: the model is one network, not several.
        devices: names of those that share each batch; none: the one that Keras chooses.
    """
    if keras.backend.backend() == "jax":
        return JaxSteps(model, xla != "off", metrics_built, shared_devices(devices))
    if keras.backend.backend() == "tensorflow" and not single:
        return TensorFlowNetworkSteps(model)
    if keras.backend.backend() == "tensorflow" and isinstance(model.output_shape, tuple):
        return TensorFlowSteps(model)
    return TrainingSteps(model)


def stateful(function: Callable[..., Any], groups: Sequence[Sequence[Any]], *given: Any) -> Any:
    """Call a function that changes variables, as Keras calls the steps of a model.

    Args:
        function: takes inputs, targets and weights, and reads and assigns variables.
        groups: those variables.
        *given: the data; on JAX the values of `groups` before them.

    Returns:
        What the function returns; on JAX with the values of `groups` after the call.
    """
    if len(given) == 1:
        return function(*given[0])
    state, data = given
    pairs = [
        pair
        for group, values in zip(groups, state, strict=True)
        for pair in zip(group, values, strict=True)
    ]
    with keras.StatelessScope(state_mapping=pairs) as scope:
        result = function(*data)
    return result, tuple([scope.get_current_value(v) for v in group] for group in groups)


def value_and_gradients(
    function: Callable[[], Mapping[str, Any]], trained: Sequence[Any], variables: Sequence[Any]
) -> tuple[Mapping[str, Any], list[Any]]:
    """Return the terms of a loss, and the gradients of the term `loss`.

    Args:
        function: gives the terms, scalars by name.
        trained: variables that the gradients are taken by.
        variables: all that the function reads or assigns.

    Raises:
        UsageError: the backend is PyTorch.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            terms = function()
        return terms, tape.gradient(terms["loss"], [v.value for v in trained])
    if keras.backend.backend() != "jax":
        raise UsageError(
            "models of several networks train on TensorFlow and JAX; set KERAS_BACKEND to one"
        )
    import jax

    known = {id(variable) for variable in trained}
    others = [variable for variable in variables if id(variable) not in known]
    before = [variable.value for variable in others]

    def loss_of(values: Sequence[Any]) -> Any:
        pairs = [*zip(trained, values, strict=True), *zip(others, before, strict=True)]
        with keras.StatelessScope(state_mapping=pairs) as scope:
            terms = function()
            after = [scope.get_current_value(variable) for variable in others]
        return terms["loss"], (terms, after)

    gradients_of = jax.value_and_grad(loss_of, has_aux=True)
    (_, (terms, after)), gradients = gradients_of([variable.value for variable in trained])
    for variable, value in zip(others, after, strict=True):
        variable.assign(value)
    return terms, gradients
