"""Layers of models with several members: whole models, or members that share their weights.

Members that share weights follow TabM (Gorishniy, Kotelnikov and Babenko 2025) after BatchEnsemble
(Wen, Tran and Ba 2020): one kernel a layer, and for each member scales of inputs and outputs and a
bias.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mlzoo.data.specs import Target

SMALLEST = 1e-7
"""Probabilities are at least this before their logarithm is taken."""


@keras.saving.register_keras_serializable(package="mlzoo")
class Members(keras.layers.Layer):
    """Outputs of K models, each (batch, ...), as (batch, K, ...)."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)

    def call(self, outputs: Sequence[Any]) -> Any:
        """Stack the outputs along a new second axis."""
        return ops.stack(list(outputs), axis=1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return (batch, K, ...)."""
        first = input_shape[0]
        return (first[0], len(input_shape), *first[1:])


@keras.saving.register_keras_serializable(package="mlzoo")
class MemberMean(keras.layers.Layer):
    """Mean over members (batch, K, ...) of numbers, or the logits of mean probabilities.

    Args:
        head: `linear`: the mean itself; `softmax`: its logarithm; `sigmoid`: its log odds.
    """

    def __init__(self, head: str = "linear", **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.head = head

    def call(self, outputs: Any) -> Any:
        """Return (batch, ...)."""
        mean = ops.mean(outputs, axis=1)
        if self.head == "linear":
            return mean
        if self.head == "softmax":
            return ops.log(ops.maximum(mean, SMALLEST))
        mean = ops.clip(mean, SMALLEST, 1 - SMALLEST)
        return ops.log(mean) - ops.log(1 - mean)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, ...)."""
        return (input_shape[0], *input_shape[2:])

    def get_config(self) -> dict[str, object]:
        """Return the argument."""
        return {**super().get_config(), "head": self.head}


def mean_of(stacked: keras.KerasTensor, target: Target) -> keras.KerasTensor:
    """Return the mean of members' outputs (batch, K, ...), which ends in a softmax or sigmoid.

    Args:
        stacked: what a layer `members` returns.
        target: what is predicted.
    """
    head = "linear"
    if target.is_label_set or (target.is_class and stacked.shape[-1] == 1):
        head = "sigmoid"
    elif target.is_class:
        head = "softmax"
    mean = MemberMean(head, name="mean")(stacked)
    if head == "linear":
        return mean
    return keras.layers.Activation(head, dtype="float32", name="mean_output")(mean)


@keras.saving.register_keras_serializable(package="mlzoo")
class SharedDense(keras.layers.Layer):
    """Dense layer whose kernel K members share: (x * r) W * s + b, with r, s and b of each member.

    Args:
        units: outputs.
        members: K.
        signs: r begins as random signs, which makes the members differ; else as ones.
        kernel_initializer: of W.
        kernel_regularizer: of W.
        use_bias: add b.
    """

    def __init__(
        self,
        units: int,
        members: int,
        signs: bool = False,
        kernel_initializer: Any = "he_normal",
        kernel_regularizer: Any = None,
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.members, self.signs = int(units), int(members), bool(signs)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.use_bias = bool(use_bias)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights."""
        features, members, units = input_shape[-1], self.members, self.units
        self.kernel = self.add_weight(
            shape=(features, units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            name="kernel",
        )
        first = RandomSigns() if self.signs else "ones"
        self.r = self.add_weight(shape=(members, features), initializer=first, name="input_scale")
        self.s = self.add_weight(shape=(members, units), initializer="ones", name="output_scale")
        self.b = None
        if self.use_bias:
            self.b = self.add_weight(shape=(members, units), initializer="zeros", name="bias")

    def call(self, x: Any) -> Any:
        """Return (batch, K, units) for x (batch, features) or (batch, K, features)."""
        if len(x.shape) == 2:
            x = ops.expand_dims(x, 1)
        outputs = ops.matmul(x * self.r, self.kernel) * self.s
        return outputs if self.b is None else outputs + self.b

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, K, units)."""
        return (input_shape[0], self.members, self.units)

    def get_config(self) -> dict[str, object]:
        """Return the arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "members": self.members,
            "signs": self.signs,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "use_bias": self.use_bias,
        }


@keras.saving.register_keras_serializable(package="mlzoo")
class RandomSigns(keras.initializers.Initializer):
    """-1 or 1, each with probability 1/2.

    Args:
        seed: of the draw; None: of Keras' global seed.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """Return an array of signs."""
        drawn = keras.initializers.RandomUniform(-1, 1, seed=self.seed)(shape, dtype=dtype)
        return ops.where(drawn < 0, ops.cast(-1, drawn.dtype), ops.cast(1, drawn.dtype))

    def get_config(self) -> dict[str, object]:
        """Return the argument."""
        return {"seed": self.seed}


@keras.saving.register_keras_serializable(package="mlzoo")
class MemberScale(keras.layers.Layer):
    """Scale, and perhaps shift, of each member's features (batch, K, features).

    Args:
        shift: add a bias of each member too.
        spread: standard deviation of the initial scales, whose mean is 1.
    """

    def __init__(self, shift: bool = False, spread: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shift, self.spread = bool(shift), float(spread)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights."""
        shape = tuple(input_shape[1:])
        first = keras.initializers.RandomNormal(1.0, self.spread) if self.spread else "ones"
        self.scale = self.add_weight(shape=shape, initializer=first, name="scale")
        self.bias = None
        if self.shift:
            self.bias = self.add_weight(shape=shape, initializer="zeros", name="bias")

    def call(self, x: Any) -> Any:
        """Scale x."""
        return x * self.scale if self.bias is None else x * self.scale + self.bias

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape unchanged."""
        return input_shape

    def get_config(self) -> dict[str, object]:
        """Return the arguments."""
        return {**super().get_config(), "shift": self.shift, "spread": self.spread}


@keras.saving.register_keras_serializable(package="mlzoo")
class FoldMembers(keras.layers.Layer):
    """Members as samples: (batch, K, ...) to (batch * K, ...), those of a sample together."""

    def call(self, x: Any) -> Any:
        """Fold x."""
        return ops.reshape(x, (-1, *ops.shape(x)[2:]))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (None, ...)."""
        return (None, *input_shape[2:])


@keras.saving.register_keras_serializable(package="mlzoo")
class UnfoldMembers(keras.layers.Layer):
    """Undo `FoldMembers`: (batch * K, ...) to (batch, K, ...).

    Args:
        members: K.
    """

    def __init__(self, members: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.members = int(members)

    def call(self, x: Any) -> Any:
        """Unfold x."""
        return ops.reshape(x, (-1, self.members, *x.shape[1:]))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (None, K, ...)."""
        return (None, self.members, *input_shape[1:])

    def get_config(self) -> dict[str, object]:
        """Return the argument."""
        return {**super().get_config(), "members": self.members}
