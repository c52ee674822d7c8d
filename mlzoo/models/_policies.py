"""Policies with a network that values states, and their losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from mlzoo.data.specs import Inputs, Outputs
from mlzoo.models._control import features

if TYPE_CHECKING:
    import keras

    from mlzoo.layers.networks import Objective, StepContext


def policy_and_value(
    inputs: Inputs, outputs: Outputs, hidden: Sequence[int], filters: Sequence[int]
) -> dict[str, keras.Model]:
    """Return `policy`, from observations to (batch, actions) logits, and `value`, to (batch, 1).

    Args:
        inputs: specification of the observations.
        outputs: specification of the actions.
        hidden: units of the dense layers of each.
        filters: of the convolutions of each.
    """
    import keras

    start, x = features(inputs, hidden, filters, "tanh")
    # Small at first, so that all actions are tried alike.
    small = keras.initializers.Orthogonal(0.01)
    policy = keras.Model(start, outputs.head(x, kernel_initializer=small), name="policy")
    start, x = features(inputs, hidden, filters, "tanh")
    value = keras.Model(start, outputs.finish(outputs.logits(x, units=1)), name="value")
    return {"policy": policy, "value": value}


def policy_objectives(clip: float, entropy_weight: float) -> Sequence[Objective]:
    """Return the loss of the policy, then that of the values that it is compared with.

    Args:
        clip: bound on the change of an action's probability, as a ratio to 1; 0: none.
        entropy_weight: of the policy's entropy.
    """
    from mlzoo.layers.networks import Objective

    policy = partial(policy_loss, clip, entropy_weight)
    return [
        Objective("policy", ("policy",), policy, ("entropy",)),
        Objective("value", ("value",), value_loss),
    ]


def policy_loss(
    clip: float,
    entropy_weight: float,
    networks: Mapping[str, keras.Model],
    inputs: Any,
    targets: Any,
    context: StepContext,
) -> dict[str, object]:
    """Return the loss of a policy, which makes actions of an advantage likelier, and its entropy.

    Args:
        clip: bound on the change of an action's probability, as a ratio to 1; 0: none.
        entropy_weight: of the policy's entropy.
        networks: `policy`.
        inputs: `observation` (batch, *shape); `log_probability` of the action when it was taken,
            `advantage`, standardized here, and `weight` (0: left out), (batch,).
        targets: (batch,) the actions taken.
        context: not used.
    """
    from keras import ops

    logits = networks["policy"](inputs["observation"])
    logs = ops.log_softmax(logits, axis=-1)
    taken = ops.sum(logs * ops.one_hot(targets, logits.shape[-1]), axis=-1)
    weights = inputs["weight"] / ops.maximum(ops.sum(inputs["weight"]), 1.0)
    centered = inputs["advantage"] - ops.sum(weights * inputs["advantage"])
    spread = ops.sqrt(ops.sum(weights * ops.square(centered)))
    advantage = centered / (spread + 1e-8)
    gain = taken * advantage
    if clip:
        ratio = ops.exp(taken - inputs["log_probability"])
        gain = ops.minimum(ratio * advantage, ops.clip(ratio, 1 - clip, 1 + clip) * advantage)
    entropy = -ops.sum(weights * ops.sum(ops.exp(logs) * logs, axis=-1))
    loss = -ops.sum(weights * gain) - entropy_weight * entropy
    return {"loss": loss, "entropy": entropy}


def value_loss(
    networks: Mapping[str, keras.Model], inputs: Any, targets: Any, context: StepContext
) -> dict[str, object]:
    """Return the squared error of the values of states.

    Args:
        networks: `value`.
        inputs: `observation` (batch, *shape), `goal` (what the value should be) and `weight`.
        targets: not used.
        context: not used.
    """
    from keras import ops

    values = networks["value"](inputs["observation"])[:, 0]
    weights = inputs["weight"] / ops.maximum(ops.sum(inputs["weight"]), 1.0)
    return {"loss": ops.sum(weights * ops.square(values - inputs["goal"]))}
