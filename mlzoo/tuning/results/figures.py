"""Plotly figures of the page of a search."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from mlzoo.core.spaces import Dimension, Space
from mlzoo.statistics.metrics import mode
from mlzoo.tuning.results.analysis import Effect
from mlzoo.tuning.trials.trial import TrialResult, mean

# The color-blind safe palette of Okabe and Ito.
_BLUE, _ORANGE, _GREEN, _GRAY, _RED = "#0072B2", "#E69F00", "#009E73", "#999999", "#D55E00"
_SHOWN = 15
_MARGIN = {"l": 60, "r": 20, "t": 30, "b": 50}


def parallel(space: Space, trials: Sequence[TrialResult], metric: str) -> go.Figure:
    """Plot parallel coordinates: a line per trial through its values and its score.

    Args:
        space: of the search.
        trials: those that are done are drawn.
        metric: name of the score.
    """
    done = [trial for trial in trials if trial.state == "done"]
    scores = [mean(trial.scores) for trial in done]
    axes = [_axis(dimension, done) for dimension in space.dimensions]
    axes.append({"label": metric, "values": scores})
    line = {
        "color": scores,
        "colorscale": "Viridis",
        "reversescale": mode(metric) == "min",
        "showscale": True,
    }
    return _laid(go.Figure(go.Parcoords(line=line, dimensions=axes)), 420, t=60)


def _axis(dimension: Dimension, trials: Sequence[TrialResult]) -> dict[str, object]:
    """Return an axis of the unit interval with the dimension's values; absent ones are at -0.1."""
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
    """Plot the score of every trial with its standard error, and the best so far."""
    done = [trial for trial in trials if trial.state == "done"]
    numbers = [trial.number for trial in done]
    scores = [mean(trial.scores) for trial in done]
    choose = max if mode(metric) == "max" else min
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
    """Plot the fold scores of the best trials, highlighting ties with the winner.

    Args:
        trials: of the search, by number.
        ranked: numbers of the trials, the best first.
        tied: numbers of the trials tied with the winner, itself first.
        metric: name of the score.
    """
    figure = go.Figure()
    for number in ranked[:_SHOWN]:
        trial = trials[number]
        color = _GREEN if number == tied[0] else _ORANGE if number in tied else _GRAY
        figure.add_box(
            y=trial.scores,
            name=f"trial {number}",
            boxpoints="all",
            marker={"color": color},
            showlegend=False,
            hoverinfo="y+name",
        )
    return named(figure, "the best trials; green: the winner, orange: tied with it", metric)


def importances(effects: Sequence[Effect]) -> go.Figure:
    """Plot the importance of each dimension, with its standard deviation over the trees."""
    rows = list(reversed(effects))
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
    """Plot the partial dependence of the score on a dimension, with its spread over the trees.

    Args:
        effect: of the dimension.
        dimension: for the axis.
        metric: name of the score.
    """
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
    """Plot the fits of each worker over time, in seconds from the first one."""
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
    """Plot the score against the time of a fit; a line joins the Pareto front."""
    done = [trial for trial in trials if trial.state == "done"]
    points = [(mean([f["cpu"] for f in t.fits.values()]), mean(t.scores), t) for t in done]
    sign = 1 if mode(metric) == "max" else -1
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
    """Return the values of a trial on one line."""
    return ", ".join(f"{name} {text(value)}" for name, value in trial.values.items())


def text(value: Any) -> str:
    """Format a value for people."""
    if isinstance(value, float):
        return f"{value:.3g}" if math.isfinite(value) else str(value)
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def named(figure: go.Figure, x: str, y: str) -> go.Figure:
    """Set the axis titles and the common layout of a figure.

    Args:
        figure: to change.
        x: title of the x axis.
        y: title of the y axis.
    """
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
