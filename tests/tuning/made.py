"""Searches with an objective that takes no time: everything else is the real code."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlzoo.core.configs import RunConfig
from mlzoo.core.spaces import Space
from mlzoo.tuning.executors.engines import Serial
from mlzoo.tuning.plan import Plan
from mlzoo.tuning.results.tables import write_tables
from mlzoo.tuning.search import Search, SearchEnd
from mlzoo.tuning.settings import TuneConfig
from mlzoo.tuning.trials.journal import Journal
from mlzoo.tuning.trials.trial import FitJob
from tests.strategies.contracts import FINITE, loss


def plan(strategy: str = "random", space: Space = FINITE, repeats: int = 1, **search: Any) -> Plan:
    run = RunConfig(model="mlp", data="digits", repeats=repeats)
    return Plan(run, space, TuneConfig(strategy=strategy, **search))


def score(job: FitJob) -> float:
    """An accuracy: lower loss is better, with a noise of its own on each fold."""
    epochs = job.epochs or 10
    noise = math.sin(1000 * loss(job.values) + 7 * job.fold + 3 * job.repeat) / 50
    return 0.9 - loss(job.values) / 10 - 0.2 / epochs + noise - 0.01 * job.fold


def record(job: FitJob, **more: Any) -> dict[str, Any]:
    """The journal's record of a fit that succeeded."""
    return {
        "kind": "fit",
        "trial": job.trial,
        "fold": job.fold,
        "repeat": job.repeat,
        "score": more["score"] if "score" in more else score(job),
        "epochs": job.epochs or 10,
        "seconds": 0.5,
        "cpu": 0.5,
        "error": None,
        "traceback": None,
        **more,
    }


def search(
    folder: Path,
    chosen: Plan,
    fit: Callable[[FitJob], dict[str, Any]] = record,
    engine: Any = None,
    **more: Any,
) -> tuple[Search, SearchEnd]:
    """Run, or go on with, a search in a folder; its tables are written."""
    folder.mkdir(exist_ok=True)
    with Journal(folder / "journal.jsonl") as journal:
        found = Search(chosen, "accuracy", journal)
        ended = found.run(engine or Serial(fit), **more)
    write_tables(folder, chosen, found.trials, "accuracy")
    return found, ended
