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
from mlzoo.tuning.search import Ended, Search
from mlzoo.tuning.settings import TuneConfig
from mlzoo.tuning.trials.journal import Journal
from mlzoo.tuning.trials.trial import Unit
from tests.strategies.contracts import FINITE, loss


def plan(strategy: str = "random", space: Space = FINITE, repeats: int = 1, **search: Any) -> Plan:
    run = RunConfig(model="mlp", data="digits", repeats=repeats)
    return Plan(run, space, TuneConfig(strategy=strategy, **search))


def score(unit: Unit) -> float:
    """An accuracy: lower loss is better, with a noise of its own on each fold."""
    epochs = unit.epochs or 10
    noise = math.sin(1000 * loss(unit.values) + 7 * unit.fold + 3 * unit.repeat) / 50
    return 0.9 - loss(unit.values) / 10 - 0.2 / epochs + noise - 0.01 * unit.fold


def record(unit: Unit, **more: Any) -> dict[str, Any]:
    """The journal's record of a fit that succeeded."""
    return {
        "kind": "fit",
        "trial": unit.trial,
        "fold": unit.fold,
        "repeat": unit.repeat,
        "score": more["score"] if "score" in more else score(unit),
        "epochs": unit.epochs or 10,
        "seconds": 0.5,
        "cpu": 0.5,
        "error": None,
        "traceback": None,
        **more,
    }


def search(
    folder: Path,
    chosen: Plan,
    fit: Callable[[Unit], dict[str, Any]] = record,
    engine: Any = None,
    **more: Any,
) -> tuple[Search, Ended]:
    """Run, or go on with, a search in a folder; its tables are written."""
    folder.mkdir(exist_ok=True)
    with Journal(folder / "journal.jsonl") as journal:
        found = Search(chosen, "accuracy", journal)
        ended = found.run(engine or Serial(fit), **more)
    write_tables(folder, chosen, found.trials, "accuracy")
    return found, ended
