"""Quantiles of forecasts around their median, which start at the residuals of held-out windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from mlzoo.layers.predictive import DISTRIBUTION, mean_of

if TYPE_CHECKING:
    from mlzoo.data.samples import Data
    from mlzoo.data.specs import Outputs

_MOST = 4.0
"""Largest logarithm of what the start of a gap is multiplied by."""
_LEAST = 1e-3
"""Least gap between quantiles at the start, in standard deviations of the target."""
_WIDEST = 2.0
"""Largest start of a gap, in gaps between quantiles of the targets."""
_FEWEST, _MOST_WINDOWS = 20, 2000


@keras.saving.register_keras_serializable(package="mlzoo")
class ForecastQuantiles(keras.layers.Layer):
    """Quantiles of each step ahead: the median and, added up, the gaps between neighbors.

    A gap is its start times the exponential of a number, so that quantiles do not cross. Inputs:
    medians (batch, horizon, targets) and numbers (batch, (levels - 1) * horizon * targets).
    Output: (batch, levels, horizon, targets).

    Args:
        levels: shares of the targets below each quantile, the median first.
        log: whether gaps are of logarithms; medians are positive then.
    """

    def __init__(self, levels: Sequence[float], log: bool = False, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.levels, self.log = [float(level) for level in levels], bool(log)

    def build(self, input_shape: Any) -> None:
        """Make the variable of the starts, (levels - 1, horizon, targets), 1 at first."""
        shape = (len(self.levels) - 1, *input_shape[0][1:])
        self.gaps = self.add_weight(shape=shape, initializer="ones", trainable=False, name="gaps")

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the quantiles."""
        median, numbers = (ops.cast(each, self.compute_dtype) for each in inputs)
        numbers = ops.clip(ops.reshape(numbers, (-1, *self.gaps.shape)), -_MOST, _MOST)
        gaps = ops.cast(self.gaps, numbers.dtype) * ops.exp(numbers)
        parts = [median]
        for number, level in enumerate(self.levels[1:]):
            inner = [i for i, each in enumerate(self.levels[1:]) if _between(each, level)]
            away = sum((gaps[:, i] for i in inner), gaps[:, number])
            away = away if level > 0.5 else -away
            parts.append(median * ops.exp(away) if self.log else median + away)
        return ops.stack(parts, axis=1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return (batch, levels, horizon, targets)."""
        return (input_shape[0][0], len(self.levels), *input_shape[0][1:])

    def get_config(self) -> dict[str, object]:
        """Return the arguments."""
        return {**super().get_config(), "levels": self.levels, "log": self.log}


def _between(level: float, outer: float) -> bool:
    """Return whether a level lies between another one and the median."""
    return 0.5 < level < outer or outer < level < 0.5


def with_quantiles(
    median: keras.KerasTensor, features: keras.KerasTensor, outputs: Outputs, log: bool = False
) -> keras.KerasTensor:
    """Return forecasts as the median of predicted quantiles, where the outputs ask for these.

    Args:
        median: (batch, horizon, targets) in the units of the targets.
        features: (batch, features) that the gaps between quantiles depend on.
        outputs: specification of the predictions.
        log: whether the noise grows with the median.
    """
    if not outputs.quantiles:
        return median
    count = (len(outputs.quantiles) - 1) * outputs.horizon * outputs.units
    zeros = {"kernel_initializer": "zeros", "dtype": "float32"}
    numbers = keras.layers.Dense(count, name="gaps", **zeros)(features)
    return mean_of(ForecastQuantiles(outputs.quantiles, log, name=DISTRIBUTION)([median, numbers]))


def set_gaps(model: keras.Model, data: Data) -> None:
    """Set where the gaps start to quantiles of residuals of held-out windows.

    Models without quantiles of forecasts are left as they are.
    """
    layers = [layer for layer in model.layers if isinstance(layer, ForecastQuantiles)]
    if not layers:
        return
    layer = layers[0]
    rows = data.valid if len(data.valid) >= _FEWEST else data.train
    count = len(rows)
    if not count:
        return
    chosen = np.linspace(0, count - 1, min(count, _MOST_WINDOWS)).astype(int)
    y_true = np.asarray(rows.targets, "float64")[chosen]
    y_pred = np.asarray(model.predict(rows.inputs(chosen), verbose=0), "float64")
    std = np.array(data.outputs.std or (1.0,))
    if layer.log:
        least = np.finfo("float32").tiny
        std = std / np.maximum(np.nanmean(y_true, axis=(0, 1)), least)
        y_true, y_pred = (np.log(np.maximum(each, least)) for each in (y_true, y_pred))
    # Residuals of a model that starts at random may be larger than the targets themselves.
    most = _gaps(y_true - np.nanmedian(y_true, axis=0), layer.levels)
    gaps = np.minimum(_gaps(y_true - y_pred, layer.levels), _WIDEST * most)
    layer.gaps.assign(np.maximum(gaps, _LEAST * std))


def _gaps(residuals: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """Return the distances (levels - 1, horizon, targets) of quantiles of residuals from the next
    one towards the median, which is 0.
    """
    away = {level: np.nan_to_num(np.nanquantile(residuals, level, axis=0)) for level in levels}
    gaps = []
    for level in levels[1:]:
        inner = [each for each in levels[1:] if _between(each, level)]
        nearest = min(inner, key=lambda each: abs(each - level), default=None)
        base = np.zeros_like(away[level]) if nearest is None else away[nearest]
        gaps.append(away[level] - base if level > 0.5 else base - away[level])
    return np.stack(gaps)
