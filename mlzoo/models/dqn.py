"""Deep Q-network: values of actions, learned from a memory of steps, for discrete actions.

Mnih et al., "Human-level control through deep reinforcement learning" (2015): a replay memory,
epsilon-greedy actions, and a target network that is reset every so many updates. `double`: van
Hasselt, Guez and Silver (2016); `dueling`: Wang et al. (2016). Frames pass two convolutions and a
dense layer, vectors dense layers alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.setting_types import Sizes, searched
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.models._control import features

if TYPE_CHECKING:
    import keras

    from mlzoo.core.configs import RunConfig
    from mlzoo.data.contracts import Recipe
    from mlzoo.data.samples import Data
    from mlzoo.layers.networks import Objective, StepContext

TARGETS = ("actions per episode",)
MAIN = "online"
EXPERIENCE = "replay"


class Config(Settings):
    """Settings of dqn."""

    hidden: Sizes = (256,)
    """Units of the dense layers, comma-separated."""
    filters: Sizes = (16, 32)
    """Filters of the 3x3 convolutions before them, where observations are frames."""
    discount: float = Field(0.97, ge=0, le=1)
    """Weight of a reward one step later."""
    environments: int = Field(32, ge=1, json_schema_extra=searched(4, 64, log=True))
    """Episodes that are played side by side."""
    steps: int = Field(6400, ge=1)
    """Steps of the environment in an epoch, in all episodes together."""
    double: bool = True
    """Choose the next action by the online network and value it by the target network."""
    dueling: bool = False
    """Learn the value of a state and the advantages of actions apart."""
    memory: int = Field(50_000, ge=1)
    """Steps that the replay memory holds; the oldest are overwritten."""
    warmup_steps: int = Field(1000, ge=1)
    """Random steps that the memory holds before the first epoch."""
    updates: int = Field(1, ge=1, json_schema_extra=searched(1, 8))
    """Updates after each step of all environments."""
    target_every: int = Field(100, ge=1, json_schema_extra=searched(50, 2000, log=True))
    """Updates after which the target network is reset to the online network."""
    epsilon: float = Field(0.05, ge=0, le=1)
    """Probability of a random action once exploration has been lowered; it begins at 1."""
    exploration_epochs: int = Field(8, ge=0)
    """Epochs over which the probability falls, linearly."""


def recipe(data: Data, config: RunConfig) -> Recipe:
    """Return epochs, batch size and rate of control."""
    from mlzoo.data.contracts import Recipe

    fields = {"epochs": 15, "learning_rate": 1e-3, "batch_size": 128}
    return Recipe(fields, reason="control")


def networks(config: Config, inputs: Inputs, outputs: Outputs) -> dict[str, keras.Model]:
    """Return two networks of one form, from observations to (batch, actions) values.

    Args:
        config: the model's settings.
        inputs: specification of the observations.
        outputs: specification of the actions.
    """
    online, target = (_network(config, inputs, outputs, name) for name in ("online", "target"))
    target.set_weights(online.get_weights())
    return {"online": online, "target": target}


def _network(config: Config, inputs: Inputs, outputs: Outputs, name: str) -> keras.Model:
    import keras
    from keras import ops

    tensor, x = features(inputs, config.hidden, config.filters)
    if not config.dueling:
        return keras.Model(tensor, outputs.head(x), name=name)
    advantage = outputs.logits(x, name="advantage")
    value = outputs.logits(x, units=1, name="value")
    values = value + advantage - ops.mean(advantage, axis=1, keepdims=True)
    return keras.Model(tensor, outputs.finish(values), name=name)


def objectives(config: Config, inputs: Inputs, outputs: Outputs) -> Sequence[Objective]:
    """Return the loss of the Bellman equation."""
    from mlzoo.layers.networks import Objective

    return [Objective("bellman", ("online",), partial(_bellman, config), ("action_value",))]


def _bellman(
    config: Config,
    networks: Mapping[str, keras.Model],
    inputs: Any,
    targets: Any,
    context: StepContext,
) -> dict[str, object]:
    """Return the Huber loss of the actions' values, and their mean.

    Args:
        config: the model's settings.
        networks: `online` and `target`.
        inputs: `observation` and `following` (batch, *shape), `reward` (batch,) and `ended`
            (batch,), 1 where the following state is terminal.
        targets: (batch,) the actions taken.
        context: not used.
    """
    from keras import ops

    values = networks["online"](inputs["observation"])
    actions = values.shape[-1]
    taken = ops.sum(values * ops.one_hot(targets, actions), axis=-1)
    ahead = networks["target"](inputs["following"])
    judged = networks["online"](inputs["following"]) if config.double else ahead
    best = ops.one_hot(ops.argmax(judged, axis=-1), actions)
    following = ops.sum(ahead * best, axis=-1) * (1 - inputs["ended"])
    error = taken - ops.stop_gradient(inputs["reward"] + config.discount * following)
    size = ops.abs(error)
    huber = ops.where(size < 1, 0.5 * ops.square(error), size - 0.5)
    return {"loss": ops.mean(huber), "action_value": ops.mean(taken)}
