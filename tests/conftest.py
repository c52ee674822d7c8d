"""What holds for all tests."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Iterator

import pytest

from mlzoo.baselines import boosting, forest
from tests.once import FOLDER

FULL_SIZE = {forest: {"TREES": forest.TREES}, boosting: {"ITERATIONS": boosting.ITERATIONS}}
FEW = {forest: {"TREES": 5}, boosting: {"ITERATIONS": (2, 5)}}
"""Baselines of trees as they are, and as small as most tests want them: they do not read them."""

# Tracing a network makes many objects that live, so that looking for garbage finds little.
gc.set_threshold(50_000, 20, 50)


@pytest.fixture(autouse=True, scope="module")
def _few_trees(request: pytest.FixtureRequest) -> None:
    """Small forests, but for the tests of the baselines themselves."""
    full = request.path.parent.name in ("baselines", "evaluating")
    for module, sizes in (FULL_SIZE if full else FEW).items():
        for name, value in sizes.items():
            setattr(module, name, value)


@pytest.fixture(autouse=True, scope="module")
def _collected() -> Iterator[None]:
    """Building a model collects garbage, which takes the longer the more earlier tests left."""
    yield
    gc.unfreeze()  # What was alive before may be garbage by now.
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove what the session's processes shared, at the end of the process that started them."""
    if not hasattr(session.config, "workerinput"):
        shutil.rmtree(FOLDER, ignore_errors=True)
