"""Variables of layers of windows, set from the training and validation splits."""

from __future__ import annotations

import keras
import numpy as np

from mlzoo.data.moments import positive
from mlzoo.data.samples import Data
from mlzoo.layers.window_ridge import in_logarithms
from mlzoo.layers.window_start import Start, linear_start
from mlzoo.layers.windows import (
    LogChannels,
    NormalizedWindow,
    WindowForecast,
    WindowSeason,
    WindowShortcut,
)

_MOST_WINDOWS = 4000
_LARGEST = 20.0
"""Factor by which a forecast from logarithms may exceed all that was seen."""


def set_variables(model: keras.Model, data: Data) -> None:
    """Set statistics and start weights of a model's layers of windows; without any, do nothing."""
    kinds = (LogChannels, NormalizedWindow, WindowForecast, WindowSeason, WindowShortcut)
    layers = {type(layer): layer for layer in model.layers if isinstance(layer, kinds)}
    if not layers or not len(data.train):
        return
    log = LogChannels in layers
    count = len(data.train)
    chosen = np.linspace(0, count - 1, min(count, _MOST_WINDOWS)).astype(int)
    windows = np.nan_to_num(np.asarray(data.train.inputs(chosen), "float64"))
    channels = list(data.outputs.channels)
    if log:
        lowest = windows.min(axis=(0, 1))
        layers[LogChannels].lowest.assign(np.where(lowest > 0, lowest, 1.0))
        windows[..., channels] = in_logarithms(windows[..., channels])
        layers[WindowForecast].most.assign([windows[..., channels].max() + np.log(_LARGEST)])
    last = windows[:, -1]
    change = np.sqrt(np.square(windows - last[:, None]).mean(axis=(0, 1)))
    usual = _over_zero(change, windows)
    if NormalizedWindow in layers:
        layer = layers[NormalizedWindow]
        layer.mean.assign(windows.mean(axis=(0, 1)))
        spread = _over_zero(windows.std(axis=(0, 1)), windows)
        fixed = np.isin(np.arange(windows.shape[-1]), layer.context)
        layer.scale.assign(np.where(fixed | (layer.kind == "none"), spread, usual))
    if WindowShortcut in layers:
        spread = _over_zero(last.std(axis=0), windows)
        season = layers[WindowSeason].season if WindowSeason in layers else 1
        start = linear_start(data, log, season)
        _start(layers[WindowShortcut], start, usual, spread)
        if season > 1:
            _season(layers[WindowSeason], start)


def _over_zero(scale: np.ndarray, windows: np.ndarray) -> np.ndarray:
    return np.asarray(positive(scale, np.abs(windows).mean(axis=(0, 1))))


def _season(layer: WindowSeason, start: Start) -> None:
    """Set what each phase adds; a target without a mean season keeps the layer's zeros."""
    kernel, bias, offsets = (
        np.zeros(each.shape) for each in (layer.kernel, layer.bias, layer.offsets)
    )
    for target, term in enumerate(start.seasons):
        if term is not None:
            kernel[target], bias[target] = term.profile.kernel, term.profile.bias
            offsets[target] = term.offsets
    layer.kernel.assign(kernel)
    layer.bias.assign(bias)
    layer.offsets.assign(offsets)


def _start(layer: WindowShortcut, start: Start, scale: np.ndarray, spread: np.ndarray) -> None:
    """Set a shortcut's start weights, which are of features and targets that are scaled.

    Args:
        layer: the shortcut.
        start: weights of values or logarithms as they are.
        scale: (channels,) usual change from the last step.
        spread: (channels,) standard deviation of the last step.
    """
    targets, size, horizon = start.kernel.shape
    ours = scale[layer.channels][:, None, None]
    features = np.concatenate(
        [
            start.kernel * np.tile(scale, size // len(scale))[:, None] / ours,
            start.level * spread[:, None] / ours,
        ],
        axis=1,
    )
    layer.mean.assign(start.mean)
    layer.scale.assign(scale)
    layer.spread.assign(spread)
    # (targets, features, horizon) to (features, horizon * targets), as `WindowShortcut` reads it.
    weights = features.transpose(1, 2, 0).reshape(features.shape[1], horizon * targets)
    layer.start.assign(weights)
    layer.start_bias.assign((start.bias / ours[..., 0]).T.ravel())
