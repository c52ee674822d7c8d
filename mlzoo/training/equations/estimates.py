"""Intervals of the parameters that are fitted to measurements.

The equations are solved again with a parameter a little smaller and a little larger, by the network
that is already trained, and without the measurements: what that changes where something was
measured is the parameter's effect there. With the spread of the measurements about the solution it
gives the covariance of least squares (Seber and Wild, "Nonlinear Regression", 1989, chapter 2).
"""

from __future__ import annotations

import keras
import numpy as np

from mlzoo.data.problems.parameters import Estimate
from mlzoo.training import checkpoints
from mlzoo.training.equations.stepping import EquationTraining, assign_flat

_STEP = 0.05
"""Share by which a parameter is changed; of one that may be 0, share of its interval."""
_ITERATIONS = 300
_LEVEL = 0.95


def estimate_parameters(training: EquationTraining) -> tuple[Estimate, ...]:
    """Return the fitted parameters of a training that has ended; its weights stay."""
    from scipy import stats

    numbers, measured = training.numbers, training.problem.measurements
    if numbers is None or measured is None:
        return ()
    kept = checkpoints.values(training.model.weights)
    values = numbers.values()
    residuals = (_measured_outputs(training) - measured.values).ravel()
    free = residuals.size - len(values)
    if free < 1:
        return tuple(Estimate(name, value, np.nan, np.nan) for name, value in values.items())
    points = training.points(2)
    effects = []
    for name, value in values.items():
        ends = _shifted(value, numbers.intervals[numbers.names.index(name)])
        outputs = []
        for end in ends:
            checkpoints.assign(training.model.weights, kept)
            outputs.append(_solved(training, name, end, points))
        effects.append((outputs[1] - outputs[0]) / (ends[1] - ends[0]))
    checkpoints.assign(training.model.weights, kept)
    effect = np.stack(effects, axis=-1)
    covariance = np.linalg.pinv(effect.T @ effect) * float(residuals @ residuals) / free
    width = stats.t.ppf((1 + _LEVEL) / 2, free) * np.sqrt(np.diag(covariance))
    return tuple(
        Estimate(name, value, value - half, value + half)
        for (name, value), half in zip(values.items(), width.tolist(), strict=True)
    )


def _shifted(value: float, ends: list[float]) -> tuple[float, float]:
    """Return a smaller and a larger value, both within the interval."""
    low, high = ends
    step = _STEP * (value if low > 0 else high - low)
    margin = 1e-3 * (high - low)
    return max(value - step, low + margin), min(value + step, high - margin)


def _solved(
    training: EquationTraining, name: str, value: float, points: list[np.ndarray]
) -> np.ndarray:
    """Return the measured unknowns, flat, of the solution with a parameter of another value."""
    numbers, measured = training.numbers, training.problem.measurements
    assert numbers is not None and measured is not None
    raw = np.array(keras.ops.convert_to_numpy(numbers.raw), float)
    raw[numbers.names.index(name)] = numbers.raw_of(name, value)
    numbers.raw.assign(raw)
    variables = training.trained.trainable_variables
    fixed = np.concatenate([np.full(int(np.prod(v.shape)), v is numbers.raw) for v in variables])
    weights = training.weights.copy()
    weights[-len(measured.unknowns) :] = 0.0
    end, _ = training.minimized(points, weights, _ITERATIONS, lambda flat: None, fixed)
    assign_flat(variables, end)
    return _measured_outputs(training).ravel()


def _measured_outputs(training: EquationTraining) -> np.ndarray:
    """Return the solution (n, k) where it was measured."""
    measured = training.problem.measurements
    assert measured is not None
    points = keras.ops.convert_to_tensor(measured.points, keras.config.floatx())
    outputs = keras.ops.convert_to_numpy(training.model(points, training=False))
    return np.asarray(outputs, float)[:, list(measured.unknowns)]
