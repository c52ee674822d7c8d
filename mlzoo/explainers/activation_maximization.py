"""Activation maximization: an input that maximizes a class, a hidden unit or a channel.

Erhan et al., "Visualizing Higher-Layer Features of a Deep Network" (2009), with the jitter of
Mordvintsev, Olah and Tyka, "Inceptionism" (2015), undone after each step. Step sizes follow the
range of the data, and inputs stay within it: an image's by a tanh whose slope is limited so that at
most 2 % of the values saturate. In tables and sequences every column and channel has the range of
its own data. The result maximizes the score and need not look like anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from mlzoo.introspection.findings import Finding
    from mlzoo.introspection.probe import Probe

KINDS = ("image", "table", "sequence")
MODEL = True
_AT_THE_ENDS = 0.02
"""Largest share of an image's values that may saturate at the ends of the range."""
_PATIENCE = 64
"""Early stopping: steps without a better score."""


class Config(Settings):
    """Settings of activation_maximization."""

    steps: int = Field(256, ge=1, le=100_000)
    """Most steps of gradient ascent; early stopping after 64 that gain less than 0.1 %."""
    rate: float = Field(0.02, gt=0, le=1)
    """Size of a step, as a share of the data's range."""
    pull: float = Field(0.02, ge=0, lt=1)
    """Weight decay towards the middle of the range per step, which shrinks values without
    evidence.
    """
    jitter: int = Field(4, ge=0, le=64)
    """Random shift of an image per step, in pixels; at most 1/16 of its side."""
    smooth: float = Field(1.0, ge=0, le=20)
    """Standard deviation of the Gaussian that smooths gradients, in pixels or steps; at most
    1/32 of the side."""
    channels: int = Field(0, ge=0, le=256)
    """Number of channels of the layer (`--layer`) to maximize instead of classes."""
    units: int = Field(0, ge=0, le=256)
    """Number of units of the last dense or pooled layer to maximize instead of classes."""
    seed: int = Field(0, ge=0)
    """Seed of the initial input and the jitter."""


@dataclass(frozen=True)
class _Range:
    """Valid range of inputs at the entry: (1, ...) arrays that broadcast with them."""

    low: np.ndarray
    high: np.ndarray
    middle: np.ndarray


def explain(config: Config, model: Probe, x: np.ndarray, target: np.ndarray) -> list[Finding]:
    """Return one optimized input per class, unit or channel, with the score it reaches.

    For comparison the 99th percentile of the samples' scores and the mean of noise are given.

    Args:
        config: settings of the method.
        model: the opened model.
        x: inputs (n, *shape).
        target: weights on the outputs (n, ..., k) that select what is explained.

    Raises:
        UsageError: inputs are whole numbers that stand for words or codes, or films.
    """
    import numpy as np

    _refuse(model, x)
    rows = x if model.known is None else model.known.x
    rows = model.inputs(rows) if rows.shape[1:] == x.shape[1:] else x
    real = model.enter(rows)
    ends = _range_of(real)
    rng = np.random.default_rng([config.seed, 0xAC])
    noise = rng.uniform(ends.low, ends.high, (8, *model.shape)).astype("float32")
    inputs, labels, reached = [], [], []
    layer, wanted = _wanted(config, model, x, target)
    for name, weights in wanted:
        goal = model.goal(weights, layer)
        best, score, steps = _climb(config, goal, model.shape, ends, rng)
        usual, random = np.percentile(goal(real)[0], 99), goal(noise)[0].mean()
        inputs.append(best)
        reached.append([score, usual, random, _saturated(best, ends), steps])
        sign = -1 if model.head == "linear" and layer is None and weights.sum() < 0 else 1
        labels.append(
            f"{name}: {sign * score:.3g} ({len(rows)} samples {sign * usual:.3g}, "
            f"noise {sign * random:.3g})"
        )
    columns = ("reached", "percentile_99", "noise", "saturated", "steps")
    facts = dict(zip(columns, np.array(reached).T, strict=True))
    what = "outputs" if model.head == "linear" else "classes"
    if layer is not None:
        what = f"{'channels' if config.channels else 'units'} of layer {layer.name}"
    draw = {3: _images, 2: _sequences, 1: _rows}[len(model.shape)]
    return [draw(f"what {what} answer most to", np.stack(inputs), labels, facts, model, rows, real)]


