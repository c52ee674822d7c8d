"""Pooling over the steps of padded sequences, and layers that handle masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


def pool(kind: str) -> keras.layers.Layer:
    """Return a layer that pools steps that are not padding: last, mean, attention or concat."""
    if kind == "last":
        return LastStep(name="last")
    if kind == "concat":
        return ConcatPooling(name="concat")
    if kind == "mean":
        return keras.layers.GlobalAveragePooling1D(name="mean")
    return AttentionPooling(name="attention")


@keras.saving.register_keras_serializable(package="mlzoo")
class LastStep(keras.layers.Layer):
    """The last step that is not masked: (batch, steps, features) to (batch, features)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x: Any, mask: Any = None) -> Any:
        """Return the last step; without a mask the very last one."""
        if mask is None:
            return x[:, -1]
        last = ops.sum(ops.cast(mask, "int32"), axis=1) - 1
        return ops.take_along_axis(x, last[:, None, None], axis=1)[:, 0]

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """Return None: there is no axis of steps any more."""

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, features)."""
        return (input_shape[0], input_shape[-1])


@keras.saving.register_keras_serializable(package="mlzoo")
class ConcatPooling(LastStep):
    """The mean, the maximum and the last of the steps that are not masked, side by side.

    Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification" (2018).
    """

    def call(self, x: Any, mask: Any = None) -> Any:
        """Map (batch, steps, features) to (batch, 3 features)."""
        last = super().call(x, mask)
        if mask is None:
            return ops.concatenate([ops.mean(x, axis=1), ops.max(x, axis=1), last], axis=-1)
        known = ops.cast(mask, "float32")[..., None]
        # Sums of thousands of steps are beyond 16 bits.
        mean = ops.sum(ops.cast(x, "float32") * known, axis=1) / ops.sum(known, axis=1)
        mean = ops.cast(mean, x.dtype)
        # The lowest number of 16 bits is -65504.
        highest = ops.max(ops.where(mask[..., None], x, ops.cast(-6e4, x.dtype)), axis=1)
        return ops.concatenate([mean, highest, last], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, 3 features)."""
        features = input_shape[-1]
        return (input_shape[0], None if features is None else 3 * features)


@keras.saving.register_keras_serializable(package="mlzoo")
class MaskLike(keras.layers.Layer):
    """First of two tensors with the mask of the second, after layers that drop masks."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, pair: Sequence[Any]) -> Any:
        """Return the first tensor."""
        return ops.multiply(pair[0], 1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask of the second."""
        return None if mask is None else mask[1]

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple[int | None, ...]:
        """Return the shape of the first."""
        return tuple(input_shape[0])


@keras.saving.register_keras_serializable(package="mlzoo")
class AttentionPooling(keras.layers.Layer):
    """Attention pooling: mean over steps weighted by the softmax of v . tanh(W h + b).

    Yang et al., "Hierarchical Attention Networks for Document Classification" (2016). Steps that
    are masked get no weight.

    Args:
        units: rows of W; by default the number of features.
    """

    def __init__(self, units: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make W, b and v."""
        features = input_shape[-1]
        units = self.units or features
        self.kernel = self.add_weight(shape=(features, units), name="kernel")
        self.bias = self.add_weight(shape=(units,), initializer="zeros", name="bias")
        self.vector = self.add_weight(shape=(units, 1), name="vector")

    def call(self, x: Any, mask: Any = None) -> Any:
        """Map (batch, steps, features) to (batch, features)."""
        scores = ops.matmul(ops.tanh(ops.matmul(x, self.kernel) + self.bias), self.vector)
        if mask is not None:
            scores = ops.where(mask[..., None], scores, ops.cast(-1e4, scores.dtype))
        return ops.sum(ops.softmax(scores, axis=1) * x, axis=1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """Return None: there is no axis of steps any more."""

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, features)."""
        return (input_shape[0], input_shape[-1])

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="mlzoo")
class NoMask(keras.layers.Layer):
    """Input without a mask: the targets mark ignored steps, so Keras must not weight them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x: Any) -> Any:
        """Return the same tensor."""
        return ops.multiply(x, 1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """Return None."""

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the same shape."""
        return input_shape


@keras.saving.register_keras_serializable(package="mlzoo")
class ZeroBeyond(MaskLike):
    """First of two tensors, 0 where the second is masked, so that padding has no effect."""

    def call(self, pair: Sequence[Any], mask: Any = None) -> Any:
        """Return the first tensor, (batch, steps, features)."""
        known = None if mask is None else mask[1]
        return pair[0] * 1 if known is None else pair[0] * ops.cast(known, pair[0].dtype)[..., None]

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """Return None: convolutions drop masks."""
