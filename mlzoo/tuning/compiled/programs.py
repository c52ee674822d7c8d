"""Compiled programs: epochs of training in one call, whatever the backend.

A program is compiled once for an architecture; weights, optimizer state, rates, dropout and
penalties are its arguments. `on_tensorflow`, `on_jax` and `vectorized` speak to the backends
themselves, since Keras has no public way to compile more than a step.
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
"""How many programs this process has traced."""


@dataclass
class State:
    """All that training changes: trainable weights, other variables, the optimizer's."""

    trainable: Arrays
    others: Arrays
    optimizer: Arrays

    @property
    def groups(self) -> tuple[Arrays, Arrays, Arrays]:
        """The three, in this order."""
        return self.trainable, self.others, self.optimizer


@dataclass(frozen=True)
class Work:
    """What a program is run on.

    Attributes:
        x: (n, *shape) scaled inputs, a backend's array.
        y: (n, ...) targets.
        weights: (n,) of the samples in the loss.
        order: (epochs, steps, batch) positions in `x`, int32.
        rest: (epochs, left) positions of the smaller last batch of each epoch; left may be 0.
        rates: (epochs, steps + 1) the learning rate of each step, that of `rest` last.
        steps: how many of each epoch's steps are done, the first ones.
        valid: (m,) positions to predict at the end.
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

    def first(self, epochs: int, steps: int) -> Work:
        """The first epochs alone, with so many of their steps."""
        some = slice(epochs)
        parts = {"order": self.order[some], "rest": self.rest[some], "rates": self.rates[some]}
        return replace(self, **parts, steps=steps)


@dataclass(frozen=True)
class ProgramOutput:
    """What a program gives back: the summed training loss, the validation loss, the outputs."""

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

    def run(self, work: Work) -> ProgramOutput:
        """Train for the epochs of `work.order`, then predict."""
        ...

    def compile(self, work: Work) -> None:
        """Compile what work of these sizes needs, in whatever state it leaves the program."""
        ...


@dataclass(frozen=True)
class Parts:
    """What a program is made of: a network without penalties, its optimizer, loss and scalars.

    Attributes:
        loop: compile whole epochs, else a step.
        dense: the network is of dense layers and draws nothing at random, so that XLA computes
            the same; with TensorFlow it is used for nothing else.
    """

    model: keras.Model
    optimizer: keras.Optimizer
    loss: keras.Loss
    scalars: Scalars
    penalized: Sequence[Any]
    loop: bool
    dense: bool


def put(array: np.ndarray) -> Any:
    """An array where the backend computes."""
    return keras.ops.convert_to_tensor(array)


def batches(work: Work) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions and rate of all batches of all epochs, in order."""
    for order, rest, rates in zip(work.order, work.rest, work.rates, strict=True):
        yield from zip(order[: work.steps], rates[: work.steps], strict=True)
        if len(rest):
            yield rest, rates[-1]


def count_trace() -> None:
    """Count a program while it is traced."""
    global traces
    traces += 1
