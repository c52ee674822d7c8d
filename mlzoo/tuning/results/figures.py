"""The figures of a search's page, by plotly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from mlzoo.core.spaces import Dimension, Space
from mlzoo.statistics.metrics import MODES
from mlzoo.tuning.results.analysis import Effect
from mlzoo.tuning.trials.trial import TrialResult, mean

# Okabe and Ito's, told apart by every reader.
_BLUE, _ORANGE, _GREEN, _GRAY, _RED = "#0072B2", "#E69F00", "#009E73", "#999999", "#D55E00"
_SHOWN = 15
_MARGIN = {"l": 60, "r": 20, "t": 30, "b": 50}


def parallel(space: Space, trials: Sequence[TrialResult], metric: str) -> go.Figure:
    """A line a trial through its values and its score; ranges on an axis can be picked."""
    done = [trial for trial in trials if trial.state == "done"]
    scores = [mean(trial.scores) for trial in done]
    axes = [_axis(dimension, done) for dimension in space.dimensions]
    axes.append({"label": metric, "values": scores})
    line = {
        "color": scores,
        "colorscale": "Viridis",
        "reversescale": MODES[metric] == "min",
        "showscale": True,
    }
    return _laid(go.Figure(go.Parcoords(line=line, dimensions=axes)), 420, t=60)


def _axis(dimension: Dimension, trials: Sequence[TrialResult]) -> dict[str, Any]:
    """An axis of the unit interval with the dimension's values as ticks; absent ones at -0.1."""
    absent = any(dimension.name not in trial.values for trial in trials)
    places = [
        dimension.unit(t.values[dimension.name]) if dimension.name in t.values else -0.1
        for t in trials
    ]
    size = dimension.size
    levels = dimension.levels(5) if size is None or size <= 8 else _ends(dimension)
    ticks = [dimension.unit(level) for level in levels]
    texts = [text(level) for level in levels]
    if absent:
        ticks, texts = [-0.1, *ticks], ["none", *texts]
    return {
        "label": dimension.name,
        "values": places,
        "range": [-0.1 if absent else 0.0, 1.0],
        "tickvals": ticks,
        "ticktext": texts,
    }


def _ends(dimension: Dimension) -> list[Any]:
    return list(dict.fromkeys(dimension.at(place / 4) for place in range(5)))


def convergence(trials: Sequence[TrialResult], metric: str) -> go.Figure:
    """Every trial's score with its standard error, and the best so far."""
    done = [trial for trial in trials if trial.state == "done"]
    numbers = [trial.number for trial in done]
    scores = [mean(trial.scores) for trial in done]
    choose = max if MODES[metric] == "max" else min
    best = [choose(scores[: i + 1]) for i in range(len(scores))]
    points = go.Scatter(
        x=numbers,
        y=scores,
        error_y={"array": [trial.error or 0.0 for trial in done], "color": _GRAY},
        mode="markers",
        marker={"color": _BLUE},
        name="trial",
        text=[described(trial) for trial in done],
        hovertemplate="trial %{x}: %{y:.5g}<br>%{text}<extra></extra>",
    )
    line = go.Scatter(
        x=numbers, y=best, mode="lines", line={"shape": "hv", "color": _ORANGE}, name="best so far"
    )
    return named(go.Figure([points, line]), "trial", metric)


def folds(
    trials: Sequence[TrialResult], ranked: Sequence[int], tied: Sequence[int], metric: str
) -> Any:
    """The fold scores of the best trials; those statistically tied with the winner stand out."""
    figure = go.Figure()
    for number in ranked[:_SHOWN]:
        trial = trials[number]
        colour = _GREEN if number == tied[0] else _ORANGE if number in tied else _GRAY
        figure.add_box(
            y=trial.scores,
            name=f"trial {number}",
            boxpoints="all",
            marker={"color": colour},
            showlegend=False,
            hoverinfo="y+name",
        )
    return named(figure, "the best trials; green: the winner, orange: tied with it", metric)


