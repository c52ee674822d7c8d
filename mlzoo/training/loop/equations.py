"""Training on the residuals of differential equations and their conditions.

Adam takes steps on points that are drawn anew; then L-BFGS minimizes the loss on points that stay.
The weights of the terms are set so that their gradients have equal norms (Wang, Sankaran, Wang and
Perdikaris 2023). What is kept is best on points that nothing was trained on. A run that was stopped
starts again from its initial weights, which ends in the same place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DivergedError, Interrupted
from mlzoo.core.expressions import evaluate
from mlzoo.core.progress import Listener
from mlzoo.data.problems.points import draw
from mlzoo.data.problems.problem import Equation, Problem
from mlzoo.data.samples import Data
from mlzoo.layers.derivatives.interface import derivatives, functions, weighted_terms
from mlzoo.training import checkpoints
from mlzoo.training.loop.early_stopping import Watch
from mlzoo.training.loop.training import Fitted
from mlzoo.training.optimizers import build_optimizer
from mlzoo.training.signals import Stop

_MEMORY = 0.9
"""Share of the old weights of the terms in the new ones, each epoch."""
_MORE_POINTS = 2
"""L-BFGS has so many times the points of a step of Adam: they stay, and must not be overfitted."""
_MEASURED = (2000, 200)
"""Points within the domain and of each condition on which what is kept is chosen."""


def mean_squares(problem: Problem, function: Any, points: Sequence[Any]) -> Any:
    """Return the mean squared residuals (equations + conditions,).

    Args:
        problem: the equations.
        function: from points (n, coordinates) to the unknowns (n, unknowns).
        points: within the domain, and of each condition.
    """
    xp = functions()
    within = [*problem.equations]
    faces = [[condition.equation] for condition in problem.conditions]
    terms = []
    for equations, where in zip([within, *faces], points, strict=True):
        for residual in _residuals(problem, equations, function, where):
            terms.append(xp.mean(residual**2))
    return xp.stack(terms)


def _residuals(
    problem: Problem, equations: Sequence[Equation], function: Any, points: Any
) -> list[Any]:
    """Return the residuals (n,) of some equations at points (n, coordinates)."""
    used = {name: place for each in equations for name, place in problem.used(each).items()}
    found = derivatives(function, points, [word for _, word in used.values()])
    values = problem.values(points)
    values |= {name: found[word][:, which] for name, (which, word) in used.items()}
    return [evaluate(each.residual, values, functions()) for each in equations]


def fit(
    model: keras.Model, data: Data, config: RunConfig, seed: int, listener: Listener, stop: Stop
) -> Fitted:
    """Train a model on the problem of its data.

    Raises:
        DivergedError: the loss became NaN or infinite.
        Interrupted: a signal came.
    """
    training = _Training(model, data, config, seed, listener, stop)
    listener.start(config.model, training.epochs, training.settings.steps)
    training.adam()
    training.lbfgs()
    listener.end()
    return training.result()


class _Training:
    """A training: the terms of its loss, their weights, and what is seen on the way."""

    def __init__(
        self,
        model: keras.Model,
        data: Data,
        config: RunConfig,
        seed: int,
        listener: Listener,
        stop: Stop,
    ) -> None:
        assert data.samples.problem is not None
        self.model, self.problem, self.config = model, data.samples.problem, config
        self.listener, self.stop = listener, stop
        self.settings = registry.load("model", config.model).Config(**config.set)
        self.epochs = config.epochs + self.settings.lbfgs
        self.rng = np.random.default_rng([seed, 0xE0])
        self.measured = draw(self.problem, np.random.default_rng([seed, 0xE1]), *_MEASURED)
        self.terms = weighted_terms(
            model,
            lambda function, points: mean_squares(self.problem, function, points),
            build_optimizer(config, self.settings.steps),
        )
        self.weights = np.ones(len(self.problem.equations) + len(self.problem.conditions))
        self.watch = Watch("val_loss", "min")
        self.history: list[dict[str, float]] = []
        self.best: checkpoints.Arrays = checkpoints.values(model.weights)
        self.stopped = f"all {self.epochs} epochs done"

    def points(self, times: int = 1) -> list[np.ndarray]:
        """Draw the points of a step."""
        counts = self.settings.points, self.settings.face_points
        return draw(self.problem, self.rng, *(times * count for count in counts))

    def adam(self) -> None:
        """Take the steps of Adam."""
        for epoch in range(self.config.epochs):
            self._balance(self.points(), first=not epoch)
            terms = np.zeros_like(self.weights)
            for _ in range(self.settings.steps):
                values = self.terms.step(self.points(), self.weights)
                terms += keras.ops.convert_to_numpy(values) / self.settings.steps
            self._end_epoch(terms)

    def lbfgs(self) -> None:
        """Minimize on points that stay, from what was best so far."""
        if not self.settings.lbfgs:
            return
        checkpoints.assign(self.model.weights, self.best)
        plugin = registry.load("optimizer", "lbfgs")
        minimize = plugin.build(plugin.Config(memory=50, tolerance=0.0, gradient_tolerance=0.0))
        points, seen = self.points(_MORE_POINTS), [0]
        variables = self.model.trainable_variables

        def loss_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
            _assign(variables, flat)
            terms, gradients = self.terms.gradients(points, self.weights)
            return float(keras.ops.convert_to_numpy(terms) @ self.weights), _flat(gradients)

        def callback(flat: np.ndarray) -> None:
            seen[0] += 1
            if seen[0] % self.settings.steps:
                self._check_signal()
                return
            _assign(variables, flat)
            self._end_epoch(self._terms(points))

        start = _flat([variable.value for variable in variables])
        iterations = self.settings.lbfgs * self.settings.steps
        end, reason = minimize(loss_and_gradient, start, iterations, callback)
        if seen[0] % self.settings.steps or not seen[0]:
            _assign(variables, end)
            self._end_epoch(self._terms(points))
            self.stopped = f"L-BFGS ended after {seen[0]} iterations: {reason}"

    def _terms(self, points: Sequence[np.ndarray]) -> np.ndarray:
        return np.asarray(keras.ops.convert_to_numpy(self.terms.gradients(points, self.weights)[0]))

    def _balance(self, points: Sequence[np.ndarray], first: bool) -> None:
        """Give the terms weights in inverse proportion to the norms of their gradients."""
        if not self.settings.balance:
            return
        norms = np.array(
            [
                np.linalg.norm(_flat(self.terms.gradients(points, one)[1]))
                for one in np.eye(len(self.weights))
            ]
        )
        new = norms.sum() / np.maximum(norms, 1e-12 * norms.max()) / len(norms)
        self.weights = new if first else _MEMORY * self.weights + (1 - _MEMORY) * new

    def _end_epoch(self, terms: np.ndarray) -> None:
        """Note the roots of the mean squared residuals, in training and on other points."""
        epoch, fresh = len(self.history) + 1, self._terms(self.measured)
        row = {"epoch": epoch, **self._row(terms)}
        row |= {f"val_{name}": value for name, value in self._row(fresh).items()}
        self.history.append(row)
        if not np.isfinite(row["loss"]):
            facts = {"epoch": epoch, "kept_epoch": self.watch.best_epoch}
            checkpoints.assign(self.model.weights, self.best)
            raise DivergedError(
                f"the loss became {row['loss']} in epoch {epoch}; train again with a smaller "
                "--learning-rate",
                facts,
            )
        if self.watch.see(epoch, row["val_loss"]):
            self.best = checkpoints.values(self.model.weights)
        self.listener.epoch(row)
        self._check_signal()

    def _row(self, terms: np.ndarray) -> dict[str, float]:
        """Return the weighted loss, and the residuals of equations and conditions."""
        count = len(self.problem.equations)
        return {
            "loss": float(terms.sum()),
            "residual": float(np.sqrt(terms[:count].mean())),
            "conditions": float(np.sqrt(terms[count:].mean())),
        }

    def _check_signal(self) -> None:
        if self.stop.signal:
            raise Interrupted(f"stopped in epoch {len(self.history) + 1}", self.stop.signal)

    def result(self) -> Fitted:
        """Give the model the weights that were best; return the training."""
        checkpoints.assign(self.model.weights, self.best)
        kept = self.watch.best_epoch
        value = self.history[kept - 1]["val_loss"]
        return Fitted(self.history, kept, "best val_loss", value, self.stopped)


def _flat(arrays: Sequence[Any]) -> np.ndarray:
    each = [np.asarray(keras.ops.convert_to_numpy(array), float).ravel() for array in arrays]
    return np.concatenate(each)


def _assign(variables: Sequence[Any], flat: np.ndarray) -> None:
    start = 0
    for variable in variables:
        size = int(np.prod(variable.shape))
        variable.assign(flat[start : start + size].reshape(variable.shape))
        start += size
