"""Constraints as they are typed: signs, standard form, and mistakes."""

from __future__ import annotations

import pytest

from mlzoo.checking.constraints.grammar import parse_constraint
from mlzoo.core.errors import UsageError
from mlzoo.core.expressions import evaluate


@pytest.mark.parametrize(
    ("text", "at", "left", "equality", "term"),
    [
        ("x + y = 1", (2.0, 3.0), 4.0, True, "(x + y - 1)"),
        ("x+y==1", (2.0, 3.0), 4.0, True, "(x+y - 1)"),
        ("x^2 <= y", (2.0, 3.0), 1.0, False, "(x^2 - y)"),
        ("x >= y + 1", (2.0, 3.0), 2.0, False, "(y + 1 - x)"),
        ("x <= 1 - y", (2.0, 3.0), 4.0, False, "(x - (1 - y))"),
    ],
)
def test_standard_form(text, at, left, equality, term) -> None:
    import numpy as np

    found = parse_constraint(text)
    assert (found.text, found.equality, found.term) == (text, equality, term)
    assert evaluate(found.left, dict(zip("xy", at, strict=True)), np) == left


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x + y", "a constraint has no sign"),
        ("0 <= x <= 1", "a constraint has more than one sign"),
        ("x < 1", "holds on its border too .*write <= in place of <"),
        ("1 <= 2", "needs x or y"),
        ("x + z = 1", "unknown name 'z'"),
        ("x = __import__('os')", "unknown name '__import__'"),
        ("= 1", "ends too early"),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_constraint(text)
