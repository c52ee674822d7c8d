"""Every strategy keeps the contract of tests/strategies/contracts.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mlzoo.core import registry
from tests.strategies import contracts

NAMES = registry.names("strategy")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "check",
    [
        contracts.check_distinct,
        contracts.check_failures,
        contracts.check_pure,
        contracts.check_settings,
        contracts.check_several,
        contracts.check_values,
    ],
    ids=lambda check: check.__name__.removeprefix("check_"),
)
def test_strategy(name: str, check: Callable[[str], None]) -> None:
    check(name)


@pytest.fixture(scope="module")
def elsewhere() -> dict[str, list[dict[str, Any]]]:
    return contracts.play_in_new_process(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_another_process_proposes_the_same(
    name: str, elsewhere: dict[str, list[dict[str, Any]]]
) -> None:
    here = [trial.values for trial in contracts.play(name, contracts.SPACE, 8)]
    assert here == elsewhere[name]
