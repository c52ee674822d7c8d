"""What holds for all tests."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def _collected() -> Iterator[None]:
    """Building a model collects garbage, which takes the longer the more earlier tests left."""
    yield
    gc.unfreeze()  # What was alive before may be garbage by now.
    gc.collect()
    gc.freeze()
