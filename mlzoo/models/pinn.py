"""Physics-informed network: tanh layers from coordinates to the unknowns of equations.

Raissi, Perdikaris and Karniadakis, "Physics-informed neural networks" (2019): trained on the
residuals of equations and conditions at points drawn anew in each step, first by Adam, then by
L-BFGS. Newer than the paper: weights of the residuals by the norms of their gradients (Wang,
Sankaran, Wang and Perdikaris 2023, "An expert's guide to training physics-informed neural
networks"), activations with a trained slope, random Fourier features. Hidden layer i is
`hidden{i}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.setting_types import Sizes, searched, searched_layers
from mlzoo.data.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras

    from mlzoo.core.configs import RunConfig
    from mlzoo.data.contracts import Recipe
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
    balance: bool = True
    """Weight equations and conditions so that their gradients have equal norms."""


def recipe(data: Data, config: RunConfig) -> Recipe:
    """Return twenty epochs of Adam at a rate that suits them, with 64 bits."""
    from mlzoo.data.contracts import Recipe

    fields = {"epochs": 20, "learning_rate": 2e-3, "precision": "float64"}
    return Recipe(fields, reason="equations")


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from (batch, coordinates) to (batch, unknowns).

    Args:
        config: the model's settings.
        inputs: specification of the points.
        outputs: specification of the unknowns.
    """
    import keras

    from mlzoo.layers.activations import AdaptiveTanh
    from mlzoo.layers.fourier import FourierFeatures
    from mlzoo.layers.periodic import PeriodicCoordinates
    from mlzoo.layers.scaling import BoxScaling

    tensor = keras.Input(inputs.shape, dtype=keras.config.floatx(), name="input")
    problem = inputs.problem
    box = problem.box if problem else ((-1.0, 1.0),) * inputs.shape[0]
    x = BoxScaling(box, name="scaling")(tensor)
    if problem and problem.periodic:
        x = PeriodicCoordinates(problem.periodic, name="periodic")(x)
    if config.fourier:
        scale = (config.fourier_scale,)
        x = FourierFeatures(x.shape[-1], config.fourier, scale, name="fourier")(x)
    for number, units in enumerate(config.hidden, 1):
        x = keras.layers.Dense(units, kernel_initializer="glorot_normal", name=f"hidden{number}")(x)
        x = AdaptiveTanh(config.adaptive, name=f"hidden{number}_activation")(x)
    return keras.Model(tensor, outputs.head(x, dtype=keras.config.floatx()), name="pinn")
