"""Several fits of one architecture at once on JAX, as lanes of a vectorized program.

A program always has the same number of lanes, including idle ones, and lanes are independent, so
that the result of a fit does not depend on the fits it runs with. Fits of different lengths share
a program too: surplus steps do not change a lane.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mlzoo.tuning.compiled.on_jax import JaxStep
from mlzoo.tuning.compiled.programs import Parts, State, count_trace


@dataclass(frozen=True)
class Epoch:
    """One epoch of all lanes.

    Attributes:
        order: (steps, lanes, batch) indices, int32.
        counts: (steps, lanes) samples of each batch; 0: the lane is idle.
        rates: (steps + 1, lanes) the learning rate of each step, that of `rest` last.
        rest: (lanes, left) indices of the smaller last batches.
        left: (lanes,) number of valid ones.
        steps: number of steps of `order` to run.
    """

    order: np.ndarray
    counts: np.ndarray
    rates: np.ndarray
    rest: np.ndarray
    left: np.ndarray
    steps: int


class VectorizedProgram:
    """Vectorized program and the states of its lanes."""

    def __init__(self, parts: Parts) -> None:
        self._pure = JaxStep(parts)
        self._state: Any = None
        self._train = jax.jit(self._traced_epoch, donate_argnums=0)
        self._predict = jax.jit(self._traced_predict)

    def load(self, states: Sequence[State]) -> None:
        """Load a state into each lane."""
        groups = zip(*(state.groups for state in states), strict=True)
        self._state = tuple(
            [jnp.asarray(np.stack(arrays)) for arrays in zip(*group, strict=True)]
            for group in groups
        )

    def states(self) -> list[State]:
        """Return the state of each lane."""
        groups = [[np.asarray(array) for array in group] for group in self._state]
        count = len(groups[0][0])
        return [State(*([a[lane] for a in group] for group in groups)) for lane in range(count)]

    def train(self, fed: tuple[Any, Any, Any], epoch: Epoch, numbers: Any) -> np.ndarray:
        """Train for an epoch, and return the summed loss of each lane.

        Args:
            fed: inputs, targets and weights of all samples.
            epoch: the batches of each lane.
            numbers: dropout (lanes, layers) and penalties (lanes, weights, 2).
        """
        self._state, losses = self._train(
            self._state,
            *fed,
            epoch.order,
            epoch.counts,
            epoch.rates,
            epoch.rest,
            epoch.left,
            epoch.steps,
            numbers,
        )
        return np.asarray(losses)

    def predict(
        self, fed: tuple[Any, Any, Any], valid: np.ndarray, counts: np.ndarray, numbers: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return losses (lanes,) and outputs (lanes, m, units) for the samples of `valid`.

        Args:
            fed: as in `train`.
            valid: (lanes, m) indices of samples.
            counts: (lanes,) number of them that count in the loss, the first ones.
            numbers: as in `train`.
        """
        losses, outputs = self._predict(self._state, fed[0], fed[1], valid, counts, numbers)
        return np.asarray(losses), np.asarray(outputs)

    # Traced functions

    def _traced_epoch(
        self,
        state: Any,
        x: Any,
        y: Any,
        w: Any,
        order: Any,
        counts: Any,
        rates: Any,
        rest: Any,
        left: Any,
        steps: Any,
        numbers: Any,
    ) -> Any:
        count_trace()
        every = jax.vmap(self._masked, in_axes=(0, None, None, None, 0, 0, 0, 0))

        def step(number: Any, carried: Any) -> Any:
            state, total = carried
            given = order[number], counts[number], rates[number], numbers
            state, losses = every(state, x, y, w, *given)
            return state, total + losses

        begin = state, jnp.zeros(counts.shape[1])
        state, total = jax.lax.fori_loop(0, steps, step, begin)
        if rest.shape[1]:
            state, losses = every(state, x, y, w, rest, left, rates[-1], numbers)
            total = total + losses
        return state, total

    def _masked(
        self, state: Any, x: Any, y: Any, w: Any, places: Any, count: Any, rate: Any, numbers: Any
    ) -> tuple[Any, Any]:
        """Run a step of one lane on the first `count` of its samples."""
        weights = w[places] * _there(places, count)
        after, loss = self._pure.train(state, x, y, weights, places, rate, numbers)

        def chosen(new: Any, old: Any) -> Any:
            return jnp.where(count > 0, new, old)

        return jax.tree.map(chosen, after, state), jnp.where(count > 0, loss, 0.0)

    def _traced_predict(
        self, state: Any, x: Any, y: Any, valid: Any, counts: Any, numbers: Any
    ) -> Any:
        count_trace()

        def one(state: Any, places: Any, count: Any, numbers: Any) -> Any:
            return self._pure.predict(state, x, y, places, numbers, _there(places, count))

        return jax.vmap(one)(state, valid, counts, numbers)


def _there(places: Any, count: Any) -> Any:
    """Return weights that turn a mean over all samples into that of the first `count`."""
    size = places.shape[0]
    return (jnp.arange(size) < count) * (size / jnp.maximum(count, 1))