_NOTE = (
    "scores stand before a softmax or sigmoid, beside what 99 % of the samples do not reach "
    "and the mean of noise"
)


def _refuse(model: Probe, x: np.ndarray) -> None:
    from mlzoo.core.errors import UsageError

    if len(model.shape) > 3 or (len(model.shape) == 2 and x.ndim == 2):
        raise UsageError(
            "activation_maximization is for images, tables and sequences of numbers; inputs here "
            f"are {x.dtype} of shape {x.shape[1:]}, behind {model.entry_name} {model.shape}"
        )


def _images(
    title: str,
    inputs: np.ndarray,
    labels: list[str],
    facts: dict[str, np.ndarray],
    model: Probe,
    rows: np.ndarray,
    real: np.ndarray,
) -> Finding:
    import numpy as np

    from mlzoo.introspection.findings import Finding

    ends = np.array([real.min(), real.max()])
    note = f"{_NOTE}; at most {facts['saturated'].max():.1%} of an image's values at an end"
    return Finding("images", title, {"values": inputs, "range": ends, **facts}, labels, note)


def _sequences(
    title: str,
    inputs: np.ndarray,
    labels: list[str],
    facts: dict[str, np.ndarray],
    model: Probe,
    rows: np.ndarray,
    real: np.ndarray,
) -> Finding:
    """Return a curve for each class and channel, on the model's scaled input."""
    import numpy as np

    from mlzoo.introspection.findings import Finding

    count, steps, channels = inputs.shape
    values = np.moveaxis(inputs, 2, 1).reshape(count * channels, steps)
    grid = np.repeat(np.arange(1, steps + 1)[None], len(values), axis=0)
    names = model.known.names if model.known is not None else ()
    channel_names = (
        names if len(names) == channels else [f"channel {k + 1}" for k in range(channels)]
    )
    texts = [f"{label.partition(':')[0]}: {name}" for label in labels for name in channel_names]
    note = f"by step, behind the model's scaling; {_NOTE}: {'; '.join(labels)}"
    return Finding("curves", title, {"grid": grid, "values": values, **facts}, texts, note)


def _rows(
    title: str,
    inputs: np.ndarray,
    labels: list[str],
    facts: dict[str, np.ndarray],
    model: Probe,
    rows: np.ndarray,
    real: np.ndarray,
) -> Finding:
    """Return rows in the columns' own units, with the range of the data."""
    import numpy as np

    from mlzoo.introspection.findings import Finding

    columns = rows.shape[1]
    groups = [np.flatnonzero(mask) for mask in model.spread(np.eye(columns, dtype="float32"))]
    raw = np.stack([_raw(inputs, real, rows[:, c], g) for c, g in enumerate(groups)], axis=1)
    ends = {"low": np.nanmin(rows, axis=0), "high": np.nanmax(rows, axis=0)}
    names = list(model.known.names) if model.known is not None else []
    names = names or [f"column {k + 1}" for k in range(columns)]
    note = f"in the columns' own units, between the ends of the data; {_NOTE}"
    return Finding("profiles", title, {"values": raw, **ends, **facts}, [*labels, *names], note)


def _raw(inputs: np.ndarray, real: np.ndarray, column: np.ndarray, places: np.ndarray) -> Any:
    """Return a column's raw values for inputs at the entry, within the range of the data."""
    import numpy as np

    known = ~np.isnan(column)
    if len(places) == 1 and not set(np.unique(real[:, places])) <= {0.0, 1.0}:
        z = real[known][:, places[0]]
        share = (inputs[:, places[0]] - z.min()) / max(float(np.ptp(z)), 1e-12)
        low, high = column[known].min(), column[known].max()
        return low + np.clip(share, 0, 1) * (high - low)
    category = inputs[:, places].argmax(axis=1)
    chosen = [column[real[:, place] == 1] for place in places]
    values = np.array(
        [category_values[0] if len(category_values) else np.nan for category_values in chosen]
    )
    return values[category]


