"""The page of a comparison of strategies: verdict, intervals and convergence curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from mlzoo.reporting.pages.charts import Line, line_chart
from mlzoo.reporting.pages.rendering import render
from mlzoo.tuning.compare import Standing, verdict
from mlzoo.tuning.plan import Plan
from mlzoo.tuning.results.page import TEMPLATE, section


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


def curves(ranking: Sequence[Standing], metric: str) -> Markup:
    """Draw the mean best score so far of each strategy, with its band."""
    lines = [
        Line(
            standing.strategy,
            [(float(spent), score) for spent, score in enumerate(standing.curve, 1)],
            drawn="steps",
            band=[(low, high) for low, high in standing.band] if standing.band else (),
        )
        for standing in ranking
    ]
    return line_chart(metric, lines, "trials of full length")


def finals(ranking: Sequence[Standing], metric: str) -> Markup:
    """Draw the best score of every seed by strategy, and the means with their intervals."""
    means = [(float(place), standing.mean) for place, standing in enumerate(ranking)]
    halves = [0.0 if s.interval is None else s.interval[1] - s.mean for s in ranking]
    seeds = [(float(place), final) for place, s in enumerate(ranking) for final in s.finals]
    lines = [
        Line("each seed", seeds, drawn="points"),
        Line("mean, 95 % interval", means, drawn="points", errors=halves),
    ]
    return line_chart(metric, lines, "strategy", names=[s.strategy for s in ranking])


def rows(ranking: Sequence[Standing]) -> list[dict[str, object]]:
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
    cells = [
        standing.strategy,
        f"{standing.mean:.5g}",
        _between(standing.interval),
        f"{standing.behind:.3g}" if place else "",
        _between(standing.behind_interval),
    ]
    return {"kind": "winner" if not place else "tied" if standing.is_tied else "", "cells": cells}


def _between(interval: list[float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.4g} to {interval[1]:.4g}"
