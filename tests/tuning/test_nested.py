from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlzoo.core import files
from mlzoo.core.configs import RunConfig
from mlzoo.core.spaces import Dimension, Space
from mlzoo.data import loading
from mlzoo.runs import datasets
from mlzoo.tuning.executors.engines import Serial
from mlzoo.tuning.nested import Nested, run_nested, spoken, summarize
from mlzoo.tuning.search import Search
from mlzoo.tuning.trials import folds
from mlzoo.tuning.trials.journal import Journal
from mlzoo.tuning.trials.trial import FitJob
from tests.tuning import made

LUCK = Space((Dimension("a", "int", 0, 29, step=1),))


def luck(job: FitJob) -> float:
    """A score that no setting changes: the best of many is nothing but luck."""
    return 0.5 + 0.1 * math.sin(1e4 * (job.values["a"] + 1) * (job.fold + 1))


def nested(folder: Path, score: Any, done: list[FitJob], **search: Any) -> Nested:
    plan = made.plan("grid", LUCK, **{"folds": 3, "nested": 4, **search})
    folder.mkdir(exist_ok=True)

    def fit(job: FitJob) -> dict[str, Any]:
        done.append(job)
        return made.record(job, score=score(job), epochs=7)

    with Journal(folder / "journal.jsonl") as journal:
        own = Search(plan, "accuracy", journal)
        own.run(Serial(fit))
        found = run_nested(own, Serial(fit), folder)
    assert found is not None
    return found


def test_the_gap_of_a_choice_that_is_luck_is_all_of_its_advantage(tmp_path: Path) -> None:
    done: list[FitJob] = []
    found = nested(tmp_path, luck, done)
    assert len(done) == 30 * 3 * (1 + 4) + 4
    for number, row in enumerate(found.folds):
        units = [u for u in done if u.fold // 3 == 1 + number and not u.final]
        means = {a: np.mean([luck(u) for u in units if u.values["a"] == a]) for a in range(30)}
        assert row["chosen"] == pytest.approx(max(means.values()))
        assert means[row["values"]["a"]] == pytest.approx(row["chosen"])
        final = next(u for u in done if u.final and u.fold == 15 + number)
        assert (final.values, final.epochs) == (row["values"], 7)
        assert row["held_out"] == pytest.approx(luck(final))
    gaps = [row["chosen"] - row["held_out"] for row in found.folds]
    assert found.gap == pytest.approx(np.mean(gaps)) and found.gap > 0.02
    assert found.score == pytest.approx(np.mean([row["held_out"] for row in found.folds]))
    record = files.read_json(tmp_path / "nested.json")
    assert record["gap"] == found.gap
    again: list[FitJob] = []
    assert nested(tmp_path, luck, again) == found and not again, "all is in the journals"


def test_a_choice_without_luck_has_no_gap(tmp_path: Path) -> None:
    found = nested(tmp_path, lambda job: job.values["a"] / 30, [])
    assert found.gap == 0
    assert all(row["values"] == {"a": 29} for row in found.folds)


def test_intervals_end_where_the_metric_does_and_know_that_folds_share_samples() -> None:
    rows = [{"chosen": 0.98, "held_out": x} for x in (0.9, 1.0, 0.97)]
    found = summarize(rows, "accuracy")
    assert found.interval is not None and found.interval[1] == 1.0
    spread = np.std([0.9, 1.0, 0.97], ddof=1)
    half = 4.302653 * spread * math.sqrt(1 / 3 + 1 / 2)
    assert found.interval[0] == pytest.approx(found.score - half, rel=1e-5)
    wild = summarize([{"chosen": 1.0, "held_out": x} for x in (0.0, 1.0)], "accuracy")
    assert (wild.interval, wild.gap_interval) == ([0.0, 1.0], [-1.0, 1.0])


def test_what_is_said_of_the_gap_depends_on_its_interval() -> None:
    rows = [{"chosen": 0.9, "held_out": 0.8 + 0.01 * i} for i in range(4)]
    certain = summarize(rows, "accuracy")
    assert certain.gap == pytest.approx(0.085) and "too good by 0.085" in spoken(certain)
    assert "not told from none" not in spoken(certain)
    rows = [{"chosen": 1.0, "held_out": 1.0 + x} for x in (-0.5, 0.4)]
    assert "not told from none" in spoken(summarize(rows, "rmse"))
    assert summarize(rows, "rmse").gap == pytest.approx(-0.05), "an RMSE is better when lower"


@pytest.mark.parametrize("count", [1, 3])
def test_no_search_within_sees_the_samples_of_its_outer_fold(count: int) -> None:
    config = RunConfig(model="mlp", data="iris")
    data = datasets.arrange(loading.read(config), config, 0)
    found = folds.search_folds(data, config, count, 4)
    assert len(found) == count * 5 + 4
    pool = np.union1d(data.train.indices, data.valid.indices)
    held_out = [found[folds.outer(count, 4, number)] for number in range(4)]
    assert np.array_equal(np.sort(np.concatenate([fold for _, fold in held_out])), pool)
    for number, (rest, fold) in enumerate(held_out):
        assert not set(rest) & set(fold)
        first = folds.inner(count, number)
        for train, valid in found[first : first + count]:
            assert set(train) | set(valid) == set(rest) and not set(train) & set(valid)
        if count == 1:
            assert len(valid) / len(rest) == pytest.approx(0.25, abs=0.02)
    assert not set(pool) & set(data.test.indices)


def test_the_fits_of_a_winner_are_as_those_of_the_final_training() -> None:
    from mlzoo.tuning.trials.fitting import run_of

    plan = made.plan("grid", Space((Dimension("dropout", "choice", choices=(0.1,)),)))
    plan = replace(plan, run=RunConfig(model="mlp", data="iris", schedule="plateau"))
    config = run_of(plan, FitJob(0, 0, 0, {"dropout": 0.1}, 7, final=True))
    assert (config.epochs, config.early_stopping, config.monitor) == (7, 0, "loss")
