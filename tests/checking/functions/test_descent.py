"""Optimisers on known functions: published trajectories, and the verdicts on them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from mlzoo.checking.functions import path_ranking
from mlzoo.checking.functions.descent import walk
from mlzoo.checking.functions.functions import make
from mlzoo.checking.settings import Formulas

TIGHT = {"rtol": 0, "atol": 1e-6}


def path(name, optimizer, rate, start, steps, **formulas):
    (found,) = walk(make(name), optimizer, [rate], start, steps, Formulas(**formulas))
    return found


@pytest.mark.parametrize(("rate", "end"), [(0.01, 4.005648), (0.1, 0.069175)])
def test_gradient_descent_on_the_bowl(rate, end) -> None:
    np.testing.assert_allclose(path("bowl", "sgd", rate, (6, 6), 20).points[-1], end, **TIGHT)


def test_too_large_a_rate_is_reported_as_divergence() -> None:
    found = path("bowl", "sgd", 2.0, (6, 6), 20)
    np.testing.assert_array_equal(found.points[-1], 6 * 3.0**20)
    facts = path_ranking.judge(make("bowl"), found, 0.01)
    assert facts["outcome"] == "diverged" and facts["steps"] == 20
    # The first step that is a thousand views, 14000, away: 6 * 3^n * sqrt 2.
    assert facts["diverged_at"] == 7


def test_numbers_that_end_are_a_result() -> None:
    found = path("monkey-saddle", "sgd", 0.5, (2.0, 0.5), 100)
    facts = path_ranking.judge(make("monkey-saddle"), found, 0.01)
    assert not found.whole and np.isfinite(found.points).all() and np.isfinite(found.values).all()
    assert facts["outcome"] == "diverged" and facts["diverged_at"] < 20


@pytest.mark.parametrize(
    ("optimizer", "formulas", "end", "value"),
    [("sgd", {}, 3.271628, 10.7035), ("momentum", {"momentum": 0.99}, -1.516429, 2.29956)],
)
def test_matyas(optimizer, formulas, end, value) -> None:
    found = path("matyas", optimizer, 0.01, (4, -4), 20, **formulas)
    np.testing.assert_allclose(found.points[-1], (end, -end), **TIGHT)
    assert found.values[-1] == pytest.approx(value, abs=5e-5)


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_constants_have_all_their_64_bits(optimizer) -> None:
    found = path("bowl", optimizer, 0.1, (6, 6), 30).points[:, 0]
    w, first, second, expected = 6.0, 0.0, 0.0, [6.0]
    for step in range(1, 31):
        gradient = 2 * w
        if optimizer == "momentum":
            first = 0.9 * first - 0.1 * gradient
            w += first
        else:
            first += (gradient - first) * (1 - 0.9)
            second += (gradient**2 - second) * (1 - 0.999)
            rate = 0.1 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            w -= rate * first / (np.sqrt(second) + 1e-7)
        expected.append(w)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.slow
def test_adagrad_on_the_cubic_ridge() -> None:
    found = path("cubic-ridge", "adagrad", 0.3, (4, 4), 1000).points
    for step, end in ((1, 3.7), (2, 3.504962), (1000, 0.145687)):
        np.testing.assert_allclose(found[step], end, **TIGHT)


def test_adagrad_of_keras_starts_its_sum_elsewhere() -> None:
    found = path("cubic-ridge", "adagrad", 0.3, (4, 4), 1, accumulator=1000.0).points
    assert found[1][0] > 3.71


def test_gradient_descent_on_the_cubic_ridge() -> None:
    found = path("cubic-ridge", "sgd", 0.01, (4, 4), 20)
    np.testing.assert_allclose(found.points[-1], 0.637849, **TIGHT)
    assert found.values[-1] == pytest.approx(1.03804, abs=5e-6)


def test_adagrad_does_not_escape_the_ripple_and_momentum_does() -> None:
    stays = path("ripple", "adagrad", 0.7, (0.8, 0.8), 20).points
    np.testing.assert_allclose(stays[1], 0.1, **TIGHT)
    np.testing.assert_allclose(stays[-1], -0.155967, **TIGHT)
    escapes = path("ripple", "momentum", 0.7, (0.8, 0.8), 20, momentum=0.99).points
    np.testing.assert_allclose(escapes[-1], -19.1623, rtol=0, atol=5e-5)


def test_adam_with_epsilon_inside_the_root() -> None:
    own = {"beta_1": 0.8, "beta_2": 0.99}
    inside = path("bowl", "adam", 0.1, (6, 6), 200, epsilon_place="inside", **own)
    np.testing.assert_allclose(inside.points[1], 5.9, **TIGHT)
    assert inside.values[-1] == pytest.approx(8.09e-10, rel=1e-3)
    large = {**own, "epsilon": 1.0}
    one = path("bowl", "adam", 0.1, (6, 6), 1, epsilon_place="inside", **large).points[1]
    np.testing.assert_allclose(one, 6 - 0.1 * 12 / np.sqrt(145), **TIGHT)
    # Keras adds epsilon to the root of the uncorrected moment.
    other = path("bowl", "adam", 0.1, (6, 6), 1, **large).points[1]
    np.testing.assert_allclose(other, 6 - 0.1 * 0.1 * 2.4 / 0.2 / (1.2 + 1), **TIGHT)


def test_gradient_descent_on_rosenbrock() -> None:
    found = path("rosenbrock", "sgd", 0.005, (0.54264129, -0.9584961), 100)
    np.testing.assert_allclose(found.points[-1], (0.401726, 0.15844712), **TIGHT)
    assert found.values[-1] == pytest.approx(0.35879418, abs=1e-7)


def test_a_line_by_gradient_descent_until_it_stops() -> None:
    # A line with the stated optimum, and a residual that is normal to it of the stated size.
    x = np.linspace(0, 2, 20)
    basis = np.stack([np.ones(20), x], axis=-1)
    noise = np.cos(7 * x)
    noise -= basis @ np.linalg.lstsq(basis, noise, rcond=None)[0]
    noise *= np.sqrt(2 * 20 * 0.0018115 / (noise**2).sum())
    y = basis @ [-0.00803747, 1.0188254] + noise
    line = SimpleNamespace(
        value=lambda p: ((p @ basis.T - y) ** 2).mean(axis=-1) / 2,
        gradient=lambda p: (p @ basis.T - y) @ basis / 20,
    )
    (found,) = walk(line, "sgd", [0.7], (0.303893, 0.582810), 30)
    expected = {
        2: (0.390753, 0.782115, 0.025268),
        3: (0.277297, 0.729706, 0.017217),
        10: (0.122159, 0.911119, 0.004202),
        20: (0.029308, 0.987733, 0.002009),
        23: (0.017658, 0.997431, 0.001905),
    }
    small = np.linalg.norm(np.diff(found.points, axis=0), axis=1) < 5e-3
    for step, (w0, w1, cost) in expected.items():
        # The source counts the start as step 1.
        np.testing.assert_allclose(found.points[step - 1], (w0, w1), rtol=0, atol=2e-6)
        assert found.values[step - 1] == pytest.approx(cost, abs=2e-6)
    assert int(small.argmax()) + 1 == 23 - 1


def test_lbfgs_finds_the_optimum() -> None:
    (found,) = walk(make("rosenbrock"), "lbfgs", [], (-1.2, 1.0), 100)
    facts = path_ranking.judge(make("rosenbrock"), found, 0.01)
    assert facts["outcome"] == "converged" and facts["end"] == "minimum"
    assert facts["distance"] < 1e-8 and facts["steps_to_optimum"] < 40
    assert found.rate is None


def test_rows_of_a_sweep_are_paths_of_their_own() -> None:
    rates = [0.003, 0.1, 2.0]
    for optimizer in ("nesterov", "adam"):
        together = walk(make("matyas"), optimizer, rates, (4, -4), 12)
        for rate, row in zip(rates, together, strict=True):
            alone = path("matyas", optimizer, rate, (4, -4), 12)
            np.testing.assert_allclose(row.points, alone.points, rtol=1e-12)


def test_noise_is_seeded_and_the_same_for_all() -> None:
    def noisy(optimizer, seed):
        return walk(make("bowl"), optimizer, [0.1], (6, 6), 5, noise=1.0, seed=seed)[0].points

    np.testing.assert_array_equal(noisy("sgd", 1), noisy("sgd", 1))
    assert np.abs(noisy("sgd", 1) - noisy("sgd", 2)).max() > 0.01
    quiet = path("bowl", "sgd", 0.1, (6, 6), 1).points[1]
    np.testing.assert_allclose(
        noisy("sgd", 1)[1] - quiet, -0.1 * np.random.default_rng(1).normal(size=2)
    )


@pytest.mark.parametrize(
    ("text", "point", "kind"),
    [
        ("x^2+y^2", (0, 0), "minimum"),
        ("-x^2-2*y^2", (0, 0), "maximum"),
        ("x*y", (0, 0), "saddle"),
        ("x^3-3*x*y^2", (0, 0), "saddle"),
        ("x^4+y^4", (0, 0), "minimum"),
        ("-x^4-y^4", (0, 0), "maximum"),
        ("x^2+y^2", (1, 0), "none"),
        ("sin(sqrt(x^2+y^2))", (0, 1.5 * np.pi), "minimum"),
        ("sin(sqrt(x^2+y^2))", (0, 0.5 * np.pi), "maximum"),
    ],
)
def test_the_kind_of_an_end_point(text, point, kind) -> None:
    assert path_ranking.end_kind(make(text), np.array(point, float), 0.01) == kind


def test_outcomes_over_rates() -> None:
    bowl = make("bowl")
    paths = walk(bowl, "sgd", [1e-4, 0.3, 1.0, 1.5], (6, 6), 100)
    rows = [path_ranking.judge(bowl, each, 0.01) for each in paths]
    assert [row["outcome"] for row in rows] == ["crawls", "converged", "wanders", "diverged"]
    # 6 sqrt(2) 0.4^n <= 0.01
    assert rows[1]["steps_to_optimum"] == 8
    ranked = path_ranking.ranked(rows)
    assert [row["learning_rate"] for row in ranked] == [0.3, 1e-4, 1.0, 1.5]
    assert path_ranking.spans(rows) == [
        "rates of sgd: crawls at 0.0001, converged at 0.3, wanders at 1, diverged at 1.5"
    ]
