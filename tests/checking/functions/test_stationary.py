"""Stationary points by hand, and Taylor polynomials beside the functions."""

from __future__ import annotations

import numpy as np
import pytest

from mlzoo.checking.functions.functions import make
from mlzoo.checking.functions.stationary import definiteness, stationary_points, taylor


def rows(subject: str) -> list[tuple[object, ...]]:
    names = ("x", "y", "value", "kind", "smaller", "larger", "hessian")
    return [tuple(row[name] for name in names) for row in stationary_points(make(subject))]


def test_two_minima_and_the_saddle_between_them() -> None:
    # The Hessian [[12 x^2, -4], [-4, 12 y^2]] has eigenvalues 12 -+ 4 at (1, 1), -+ 4 at (0, 0).
    minima = [(at, at, -2, "minimum", 8, 16, "positive definite") for at in (-1, 1)]
    points = rows("x^4 - 4*x*y + y^4")
    assert [row[3] for row in points] == ["minimum", "minimum", "saddle"]
    for row, expected in zip(
        points, [*minima, (0, 0, 0, "saddle", -4, 4, "indefinite")], strict=True
    ):
        assert row == pytest.approx(expected, abs=1e-8)


def test_points_of_a_steep_function_are_told_too() -> None:
    steep = rows("1000*x^4 - 4000*x*y + 3000*y^4")
    assert sorted(str(row[3]) for row in steep) == ["minimum", "minimum", "saddle"]


@pytest.mark.parametrize(
    ("subject", "kind", "hessian"),
    [
        ("monkey-saddle", "saddle", "zero"),
        ("x^4 + y^4", "minimum", "zero"),
        ("y^2 - x^4", "saddle", "positive semidefinite"),
        ("-x^2 - 2*y^2", "maximum", "negative definite"),
    ],
)
def test_values_around_a_point_tell_where_the_hessian_does_not(
    subject: str, kind: str, hessian: str
) -> None:
    [(x, y, _, is_kind, _, _, matrix)] = rows(subject)
    assert (is_kind, matrix) == (kind, hessian)
    assert [x, y] == pytest.approx([0, 0], abs=1e-3)


def test_a_ring_has_many_and_a_slope_none() -> None:
    ring = [row for row in stationary_points(make("ripple")) if row["value"] == pytest.approx(-1)]
    assert len(ring) > 12 and {row["hessian"] for row in ring} == {"positive semidefinite"}
    assert rows("x - y^2") == []


def test_words_for_eigenvalues() -> None:
    assert definiteness(-3.0, 0.0) == "negative semidefinite"
    assert definiteness(-3.0, -1e-9) == "negative semidefinite"
    assert definiteness(1e-3, 1.0) == "positive definite"


def test_the_polynomial_is_that_of_the_derivatives() -> None:
    function = make("x^3 - 3*x*y^2")
    text = taylor(function, (0.5, -0.25))
    # f = .125 - 1.5 / 16, f_x = 3 x^2 - 3 y^2, f_y = -6 x y, f_xx / 2 = 3 x, f_xy = -6 y
    expected = "0.03125 + 0.5625 dx + 0.75 dy + 1.5 dx^2 + 1.5 dx dy - 1.5 dy^2 to second order"
    assert text is not None and f"around (0.5, -0.25) the function is {expected}" in text
    size = np.hypot(3, 1.5)  # eigenvalues of [[3, 1.5], [1.5, -3]]
    assert f"indefinite there, with eigenvalues {-size:.4g} and {size:.4g}" in text
    assert taylor(make("abs(x) + log(y)"), (0.0, 0.0)) is None
