"""Programs on JAX: pure functions of the state, `lax.scan` over steps, or a jitted step."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mlzoo.tuning.compiled.dynamic_hyperparameters import penalty
from mlzoo.tuning.compiled.programs import (
    Parts,
    ProgramInputs,
    ProgramOutput,
    State,
    batches,
    count_trace,
)


class JaxStep:
    """Training step and prediction as pure functions of the state."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        rate = parts.optimizer.learning_rate
        self.rate_place = next(
            place
            for place, variable in enumerate(parts.optimizer.variables)
            if variable is rate or variable.path.endswith("learning_rate")
        )

    def train(
        self, state: Any, x: Any, y: Any, w: Any, places: Any, rate: Any, numbers: Any
    ) -> tuple[Any, Any]:
        """Run a training step, and return the new state and the loss.

        Args:
            state: trainable weights, other variables, optimizer variables.
            x: (n, *shape) scaled inputs.
            y: (n, ...) targets.
            w: (batch,) sample weights.
            places: (batch,) indices of the samples in `x`.
            rate: learning rate.
            numbers: dropout rates and penalties, as in `Scalars`.
        """
        trainable, others, slots = state
        slots = list(slots)
        slots[self.rate_place] = jnp.asarray(rate, slots[self.rate_place].dtype)
        gradient = jax.value_and_grad(self._loss, has_aux=True)
        (loss, others), gradients = gradient(trainable, others, x[places], y[places], w, numbers)
        trainable, slots = self._parts.optimizer.stateless_apply(slots, gradients, trainable)
        return (trainable, others, slots), loss

    def predict(
        self, state: Any, x: Any, y: Any, places: Any, numbers: Any, w: Any = None
    ) -> tuple[Any, Any]:
        """Return loss and outputs of the samples at `places`.

        Args:
            state: trainable weights, other variables, optimizer variables.
            x: (n, *shape) scaled inputs.
            y: (n, ...) targets.
            places: (batch,) indices of the samples in `x`.
            numbers: dropout rates and penalties, as in `Scalars`.
            w: (batch,) sample weights of the loss; None: equal.
        """
        trainable, others, _ = state
        y_pred, _ = self._parts.model.stateless_call(trainable, others, x[places], training=False)
        loss = self._parts.loss(y[places], y_pred, sample_weight=w)
        return loss + penalty(self._penalized(trainable), numbers[1]), y_pred

    def _loss(
        self, trainable: Any, others: Any, inputs: Any, targets: Any, weights: Any, numbers: Any
    ) -> tuple[Any, Any]:
        parts = self._parts
        parts.scalars.dropout, strengths = numbers
        y_pred, others, losses = parts.model.stateless_call(
            trainable, others, inputs, training=True, return_losses=True
        )
        loss = parts.loss(targets, y_pred, sample_weight=weights)
        return loss + penalty(self._penalized(trainable), strengths) + sum(losses), others

    def _penalized(self, trainable: Any) -> list[Any]:
        chosen = {id(variable) for variable in self._parts.penalized}
        pairs = zip(self._parts.model.trainable_variables, trainable, strict=True)
        return [value for variable, value in pairs if id(variable) in chosen]


class JaxProgram:
    """Program of one network that runs a fit at a time."""

    def __init__(self, parts: Parts) -> None:
        self._loop = parts.loop
        self._pure = JaxStep(parts)
        self._state: Any = None
        self._step = jax.jit(self._traced_step)
        self._epochs = jax.jit(self._traced_epochs)
        self._predict = jax.jit(self._traced_predict)

    def load(self, state: State) -> None:
        """Load a state."""
        self._state = tuple([jnp.asarray(a) for a in group] for group in state.groups)

    def state(self) -> State:
        """Return the state as arrays."""
        return State(*([np.asarray(array) for array in group] for group in self._state))

    def run(self, work: ProgramInputs) -> ProgramOutput:
        """Train for the epochs of `work.order`, then predict."""
        numbers = (work.dropout, work.penalties)
        fed = work.x, work.y, work.weights
        total: Any = 0.0
        if self._loop:
            rates = np.delete(work.rates, slice(work.steps, -1), axis=1)
            epochs = work.order[:, : work.steps], work.rest, rates
            self._state, total = self._epochs(self._state, *fed, *epochs, numbers)
        else:
            for places, rate in batches(work):
                self._state, total = self._step(self._state, *fed, places, rate, numbers)
        loss, outputs = self._predict(self._state, work.x, work.y, work.valid, numbers)
        return ProgramOutput(float(total), float(loss), np.asarray(outputs))

    def compile(self, work: ProgramInputs) -> None:
        """Compile a step; whole epochs are compiled when they run, since their number matters."""
        if not self._loop:
            self.run(work.first(1, steps=1))

    # Traced functions

    def _traced_step(
        self, state: Any, x: Any, y: Any, w: Any, places: Any, rate: Any, numbers: Any
    ) -> Any:
        count_trace()
        return self._pure.train(state, x, y, w[places], places, rate, numbers)

    def _traced_predict(self, *arguments: Any) -> Any:
        count_trace()
        return self._pure.predict(*arguments)

    def _traced_epochs(
        self, state: Any, x: Any, y: Any, w: Any, order: Any, rest: Any, rates: Any, numbers: Any
    ) -> Any:
        count_trace()

        def step(state: Any, both: Any) -> tuple[Any, Any]:
            places, rate = both
            return self._pure.train(state, x, y, w[places], places, rate, numbers)

        def epoch(state: Any, parts: Any) -> tuple[Any, Any]:
            places, left, rates = parts
            state, losses = jax.lax.scan(step, state, (places, rates[:-1]))
            total = losses.sum()
            if left.shape[0]:
                state, last = step(state, (left, rates[-1]))
                total = total + last
            return state, total

        state, losses = jax.lax.scan(epoch, state, (order, rest, rates))
        return state, losses.sum()
