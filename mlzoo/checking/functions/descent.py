"""Optimizers on a function of two numbers: Keras's own if its formula is the one wanted.

Where formulas differ, all names are those of the papers:

- AdaGrad (Duchi et al. 2011): Keras has epsilon inside the root, as asked for here; its accumulator
  starts at 0.1, here at `accumulator`, 0 by default.
- Adam (Kingma and Ba 2015): Keras has epsilon outside the root, and scales the rate instead of the
  moments, so that its epsilon is the paper's divided by sqrt(1 - beta_2^t) ("epsilon hat").
  `epsilon_place` inside puts it into the root of the corrected second moment; that step is ours.
- RMSprop and AdaDelta: epsilon inside the root, as in Keras.
- L-BFGS: the plug-in's, as in training; it searches its own step, so it has no rate.

All paths of one optimizer are one variable (paths, 2) with a rate a row, so that a sweep over rates
costs as much as one path.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import keras
import numpy as np

from mlzoo.checking.backend import double
from mlzoo.checking.settings import Formulas
from mlzoo.core import registry
from mlzoo.core.validation.values import is_full_batch, usual_rate


class Landscape(Protocol):
    """Objective of a descent: values (n,) and gradients (n, 2) at points (n, 2), in float64."""

    def value(self, points: np.ndarray) -> np.ndarray:
        """Return values (n,) at points (n, 2)."""
        ...

    def gradient(self, points: np.ndarray) -> np.ndarray:
        """Return gradients (n, 2) at points (n, 2)."""
        ...


@dataclass(frozen=True)
class Path:
    """Trajectory of an optimizer: points (steps + 1, 2) from the start on, and their values.

    Where the numbers ended it is not `whole`: its last point is the last finite one. `rate` is None
    of an optimizer that has none.
    """

    optimizer: str
    rate: float | None
    points: np.ndarray
    values: np.ndarray
    whole: bool = True


def walk(
    land: Landscape,
    optimizer: str,
    rates: list[float],
    start: tuple[float, float],
    steps: int,
    formulas: Formulas | None = None,
    noise: float = 0.0,
    seed: int = 0,
) -> list[Path]:
    """Return the paths of an optimizer, one per learning rate.

    Args:
        land: the objective.
        optimizer: sgd, momentum, nesterov, adagrad, rmsprop, adadelta, adam, adamw or lbfgs.
        rates: learning rates; none: the usual one.
        start: where every path begins.
        steps: how many are made (iterations of L-BFGS, at most).
        formulas: the optimizers' own numbers.
        noise: standard deviation of what is added to each gradient entry.
        seed: of the noise, which is the same for every optimizer and rate.
    """
    generator = np.random.default_rng(seed)
    if is_full_batch(optimizer):
        draw = _noise(generator, noise)
        return [_full_batch(land, optimizer, start, steps, draw)]
    rates = rates or [usual_rate(optimizer)]
    points = np.tile(np.array(start, float), (len(rates), 1))
    seen = [points]
    with double(), np.errstate(all="ignore"):
        variable = keras.Variable(points, dtype="float64")
        rule = build(optimizer, np.array(rates)[:, None], formulas or Formulas.model_validate({}))
        rule.build([variable])
        draw = _noise(generator, noise)
        for _ in range(steps):
            gradient = land.gradient(points) + draw()
            rule.apply([keras.ops.convert_to_tensor(gradient)])
            points = np.array(keras.ops.convert_to_numpy(variable.value))
            seen.append(points)
            if not np.isfinite(points).any():
                break
    whole = np.stack(seen, axis=1)
    return [
        _path(land, optimizer, rate, points_of_rate)
        for rate, points_of_rate in zip(rates, whole, strict=True)
    ]


def _noise(generator: np.random.Generator, scale: float) -> Callable[[], Any]:
    return (lambda: scale * generator.normal(size=2)) if scale else (lambda: 0.0)


def _path(land: Landscape, optimizer: str, rate: float | None, points: np.ndarray) -> Path:
    with np.errstate(all="ignore"):
        values = land.value(points)
    fine = np.isfinite(points).all(axis=1) & np.isfinite(values)
    end = len(points) if fine.all() else max(1, int(fine.argmin()))
    return Path(optimizer, rate, points[:end], values[:end], bool(fine.all()))


def build(name: str, rate: np.ndarray | float, formulas: Formulas) -> keras.Optimizer:
    """Return the Keras optimizer of a name.

    Args:
        name: an optimizer plug-in, except lbfgs.
        rate: learning rate; an array broadcasts with the variable.
        formulas: the optimizers' own numbers.
    """
    plugin = registry.load("optimizer", name)
    # Keras on TensorFlow casts a Python float by way of float32; NumPy's keeps its 64 bits.
    numbers = {n: np.float64(v) for n, v in formulas if isinstance(v, float)}
    config = plugin.Config.model_construct(
        **{n: v for n, v in numbers.items() if n in plugin.Config.model_fields}
    )
    if name == "adam" and formulas.epsilon_place == "inside":
        rule = AdamInside(0.1, **config.model_dump())
    else:
        rule = plugin.build(config, 0.1)
    rule.learning_rate = lambda: keras.ops.convert_to_tensor(rate, "float64")
    return rule


class AdamInside(keras.optimizers.Adam):
    """Adam with epsilon inside the root: w -= rate * m' / sqrt(v' + epsilon), both corrected."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move a variable by one gradient.

        Args:
            gradient: of the loss.
            variable: what is updated.
            learning_rate: the step's.
        """
        ops, kind = keras.ops, variable.dtype
        step = ops.cast(self.iterations + 1, kind)
        place = self._get_variable_index(variable)
        first, second = self._momentums[place], self._velocities[place]
        self.assign_add(first, (gradient - first) * (1 - self.beta_1))
        self.assign_add(second, (ops.square(gradient) - second) * (1 - self.beta_2))
        mean = first / (1 - ops.power(ops.cast(self.beta_1, kind), step))
        square = second / (1 - ops.power(ops.cast(self.beta_2, kind), step))
        self.assign_sub(
            variable, ops.cast(learning_rate, kind) * mean / ops.sqrt(square + self.epsilon)
        )


def _full_batch(
    land: Landscape,
    optimizer: str,
    start: tuple[float, float],
    steps: int,
    draw: Callable[[], Any],
) -> Path:
    """Return the path of an optimizer that searches its own step, with no tolerance."""
    plugin = registry.load("optimizer", optimizer)
    exact = {"loss_tolerance": 0.0, "gradient_tolerance": 1e-10}
    known = {n: v for n, v in exact.items() if n in plugin.Config.model_fields}
    minimize = plugin.build(plugin.Config(**known))
    seen = [np.array(start, float)]

    def value_and_gradient(point: np.ndarray) -> tuple[float, np.ndarray]:
        return float(land.value(point[None])[0]), land.gradient(point[None])[0] + draw()

    minimize(value_and_gradient, seen[0], steps, lambda point: seen.append(point.copy()))
    return _path(land, optimizer, None, np.stack(seen))
