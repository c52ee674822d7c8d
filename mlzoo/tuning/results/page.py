"""The page of a search: one self-contained HTML file."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from markupsafe import Markup

from mlzoo.core.messages import over
from mlzoo.reporting.pages.rendering import render
from mlzoo.tuning.nested import Nested, spoken
from mlzoo.tuning.plan import Plan
from mlzoo.tuning.results import figures
from mlzoo.tuning.results.analysis import effects
from mlzoo.tuning.results.skopt_plots import skopt_pictures
from mlzoo.tuning.results.tables import failures, ranks
from mlzoo.tuning.results.ties import Ties, find_ties
from mlzoo.tuning.settings import shown
from mlzoo.tuning.trials.trial import TrialResult

TEMPLATE = Path(__file__).with_name("page.html.jinja")
_CURVES = 8


def write_page(
    path: Path,
    plan: Plan,
    trials: Sequence[TrialResult],
    metric: str,
    test: Mapping[str, Any] | None,
    nested: Nested | None = None,
) -> None:
    """Write `report.html`.

    Args:
        path: of the page.
        plan: of the search.
        trials: all trials.
        metric: name of the score that ranks the trials.
        test: name, value and interval of the winner's test score, and the `units` and
            `interval_unit` of the interval; None if it was not tested.
        nested: result of nested cross-validation; None without it.
    """
    order, ties = ranks(trials, metric), find_ties(trials, metric)
    render(
        path,
        TEMPLATE,
        title=f"Search: {Path(plan.run.model).name} on {Path(plan.run.data).name}",
        facts=[*_facts(plan, trials, metric, test, order), *_optimism(nested)],
        command="mlzoo train --config best.yaml",
        sections=_sections(plan, trials, metric, order, ties),
        failures=failures(trials),
        table_title="All trials",
        header=["trial", "rank", "state", metric, "± error", *plan.space.names, "epochs"],
        rows=_rows(plan, trials, order, ties.numbers),
    )


def section(title: str, note: str, drawn: Sequence[Markup | bytes]) -> dict[str, object]:
    """Return a section of a page.

    Args:
        title: of the section.
        note: explanation below the title.
        drawn: charts, or pictures as PNG bytes.
    """
    return {"title": title, "note": note, "figures": [_html(figure, title) for figure in drawn]}


def _html(figure: Markup | bytes, title: str) -> Markup:
    if isinstance(figure, bytes):
        text = base64.b64encode(figure).decode()
        return Markup('<figure><img alt="{}" src="data:image/png;base64,{}"></figure>').format(
            title, text
        )
    return figure


def _facts(
    plan: Plan,
    trials: Sequence[TrialResult],
    metric: str,
    test: Mapping[str, Any] | None,
    order: dict[int, int],
) -> list[str]:
    count = sum(len(trial.fits) for trial in trials)
    seconds = sum(fit["seconds"] for trial in trials for fit in trial.fits.values())
    folds = f"{plan.search.folds} folds" if plan.search.folds > 1 else "the validation split"
    lines = [
        f"{len(trials)} trials by {plan.search.strategy}, {count} fits on {folds}, "
        f"{shown(seconds)} of training; seed {plan.run.seed}."
    ]
    if order:
        first = trials[next(iter(order))]
        error = "" if first.error is None else f" ± {first.error:.2g}"
        lines.append(
            f"The winner is trial {first.number}: {metric} {first.mean:.4g}{error} "
            f"({figures.described(first)})."
        )
    if test is not None:
        ends, taken = test["interval"], over(test.get("units"), test.get("interval_unit"))
        between = f", 95 % interval {ends[0]:.4g} to {ends[1]:.4g}" if ends else ""
        between += f" over {taken}" if ends and taken else ""
        lines.append(
            f"Trained on the training and validation splits and tested once: {test['name']} "
            f"{test['value']:.4g}{between}. The search never saw the test split; the score by "
            "which the winner was chosen is the best of many and so too good."
        )
    return lines


def _optimism(nested: Nested | None) -> list[str]:
    if nested is None:
        return []
    text = spoken(nested).partition(": ")[2]
    return [f"Nested cross-validation over {len(nested.folds)} outer folds: {text}."]


def _sections(
    plan: Plan, trials: Sequence[TrialResult], metric: str, order: dict[int, int], ties: Ties
) -> list[dict[str, object]]:
    if not order:
        return []
    all_effects = effects(plan.space, trials)
    sections: list[tuple[str, str, list[Any]]] = [
        (
            "All trials at once",
            "A line is a trial, the darkest is the best; point at one to read its values.",
            [figures.parallel(plan.space, trials, metric)],
        ),
        (
            "Convergence",
            "Each trial's mean score with its standard error, and the best so far. Point at a "
            "chart, or choose it with Tab and move with the arrow keys, to read its values.",
            [figures.convergence(trials, metric)],
        ),
        (
            "Spread over folds",
            ties.text,
            [figures.folds(trials, list(order), ties.numbers, metric)],
        ),
    ]
    if all_effects:
        sections += [
            (
                "What mattered",
                "The share of the score's variance that each dimension makes alone, as a forest "
                "of the trials sees it (fANOVA); bars show its spread over the trees.",
                [figures.importances(all_effects)],
            ),
            (
                "Partial dependence",
                "The score that the forest expects over one dimension, all others averaged.",
                [figures.dependence(e, plan.space[e.name], metric) for e in all_effects[:_CURVES]],
            ),
        ]
    sections += [
        ("Score against cost", "What a better score costs.", [figures.cost(trials, metric)]),
        ("Timeline", "When each worker did which fit.", [figures.timeline(trials)]),
    ]
    pictures = skopt_pictures(plan.space, trials, metric, [effect.name for effect in all_effects])
    sections += [(title, note, [picture]) for title, note, picture in pictures]
    return [section(*content) for content in sections]


class TrialRow(TypedDict):
    """Cells of a trial in the table; `kind` is `winner`, `tied` or empty."""

    kind: str
    cells: list[object]


def _rows(
    plan: Plan, trials: Sequence[TrialResult], order: dict[int, int], group: Sequence[int]
) -> list[TrialRow]:
    rows: list[TrialRow] = []
    for number in [*order, *(t.number for t in trials if t.number not in order)]:
        trial = trials[number]
        scored = trial.state != "failed"
        cells: list[object] = [
            number,
            order.get(number, ""),
            trial.state,
            f"{trial.mean:.5g}" if scored and trial.mean is not None else "",
            f"{trial.error:.2g}" if scored and trial.error is not None else "",
            *(figures.text(trial.values.get(name, "")) for name in plan.space.names),
            trial.epochs_done,
        ]
        kind = "winner" if number in group[:1] else "tied" if number in group else ""
        rows.append({"kind": kind, "cells": cells})
    return rows
