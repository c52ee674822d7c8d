"""Layers of forecasts from windows: logarithms, normalization, linear shortcut, mean season.

Statistics and start weights are variables that no gradient changes, so that a saved model takes
raw windows; `mlzoo.layers.window_variables` sets them from the training split.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

NORMALIZATIONS = ("none", "last", "standard")
_FLATTEST = 0.05
"""Least standard deviation of a window, in usual changes from the last step."""


class _WindowLayer(keras.layers.Layer):
    """Base of layers that compute in float32 under every precision policy."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)

    def fixed(self, name: str, shape: tuple[int, ...], initializer: str = "zeros") -> Any:
        """Return a variable that no gradient changes."""
        return self.add_weight(shape=shape, initializer=initializer, trainable=False, name=name)


@keras.saving.register_keras_serializable(package="mlzoo")
class LogChannels(_WindowLayer):
    """Natural logarithms of some channels of a window; the others stay as they are.

    Args:
        channels: positions of channels with positive values; 0 and less become a hundredth of
            `lowest`, the variable that holds the lowest values of the training split.
    """

    def __init__(self, channels: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = [int(channel) for channel in channels]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the variable of the lowest values, 1 at first."""
        self.lowest = self.fixed("lowest", (int(input_shape[-1] or 0),), "ones")

    def call(self, x: Any) -> Any:
        """Map (batch, steps, channels) to the same shape."""
        x = ops.cast(x, self.compute_dtype)
        flags = [float(channel in self.channels) for channel in range(x.shape[-1])]
        chosen = ops.convert_to_tensor(flags, x.dtype)
        positive = ops.maximum(x, ops.cast(self.lowest, x.dtype) / 100)
        # No logarithm of a channel that may be negative: its gradient would be NaN.
        return ops.log(ops.where(chosen > 0, positive, 1.0)) * chosen + x * (1 - chosen)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the same shape."""
        return input_shape

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "channels": self.channels}


