"""The page of a comparison of strategies: verdict, intervals and convergence curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import plotly.offline

from mlzoo.reporting.pages.rendering import render
from mlzoo.tuning.compare import Standing, verdict
from mlzoo.tuning.plan import Plan
from mlzoo.tuning.results import figures
from mlzoo.tuning.results.page import TEMPLATE, section

# The color-blind safe palette of Okabe and Ito, and grays for further strategies.
_COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#333333", "#999999")


def write_comparison(path: Path, plan: Plan, ranking: Sequence[Standing], metric: str) -> None:
    """Write `report.html`: the verdict, curves with bands, and the final scores.

    Args:
        path: of the page.
        plan: of the searches.
        ranking: the strategies, the best first.
        metric: name of the score.
    """
    seeds, budget = len(ranking[0].finals), len(ranking[0].curve)
    close = verdict(ranking)
    header = ["strategy", "best score", "95 % interval", "behind the first", "95 % interval"]
    render(
        path,
        TEMPLATE,
        plotly=plotly.offline.get_plotlyjs(),
        title=f"Strategies on {Path(plan.run.model).name} and {Path(plan.run.data).name}",
        facts=[
            f"{close[0].upper()}{close[1:]}.",
            f"Each strategy spent what {budget} trials of full length cost, {seeds} times with "
            f"other seeds, on the same space and folds. Scores are {metric}.",
        ],
        command="strategies.csv holds the numbers",
        sections=[
            section(
                "Best so far",
                "The mean of the best score after each trial's worth of training; the bands are "
                "95 % intervals over seeds.",
                [curves(ranking, metric)],
            ),
            section(
                "Best in the end",
                "Every seed's best score, and the mean with its 95 % interval.",
                [finals(ranking, metric)],
            ),
        ],
        failures=[],
        table_title="Standings",
        header=header,
        rows=[_row(place, standing) for place, standing in enumerate(ranking)],
    )


def curves(ranking: Sequence[Standing], metric: str) -> go.Figure:
    """Plot the mean best score so far of each strategy, with its band."""
    figure = go.Figure()
    for standing, color in zip(ranking, _COLORS * 2, strict=False):
        x = list(range(1, len(standing.curve) + 1))
        if standing.band:
            low, high = ([pair[end] for pair in standing.band] for end in (0, 1))
            figure.add_scatter(
                x=[*x, *reversed(x)],
                y=[*high, *reversed(low)],
                fill="toself",
                fillcolor=color,
                opacity=0.15,
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
                legendgroup=standing.strategy,
                name=standing.strategy,
            )
        figure.add_scatter(
            x=x,
            y=standing.curve,
            mode="lines",
            line={"color": color, "shape": "hv"},
            legendgroup=standing.strategy,
            name=standing.strategy,
        )
    return figures.named(figure, "trials of full length", metric)


def finals(ranking: Sequence[Standing], metric: str) -> go.Figure:
    """Plot the best score of every seed by strategy, and the means with their intervals."""
    figure = go.Figure()
    for standing, color in zip(ranking, _COLORS * 2, strict=False):
        figure.add_scatter(
            x=[standing.strategy] * len(standing.finals),
            y=standing.finals,
            mode="markers",
            marker={"color": color, "opacity": 0.4, "size": 7},
            showlegend=False,
            name=standing.strategy,
        )
        half = 0.0 if standing.interval is None else standing.interval[1] - standing.mean
        figure.add_scatter(
            x=[standing.strategy],
            y=[standing.mean],
            error_y={"array": [half], "color": color, "width": 8},
            mode="markers",
            marker={"color": color, "symbol": "diamond", "size": 10},
            showlegend=False,
            name=f"{standing.strategy}, mean",
        )
    return figures.named(figure, "", metric)


def rows(ranking: Sequence[Standing]) -> list[dict[str, Any]]:
    """Return the ranking as rows of numbers, for `strategies.csv`."""
    return [
        {
            "strategy": s.strategy,
            "mean": s.mean,
            "low": None if s.interval is None else s.interval[0],
            "high": None if s.interval is None else s.interval[1],
            "behind": s.behind,
            "behind_low": None if s.behind_interval is None else s.behind_interval[0],
            "behind_high": None if s.behind_interval is None else s.behind_interval[1],
            **{f"seed {seed}": final for seed, final in enumerate(s.finals)},
        }
        for s in ranking
    ]


def _row(place: int, standing: Standing) -> dict[str, object]:
    behind = standing.behind_interval
    close = place > 0 and (behind is None or behind[0] <= 0)
    cells = [
        standing.strategy,
        f"{standing.mean:.5g}",
        _between(standing.interval),
        f"{standing.behind:.3g}" if place else "",
        _between(behind),
    ]
    return {"kind": "winner" if not place else "tied" if close else "", "cells": cells}


def _between(interval: list[float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.4g} to {interval[1]:.4g}"
