"""Compiled programs: epochs of training in one call, on TensorFlow and JAX.

A program is compiled once for an architecture; weights, optimizer state, rate, dropout and
penalties are its arguments. This is the one module that speaks to the backends themselves, since
Keras has no public way to compile more than a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import keras
import numpy as np

from mlzoo.tuning.scalars import Scalars, penalty

Arrays = list[np.ndarray]
traces = 0
"""How many programs this process has traced."""


@dataclass
class State:
    """All that training changes: trainable weights, other variables, the optimizer's."""

    trainable: Arrays
    others: Arrays
    optimizer: Arrays


@dataclass(frozen=True)
class Work:
    """What a program is run on.

    Attributes:
        x: (n, *shape) scaled inputs, a backend's array.
        y: (n, ...) targets.
        order: (epochs, steps, batch) positions in `x`, int32.
        rest: (epochs, left) positions of the smaller last batch of each epoch; left may be 0.
        valid: (m,) positions to predict at the end.
        dropout: rates of `Scalars`.
        penalties: those of `Scalars`.
        rate: the learning rate.
    """

    x: Any
    y: Any
    order: np.ndarray
    rest: np.ndarray
    valid: np.ndarray
    dropout: np.ndarray
    penalties: np.ndarray
    rate: float


@dataclass(frozen=True)
class Said:
    """What a program gives back: the mean training loss, the validation loss, the outputs."""

    loss: float
    valid_loss: float
    outputs: np.ndarray


class Program(Protocol):
    """A compiled network that can be put in any state and trained from there."""

    def load(self, state: State) -> None:
        """Put it in a state."""
        ...

    def state(self) -> State:
        """The state that it is in."""
        ...

    def run(self, work: Work) -> Said:
        """Train for the epochs of `work.order`, then predict."""
        ...


@dataclass(frozen=True)
class Parts:
    """What a program is made of: a network without penalties, its optimizer, loss and scalars."""

    model: keras.Model
    optimizer: keras.Optimizer
    loss: keras.Loss
    scalars: Scalars
    penalised: Sequence[Any]


def put(array: np.ndarray) -> Any:
    """An array where the backend computes."""
    return keras.ops.convert_to_tensor(array)


def build_program(parts: Parts, loop: bool) -> Program:
    """A program for the backend in use; `loop` compiles epochs, else a step at a time."""
    on_jax = keras.backend.backend() == "jax"
    return JaxProgram(parts, loop) if on_jax else TensorFlowProgram(parts, loop)


class TensorFlowProgram:
    """Variables in place; a `tf.function` over all epochs, or over a step."""

    def __init__(self, parts: Parts, loop: bool) -> None:
        import tensorflow as tf

        self._parts, self._loop = parts, loop
        model, optimizer, scalars = parts.model, parts.optimizer, parts.scalars
        weights = list(parts.penalised)

        def step(x: Any, y: Any, places: Any, dropout: Any, penalties: Any) -> Any:
            scalars.dropout = dropout
            inputs, targets = tf.gather(x, places), tf.gather(y, places)
            with tf.GradientTape() as tape:
                said = model(inputs, training=True)
                loss = parts.loss(targets, said) + penalty(weights, penalties)
                for more in model.losses:
                    loss += more
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
            return loss

        def predict(x: Any, y: Any, places: Any, penalties: Any) -> Any:
            said = model(tf.gather(x, places), training=False)
            return parts.loss(tf.gather(y, places), said) + penalty(weights, penalties), said

        def epochs(
            x: Any, y: Any, order: Any, rest: Any, valid: Any, dropout: Any, penalties: Any
        ) -> Any:
            count_trace()
            total = tf.constant(0.0)
            for epoch in tf.range(tf.shape(order)[0]):
                for number in tf.range(tf.shape(order)[1]):
                    total += step(x, y, order[epoch, number], dropout, penalties)
                if tf.shape(rest)[1] > 0:
                    total += step(x, y, rest[epoch], dropout, penalties)
            loss, said = predict(x, y, valid, penalties)
            return total, loss, said

        def one(x: Any, y: Any, places: Any, dropout: Any, penalties: Any) -> Any:
            count_trace()
            return step(x, y, places, dropout, penalties)

        self._step = tf.function(one, reduce_retracing=True)
        self._predict = tf.function(predict, reduce_retracing=True)
        int32 = tf.int32
        self._epochs: Any = None
        self._signature = lambda x, y: [
            tf.TensorSpec((None, *x.shape[1:]), x.dtype),
            tf.TensorSpec((None, *y.shape[1:]), y.dtype),
            tf.TensorSpec((None, None, None), int32),
            tf.TensorSpec((None, None), int32),
            tf.TensorSpec((None,), int32),
            tf.TensorSpec((None,), tf.float32),
            tf.TensorSpec((None, 2), tf.float32),
        ]
        self._function = lambda x, y: tf.function(epochs, input_signature=self._signature(x, y))

    def load(self, state: State) -> None:
        """Assign every variable."""
        for variables, arrays in zip(self._variables(), _groups(state), strict=True):
            for variable, array in zip(variables, arrays, strict=True):
                variable.assign(array)

    def state(self) -> State:
        """The variables' values."""
        groups = [[keras.ops.convert_to_numpy(v.value) for v in g] for g in self._variables()]
        return State(*groups)

    def _variables(self) -> tuple[list[Any], list[Any], list[Any]]:
        model = self._parts.model
        return model.trainable_variables, model.non_trainable_variables, self._slots()

    def _slots(self) -> list[Any]:
        return self._parts.optimizer.variables

    def run(self, work: Work) -> Said:
        """Train for the epochs of `work.order`, then predict."""
        self._parts.optimizer.learning_rate = work.rate
        if self._loop:
            if self._epochs is None:
                self._epochs = self._function(work.x, work.y)
            total, loss, said = self._epochs(
                work.x,
                work.y,
                work.order,
                work.rest,
                work.valid,
                work.dropout,
                work.penalties,
            )
            total = float(total)
        else:
            total = 0.0
            for places in batches(work):
                total = self._step(work.x, work.y, places, work.dropout, work.penalties)
            total = float(total)
            loss, said = self._predict(work.x, work.y, work.valid, work.penalties)
        return Said(total, float(loss), np.asarray(said))