@keras.saving.register_keras_serializable(package="mlzoo")
class NormalizedWindow(_WindowLayer):
    """Windows less their level, over their scale; those of the targets are returned too.

    `standard` is reversible instance normalization without its affine map (Kim et al., "Reversible
    Instance Normalization for Accurate Time-Series Forecasting against Distribution Shift", 2022):
    level and scale are the window's mean and standard deviation. `last` takes the last step as
    level (Zeng et al., 2023) and the usual change from it as scale. `none` takes mean and standard
    deviation of the training split.

    Args:
        kind: `none`, `last` or `standard`.
        channels: positions of the targets among the channels.
        context: positions of channels whose level matters, which are normalized as with `none`.
    """

    def __init__(
        self, kind: str, channels: Sequence[int], context: Sequence[int] = (), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.channels = [int(channel) for channel in channels]
        self.context = [int(channel) for channel in context]
        if kind not in NORMALIZATIONS:
            raise ValueError(f"kind is {kind!r}; choose one of {', '.join(NORMALIZATIONS)}")
        self.kind = kind

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the variables: mean and scale of each channel."""
        channels = int(input_shape[-1] or 0)
        self.mean = self.fixed("mean", (channels,))
        self.scale = self.fixed("scale", (channels,), "ones")

    def call(self, x: Any) -> tuple[Any, Any, Any]:
        """Return windows (batch, steps, channels), levels and scales (batch, 1, targets)."""
        x = ops.cast(x, self.compute_dtype)
        scale = ops.ones_like(x[:, -1:]) * ops.cast(self.scale, x.dtype)
        level = x[:, -1:]
        if self.kind == "none":
            level = ops.zeros_like(level) + ops.cast(self.mean, x.dtype)
        elif self.kind == "standard":
            level = ops.mean(x, axis=1, keepdims=True)
            variance = ops.mean(ops.square(x - level), axis=1, keepdims=True)
            # Added within the root, whose gradient is infinite at 0.
            scale = ops.sqrt(variance + ops.square(_FLATTEST * scale))
        if self.context and self.kind != "none":
            flags = [float(channel in self.context) for channel in range(x.shape[-1])]
            fixed = ops.convert_to_tensor(flags, x.dtype)
            level = level * (1 - fixed) + ops.cast(self.mean, x.dtype) * fixed
            scale = scale * (1 - fixed) + ops.cast(self.scale, x.dtype) * fixed
        places = ops.convert_to_tensor(self.channels, "int32")
        of_targets = (ops.take(each, places, axis=2) for each in (level, scale))
        return ((x - level) / scale, *of_targets)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> Any:
        """Return the shapes of windows, levels and scales."""
        one = (input_shape[0], 1, len(self.channels))
        return tuple(input_shape), one, one

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        own = {"kind": self.kind, "channels": self.channels, "context": self.context}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="mlzoo")
class WindowShortcut(_WindowLayer):
    """Linear forecast of a window: last value + W (window - last step) + V last step + b.

    NLinear (Zeng et al., "Are Transformers Effective for Time Series Forecasting?", 2023), with a
    term for the last step, so that a series may also return to its mean. W, V and b are the sum of
    start weights, which no gradient changes, and trained ones that begin at 0; a penalty pulls
    these back to the start.

    Args:
        channels: positions of the targets among the window's channels.
        horizon: steps to forecast.
        l2: penalty on the squares of the trained weights.
    """

    def __init__(
        self, channels: Sequence[int], horizon: int, l2: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.channels, self.horizon = [int(channel) for channel in channels], int(horizon)
        self.l2 = float(l2)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the variables; features are scaled by `scale` and `spread` of each channel."""
        _, steps, channels = (int(side or 0) for side in input_shape)
        features, outputs = (steps + 1) * channels, self.horizon * len(self.channels)
        self.mean = self.fixed("mean", (channels,))
        self.scale = self.fixed("scale", (channels,), "ones")
        self.spread = self.fixed("spread", (channels,), "ones")
        self.start = self.fixed("start", (features, outputs))
        self.start_bias = self.fixed("start_bias", (outputs,))
        penalty = keras.regularizers.L2(self.l2) if self.l2 else None
        self.kernel = self.add_weight(
            shape=(features, outputs), initializer="zeros", regularizer=penalty, name="kernel"
        )
        self.bias = self.add_weight(shape=(outputs,), initializer="zeros", name="bias")

    def call(self, x: Any) -> Any:
        """Map windows (batch, steps, channels) to forecasts (batch, horizon, targets)."""
        x = ops.cast(x, self.compute_dtype)
        places = ops.convert_to_tensor(self.channels, "int32")
        last = x[:, -1:]
        changes = (x - last) / ops.cast(self.scale, x.dtype)
        level = (last - ops.cast(self.mean, x.dtype)) / ops.cast(self.spread, x.dtype)
        count = x.shape[1] * x.shape[2]
        flat = ops.concatenate(
            [ops.reshape(changes, (-1, count)), ops.reshape(level, (-1, x.shape[2]))], axis=1
        )
        kernel = ops.cast(self.start, x.dtype) + ops.cast(self.kernel, x.dtype)
        bias = ops.cast(self.start_bias, x.dtype) + ops.cast(self.bias, x.dtype)
        values = ops.reshape(
            ops.matmul(flat, kernel) + bias, (-1, self.horizon, len(self.channels))
        )
        scale = ops.take(ops.cast(self.scale, x.dtype), places)
        return ops.take(last, places, axis=2) + scale * values

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, horizon, targets)."""
        return (input_shape[0], self.horizon, len(self.channels))

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        own = {"channels": self.channels, "horizon": self.horizon, "l2": self.l2}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="mlzoo")
class WindowSeason(_WindowLayer):
    """Mean season that is added to forecasts, in the phase that a window shows.

    A linear map of the window less its last step and a softmax give the probabilities of the
    phases; each phase adds its own offsets. No gradient changes any of it, and without values that
    are set it adds nothing. See `mlzoo.layers.season_profile`.

    Args:
        channels: positions of the targets among the window's channels.
        horizon: steps to forecast.
        season: steps of a season.
    """

    def __init__(self, channels: Sequence[int], horizon: int, season: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = [int(channel) for channel in channels]
        self.horizon, self.season = int(horizon), int(season)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the variables: maps to the phases' logits, and the offsets of each phase."""
        targets, steps = len(self.channels), int(input_shape[1] or 0)
        self.kernel = self.fixed("kernel", (targets, steps, self.season))
        self.bias = self.fixed("bias", (targets, self.season))
        self.offsets = self.fixed("offsets", (targets, self.season, self.horizon))

    def call(self, x: Any) -> Any:
        """Map windows (batch, steps, channels) to what is added (batch, horizon, targets)."""
        x = ops.cast(x, self.compute_dtype)
        added = []
        for target, channel in enumerate(self.channels):
            changes = x[:, :, channel] - x[:, -1:, channel]
            logits = ops.matmul(changes, ops.cast(self.kernel[target], x.dtype))
            phases = ops.softmax(logits + ops.cast(self.bias[target], x.dtype))
            added.append(ops.matmul(phases, ops.cast(self.offsets[target], x.dtype)))
        return ops.stack(added, axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, horizon, targets)."""
        return (input_shape[0], self.horizon, len(self.channels))

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        own = {"channels": self.channels, "horizon": self.horizon, "season": self.season}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="mlzoo")
class WindowForecast(_WindowLayer):
    """Forecasts in the targets' units: base + scale * normalized, where `log` its exponential.

    Args:
        log: whether the sum is a logarithm; forecasts are at most exp(`most`) then, a variable.
    """

    def __init__(self, log: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.log = bool(log)

    def build(self, input_shape: Any) -> None:
        """Make the variable of the largest forecast, the logarithm of what float32 holds."""
        self.most = self.fixed("most", (1,))
        self.most.assign(ops.full((1,), 80.0))

    def call(self, inputs: Any) -> Any:
        """Return forecasts (batch, horizon, targets).

        Args:
            inputs: the base alone, or the base (batch, 1 or horizon, targets), normalized
                forecasts (batch, horizon, targets) and scales (batch, 1, targets).
        """
        if isinstance(inputs, list | tuple):
            base, normalized, scale = (ops.cast(each, self.compute_dtype) for each in inputs)
            forecast = base + scale * normalized
        else:
            forecast = ops.cast(inputs, self.compute_dtype)
        if not self.log:
            return forecast
        return ops.exp(ops.minimum(forecast, ops.cast(self.most, forecast.dtype)))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return (batch, horizon, targets)."""
        several = isinstance(input_shape[0], list | tuple)
        return tuple(input_shape[1] if several else input_shape)

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "log": self.log}
