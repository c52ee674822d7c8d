"""Physics-informed network: tanh layers from coordinates to the unknowns of equations.

Raissi, Perdikaris and Karniadakis, "Physics-informed neural networks" (2019): trained on the
residuals of equations and conditions at points drawn anew in each step, first by Adam, then by
L-BFGS. Newer than the paper: weights of the residuals by the norms of their gradients (Wang,
Sankaran, Wang and Perdikaris 2023, "An expert's guide to training physics-informed neural
networks"), activations with a trained slope, random Fourier features, layers that are gated by two
encoders, conditions that hold by construction, weights that respect causality, and points where the
residual is large. Hidden layer i is `hidden{i}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, model_validator

from mlzoo.core.configs import Settings
from mlzoo.core.setting_types import Sizes, searched, searched_layers
from mlzoo.data.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras

    from mlzoo.core.configs import RunConfig
    from mlzoo.core.expressions import Node
    from mlzoo.data.contracts import Recipe
    from mlzoo.data.problems.problem import Problem
    from mlzoo.data.samples import Data

TARGETS = ("numbers per point",)


class Config(Settings):
    """Settings of pinn."""

    hidden: Sizes = Field(
        (32, 32, 32), json_schema_extra=searched_layers("layers", (2, 5), "units", (16, 64))
    )
    """Units of the hidden layers, comma-separated."""
    adaptive: bool = False
    """Train a slope of tanh in each layer."""
    gated: bool = False
    """Gate each hidden layer by two encoders of the coordinates (Wang, Teng and Perdikaris 2021,
    the modified MLP), a connection that skips the layers; all have the same units."""
    fourier: int = Field(0, ge=0, le=4096)
    """Random frequencies whose cosines and sines stand for the coordinates, for solutions that
    oscillate; 0: the coordinates as they are."""
    fourier_scale: float = Field(
        1.0, gt=0, json_schema_extra=searched(0.1, 10.0, log=True, needs="fourier")
    )
    """Standard deviation of the frequencies, in periods half an interval of a coordinate."""
    points: int = Field(1000, ge=1)
    """Points within the domain, drawn anew in each step of Adam."""
    face_points: int = Field(100, ge=1)
    """Points of each condition, drawn likewise."""
    steps: int = Field(100, ge=1)
    """Steps of Adam in an epoch, and iterations of L-BFGS."""
    lbfgs: int = Field(20, ge=0)
    """Epochs of L-BFGS that follow those of Adam, on points that stay."""
    lbfgs_rounds: int = Field(1, ge=1)
    """Rounds that those iterations are divided into; each has points of its own."""
    sampling: Literal["uniform", "adaptive"] = "uniform"
    """Where points within the domain are drawn: uniform, or adaptive, of which half are drawn by
    the size of the residual, anew in each epoch."""
    balance: bool = True
    """Weight equations and conditions so that their gradients have equal norms."""
    hard: bool = False
    """Have conditions that give a value on a face, or a start with its slope, hold by construction;
    the others stay penalties."""
    corners: bool = True
    """Have singular functions of corners that point into the domain as further inputs; without
    them the slope of a solution, infinite there, is out of reach."""
    causal: float = Field(0.0, ge=0)
    """Weight residuals less while those of earlier times are large, by this factor in the exponent;
    0: not."""

    @model_validator(mode="after")
    def _check_widths(self) -> Self:
        if self.gated and len(set(self.hidden)) > 1:
            raise ValueError(
                f"gated needs hidden layers of equal units (got {self.hidden}); set hidden=32,32,32"
            )
        return self


def recipe(data: Data, config: RunConfig) -> Recipe:
    """Return epochs of Adam at a rate that suits them, with 64 bits.

    Of ordinary equations there are two, and more of L-BFGS on a smaller network whose conditions
    hold by construction: weights of equal gradients let such networks collapse to zero. With 200
    points in place of 1,000 it fitted a narrow step between two of them in 2 of 8 seeds. About a
    corner that points into the domain they hold by construction too, where all of them can: as
    penalties they left an error eight times as large (Poisson's equation on an L of other sides).
    """
    from mlzoo.data.contracts import Recipe
    from mlzoo.data.problems.corners import corner_functions
    from mlzoo.data.problems.trial import soft_part, trial_functions

    fields = {"epochs": 20, "learning_rate": 2e-3, "precision": "float64"}
    problem = data.samples.problem
    if problem is None or len(problem.inputs) > 1:
        if problem is not None and corner_functions(problem):
            if not soft_part(problem, trial_functions(problem)).conditions:
                return Recipe(fields, {"hard": True}, "equations about a corner")
        return Recipe(fields, reason="equations")
    settings = {"hidden": (20, 20), "lbfgs": 40, "hard": True}
    return Recipe({**fields, "epochs": 2}, settings, reason="ordinary equations")


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from (batch, coordinates) to (batch, unknowns).

    Args:
        config: the model's settings.
        inputs: specification of the points.
        outputs: specification of the unknowns.
    """
    import keras

    from mlzoo.layers.expression_columns import ExpressionColumns
    from mlzoo.layers.fourier import FourierFeatures
    from mlzoo.layers.periodic import PeriodicCoordinates
    from mlzoo.layers.scaling import BoxScaling
    from mlzoo.layers.trial import FittedNumbers, as_lists

    tensor = keras.Input(inputs.shape, dtype=keras.config.floatx(), name="input")
    problem, x = inputs.problem, tensor
    if problem and problem.fitted:
        x = FittedNumbers([*problem.fitted], [*problem.fitted.values()], name="parameters")(x)
    box = problem.box if problem else ((-1.0, 1.0),) * inputs.shape[0]
    x = BoxScaling(box, name="scaling")(x)
    if problem and problem.periodic:
        x = PeriodicCoordinates(problem.periodic, name="periodic")(x)
    added = _added(config, problem) if problem else ()
    if problem and added:
        lists = [as_lists(node) for node in added]
        columns = ExpressionColumns(problem.inputs, problem.parameters, lists, name="features")
        x = columns(tensor, x)
    if config.fourier:
        scale = (config.fourier_scale,)
        x = FourierFeatures(x.shape[-1], config.fourier, scale, name="fourier")(x)
    x = _hidden(config, x)
    x = outputs.head(x, dtype=keras.config.floatx())
    if config.hard and problem:
        x = _held(problem, tensor, x)
    return keras.Model(tensor, x, name="pinn")


def _added(config: Config, problem: Problem) -> tuple[Node, ...]:
    """Return the expressions that are inputs of the network, beside the coordinates."""
    from mlzoo.data.problems.corners import corner_functions

    return (*problem.features, *(corner_functions(problem) if config.corners else ()))


def _hidden(config: Config, x: Any) -> Any:
    """Return the output of the hidden layers."""
    import keras

    from mlzoo.layers.activations import AdaptiveTanh

    def layer(units: int, name: str, below: Any) -> Any:
        dense = keras.layers.Dense(units, kernel_initializer="glorot_normal", name=name)
        return AdaptiveTanh(config.adaptive, name=f"{name}_activation")(dense(below))

    encoders = [layer(config.hidden[0], f"encoder{i}", x) for i in (1, 2) if config.gated]
    for number, units in enumerate(config.hidden, 1):
        x = layer(units, f"hidden{number}", x)
        if encoders:
            apart = keras.layers.Subtract(name=f"apart{number}")([encoders[1], encoders[0]])
            gated = keras.layers.Multiply(name=f"gate{number}")([x, apart])
            x = keras.layers.Add(name=f"gated{number}")([encoders[0], gated])
    return x


def _held(problem: Problem, points: Any, outputs: Any) -> Any:
    """Return outputs of which conditions hold by construction, where they allow it."""
    from mlzoo.data.problems.trial import trial_functions
    from mlzoo.layers.trial import TrialLayer, as_lists

    trials = trial_functions(problem)
    if not any(trial.held for trial in trials):
        return outputs
    return TrialLayer(
        problem.inputs,
        problem.parameters,
        [as_lists(trial.extension) for trial in trials],
        [as_lists(trial.factor) for trial in trials],
        name="conditions",
    )(points, outputs)
