"""Figures of the page of a search, as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from mlzoo.core.spaces import Dimension, Space
from mlzoo.reporting.pages.charts import Line, line_chart, ticks
from mlzoo.reporting.pages.diagrams import Axis, Span, bar_chart, parallel_chart, span_chart
from mlzoo.statistics.metrics import mode
from mlzoo.tuning.results.analysis import Effect
from mlzoo.tuning.trials.trial import TrialResult, mean

_SHOWN = 15
_ABSENT = -0.1
"""Place on an axis from 0 to 1 of trials that have no value of it."""


def parallel(space: Space, trials: Sequence[TrialResult], metric: str) -> Markup:
    """Draw parallel coordinates: a line per trial through its values and its score.

    Args:
        space: of the search.
        trials: those that are done are drawn.
        metric: name of the score.
    """
    done = [trial for trial in trials if trial.state == "done"]
    scores = [mean(trial.scores) for trial in done]
    axes = [_axis(dimension, done) for dimension in space.dimensions]
    low, high = min(scores), max(scores)
    steps = {value: f"{value:.4g}" for value in ticks(low, high, 4)} if high > low else {}
    axes.append(Axis(metric, low, high, steps or {low: f"{low:.4g}"}))
    order = sorted(scores, reverse=mode(metric) == "min")
    most = max(1, len(order) - 1)
    lines = [
        (
            [*_places(space, trial), score],
            order.index(score) / most if len(order) > 1 else 1.0,
            f"trial {trial.number}: {score:.5g}; {described(trial)}",
        )
        for trial, score in zip(done, scores, strict=True)
    ]
    return parallel_chart("every trial, the best darkest", axes, lines)


def _places(space: Space, trial: TrialResult) -> list[float]:
    """Return the place of each value of a trial on the unit interval."""
    return [
        dimension.unit(trial.values[dimension.name]) if dimension.name in trial.values else _ABSENT
        for dimension in space.dimensions
    ]


def _axis(dimension: Dimension, trials: Sequence[TrialResult]) -> Axis:
    size = dimension.size
    levels = dimension.levels(5) if size is None or size <= 8 else _levels(dimension)
    texts = {dimension.unit(level): text(level) for level in levels}
    absent = any(dimension.name not in trial.values for trial in trials)
    low = _ABSENT if absent else 0.0
    return Axis(dimension.name, low, 1.0, {_ABSENT: "none", **texts} if absent else texts)


def _levels(dimension: Dimension) -> list[Any]:
    return list(dict.fromkeys(dimension.at(place / 4) for place in range(5)))


def convergence(trials: Sequence[TrialResult], metric: str) -> Markup:
    """Draw the score of every trial with its standard error, and the best so far."""
    done = [trial for trial in trials if trial.state == "done"]
    scores = [mean(trial.scores) for trial in done]
    choose = max if mode(metric) == "max" else min
    best = [choose(scores[: i + 1]) for i in range(len(scores))]
    numbers = [float(trial.number) for trial in done]
    lines = [
        Line(
            "trial",
            list(zip(numbers, scores, strict=True)),
            drawn="points",
            errors=[trial.error or 0.0 for trial in done],
            texts=[f"trial {t.number}: {described(t)}" for t in done],
        ),
        Line("best so far", list(zip(numbers, best, strict=True)), drawn="steps"),
    ]
    return line_chart(metric, lines, "trial")


def folds(
    trials: Sequence[TrialResult], ranked: Sequence[int], tied: Sequence[int], metric: str
) -> Markup:
    """Draw the fold scores of the best trials, those of the winner and its ties apart.

    Args:
        trials: of the search, by number.
        ranked: numbers of the trials, the best first.
        tied: numbers of the trials tied with the winner, itself first.
        metric: name of the score.
    """
    best = list(ranked[:_SHOWN])
    kinds = (
        ("winner", [number for number in best if number == tied[0]]),
        ("tied with it", [number for number in best if number in tied[1:]]),
        ("others", [number for number in best if number not in tied]),
    )
    lines = [
        Line(
            name,
            [(float(best.index(n)), score) for n in numbers for score in trials[n].scores],
            drawn="points",
            texts=[f"trial {n}: {score:.5g}" for n in numbers for score in trials[n].scores],
        )
        for name, numbers in kinds
    ]
    title = f"{metric} of each fold, the best trials first"
    return line_chart(title, lines, "trial", names=[str(number) for number in best])


def importances(effects: Sequence[Effect]) -> Markup:
    """Draw the importance of each dimension, with its standard deviation over the trees."""
    rows = [(effect.name, effect.importance, effect.error) for effect in effects]
    return bar_chart("share of the variance", rows)


def dependence(effect: Effect, dimension: Dimension, metric: str) -> Markup:
    """Draw the partial dependence of the score on a dimension, with its spread over the trees.

    Args:
        effect: of the dimension.
        dimension: for the axis.
        metric: name of the score.
    """
    categorical = dimension.kind == "choice"
    names = [text(value) for value in effect.values] if categorical else []
    xs = range(len(names)) if categorical else effect.values
    line = Line(
        "expected",
        [(float(x), float(y)) for x, y in zip(xs, effect.scores, strict=True)],
        drawn="points" if categorical else "line",
        errors=list(effect.spread),
    )
    title = f"{metric} over {effect.name}"
    return line_chart(title, [line], effect.name, log_x=dimension.log, names=names)


def timeline(trials: Sequence[TrialResult]) -> Markup:
    """Draw the fits of each worker over time, in seconds from the first one."""
    fits = [(trial, fit) for trial in trials for fit in trial.fits.values() if "at" in fit]
    rows: dict[str, list[Span]] = {}
    for trial, fit in sorted(fits, key=lambda pair: pair[1].get("worker", 0)):
        words = f"trial {trial.number}, fold {fit['fold'] + 1}: {fit['seconds']:.2f} s"
        span = Span(fit["at"] - fit["seconds"], fit["at"], words, bool(fit["error"]))
        rows.setdefault(f"worker {fit.get('worker', 0) + 1}", []).append(span)
    return span_chart("seconds", rows) if rows else Markup("")


def cost(trials: Sequence[TrialResult], metric: str) -> Markup:
    """Draw the score against the time of a fit; a line joins the Pareto front."""
    done = [trial for trial in trials if trial.state == "done"]
    points = [(mean([f["cpu"] for f in t.fits.values()]), mean(t.scores), t) for t in done]
    sign = 1 if mode(metric) == "max" else -1
    front: list[tuple[float, float]] = []
    for seconds, score, _ in sorted(points, key=lambda p: (p[0], -sign * p[1])):
        if not front or sign * score > sign * front[-1][1]:
            front.append((seconds, score))
    lines = [
        Line(
            "trial",
            [(seconds, score) for seconds, score, _ in points],
            drawn="points",
            texts=[f"trial {t.number}: {described(t)}" for _, _, t in points],
        ),
        Line("not beaten in both", front, drawn="steps"),
    ]
    return line_chart(metric, lines, "CPU seconds a fit")


def described(trial: TrialResult) -> str:
    """Return the values of a trial on one line."""
    return ", ".join(f"{name} {text(value)}" for name, value in trial.values.items())


def text(value: Any) -> str:
    """Format a value for people."""
    if isinstance(value, float):
        return f"{value:.3g}" if math.isfinite(value) else str(value)
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
