"""Results of a search: its tables, the winner's configuration, and failures by cause."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypedDict

import yaml

from mlzoo.core import files, registry
from mlzoo.core.backbones import placed
from mlzoo.core.validation.consistency import inert
from mlzoo.core.validation.values import trust_flag
from mlzoo.runs.config_loading import unread_by_source
from mlzoo.runs.contents.resolved_config import absolute_fields
from mlzoo.tuning.plan import Plan
from mlzoo.tuning.space_from_config import fields_of
from mlzoo.tuning.trials.trial import TrialResult, best, mean, ranked

_NOT_IN_TABLES = ("kind", "traceback", "paired", "fallback")
_DRAWN = {"numbers per point", "actions per episode"}
"""Kinds of targets of models that draw what they learn from."""


def write_tables(folder: Path, plan: Plan, trials: Sequence[TrialResult], metric: str) -> None:
    """Write `trials.csv`, `fits.csv` with the times of all fits, and `best.yaml`.

    Columns of `trials.csv`: `trial`, `rank` (1 is best), `state` (done, dropped, failed or
    running), `mean` and `error` (of the score, its standard error), a column per dimension,
    `epochs` (median over the fits), `continues` (the trial whose training it resumes), a column
    per fold (and repeat), and `cause` (of a failure). It is the same for the same seed.

    Args:
        folder: of the search.
        plan: of the search.
        trials: all trials.
        metric: name of the score.
    """
    order = ranks(trials, metric)
    rows = [_row(plan, trial, order.get(trial.number)) for trial in trials]
    files.write_text(folder / "trials.csv", files.csv_text(rows))
    fits = [
        {key: value for key, value in fit.items() if key not in _NOT_IN_TABLES}
        for trial in trials
        for _, fit in sorted(trial.fits.items())
    ]
    files.write_text(folder / "fits.csv", files.csv_text(fits))
    first = best(trials, metric)
    if first is not None:
        files.write_text(folder / "best.yaml", best_yaml(plan, first, metric))


def ranks(trials: Sequence[TrialResult], metric: str) -> dict[int, int]:
    """Return the rank of each finished trial by its number; 1 is the best."""
    return {trial.number: place for place, trial in enumerate(ranked(trials, metric), start=1)}


def _row(plan: Plan, trial: TrialResult, rank: int | None) -> dict[str, object]:
    failed = trial.state == "failed"
    names = plan.space.names
    values = {f"{n}": _cell(trial.values[n]) if n in trial.values else "" for n in names}
    scores = {
        f"fold {fold + 1}" + (f" repeat {repeat + 1}" if plan.run.repeats > 1 else ""): (
            None
            if failed or (fold, repeat) not in trial.fits
            else trial.fits[fold, repeat]["score"]
        )
        for fold, repeat in trial.fits_needed
    }
    return {
        "trial": trial.number,
        "rank": rank,
        "state": trial.state,
        "mean": None if failed else trial.mean,
        "error": None if failed else trial.error,
        **values,
        "epochs": None if failed else trial.epochs_done,
        "continues": trial.continues,
        **scores,
        "cause": cause(trial.failure["error"] or "") if trial.failure else None,
    }


def _cell(value: Any) -> Any:
    return ",".join(map(str, value)) if isinstance(value, tuple) else value


def best_yaml(plan: Plan, trial: TrialResult, metric: str) -> str:
    """Return the configuration that trains the winner on the training and validation splits.

    It trains for the median epochs of the folds, and keeps the weights of the last epoch. A model
    that draws what it learns from is trained as in the search.

    Args:
        plan: of the search.
        trial: the winner.
        metric: name of the score.
    """
    base = plan.run
    defaults = type(base).model_validate({"model": base.model, "data": base.data}).model_dump()
    values = base.model_dump(mode="json")
    given = {n: v for n, v in values.items() if v != defaults[n]}
    varied = fields_of(base, trial.values)
    fixed = {"data": base.data, **absolute_fields(base)}
    given |= {name: fixed[name] for name in fixed if name in {*given, "model", "data"}}
    given |= {"seed": base.seed, **varied}
    if "set" in given:
        given["set"] = placed(given["set"])
    drawn = bool(_DRAWN & set(registry.constants("model", base.model).get("TARGETS", ())))
    if not drawn:
        given |= {
            "epochs": trial.epochs_done,
            "early_stopping": 0,
            "keep": "last",
            "train_on": "train+valid",
        }
    whole = {**values, **given}
    unread = {*inert(whole, set(given)), *unread_by_source(whole, set(given))}
    kept = {
        n: v
        for n, v in given.items()
        if n not in unread | {"repeats", "out", "name", "checkpoint_every"}
    }
    spread = "" if trial.error is None else f" ± {trial.error:.3g}"
    return (
        f"# Trial {trial.number}: {metric} {mean(trial.scores):.5g}{spread} over "
        f"{len(trial.scores)} fit{'s' if len(trial.scores) > 1 else ''}.\n"
        f"# Trains it{'' if drawn else ' on the training and validation splits'}: "
        "mlzoo train --config <this file>"
        f"{trust_flag(base.model_dump())}\n"
        + yaml.safe_dump(json.loads(json.dumps(kept)), sort_keys=False, allow_unicode=True)
    )


def cause(error: str) -> str:
    """Return the cause that failures of one kind share: the first line, without its numbers."""
    return re.sub(r"\d+(\.\d+)?(e[+-]?\d+)?", "#", error.strip().partition("\n")[0])[:200]


class FailureGroup(TypedDict):
    """Failed trials of one cause, with the first one's message and traceback."""

    error: str | None
    trials: list[int]
    traceback: str | None


def failures(trials: Iterable[TrialResult]) -> list[FailureGroup]:
    """Group failed trials by cause, the most frequent first, each with one traceback."""
    groups: dict[str, FailureGroup] = {}
    for trial in trials:
        if (record := trial.failure) is None:
            continue
        group = groups.setdefault(
            cause(record["error"] or ""),
            {"error": record["error"], "trials": [], "traceback": record["traceback"]},
        )
        group["trials"].append(trial.number)
    return sorted(groups.values(), key=lambda group: -len(group["trials"]))
