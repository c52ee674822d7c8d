"""What holds for all tests."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from mlzoo.baselines import boosting, forest
from tests.once import FOLDER

FULL_SIZE = {forest: {"TREES": forest.TREES}, boosting: {"ITERATIONS": boosting.ITERATIONS}}
FEW = {forest: {"TREES": 5}, boosting: {"ITERATIONS": (2, 5)}}
"""Baselines of trees as they are, and as small as most tests want them: they do not read them."""


def _resize(sizes: dict[Any, dict[str, Any]]) -> None:
    for module, values in sizes.items():
        for name, value in values.items():
            setattr(module, name, value)


_resize(FEW)

# Tracing a network makes many objects that live, so that looking for garbage finds little.
gc.set_threshold(50_000, 20, 50)


@pytest.fixture(autouse=True, scope="module")
def _whole_trees(request: pytest.FixtureRequest) -> Iterator[None]:
    """Baselines of full size in their own tests."""
    own = request.path.parent.name in ("baselines", "evaluating")
    _resize(FULL_SIZE if own else {})
    yield
    _resize(FEW)


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
