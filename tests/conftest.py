"""What holds for all tests."""

from __future__ import annotations

import gc
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from keras.src.backend.common import global_state

from mlzoo.baselines import boosting, forest
from mlzoo.drawing import canvas
from tests.once import FOLDER

TREES: dict[Any, dict[str, Any]] = {forest: {"TREES": 5}, boosting: {"ITERATIONS": (2, 5)}}
FIGURES: dict[Any, dict[str, Any]] = {canvas: {"LAYOUT": None, "DPI": 40}}
"""Baselines of trees and figures as cheap as most tests want them: they do not look at them."""
FULL = {
    module: {name: getattr(module, name) for name in values}
    for module, values in (TREES | FIGURES).items()
}


def _set(values: dict[Any, dict[str, Any]]) -> None:
    for module, own in values.items():
        for name, value in own.items():
            setattr(module, name, value)


_set(TREES | FIGURES)

# How long an example takes says how busy the machine is.
settings.register_profile("any", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any")

# Tracing a network makes many objects that live, so that looking for garbage finds little.
gc.set_threshold(50_000, 20, 50)
# Nor does Keras need to look at all of it before each network, as `clear_session` does.
global_state.gc = SimpleNamespace(collect=lambda: gc.collect(1))


@pytest.fixture(autouse=True, scope="module")
def _full_size(request: pytest.FixtureRequest) -> Iterator[None]:
    """Baselines of full size and figures without overlap in their own tests."""
    folders = {*request.path.relative_to(request.config.rootpath).parts}
    if folders & {"baselines", "evaluating"}:
        _set({module: FULL[module] for module in TREES})
    if "reporting" in folders:
        _set({module: FULL[module] for module in FIGURES})
    yield
    _set(TREES | FIGURES)


@pytest.fixture(autouse=True, scope="module")
def _signals() -> Iterator[None]:
    """Handlers of signals that a test, or a library in it, sets are not left to other modules."""
    numbers = signal.SIGINT, signal.SIGTERM
    before = [signal.getsignal(number) for number in numbers]
    yield
    assert [signal.getsignal(number) for number in numbers] == before


_modules = 0
"""Modules whose tests this process has run."""


@pytest.fixture(autouse=True, scope="module")
def _collected() -> Iterator[None]:
    """Building a model collects garbage, which takes the longer the more earlier tests left.

    What is alive after a module's tests is hardly ever garbage later: it is looked at again after
    twenty modules.
    """
    yield
    global _modules
    _modules += 1
    if _modules % 20 == 0:
        gc.unfreeze()
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files of most slow tests, so that no process is left with one at the end."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove what the session's processes shared, at the end of the process that started them."""
    if not hasattr(session.config, "workerinput"):
        shutil.rmtree(FOLDER, ignore_errors=True)
