"""Training on the residuals of differential equations and their conditions, step by step.

Adam takes steps on points that are drawn anew; then L-BFGS minimizes the loss on points that stay,
in one round or several with points of their own.
The weights of the terms are set so that their gradients have equal norms (Wang, Sankaran, Wang and
Perdikaris 2023). What is kept is best on points that nothing was trained on. A run that was stopped
starts again from its initial weights, which ends in the same place.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import numpy as np

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DivergedError, Interrupted, UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.problems.frames import MOST_INPUTS, Frame, grid
from mlzoo.data.problems.parameters import Estimate
from mlzoo.data.problems.points import draw
from mlzoo.data.problems.trial import soft_part, trial_functions
from mlzoo.data.samples import Data
from mlzoo.layers.derivatives.interface import compiled, weighted_terms
from mlzoo.layers.derivatives.residuals import residual_sizes
from mlzoo.layers.trial import FittedNumbers
from mlzoo.runs.models import outputs_of
from mlzoo.training import checkpoints
from mlzoo.training.equations.residuals import mean_squares
from mlzoo.training.loop.early_stopping import Fitted, Watch
from mlzoo.training.optimizers import build_optimizer
from mlzoo.training.signals import Stop

_MEMORY = 0.9
"""Share of the old weights of the terms in the new ones, each epoch."""
_MORE_POINTS = 2
"""L-BFGS has so many times the points of a step of Adam: they stay, and must not be overfitted."""
_MEASURED = (2000, 200)
"""Points within the domain and of each condition on which what is kept is chosen."""
_CANDIDATES = 10
"""Candidates for a point where points are drawn by the size of the residual."""
_DRAWN = 10_000_000
"""Coordinates of points that are drawn at once, for as many steps as they do."""
_FRAMES = 20
"""Epochs that a film shows at most, beside the first and the last."""


class _WithNumbers(keras.Model):
    """A network whose outputs are followed by the numbers that are fitted with it."""

    def __init__(self, model: keras.Model, numbers: FittedNumbers) -> None:
        super().__init__(name="with_numbers")
        self.network, self.numbers = model, numbers
        self.built = True

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Return (batch, outputs + numbers)."""
        outputs = self.network(x, training=training)
        return keras.ops.concatenate([outputs, self.numbers.columns(x)], axis=-1)


