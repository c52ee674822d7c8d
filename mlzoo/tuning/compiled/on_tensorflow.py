"""Programs on TensorFlow: variables assigned in place, a `tf.function` of epochs or a step."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlzoo.tuning.compiled.dynamic_hyperparameters import penalty
from mlzoo.tuning.compiled.programs import (
    Parts,
    ProgramInputs,
    ProgramOutput,
    State,
    batches,
    count_trace,
)


class TensorFlowProgram:
    """Program of one network whose variables are reassigned for each fit."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._step = tf.function(self._one, reduce_retracing=True)
        self._functions: tuple[Any, Any] | None = None

    def load(self, state: State) -> None:
        """Assign every variable."""
        for variables, arrays in zip(self._variables, state.groups, strict=True):
            for variable, array in zip(variables, arrays, strict=True):
                variable.assign(array)

    def state(self) -> State:
        """Return the values of the variables."""
        groups = [[keras.ops.convert_to_numpy(v.value) for v in g] for g in self._variables]
        return State(*groups)

    def run(self, work: ProgramInputs) -> ProgramOutput:
        """Train for the epochs of `work.order`, then predict."""
        fed = work.x, work.y, work.weights
        numbers = work.dropout, work.penalties
        if self._functions is None:
            self._functions = self._compiled(work.x, work.y)
        epochs, predict = self._functions
        total: Any = 0.0
        if not self._parts.loop:
            for places, rate in batches(work):
                total = self._step(*fed, places, rate, *numbers)
        else:
            # XLA recompiles for new shapes: run epochs one by one, since all have the same shape.
            size = 1 if self._parts.dense else max(len(work.order), 1)
            for first in range(0, len(work.order), size):
                part = slice(first, first + size)
                given = work.order[part], work.rest[part], work.rates[part], work.steps
                total += epochs(*fed, *given, *numbers)
        loss, outputs = predict(*fed[:2], work.valid, work.penalties)
        return ProgramOutput(float(total), float(loss), np.asarray(outputs))

    def compile(self, work: ProgramInputs) -> None:
        """Compile by running at most one step and the last batch of an epoch."""
        self.run(work.first(1, steps=0 if self._parts.loop else 1))

    @property
    def _variables(self) -> tuple[list[Any], list[Any], list[Any]]:
        model = self._parts.model
        return (
            model.trainable_variables,
            model.non_trainable_variables,
            self._parts.optimizer.variables,
        )

    def _compiled(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return functions for training and prediction, for any number of samples and steps."""
        fed = [tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in (x, y)]
        many, two = tf.TensorSpec((None,), tf.float32), tf.TensorSpec((None, None), tf.float32)
        places = [tf.TensorSpec((None,) * rank, tf.int32) for rank in (3, 2, 1)]
        penalties = tf.TensorSpec((None, 2), tf.float32)
        xla = self._parts.dense or None
        count = tf.TensorSpec((), tf.int32)
        train = [*fed, many, *places[:2], two, count, many, penalties]
        return (
            tf.function(self._all, input_signature=train, jit_compile=xla),
            tf.function(
                self._outputs, input_signature=[*fed, places[2], penalties], jit_compile=xla
            ),
        )

    # Traced functions

    def _train(
        self, x: Any, y: Any, w: Any, places: Any, rate: Any, dropout: Any, penalties: Any
    ) -> Any:
        parts = self._parts
        parts.scalars.dropout = dropout
        parts.optimizer.learning_rate.assign(rate)
        inputs, targets, weights = (tf.gather(of, places) for of in (x, y, w))
        with tf.GradientTape() as tape:
            y_pred = parts.model(inputs, training=True)
            loss = parts.loss(targets, y_pred, sample_weight=weights)
            loss += penalty(list(parts.penalized), penalties)
            for more in parts.model.losses:
                loss += more
        variables = parts.model.trainable_variables
        gradients = tape.gradient(loss, variables)
        parts.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    def _one(self, *arguments: Any) -> Any:
        count_trace()
        return self._train(*arguments)

    def _all(
        self,
        x: Any,
        y: Any,
        w: Any,
        order: Any,
        rest: Any,
        rates: Any,
        steps: Any,
        dropout: Any,
        penalties: Any,
    ) -> Any:
        count_trace()
        total = tf.constant(0.0)
        for epoch in tf.range(tf.shape(order)[0]):
            number = tf.constant(0)
            while number < steps:  # XLA would recompile a tf.range for every number of steps
                places, rate = order[epoch, number], rates[epoch, number]
                total += self._train(x, y, w, places, rate, dropout, penalties)
                number += 1
            if tf.shape(rest)[1] > 0:
                total += self._train(x, y, w, rest[epoch], rates[epoch, -1], dropout, penalties)
        return total

    def _outputs(self, x: Any, y: Any, places: Any, penalties: Any) -> Any:
        count_trace()
        parts = self._parts
        y_pred = parts.model(tf.gather(x, places), training=False)
        loss = parts.loss(tf.gather(y, places), y_pred)
        return loss + penalty(list(parts.penalized), penalties), y_pred
