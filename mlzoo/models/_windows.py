"""Parts that models of forecasts share: normalized windows, linear shortcut, start, recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mlzoo.core.errors import UsageError
from mlzoo.data.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras

    from mlzoo.core.configs import RunConfig
    from mlzoo.data.contracts import Recipe
    from mlzoo.data.samples import Data

L2 = 0.01
"""Penalty on what training adds to the start weights of a shortcut."""
RATE, ENOUGH = 1e-3, 1000
"""Learning rate with that many training windows; with fewer it is smaller in proportion."""
_SETTINGS = ("normalize_window", "transform", "shortcut")


class Windowed(Protocol):
    """Settings of windows that recurrent and convolutional networks share; auto means none."""

    @property
    def normalize_window(self) -> str:
        """Return auto, none, last or standard."""
        ...

    @property
    def transform(self) -> str:
        """Return auto, none or log."""
        ...

    @property
    def shortcut(self) -> str:
        """Return auto, none or linear."""
        ...

    @property
    def season(self) -> int:
        """Return the steps of the mean season; 0 and 1: there is none."""
        ...

    @property
    def skip_last(self) -> bool:
        """Return whether changes from the last value are predicted."""
        ...


@dataclass(frozen=True)
class OpenedWindows:
    """Windows on their way through a network: the model's input, and what it is to see of it.

    Attributes:
        raw: (batch, steps, channels) in the units of the data.
        x: the same, normalized.
        base: (batch, 1 or horizon, targets) what the network's forecast is added to.
        scale: (batch, 1, targets) what it is multiplied by.
        log: whether the sum is a logarithm.
        head: arguments of the output layer.
    """

    raw: keras.KerasTensor
    x: keras.KerasTensor
    base: keras.KerasTensor
    scale: keras.KerasTensor
    log: bool
    head: dict[str, Any]

    def finish(
        self, y_pred: keras.KerasTensor, features: keras.KerasTensor, outputs: Outputs
    ) -> keras.KerasTensor:
        """Return forecasts in the targets' units.

        Args:
            y_pred: (batch, horizon, targets) normalized forecasts.
            features: (batch, features) that they are made from; quantiles depend on them too.
            outputs: specification of the predictions.
        """
        from mlzoo.layers.forecast_quantiles import with_quantiles
        from mlzoo.layers.windows import WindowForecast

        median = WindowForecast(self.log, name="output")([self.base, y_pred, self.scale])
        return with_quantiles(median, features, outputs, self.log)


def applies(inputs: Inputs, outputs: Outputs) -> bool:
    """Return whether targets are forecast from windows of one length that hold their past."""
    sequence = inputs.kind == "sequence" and not inputs.uneven
    return outputs.target.ahead and bool(outputs.channels) and sequence


def wanted(config: Windowed) -> bool:
    """Return whether any setting asks for one of the layers of windows."""
    return any(getattr(config, name) not in ("auto", "none") for name in _SETTINGS)


def check(model: str, config: Windowed, inputs: Inputs, outputs: Outputs) -> None:
    """Raise UsageError for settings of windows that would have no effect.

    Args:
        model: name of the model.
        config: its settings.
        inputs: what it gets.
        outputs: what it predicts.
    """
    if config.season > 1 and config.shortcut != "linear":
        raise UsageError(
            f"{model}: season={config.season} has no effect without shortcut=linear, which adds "
            "the season; set both or leave season out"
        )
    if not wanted(config):
        return
    names = [name for name in _SETTINGS if getattr(config, name) not in ("auto", "none")]
    if not applies(inputs, outputs):
        raise UsageError(
            f"{model}: {' and '.join(names)}: without effect here; they are for forecasts from "
            "windows of one length that have the targets among their channels"
        )
    if not config.skip_last:
        raise UsageError(
            f"{model}: skip_last=false has no effect with {' and '.join(names)}; leave one out"
        )


def opened(config: Windowed, inputs: Inputs, outputs: Outputs) -> OpenedWindows:
    """Return the model's input with the layers of windows that the settings ask for."""
    from mlzoo.layers.windows import NormalizedWindow

    raw, _ = inputs.start()
    windows = transformed(config.transform, raw, outputs)
    kind = "none" if config.normalize_window == "auto" else config.normalize_window
    x, base, scale = NormalizedWindow(kind, outputs.channels, outputs.context, name="normalized")(
        windows
    )
    head: dict[str, object] = {}
    if config.shortcut == "linear":
        base = linear(windows, outputs, L2, "shortcut", config.season)
        # At first the shortcut forecasts alone, and the network adds what it lacks.
        head = {"kernel_initializer": "zeros"}
    return OpenedWindows(raw, x, base, scale, config.transform == "log", head)


