"""KKT points against what is worked out by hand, and descents to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mlzoo.checking.constraints import kkt
from mlzoo.checking.constraints.comparison import close_view, compare, write
from mlzoo.checking.constraints.descents import project
from mlzoo.checking.constraints.grammar import parse_constraint
from mlzoo.checking.functions.functions import make
from mlzoo.checking.settings import constrained_config
from mlzoo.core.errors import UsageError


def found(subject: str, *constraints: str) -> tuple[list[kkt.KKTPoint], list[kkt.Limit]]:
    function = make(subject)
    limits = kkt.limits([parse_constraint(text) for text in constraints], function)
    return kkt.kkt_points(function, limits), limits


@pytest.mark.parametrize(
    ("subject", "constraints", "point", "multipliers"),
    [
        # 2x + m = 0 = 2y + m, x + y = 1.
        ("x**2+y**2", ["x+y=1"], (0.5, 0.5), [-1.0]),
        ("x^2+y^2", ["x>=1"], (1, 0), [2.0]),
        ("x^2+y^2", ["x>=-1"], (0, 0), [0.0]),
        ("x+y", ["x^2+y^2<=2"], (-1, -1), [0.5]),
        # Both are active: 2 (x - 2) + 2 m1 x + m2 = 0, 2 (y - 1) - m1 + m2 = 0.
        ("(x-2)^2+(y-1)^2", ["x^2<=y", "x+y<=2"], (1, 1), [2 / 3, 2 / 3]),
        ("-x*y", ["x+y<=4", "x>=0", "y>=0"], (2, 2), [2.0, 0.0, 0.0]),
    ],
)
def test_the_lowest_point_and_its_multipliers(subject, constraints, point, multipliers) -> None:
    points, _ = found(subject, *constraints)
    (best,) = kkt.optima(points)
    np.testing.assert_allclose(best.point, point, atol=1e-8)
    np.testing.assert_allclose(best.multipliers, multipliers, atol=1e-7)
    assert best.kind == "minimum"
    assert max(best.residual, best.violation, best.complementarity) < 1e-7


def test_equalities_have_maxima_too() -> None:
    points, _ = found("x*y", "x^2+y^2=1")
    assert [(round(p.value, 9), p.kind) for p in points] == [
        (-0.5, "minimum"), (-0.5, "minimum"), (0.5, "maximum"), (0.5, "maximum"),
    ]  # fmt: skip
    assert len(kkt.optima(points)) == 2


def test_points_with_a_negative_multiplier_are_none_of_kkt() -> None:
    """x + y is stationary on the circle at (1, 1) too, but falls inside it."""
    points, _ = found("x+y", "x^2+y^2<=2")
    assert len(points) == 1 and points[0].value == pytest.approx(-2)


def test_dependent_gradients_leave_no_kkt_point() -> None:
    """The one feasible point (0, 0) has gradients (0, -1) and (0, 1), so none adds up to (1, 0)."""
    assert found("x", "y>=x^2", "y<=-x^2")[0] == []


def test_descents_reach_the_optimum() -> None:
    config = constrained_config({"subject_to": ["x^2<=y", "x+y<=2"], "start": "-1,4", "steps": 100})
    result = compare("(x-2)^2+(y-1)^2", config)
    assert [row["method"] for row in result.ends] == [
        "penalty", "augmented Lagrangian", "projected gradient",
    ]  # fmt: skip
    assert max(row["distance"] for row in result.ends) < 1e-6
    # Squared violations are given way to, the less the higher their weight; never by projection.
    excess = [
        [max(limit.excess(p) for limit in result.limits) for p in path.points[1:]]
        for path in result.paths
    ]
    assert 0.01 < max(excess[0]) and excess[0][-1] < 1e-6 and max(excess[2]) < 1e-6
    assert result.sentences == [
        "Lagrange function: (x-2)^2+(y-1)^2 + m1*(x^2 - y) + m2*(x+y - 2)",
        "the lowest KKT point is at (1, 1): f = 1",
    ]


def test_descents_leave_inactive_constraints_alone() -> None:
    """The multiplier of x >= -1 stays 0: nothing pulls towards its border."""
    config = constrained_config({"subject_to": ["x>=-1"], "start": "3,3", "steps": 60})
    for path in compare("x^2+y^2", config).paths:
        np.testing.assert_allclose(path.points[-1], 0, atol=1e-6)


def test_a_point_is_projected_on_a_circle() -> None:
    _, limits = found("x+y", "x^2+y^2<=2")
    np.testing.assert_allclose(
        project(limits, np.array([3.0, 4.0])), np.sqrt(2) * np.array([0.6, 0.8])
    )
    inside = np.array([0.1, 0.2])
    assert project(limits, inside) is inside


@pytest.mark.parametrize(
    ("subject", "constraint", "sentence"),
    [
        ("x^2+y^2", "x^2+y^2=-1", "no descent ended at a feasible point"),
        ("-x", "y>=0", "the function may fall without end"),
    ],
)
def test_what_has_no_optimum_is_said(subject: str, constraint: str, sentence: str) -> None:
    config = constrained_config({"subject_to": [constraint], "steps": 20})
    result = compare(subject, config)
    assert result.points == [] and sentence in result.sentences[-1]


def test_the_start_must_have_a_value() -> None:
    config = constrained_config({"subject_to": ["log(x)<=1"], "start": "-1,0"})
    with pytest.raises(UsageError, match="--start: log.x.<=1 has no finite value at -1,0"):
        compare("x^2", config)


def test_the_picture_shows_the_start_and_the_optimum_from_near() -> None:
    near = compare("x**2+y**2", constrained_config({"subject_to": ["x+y=1"], "start": "1,0"}))
    assert close_view(near) == pytest.approx((-0.75, 1.75), abs=1e-6)
    far = compare("x**2+y**2", constrained_config({"subject_to": ["x+y=1"], "start": "4,-40"}))
    assert close_view(far) == far.function.view


def test_a_folder_holds_points_paths_and_a_picture(tmp_path: Path) -> None:
    config = constrained_config({"subject_to": ["x+y=1"], "steps": 30})
    result = compare("x**2+y**2", config)
    record = write(tmp_path / "made", result, config)
    assert {path.name for path in (tmp_path / "made").iterdir()} == {
        "landscape.json", "paths.csv", "kkt.csv", "ends.csv", "index.html", "contour.png",
        "contour.svg",
    }  # fmt: skip
    assert record["kkt"][0]["m1"] == pytest.approx(-1)
    assert np.asarray(Image.open(tmp_path / "made/contour.png").convert("L")).std() > 20