class EquationTraining:
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
        self.model, self.config = model, config
        self.listener, self.stop = listener, stop
        self.settings = registry.load("model", config.model).Config(**config.set)
        self.problem = problem = data.samples.problem
        if self.settings.hard:
            self.problem = soft_part(problem, trial_functions(problem))
            self._tell_of_held(len(problem.conditions) - len(self.problem.conditions))
        self.time = problem.time
        if self.settings.causal and self.time is None:
            raise UsageError(
                "--set causal needs a coordinate whose conditions stand at its start alone, such "
                "as a time, and this problem has none; leave it out"
            )
        self.epochs = config.epochs + self.settings.lbfgs
        self.rng = np.random.default_rng([seed, 0xE0])
        self.measured = self._with_measurements(
            draw(self.problem, np.random.default_rng([seed, 0xE1]), *_MEASURED)
        )
        numbers = [layer for layer in model.layers if isinstance(layer, FittedNumbers)]
        self.numbers = numbers[0] if numbers else None
        self.trained = _WithNumbers(model, numbers[0]) if numbers else model
        self.terms = self._compiled_terms(0.0)
        self.adam_terms = (
            self._compiled_terms(self.settings.causal) if self.settings.causal else self.terms
        )
        self.sizes = compiled(
            self.trained, lambda function, points: residual_sizes(self.problem, function, points)
        )
        self.weights = np.ones(len(self.problem.equations) + len(self.problem.conditions))
        if self.problem.measurements is not None:
            self.weights = np.ones(len(self.weights) + len(self.problem.measurements.unknowns))
        self.watch = Watch("val_loss", "min")
        self.history: list[dict[str, float]] = []
        self.best: checkpoints.Arrays = checkpoints.values(model.weights)
        self.stopped = f"all {self.epochs} epochs done"
        filmed = config.pictures == "all" and len(problem.inputs) <= MOST_INPUTS
        self.grid = grid(problem) if filmed else None
        self.frames: list[Frame] = []

    def _film(self, title: str) -> None:
        """Note the solution on a grid, for a film."""
        if self.grid is not None:
            self.frames.append(Frame(title, outputs_of(self.model, self.grid)))

    def _tell_of_held(self, held: int) -> None:
        total = held + len(self.problem.conditions)
        note = f"{held} of {total} conditions hold by construction"
        if held < total:
            texts = dict.fromkeys(c.equation.text for c in self.problem.conditions)
            note += f"; penalties stand for {', '.join(texts)}"
        self.listener.note(note)

    def _compiled_terms(self, causal: float) -> Any:
        return weighted_terms(
            self.trained,
            lambda function, points: mean_squares(
                self.problem, function, points, causal, self.time
            ),
            build_optimizer(self.config, self.settings.steps),
        )

    def _with_measurements(self, points: list[np.ndarray]) -> list[np.ndarray]:
        measured = self.problem.measurements
        return points if measured is None else [*points, measured.points]

    def points(self, times: int = 1) -> list[np.ndarray]:
        """Draw the points of a step."""
        counts = self.settings.points, self.settings.face_points
        drawn = draw(self.problem, self.rng, *(times * count for count in counts))
        return self._with_measurements(drawn)

    def _coordinates(self) -> int:
        """Return how many coordinates the points of a step have."""
        counts = self.settings.points, self.settings.face_points
        drawn = draw(self.problem, np.random.default_rng(0), *counts)
        return sum(points.size for points in self._with_measurements(drawn))

    def _sharpened(self, points: list[np.ndarray], pool: np.ndarray | None) -> list[np.ndarray]:
        """Return points of which half of those within the domain are taken from a pool."""
        if pool is None:
            return points
        half = len(points[0]) // 2
        chosen = self.rng.integers(0, len(pool), half)
        return [np.concatenate([points[0][half:], pool[chosen]]), *points[1:]]

    def _pool(self) -> np.ndarray | None:
        """Return points drawn by the size of the residual (Wu, Zhu, Tan, Kartha and Lu 2023)."""
        if self.settings.sampling != "adaptive":
            return None
        candidates = draw(self.problem, self.rng, _CANDIDATES * self.settings.points, 1)[0]
        sizes = np.asarray(keras.ops.convert_to_numpy(self.sizes(candidates)), float)
        if not np.isfinite(sizes).all() or not sizes.any():
            return candidates
        chance = sizes / sizes.mean() + 1
        chosen = self.rng.choice(len(candidates), len(candidates) // 2, p=chance / chance.sum())
        return candidates[chosen]

    def adam(self) -> None:
        """Take the steps of Adam."""
        self._film("initial")
        most = max(1, _DRAWN // self._coordinates())
        for epoch in range(self.config.epochs):
            self._balance(self.points(), first=not epoch)
            pool = self._pool()
            terms, left = np.zeros_like(self.weights), self.settings.steps
            while left:
                drawn = [self._sharpened(self.points(), pool) for _ in range(min(left, most))]
                stacked = [np.stack(points) for points in zip(*drawn, strict=True)]
                means = self.adam_terms.steps(stacked, self.weights)
                terms += keras.ops.convert_to_numpy(means) * len(drawn) / self.settings.steps
                left -= len(drawn)
            self._end_epoch(terms)

    def lbfgs(self) -> None:
        """Minimize from what was best so far, on points that stay within a round."""
        if not self.settings.lbfgs:
            return
        checkpoints.assign(self.model.weights, self.best)
        variables, seen = self.trained.trainable_variables, [0]

        def callback(points: Sequence[np.ndarray], flat: np.ndarray) -> None:
            seen[0] += 1
            if seen[0] % self.settings.steps:
                self._check_signal()
                return
            assign_flat(variables, flat)
            self._end_epoch(self._terms(points))

        iterations = self.settings.lbfgs * self.settings.steps
        ends = np.linspace(0, iterations, self.settings.lbfgs_rounds + 1).astype(int)
        for budget in np.diff(ends).tolist():
            points = self._sharpened(self.points(_MORE_POINTS), self._pool())
            see = partial(callback, points)
            end, reason = self.minimized(points, self.weights, budget, see)
            assign_flat(variables, end)
        if seen[0] % self.settings.steps or not seen[0]:
            self._end_epoch(self._terms(points))
            self.stopped = f"L-BFGS ended after {seen[0]} iterations: {reason}"

    def minimized(
        self,
        points: Sequence[np.ndarray],
        weights: np.ndarray,
        iterations: int,
        callback: Any,
        fixed: np.ndarray | None = None,
    ) -> tuple[np.ndarray, str]:
        """Return where L-BFGS ends, as one vector, from the weights that the model has, and why.

        Args:
            points: of the terms.
            weights: of the terms.
            iterations: at most.
            callback: is given the vector after each.
            fixed: which entries of the vector stay as they are.
        """
        plugin = registry.load("optimizer", "lbfgs")
        minimize = plugin.build(
            plugin.Config(memory=50, loss_tolerance=0.0, gradient_tolerance=0.0)
        )
        variables = self.trained.trainable_variables

        def loss_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
            assign_flat(variables, flat)
            terms, gradients = self.terms.gradients(points, weights)
            gradient = flat_vector(gradients)
            if fixed is not None:
                gradient = np.where(fixed, 0.0, gradient)
            return float(keras.ops.convert_to_numpy(terms) @ weights), gradient

        start = flat_vector([variable.value for variable in variables])
        end, reason = minimize(loss_and_gradient, start, iterations, callback)
        return np.asarray(end), str(reason)

    def _terms(self, points: Sequence[np.ndarray]) -> np.ndarray:
        return np.asarray(keras.ops.convert_to_numpy(self.terms.gradients(points, self.weights)[0]))

    def _balance(self, points: Sequence[np.ndarray], first: bool) -> None:
        """Give the terms weights in inverse proportion to the norms of their gradients."""
        if not self.settings.balance:
            return
        norms = np.array(
            [
                np.linalg.norm(flat_vector(self.terms.gradients(points, one)[1]))
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
        if self.numbers is not None:
            row |= self.numbers.values()
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
        if epoch % -(-self.epochs // _FRAMES) == 0:
            self._film(f"epoch {epoch}, {'Adam' if epoch <= self.config.epochs else 'L-BFGS'}")
        self.listener.epoch(row)
        self._check_signal()

    def _row(self, terms: np.ndarray) -> dict[str, float]:
        """Return the loss, and the residuals of equations, conditions and measurements.

        Conditions that hold by construction have none.
        """
        first = len(self.problem.equations)
        second = first + len(self.problem.conditions)
        parts = {"residual": terms[:first], "conditions": terms[first:second]}
        if self.problem.measurements is not None:
            parts["data"] = terms[second:]
        roots = {
            name: float(np.sqrt(part.mean())) if len(part) else 0.0 for name, part in parts.items()
        }
        return {"loss": float(terms.sum()), **roots}

    def _check_signal(self) -> None:
        if self.stop.signal:
            raise Interrupted(f"stopped in epoch {len(self.history) + 1}", self.stop.signal)

    def keep_best(self) -> None:
        """Give the model the weights that were best."""
        checkpoints.assign(self.model.weights, self.best)
        self._film(f"epoch {self.watch.best_epoch}, kept")

    def result(self, estimates: tuple[Estimate, ...]) -> Fitted:
        """Return the training, with the parameters that were fitted."""
        kept = self.watch.best_epoch
        value = self.history[kept - 1]["val_loss"]
        return Fitted(
            self.history,
            kept,
            "best val_loss",
            value,
            self.stopped,
            estimates=estimates,
            frames=tuple(self.frames),
        )


def flat_vector(arrays: Sequence[Any]) -> np.ndarray:
    """Return the entries of all arrays as one vector."""
    each = [np.asarray(keras.ops.convert_to_numpy(array), float).ravel() for array in arrays]
    return np.concatenate(each)


def assign_flat(variables: Sequence[Any], flat: np.ndarray) -> None:
    """Give variables the values of a vector, in the order of `flat_vector`."""
    start = 0
    for variable in variables:
        size = int(np.prod(variable.shape))
        variable.assign(flat[start : start + size].reshape(variable.shape))
        start += size
