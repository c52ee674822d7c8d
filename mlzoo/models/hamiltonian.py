"""Hamiltonian network: rates of change of a state that conserve an energy, which is learned.

Greydanus, Dzamba and Yosinski, "Hamiltonian neural networks" (2019). The columns are positions,
then as many momenta; the targets are their rates of change, in the same order. A network of tanh
layers gives the energy H of a state, and predictions are (dH/dp, -dH/dq): where they are followed
in time (`predict --steps`), H stays as it is, while what a plain network of rates gains or loses
adds up. Friction can't be learned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.errors import UsageError
from mlzoo.core.setting_types import Sizes, searched_layers
from mlzoo.data.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras

    from mlzoo.core.configs import RunConfig
    from mlzoo.data.contracts import Recipe
    from mlzoo.data.samples import Data

TARGETS = ("numbers per sample",)


class Config(Settings):
    """Settings of hamiltonian."""

    hidden: Sizes = Field(
        (64, 64), json_schema_extra=searched_layers("layers", (1, 3), "units", (16, 256))
    )
    """Units of the energy's hidden layers, comma-separated; 200,200 in the paper."""


def recipe(data: Data, config: RunConfig) -> Recipe:
    """Return epochs and a schedule for smooth functions of few numbers."""
    from mlzoo.data.contracts import Recipe

    fields = {"epochs": 200, "learning_rate": 3e-3, "schedule": "cosine", "early_stopping": 60}
    return Recipe(fields, reason="rates of change of states")


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from states (batch, 2 k) to rates of change (batch, 2 k).

    Args:
        config: the model's settings.
        inputs: specification of the states.
        outputs: specification of the rates.

    Raises:
        UsageError: targets are not the rates of as many columns, or their spread is predicted.
    """
    import keras
    import numpy as np

    from mlzoo.layers.hamiltonian import HamiltonianFlow
    from mlzoo.layers.input_scaling import scaler

    count = outputs.units
    if len(inputs.shape) != 1 or inputs.shape[0] != count or count % 2:
        raise UsageError(
            "hamiltonian needs columns of positions, then as many of momenta, and their rates of "
            f"change as targets (got samples of shape {inputs.shape} and {count} targets); choose "
            "the columns with --target and --drop, or try `mlp`"
        )
    if outputs.distribution:
        raise UsageError(
            "hamiltonian predicts rates of change without a spread; leave out --loss nll and "
            "quantile"
        )
    scale = scaler(inputs.scaling)
    ends = keras.ops.convert_to_numpy(scale(np.stack([np.zeros(count), np.ones(count)])))
    if ends.shape != (2, count):
        raise UsageError("hamiltonian needs columns of numbers, not of categories; try `mlp`")
    # d/dp of a number that is divided by a deviation has that factor: it goes to the rate of q.
    slopes = np.roll(ends[1] - ends[0], count // 2)
    signs = np.repeat([1.0, -1.0], count // 2)
    size = np.mean(outputs.std or [1.0]) / np.mean(slopes)
    tensor, x = inputs.start()
    flow = HamiltonianFlow(config.hidden, (size * signs * slopes).tolist(), name="head")
    x = keras.layers.Identity(dtype="float32", name="output")(flow(x))
    return keras.Model(tensor, x, name="hamiltonian")
