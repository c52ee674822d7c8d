"""Policy gradient of whole episodes, with a network of states' values as baseline.

Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement
learning" (1992): each action is made likelier by the sum of rewards that followed it, less what is
expected in its state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.setting_types import Sizes, searched
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.models._policies import policy_and_value, policy_objectives

if TYPE_CHECKING:
    import keras

    from mlzoo.core.configs import RunConfig
    from mlzoo.data.contracts import Recipe
    from mlzoo.data.samples import Data
    from mlzoo.layers.networks import Objective

TARGETS = ("actions per episode",)
MAIN = "policy"
EXPERIENCE = "episodes"


class Config(Settings):
    """Settings of reinforce."""

    hidden: Sizes = (64, 64)
    """Units of the dense layers of each network, comma-separated."""
    filters: Sizes = (16, 32)
    """Filters of the 3x3 convolutions before them, where observations are frames."""
    discount: float = Field(0.98, ge=0, le=1)
    """Weight of a reward one step later."""
    environments: int = Field(16, ge=1, json_schema_extra=searched(4, 64, log=True))
    """Episodes that an update is made of."""
    steps: int = Field(6400, ge=1)
    """Steps of the environment in an epoch, at least, in all episodes together."""
    entropy: float = Field(0.01, ge=0)
    """Weight of the policy's entropy, which keeps it exploring."""


def recipe(data: Data, config: RunConfig) -> Recipe:
    """Return epochs and rate of whole episodes."""
    from mlzoo.data.contracts import Recipe

    return Recipe({"epochs": 30, "learning_rate": 3e-3, "clip_norm": 0.5}, reason="control")


def networks(config: Config, inputs: Inputs, outputs: Outputs) -> dict[str, keras.Model]:
    """Return the policy, from observations to (batch, actions) logits, and the baseline.

    Args:
        config: the model's settings.
        inputs: specification of the observations.
        outputs: specification of the actions.
    """
    return policy_and_value(inputs, outputs, config.hidden, config.filters)


def objectives(config: Config, inputs: Inputs, outputs: Outputs) -> Sequence[Objective]:
    """Return the losses of policy and baseline."""
    return policy_objectives(0.0, config.entropy)
