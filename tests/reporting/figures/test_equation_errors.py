"""Pictures of residuals, slices and errors by frequency, and the caveat on trivial solutions."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mlzoo
from mlzoo.data.problems.frames import Frame, grid
from mlzoo.data.problems.points import spread
from mlzoo.data.problems.problem import Problem
from mlzoo.data.problems.reading import read_problem
from mlzoo.reporting.figures import equation_errors, solutions

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


def _pictures(path: Path) -> np.ndarray:
    """Return the pictures (n, height, width, 3) of a film."""
    with Image.open(path) as film:
        frames = range(film.n_frames)
        return np.stack([np.asarray((film.seek(at), film.convert("RGB"))[1]) for at in frames])


@pytest.mark.parametrize("name", ["heat", "poisson-l-shape"])
def test_a_film_has_a_field_a_frame_and_no_color_outside_of_the_domain(
    name: str, tmp_path: Path
) -> None:
    problem = read_problem(NAMED / f"{name}.yaml")
    nodes = grid(problem)
    # Rises along the second coordinate alone: time, to the right, or y, upward.
    values = nodes[:, 1:] * np.ones((1, len(problem.unknowns)))
    film = solutions.film(tmp_path, problem, [Frame("initial", 0 * values), Frame("kept", values)])
    first, last = _pictures(film).astype(int)
    assert film == tmp_path / "epochs.gif" and not np.array_equal(first, last)
    left, right, low, high = (
        last[part].sum()
        for part in (np.s_[100:120, 80], np.s_[100:120, 240], np.s_[270, 80:150], np.s_[60, 80:150])
    )
    white = (last == 255).all(axis=-1)
    if name == "heat":  # viridis: dark to bright
        assert right > left + 1000 and not white[50:270, 60:280].any()
    else:
        assert high > low + 1000
        assert white[170:260, 180:255].all() and not white[60:150, 80:260].any()


def test_a_film_over_one_coordinate_moves_a_curve(tmp_path: Path) -> None:
    problem = read_problem(NAMED / "lotka-volterra.yaml")
    values = np.repeat(grid(problem), 2, axis=1)
    still, moved = Frame("a", values), Frame("a", values[::-1])
    film = solutions.film(tmp_path, problem, [moved, still, still, still])
    first, second, *others = _pictures(film)
    assert not np.array_equal(first, second)
    assert all(np.array_equal(second, other) for other in others)
