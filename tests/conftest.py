"""What holds for all tests."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Iterator

import pytest

from tests.once import FOLDER


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
