"""Compiled programs: epochs of training in one call, for every backend.

A program is compiled once for an architecture; weights, optimizer state, rates, dropout and
penalties are its arguments. `on_tensorflow`, `on_jax` and `vectorized` use the backends directly,
since Keras has no public way to compile more than a step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import keras
import numpy as np

from mlzoo.tuning.compiled.dynamic_hyperparameters import Scalars

Arrays = list[np.ndarray]
traces = 0
"""Number of programs traced in this process."""


@dataclass
class State:
    """State of training: trainable weights, other variables, optimizer variables."""

    trainable: Arrays
    others: Arrays
    optimizer: Arrays

    @property
    def groups(self) -> tuple[Arrays, Arrays, Arrays]:
        """Return the three groups, in this order."""
        return self.trainable, self.others, self.optimizer


@dataclass(frozen=True)
class ProgramInputs:
    """Inputs of a program.

    Attributes:
        x: (n, *shape) scaled inputs, an array of the backend.
        y: (n, ...) targets.
        weights: (n,) sample weights of the loss.
        order: (epochs, steps, batch) indices in `x`, int32.
        rest: (epochs, left) indices of the smaller last batch of each epoch; left may be 0.
        rates: (epochs, steps + 1) the learning rate of each step, that of `rest` last.
        steps: number of steps to run of each epoch, from its first.
        valid: (m,) indices to predict at the end.
        dropout: rates of `Scalars`.
        penalties: those of `Scalars`.
    """

    x: Any
    y: Any
    weights: Any
    order: np.ndarray
    rest: np.ndarray
    rates: np.ndarray
    steps: int
    valid: np.ndarray
    dropout: np.ndarray
    penalties: np.ndarray

    def first(self, epochs: int, steps: int) -> ProgramInputs:
        """Return the first epochs, with their first steps only."""
        some = slice(epochs)
        parts = {"order": self.order[some], "rest": self.rest[some], "rates": self.rates[some]}
        return replace(self, **parts, steps=steps)


@dataclass(frozen=True)
class ProgramOutput:
    """Output of a program: summed training loss, validation loss, and model outputs."""

    loss: float
    valid_loss: float
    outputs: np.ndarray


class Program(Protocol):
    """Compiled network that can be set to any state and trained from there."""

    def load(self, state: State) -> None:
        """Load a state."""
        ...

    def state(self) -> State:
        """Return the current state."""
        ...

    def run(self, work: ProgramInputs) -> ProgramOutput:
        """Train for the epochs of `work.order`, then predict."""
        ...

    def compile(self, work: ProgramInputs) -> None:
        """Compile for work of these sizes; this changes the program's state."""
        ...


@dataclass(frozen=True)
class Parts:
    """Components of a program: a network without penalties, optimizer, loss and scalars.

    Attributes:
        loop: whether to compile whole epochs rather than a step.
        dense: whether the network has only dense layers and no randomness, so that XLA computes
            the same; only then is XLA used with TensorFlow.
    """

    model: keras.Model
    optimizer: keras.Optimizer
    loss: keras.Loss
    scalars: Scalars
    penalized: Sequence[Any]
    loop: bool
    dense: bool


def put(array: np.ndarray) -> Any:
    """Copy an array to the device of the backend."""
    return keras.ops.convert_to_tensor(array)


def batches(work: ProgramInputs) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the indices and the rate of all batches of all epochs, in order."""
    for order, rest, rates in zip(work.order, work.rest, work.rates, strict=True):
        yield from zip(order[: work.steps], rates[: work.steps], strict=True)
        if len(rest):
            yield rest, rates[-1]


def count_trace() -> None:
    """Count the tracing of a program; called while it is traced."""
    global traces
    traces += 1
