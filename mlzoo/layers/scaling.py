"""Layers that hold statistics of the training split, so that models take raw inputs.

All but `BoxScaling` compute in float32 under every precision policy: raw inputs can exceed float16.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


def _scaled(value: Any, shift: Sequence[float], scale: Sequence[float]) -> Any:
    return (value - ops.convert_to_tensor(shift, "float32")) / ops.convert_to_tensor(
        scale, "float32"
    )


class _MeanStd(keras.layers.Layer):
    """Base of the layers that keep a mean and a standard deviation along the last axis."""

    def __init__(self, mean: Sequence[float], std: Sequence[float], **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.mean = [float(value) for value in mean]
        self.std = [float(value) for value in std]
        if len(self.mean) != len(self.std):
            raise ValueError(f"{len(self.mean)} means but {len(self.std)} standard deviations")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "mean": self.mean, "std": self.std}


@keras.saving.register_keras_serializable(package="mlzoo")
class Standardise(_MeanStd):
    """(x - mean) / std along the last axis.

    Args:
        mean: one number for each entry of the last axis.
        std: the same; no zeros (give 1 for a constant).
    """

    def call(self, x: Any) -> Any:
        """Standardize x (batch, ..., features)."""
        return _scaled(ops.cast(x, "float32"), self.mean, self.std)


@keras.saving.register_keras_serializable(package="mlzoo")
class BoxScaling(keras.layers.Layer):
    """Map a box to [-1, 1] along each coordinate, in the precision of the input.

    Args:
        box: from and to of each coordinate.
    """

    def __init__(self, box: Sequence[Sequence[float]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.box = [[float(end) for end in ends] for ends in box]

    def call(self, x: Any) -> Any:
        """Scale x (batch, coordinates)."""
        center = ops.convert_to_tensor([(a + b) / 2 for a, b in self.box], x.dtype)
        half = ops.convert_to_tensor([(b - a) / 2 for a, b in self.box], x.dtype)
        return (x - center) / half

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape unchanged."""
        return input_shape

    def get_config(self) -> dict[str, object]:
        """Return the arguments."""
        return {**super().get_config(), "box": self.box}


@keras.saving.register_keras_serializable(package="mlzoo")
class SequenceScaling(_MeanStd):
    """(x - mean) / std of each channel; a step of NaN alone becomes 0 and is masked.

    Args:
        mean: one number a channel.
        std: the same; no zeros (give 1 for a constant).
        masked: compute a mask; windows of series have no padding and are faster without.
    """

    def __init__(
        self, mean: Sequence[float], std: Sequence[float], masked: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(mean, std, **kwargs)
        self.supports_masking = True
        self.masked = masked

    def call(self, x: Any) -> Any:
        """Standardize x (batch, steps, channels)."""
        x = ops.cast(x, "float32")
        return ops.where(ops.isnan(x), 0.0, _scaled(x, self.mean, self.std))

    def compute_mask(self, inputs: Any, previous: Any = None) -> Any:
        """Return (batch, steps): true for steps that are not padding."""
        if not self.masked:
            return None
        return ops.any(ops.logical_not(ops.isnan(inputs)), axis=-1)

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "masked": self.masked}


@keras.saving.register_keras_serializable(package="mlzoo")
class OneHotCodes(keras.layers.Layer):
    """One-hot encoding of codes (batch, steps, 1) as (batch, steps, codes); NaN is masked.

    Args:
        codes: number of codes, which count from 0.
    """

    def __init__(self, codes: int, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.codes = int(codes)
        self.supports_masking = True

    def call(self, x: Any) -> Any:
        """Return one-hot codes; zeros for NaN."""
        x = ops.cast(x, "float32")
        places = ops.cast(ops.arange(self.codes), "float32")
        return ops.cast(ops.equal(x, places), "float32")

    def compute_mask(self, inputs: Any, previous: Any = None) -> Any:
        """Return (batch, steps): true for steps that are not padding."""
        return ops.logical_not(ops.isnan(inputs[..., 0]))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, steps, codes)."""
        return (*input_shape[:-1], self.codes)

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "codes": self.codes}


@keras.saving.register_keras_serializable(package="mlzoo")
class Unstandardise(_MeanStd):
    """y * std + mean along the last axis: from standardized targets to their own units.

    Args:
        mean: mean of each target over the training split.
        std: their standard deviations.
    """

    def call(self, y: Any) -> Any:
        """Restore y (batch, targets)."""
        kind = self.compute_dtype
        std = ops.convert_to_tensor(self.std, kind)
        return ops.cast(y, kind) * std + ops.convert_to_tensor(self.mean, kind)


@keras.saving.register_keras_serializable(package="mlzoo")
class TableScaling(keras.layers.Layer):
    """Raw table rows (batch, columns) to features: numbers imputed and standardized, then one-hot.

    The output holds first every numeric column, in the table's order: NaN becomes the column's
    `fill`, then (x - mean) / std. After them come the categorical columns, in the table's order,
    each with one feature for every category in `categories`; a value that is missing (-1 or NaN)
    or unknown gives zeros in all of them.

    Args:
        fill: what replaces NaN, one a column (unused for a categorical one).
        mean: one a column (unused for a categorical one).
        std: one a column, no zeros (unused for a categorical one).
        categories: for each column the category positions that get a feature; None: numeric.
    """

    def __init__(
        self,
        fill: Sequence[float],
        mean: Sequence[float],
        std: Sequence[float],
        categories: Sequence[Sequence[int] | None],
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.fill = [float(value) for value in fill]
        self.mean = [float(value) for value in mean]
        self.std = [float(value) for value in std]
        self.categories = [None if c is None else [int(p) for p in c] for c in categories]
        self.numeric = [i for i, c in enumerate(self.categories) if c is None]

    def call(self, x: Any) -> Any:
        """Scale x (batch, columns) to (batch, features)."""
        x = ops.cast(x, "float32")
        features = [self._numbers(x)] if self.numeric else []
        for index, positions in enumerate(self.categories):
            if positions:
                codes = ops.convert_to_tensor(positions, "float32")
                features.append(ops.cast(ops.equal(x[:, index : index + 1], codes), "float32"))
        return ops.concatenate(features, axis=-1) if len(features) > 1 else features[0]

    def _numbers(self, x: Any) -> Any:
        fill, mean, std = (
            [values[i] for i in self.numeric] for values in (self.fill, self.mean, self.std)
        )
        if len(self.numeric) < len(self.categories):
            x = ops.take(x, ops.convert_to_tensor(self.numeric, "int32"), axis=1)
        known = ops.where(ops.isnan(x), ops.convert_to_tensor(fill, "float32"), x)
        return _scaled(known, mean, std)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, features)."""
        features = len(self.numeric) + sum(len(c) for c in self.categories if c)
        return (input_shape[0], features)

    def get_config(self) -> dict[str, object]:
        """Return the statistics, as plain lists."""
        statistics = {"fill": self.fill, "mean": self.mean, "std": self.std}
        return {**super().get_config(), **statistics, "categories": self.categories}
