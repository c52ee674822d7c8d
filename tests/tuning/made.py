"""Searches with an objective that takes no time: everything else is the real code."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mlzoo.core.configs import RunConfig
from mlzoo.core.spaces import Space
from mlzoo.tuning.executors.engines import Serial
from mlzoo.tuning.plan import Plan
from mlzoo.tuning.results.tables import write_tables
from mlzoo.tuning.search import Search, SearchEnd
from mlzoo.tuning.settings import TuneConfig
from mlzoo.tuning.trials.fitting import Evaluator, FitResult
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


def without_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every fit of a search a score that its values decide, in place of a training's."""

    def endings(_: Evaluator, jobs: Sequence[FitJob]) -> list[FitResult]:
        return [FitResult(_any_score(job), job.epochs or 2) for job in jobs]

    monkeypatch.setattr(Evaluator, "_endings", endings)
    monkeypatch.setattr(Evaluator, "check_fast", lambda *_: None)
    monkeypatch.setattr(Evaluator, "compile_ahead", lambda *_: None)
    monkeypatch.setattr(Evaluator, "group", lambda *_: None)


def _any_score(job: FitJob) -> float:
    content = json.dumps([job.values, *job.key], sort_keys=True).encode()
    return 0.5 + zlib.crc32(content) / 2**33


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
