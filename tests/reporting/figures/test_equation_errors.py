"""Pictures of residuals, slices and errors by frequency, and the caveat on trivial solutions."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import mlzoo
from mlzoo.data.problems.points import spread
from mlzoo.data.problems.problem import Problem
from mlzoo.data.problems.reading import read_problem
from mlzoo.reporting.figures import equation_errors

NAMED = Path(mlzoo.__file__).parent / "data" / "problems" / "named"


@pytest.fixture
def heat() -> Problem:
    return read_problem(NAMED / "heat.yaml")


def _rows(path: Path) -> list[list[float]]:
    with path.open() as file:
        return [[float(cell) for cell in row] for row in list(csv.reader(file))[1:]]


def test_the_error_stands_at_its_frequency(heat: Problem, tmp_path: Path) -> None:
    def predict(points: np.ndarray) -> np.ndarray:
        return heat.solution(points) + 0.01 * np.sin(2 * np.pi * 20 * points[:, :1])

    picture = equation_errors.error_spectrum(tmp_path, heat, predict)
    assert picture is not None and picture.stat().st_size > 5000
    rows = np.array(_rows(tmp_path / "error_spectrum.csv"))
    assert rows[rows[:, 2].argmax(), 0] == 20 and rows[rows[:, 1].argmax(), 0] <= 1


def test_slices_show_the_start_and_the_end(heat: Problem, tmp_path: Path) -> None:
    picture = equation_errors.slices(tmp_path, heat, heat.solution)
    assert picture is not None and picture.stat().st_size > 5000
    rows = np.array(_rows(tmp_path / "slices.csv"))
    assert sorted(set(rows[:, 0])) == pytest.approx([0, 1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(rows[:256, 2], np.cos(np.pi * rows[:256, 1]), atol=1e-12)
    np.testing.assert_array_equal(rows[:, 2], rows[:, 3])
    plane = read_problem(NAMED / "poisson-l-shape.yaml")
    assert equation_errors.slices(tmp_path, plane, plane.solution) is None
    assert equation_errors.error_spectrum(tmp_path, plane, plane.solution) is None


def test_residuals_are_drawn_where_they_are(heat: Problem, tmp_path: Path) -> None:
    points = spread(heat, 64, 0)
    picture = equation_errors.residual_map(tmp_path, heat, points, points[:, 0])
    assert picture is not None and picture.stat().st_size > 5000
    rows = np.array(_rows(tmp_path / "residual.csv"))
    np.testing.assert_allclose(rows[:, 2], points[:, 0])
