from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlzoo.core.errors import UsageError
from mlzoo.tuning.executors.cluster import Cluster
from mlzoo.tuning.executors.engines import Serial
from mlzoo.tuning.trials.fitting import Evaluator
from tests.ray_nodes import nodes
from tests.tuning.executors.test_pool import plan
from tests.tuning.made import search


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A cluster of two machines with a core each, both this one."""
    with nodes(1, 1) as found:
        yield found


def test_a_machine_that_is_lost_in_mid_search_changes_nothing(cluster: Any, tmp_path: Path) -> None:
    chosen = plan(trials=6)
    search(tmp_path / "one", chosen, engine=Serial(Evaluator(chosen, tmp_path).fit))
    there = {"engine": "ray", "address": cluster.address}
    away = replace(chosen, search=chosen.search.model_copy(update=there))

    class Losing(Cluster):
        """Loses a machine while a job runs on it."""

        done = 0

        def wait(self) -> dict[str, Any]:
            record = super().wait()
            self.done += 1
            if self.done == 3:
                cluster.remove_node(cluster.second, allow_graceful=False)
            return record

    engine = Losing(away, tmp_path, True)
    try:
        found, ended = search(tmp_path / "two", away, engine=engine)
    finally:
        engine.close()
    assert ended.complete and engine.done == 12
    assert [trial.state for trial in found.trials] == ["done"] * 6
    tables = [(tmp_path / name / "trials.csv").read_text() for name in ("one", "two")]
    assert tables[0] == tables[1], "the same numbers, bit for bit, as one process finds"


def test_without_ray_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'mlzoo-keras\[ray\]'"):
        Cluster(plan(engine="ray"), tmp_path, True)
