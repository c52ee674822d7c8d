"""Linear forecast of a window relative to its last step, from a start that validation chose.

NLinear of Zeng, Chen, Zhang and Xu, "Are Transformers Effective for Time Series Forecasting?"
(2023): the last value is subtracted from a window, a linear layer forecasts all steps at once, and
the value is added again. Here its weights start at a combination of exponential smoothing, seasonal
decomposition and ridge regressions that is judged on the past (`mlzoo.layers.window_start`), so
that 36 steps are enough, and training changes them where that helps. The linear layer is `head`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.errors import UsageError
from mlzoo.core.setting_types import searched
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.models import _windows

if TYPE_CHECKING:
    import keras

    from mlzoo.core.configs import RunConfig
    from mlzoo.data.contracts import Recipe
    from mlzoo.data.samples import Data

AUTO = ("sequence",)
TARGETS = ("numbers per horizon",)


class Config(Settings):
    """Settings of nlinear."""

    transform: Literal["auto", "none", "log"] = "auto"
    """Work on the targets' logarithms, as where a level grows by percent; auto: what --preset
    chooses on the past, none without one."""
    season: int = Field(0, ge=0)
    """Steps of a season whose mean over the training split the forecast adds, in the phase
    that the window shows; 0: what --preset chooses, none without one; 1: none."""
    l2: float = Field(0.01, ge=0, json_schema_extra=searched(1e-4, 1.0, log=True))
    """Penalty on the squares of what training adds to the start weights."""


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from (batch, steps, channels) to (batch, horizon, targets).

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of the predictions.

    Raises:
        UsageError: a sample is no window of one length that has the targets among its channels.
    """
    import keras

    from mlzoo.layers.forecast_quantiles import with_quantiles
    from mlzoo.layers.windows import NormalizedWindow, WindowForecast

    inputs.require_sequence("nlinear")
    if not _windows.applies(inputs, outputs):
        raise UsageError(
            "nlinear needs windows of one length that have the targets among their channels; try "
            "`linear`, `rnn` or `tcn`"
        )
    raw, _ = inputs.start()
    windows = _windows.transformed(config.transform, raw, outputs)
    y_pred = _windows.linear(windows, outputs, config.l2, "head", config.season)
    log = config.transform == "log"
    output = WindowForecast(log, name="output")(y_pred)
    if outputs.quantiles:
        x = NormalizedWindow("none", outputs.channels, name="normalized")(windows)[0]
        output = with_quantiles(output, keras.layers.Flatten(name="flat")(x), outputs, log)
    return keras.Model(raw, output, name="nlinear")


def initialize(model: keras.Model, data: Data) -> None:
    """Set what layers of windows know of the training split; see `mlzoo.layers.window_start`."""
    _windows.initialize(model, data)


def recipe(data: Data, config: RunConfig) -> Recipe:
    """Return the transform that was best on the past."""
    return _windows.recipe(data, config, tuple(Config.model_fields))