def _range_of(real: np.ndarray) -> _Range:
    axes = tuple(range(real.ndim - 1))
    low, high = real.min(axis=axes, keepdims=True), real.max(axis=axes, keepdims=True)
    mean = real.mean(axis=axes, keepdims=True)
    return _Range(low, high, (low + high) / 2 if real.ndim == 4 else mean.astype("float32"))


def _saturated(values: np.ndarray, ends: _Range) -> float:
    """Return the share of an input's values within 0.1 % of the range's ends."""
    near = 1e-3 * (ends.high - ends.low)[0]
    return float(((values <= ends.low[0] + near) | (values >= ends.high[0] - near)).mean())


def _wanted(
    config: Config, model: Probe, x: np.ndarray, target: np.ndarray
) -> tuple[Any, list[tuple[str, np.ndarray]]]:
    """Return the layer whose channels or units are maximized, None for classes, and the goals."""
    import numpy as np

    from mlzoo.core.errors import UsageError

    if config.channels and config.units:
        raise UsageError("--set channels and --set units exclude each other")
    if config.channels:
        model.require_layer()
        positions = range(min(config.channels, model.channels))
        return model.layer, [(f"channel {k}", np.array(k)) for k in positions]
    if config.units:
        layer = model.last_features
        if layer is None:
            raise UsageError("--set units: the model has no layer before its outputs")
        positions = range(min(config.units, model.vectors(x[:1])[0].shape[1]))
        return layer, [(f"unit {k}", np.array(k)) for k in positions]
    outputs = model.known.outputs if model.known is not None else ()
    if target.ndim != 2:
        return None, [("target", target[:1])]
    if target.shape[1] == 1:
        two = outputs if len(outputs) == 2 else ("least", "most")
        unit_weight = np.ones((1, 1), "float32")
        return None, [(two[0], -unit_weight), (two[1], unit_weight)]
    names = outputs if len(outputs) == target.shape[1] else range(target.shape[1])
    eye = np.eye(target.shape[1], dtype="float32")
    return None, [(str(name), eye[k : k + 1]) for k, name in enumerate(names)]


def _climb(
    config: Config,
    goal: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    shape: tuple[int, ...],
    ends: _Range,
    rng: np.random.Generator,
) -> tuple[np.ndarray, float, int]:
    """Return the best input found, its score, and the number of steps."""
    import numpy as np
    from scipy.ndimage import gaussian_filter

    places = len(shape) - 1
    side = min(shape[:2]) if places == 2 else shape[0]
    sigma = (0, *(min(config.smooth, side / 32),) * places, 0)[: len(shape) + 1]
    jitter = min(config.jitter, min(shape[:2]) // 16) if places == 2 else 0
    free = (0.04 * rng.standard_normal((1, *shape))).astype("float32")
    here = _within(free, ends)
    best, reached, since, taken = here, float(goal(here)[0][0]), 0, 0
    while taken < config.steps and since < _PATIENCE:
        shift = rng.integers(-jitter, jitter + 1, 2) if jitter else np.zeros(2, int)
        score, slope = goal(np.roll(here, shift, (1, 2)) if jitter else here)
        since = 0 if score[0] > reached + 1e-3 * abs(reached) else since + 1
        if score[0] > reached:
            best, reached = here, float(score[0])
        slope = np.roll(slope, -shift, (1, 2)) if jitter else slope
        smooth = gaussian_filter(slope * (ends.high - ends.low), sigma)
        move = smooth / max(float(np.sqrt((smooth**2).mean())), 1e-30)
        free = (1 - config.pull) * (free + 2 * config.rate * move)
        here, taken = _within(free, ends), taken + 1
    return best[0], float(goal(best)[0][0]), taken


def _within(free: np.ndarray, ends: _Range) -> np.ndarray:
    """Map the unconstrained ascent variable, where 1 is half the range, to a valid input.

    Values of an image are squashed by tanh, so that few of them saturate; others are clipped.
    """
    import numpy as np

    half = (ends.high - ends.low) / 2
    if free.ndim == 4:
        far = float(np.quantile(np.abs(free), 1 - _AT_THE_ENDS))
        return (ends.middle + half * np.tanh(free / max(far / 3, 1))).astype("float32")
    return np.clip(ends.middle + half * free, ends.low, ends.high).astype("float32")