def transformed(transform: str, raw: keras.KerasTensor, outputs: Outputs) -> keras.KerasTensor:
    """Return the windows, for `log` with logarithms of the targets' channels."""
    from mlzoo.layers.windows import LogChannels

    return LogChannels(outputs.channels, name="logarithms")(raw) if transform == "log" else raw


def linear(
    windows: keras.KerasTensor, outputs: Outputs, l2: float, name: str, season: int
) -> keras.KerasTensor:
    """Return the linear forecast (batch, horizon, targets) of transformed windows.

    Args:
        windows: (batch, steps, channels), of one length.
        outputs: what is predicted.
        l2: penalty on what training adds to the start weights.
        name: of the layer.
        season: steps of the mean season that is added; 0 and 1: none is.
    """
    import keras

    from mlzoo.layers.windows import WindowSeason, WindowShortcut

    y_pred = WindowShortcut(outputs.channels, outputs.horizon, l2, name=name)(windows)
    if season <= 1:
        return y_pred
    mean = WindowSeason(outputs.channels, outputs.horizon, season, name="season")(windows)
    return keras.layers.Add(name=f"{name}_season")([y_pred, mean])


def initialize(model: keras.Model, data: Data) -> None:
    """Set the variables of the layers of windows from the training and validation splits."""
    from mlzoo.layers.forecast_quantiles import set_gaps
    from mlzoo.layers.window_variables import set_variables

    set_variables(model, data)
    set_gaps(model, data)


def recipe(data: Data, config: RunConfig, settings: tuple[str, ...]) -> Recipe:
    """Return what data recommend to a model of forecasts: transform, normalization, shortcut.

    Args:
        data: windows in three splits.
        config: of the run.
        settings: names of the settings that the model has.
    """
    from mlzoo.data.contracts import Recipe
    from mlzoo.layers.window_start import linear_start, positive

    excluded = config.set.get("head") == "decoder" or config.set.get("carry_state")
    given = excluded or not config.set.get("skip_last", True)
    if given or not applies(data.inputs, data.outputs) or not len(data.train):
        return Recipe()
    season = _season(data, config)
    start = linear_start(data, season=season)
    log = False
    if positive(data):
        logarithms = linear_start(data, log=True, season=season)
        log = logarithms.error < start.error
        start = logarithms if log else start
    # Few windows tell little of what a network could add to its start.
    share = min(1.0, len(data.train) / ENOUGH)
    chosen = {
        "transform": "log" if log else "none",
        "normalize_window": "last" if start.drifts else "none",
        "shortcut": "linear",
        "season": season if start.seasons[0] else 1,
    }
    growth = "growth in percent" if log else "steps alike"
    level = "a drifting level" if start.drifts else "a steady level"
    fields: dict[str, object] = {"learning_rate": float(f"{RATE * share:.2g}")}
    if start.repeats:
        fields["loss"] = "mae"
    return Recipe(
        fields=fields,
        settings={name: value for name, value in chosen.items() if name in settings},
        reason=f"{len(data.train)} windows, {growth}, {level}",
        why={"loss": "one value recurs: medians are nearer than means"} if start.repeats else {},
    )


def _season(data: Data, config: RunConfig) -> int:
    """Return the steps of the mean season to look for; 1: none."""
    if config.set.get("shortcut", "linear") != "linear":
        return 1
    given = config.set.get("season")
    if isinstance(given, int) and given > 0:
        return given
    season = 1 if data.samples.windows is None else data.samples.windows.season
    # A window of less than half a season does not show its phase.
    return season if season <= 2 * int(data.samples.inputs.shape[1]) else 1
