"""Actor and critic: a policy, learned from the latest steps with a network that values states.

Mnih et al., "Asynchronous methods for deep reinforcement learning" (2016), played side by side;
advantages by Schulman et al. (2016, generalized advantage estimation). By default the ratio of new
to old probabilities is clipped, so that the same steps are learned from several times: Schulman et
al., "Proximal policy optimization algorithms" (2017). Frames pass two convolutions and dense
layers, vectors dense layers alone.
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
EXPERIENCE = "rollouts"


class Config(Settings):
    """Settings of actor_critic."""

    hidden: Sizes = (64, 64)
    """Units of the dense layers of each network, comma-separated."""
    filters: Sizes = (16, 32)
    """Filters of the 3x3 convolutions before them, where observations are frames."""
    discount: float = Field(0.98, ge=0, le=1)
    """Weight of a reward one step later."""
    trace: float = Field(0.9, ge=0, le=1)
    """Weight of an advantage one step later: lambda of generalized advantage estimation."""
    environments: int = Field(8, ge=1, json_schema_extra=searched(4, 64, log=True))
    """Episodes that are played side by side."""
    rollout: int = Field(32, ge=1, json_schema_extra=searched(8, 128, log=True))
    """Steps of each before the networks are updated."""
    steps: int = Field(6400, ge=1)
    """Steps of the environment in an epoch, in all episodes together."""
    clip: float = Field(0.2, ge=0, lt=1)
    """Bound on the change of an action's probability, as a ratio to 1; 0: no clipping."""
    passes: int = Field(20, ge=1, json_schema_extra=searched(1, 30))
    """Times that the same steps are learned from; without clipping 1."""
    entropy: float = Field(0.0, ge=0)
    """Weight of the policy's entropy, which keeps it exploring."""


def recipe(data: Data, config: RunConfig) -> Recipe:
    """Return epochs, batch size and a rate that falls to 0."""
    from mlzoo.data.contracts import Recipe

    fields = {"epochs": 16, "learning_rate": 1e-3, "batch_size": 256, "schedule": "cosine"}
    return Recipe({**fields, "clip_norm": 0.5}, reason="control")


def networks(config: Config, inputs: Inputs, outputs: Outputs) -> dict[str, keras.Model]:
    """Return the policy, from observations to (batch, actions) logits, and the critic, to a value.

    Args:
        config: the model's settings.
        inputs: specification of the observations.
        outputs: specification of the actions.
    """
    return policy_and_value(inputs, outputs, config.hidden, config.filters)


def objectives(config: Config, inputs: Inputs, outputs: Outputs) -> Sequence[Objective]:
    """Return the losses of policy and critic."""
    return policy_objectives(config.clip, config.entropy)