def importances(found: Sequence[Effect]) -> go.Figure:
    """The share of the variance that each dimension makes alone, with its spread over the trees."""
    rows = list(reversed(found))
    bars = go.Bar(
        x=[effect.importance for effect in rows],
        y=[effect.name for effect in rows],
        error_x={"array": [effect.error for effect in rows], "color": _GRAY},
        orientation="h",
        marker={"color": _BLUE},
    )
    figure = named(go.Figure(bars), "share of the variance", "")
    return _laid(figure, 140 + 30 * len(rows), l=140)


def dependence(effect: Effect, dimension: Dimension, metric: str) -> go.Figure:
    """The score that a forest expects over a dimension, with its spread over the trees."""
    categorical = dimension.kind == "choice"
    x = [text(value) for value in effect.values] if categorical else effect.values
    errors = {"array": effect.spread, "color": _GRAY}
    line = go.Scatter(
        x=x,
        y=effect.scores,
        error_y=errors,
        mode="markers" if categorical else "lines+markers",
        marker={"color": _BLUE},
    )
    figure = named(go.Figure(line), effect.name, metric)
    if dimension.log:
        figure.update_xaxes(type="log")
    return _laid(figure, 300)


def timeline(trials: Sequence[TrialResult]) -> go.Figure:
    """When each worker did which fit, in seconds from the first; pauses between runs are seen."""
    fits = [(trial, fit) for trial in trials for fit in trial.fits.values() if "at" in fit]
    if not fits:
        return go.Figure()
    first = min(fit["at"] - fit["seconds"] for _, fit in fits)
    bars = go.Bar(
        base=[fit["at"] - fit["seconds"] - first for _, fit in fits],
        x=[fit["seconds"] for _, fit in fits],
        y=[f"worker {fit.get('worker', 0) + 1}" for _, fit in fits],
        orientation="h",
        marker={
            "color": [_RED if fit["error"] else _BLUE for _, fit in fits],
            "line": {"color": "white", "width": 1},
        },
        text=[f"trial {t.number}, fold {f['fold'] + 1}" for t, f in fits],
        textposition="none",
        hovertemplate="%{text}: %{x:.2f} s<extra></extra>",
    )
    workers = len({fit.get("worker", 0) for _, fit in fits})
    figure = named(go.Figure(bars), "seconds; red: failed", "")
    figure.update_layout(barmode="overlay")
    return _laid(figure, 130 + 40 * workers, l=90)


def cost(trials: Sequence[TrialResult], metric: str) -> go.Figure:
    """Score against what a fit took; the line joins trials that none beats in both."""
    done = [trial for trial in trials if trial.state == "done"]
    points = [(mean([f["cpu"] for f in t.fits.values()]), mean(t.scores), t) for t in done]
    sign = 1 if MODES[metric] == "max" else -1
    front: list[tuple[float, float]] = []
    for seconds, score, _ in sorted(points, key=lambda p: (p[0], -sign * p[1])):
        if not front or sign * score > sign * front[-1][1]:
            front.append((seconds, score))
    scatter = go.Scatter(
        x=[p[0] for p in points],
        y=[p[1] for p in points],
        mode="markers",
        marker={"color": _BLUE},
        name="trial",
        text=[f"trial {t.number}<br>{described(t)}" for _, _, t in points],
        hovertemplate="%{text}<br>%{y:.5g}, %{x:.3g} s<extra></extra>",
    )
    line = go.Scatter(
        x=[p[0] for p in front],
        y=[p[1] for p in front],
        mode="lines",
        line={"color": _ORANGE, "shape": "hv"},
        name="not beaten in both",
    )
    return named(go.Figure([scatter, line]), "CPU seconds a fit", metric)


def described(trial: TrialResult) -> str:
    """A trial's values on a line."""
    return ", ".join(f"{name} {text(value)}" for name, value in trial.values.items())


def text(value: Any) -> str:
    """A value for people."""
    if isinstance(value, float):
        return f"{value:.3g}" if math.isfinite(value) else str(value)
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def named(figure: go.Figure, x: str, y: str) -> go.Figure:
    """A figure with titles of its axes, laid out as all are."""
    figure.update_xaxes(title=x)
    figure.update_yaxes(title=y)
    return _laid(figure, 380)


def _laid(figure: go.Figure, height: int, **margins: int) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={**_MARGIN, **margins},
        template="plotly_white",
        font={"family": "system-ui, sans-serif", "size": 13},
    )
    return figure
