"""`make quick` picks the tests of what a change touches."""

from __future__ import annotations

from tests.changed import ROOT, touched


def names(*changed: str) -> set[str]:
    return {str(path.relative_to(ROOT)) for path in touched({ROOT / name for name in changed})}


def test_a_module_touches_the_tests_that_import_it_directly_or_not() -> None:
    found = names("mlzoo/core/expressions.py")
    assert "tests/core/test_expressions.py" in found
    assert "tests/data/test_shapes.py" not in found


def test_a_plug_in_touches_the_tests_of_its_kind_and_a_test_itself() -> None:
    assert "tests/models/test_contracts.py" in names("mlzoo/models/mlp.py")
    assert names("tests/data/test_times.py") == {"tests/data/test_times.py"}


def test_what_all_depend_on_touches_all() -> None:
    assert len(names("pyproject.toml")) > 100
    assert names("README.md") == set()