class JaxProgram:
    """States in and out; `lax.scan` over the steps of an epoch, or a jitted step."""

    def __init__(self, parts: Parts, loop: bool) -> None:
        import jax

        self._parts, self._loop = parts, loop
        self._state: Any = None
        rate = parts.optimizer.learning_rate
        self._rate_place = next(
            place for place, v in enumerate(parts.optimizer.variables) if v is _variable(rate, v)
        )
        self._step = jax.jit(self._traced_step)
        self._epochs = jax.jit(self._traced_epochs)
        self._predict = jax.jit(self._traced_predict)

    def _loss(
        self, trainable: Any, others: Any, x: Any, y: Any, places: Any, numbers: Any
    ) -> tuple[Any, Any]:
        parts = self._parts
        parts.scalars.dropout, strengths = numbers
        said, others, losses = parts.model.stateless_call(
            trainable, others, x[places], training=True, return_losses=True
        )
        loss = parts.loss(y[places], said) + penalty(self._penalised(trainable), strengths)
        return loss + sum(losses), others

    def _penalised(self, trainable: Any) -> list[Any]:
        chosen = {id(variable) for variable in self._parts.penalised}
        pairs = zip(self._parts.model.trainable_variables, trainable, strict=True)
        return [value for variable, value in pairs if id(variable) in chosen]

    def _one(self, state: Any, x: Any, y: Any, places: Any, numbers: Any) -> tuple[Any, Any]:
        import jax

        trainable, others, slots = state
        gradient = jax.value_and_grad(self._loss, has_aux=True)
        (loss, others), gradients = gradient(trainable, others, x, y, places, numbers)
        trainable, slots = self._parts.optimizer.stateless_apply(slots, gradients, trainable)
        return (trainable, others, slots), loss

    def _traced_step(self, state: Any, x: Any, y: Any, places: Any, numbers: Any) -> Any:
        count_trace()
        return self._one(state, x, y, places, numbers)

    def _traced_predict(self, state: Any, x: Any, y: Any, places: Any, numbers: Any) -> Any:
        trainable, others, _ = state
        said, _ = self._parts.model.stateless_call(trainable, others, x[places], training=False)
        loss = self._parts.loss(y[places], said)
        return loss + penalty(self._penalised(trainable), numbers[1]), said

    def _traced_epochs(
        self, state: Any, x: Any, y: Any, order: Any, rest: Any, valid: Any, numbers: Any
    ) -> Any:
        import jax

        count_trace()

        def step(state: Any, places: Any) -> tuple[Any, Any]:
            return self._one(state, x, y, places, numbers)

        def epoch(state: Any, both: Any) -> tuple[Any, Any]:
            places, left = both
            state, losses = jax.lax.scan(step, state, places)
            total = losses.sum()
            if left.shape[0]:
                state, last = step(state, left)
                total = total + last
            return state, total

        state, losses = jax.lax.scan(epoch, state, (order, rest))
        loss, said = self._traced_predict(state, x, y, valid, numbers)
        return state, losses.sum(), loss, said

    def load(self, state: State) -> None:
        """Take a state over."""
        import jax.numpy as jnp

        self._state = tuple([jnp.asarray(a) for a in group] for group in _groups(state))

    def state(self) -> State:
        """The state as arrays."""
        return State(*([np.asarray(array) for array in group] for group in self._state))

    def run(self, work: Work) -> Said:
        """Train for the epochs of `work.order`, then predict."""
        import jax.numpy as jnp

        trainable, others, slots = self._state
        slots = list(slots)
        slots[self._rate_place] = jnp.asarray(work.rate, slots[self._rate_place].dtype)
        state: Any = (trainable, others, slots)
        numbers = (work.dropout, work.penalties)
        if self._loop:
            state, total, loss, said = self._epochs(
                state, work.x, work.y, work.order, work.rest, work.valid, numbers
            )
        else:
            total = 0.0
            for places in batches(work):
                state, total = self._step(state, work.x, work.y, places, numbers)
            loss, said = self._predict(state, work.x, work.y, work.valid, numbers)
        self._state = state
        return Said(float(total), float(loss), np.asarray(said))


def batches(work: Work) -> list[np.ndarray]:
    """All batches of all epochs, in order."""
    return [
        places
        for order, rest in zip(work.order, work.rest, strict=True)
        for places in [*order, *([rest] if len(rest) else [])]
    ]


def count_trace() -> None:
    """Count a program while it is traced."""
    global traces
    traces += 1


def _groups(state: State) -> tuple[Arrays, Arrays, Arrays]:
    return state.trainable, state.others, state.optimizer


def _variable(rate: Any, candidate: Any) -> Any:
    """The variable that an optimizer's rate is, out of its variables."""
    return candidate if candidate is rate or candidate.path.endswith("learning_rate") else None
