"""Drawn samples beside real ones: distances and shares with known values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mlzoo.core.errors import DivergedError
from mlzoo.data.contracts import Sampler, task
from mlzoo.data.samples import Data, Part, Samples
from mlzoo.evaluating.evaluate import evaluate
from mlzoo.layers.input_scaling import input_spec, scaled, unscaled
from mlzoo.reporting.pairing import unlike
from mlzoo.statistics.unlabeled.draws import ComponentSpace, Draws, compare

ONES = np.zeros(0)


def frechet(real: np.ndarray, drawn: np.ndarray) -> float:
    draws = Draws(real, drawn, *[ONES] * 6)
    return float(draws.frechet()(np.ones((1, len(real))))[0])


def test_the_frechet_distance_of_two_gaussians() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(400, 3))
    points = np.linalg.solve(np.linalg.cholesky(np.cov(points.T)), (points - points.mean(0)).T).T
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    shift, spread = np.array([1.0, -2.0, 0.5]), np.array([2.0, 0.5, 1.0])
    assert frechet(points @ turn, points @ turn) == pytest.approx(0, abs=1e-9)
    # Of N(0, I) and N(shift, diag(spread^2)): |shift|^2 + sum (spread - 1)^2, turned or not.
    expected = (shift**2).sum() + ((spread - 1) ** 2).sum()
    assert frechet(points @ turn, (points * spread + shift) @ turn) == pytest.approx(expected)


def test_what_a_nearest_neighbor_tells() -> None:
    rng = np.random.default_rng(1)
    train, real, same = rng.normal(size=(3, 1500, 2))
    space, ones = ComponentSpace(train), np.ones((1, 1500))
    draws = compare(space, real, same)
    assert float(draws.two_sample()(ones)[0]) == pytest.approx(0.5, abs=0.03)
    assert float(draws.copies()(ones)[0]) == pytest.approx(0.01, abs=0.01)
    apart = compare(space, real, same + 50)
    assert float(apart.two_sample()(ones)[0]) == 1
    copies = compare(space, real, train)
    assert float(copies.copies()(ones)[0]) == 1
    collapsed = compare(space, real, np.repeat(same[:1], 1500, axis=0))
    assert float(collapsed.two_sample()(ones)[0]) > 0.98, "each is the other's neighbor"


def test_precision_is_of_drawn_samples_and_recall_of_real_ones() -> None:
    rng = np.random.default_rng(4)
    train, left = rng.normal(size=(2, 400, 2))
    real = np.concatenate([left[:200], left[200:] + 60])
    ones = np.ones((1, 400))
    half = compare(ComponentSpace(train), real, rng.normal(size=(400, 2)))
    assert float(half.precision()(ones)[0]) > 0.9
    assert float(half.recall()(ones)[0]) == pytest.approx(0.5, abs=0.05)
    wide = compare(ComponentSpace(train), left, np.concatenate([train[:200], train[:200] + 60]))
    assert float(wide.precision()(ones)[0]) == pytest.approx(0.5, abs=0.05)
    assert float(wide.recall()(ones)[0]) > 0.8
    copies = compare(ComponentSpace(train), left, train)
    assert float(copies.ratios()(ones)[0]) == pytest.approx(0, abs=1e-6)


def test_the_kernel_distance_is_unbiased() -> None:
    rng = np.random.default_rng(5)
    train = rng.normal(size=(300, 3))
    space, ones = ComponentSpace(train), np.ones((1, 300))
    same = [
        float(compare(space, *rng.normal(size=(2, 300, 3))).kernel_distance()(ones)[0])
        for _ in range(20)
    ]
    assert abs(np.mean(same)) < 0.05 and min(same) < 0 < max(same)
    draws = compare(space, *rng.normal(size=(2, 30, 3)) + [[[0.0]], [[2.0]]])
    x, y = draws.real, draws.drawn
    kernels = [(a @ b.T / 3 + 1) ** 3 for a, b in ((x, x), (y, y), (x, y))]
    off = [(k.sum() - np.trace(k)) / (30 * 29) for k in kernels[:2]]
    expected = sum(off) - 2 * kernels[2].mean()
    assert float(draws.kernel_distance()(np.ones((1, 30)))[0]) == pytest.approx(expected)
    assert expected > 1
    twice = np.repeat([[2.0]], 30, axis=1)
    assert np.isfinite(draws.kernel_distance()(twice)).all()


def test_fewer_drawn_samples_than_real_ones() -> None:
    rng = np.random.default_rng(2)
    train, real = rng.normal(size=(2, 60, 4))
    draws = compare(ComponentSpace(train), real, real[:20] + 9)
    weights = np.ones((2, 60))
    weights[1, 20:] = 0
    scorers = (draws.two_sample, draws.copies, draws.frechet, draws.kernel_distance)
    for scorer in [each() for each in (*scorers, draws.precision, draws.recall, draws.ratios)]:
        assert np.isfinite(scorer(weights)).all()


def table(rows: int = 300) -> Data:
    rng = np.random.default_rng(3)
    inputs = (rng.normal(size=(rows, 2)) @ [[2, 1], [0, 0.5]] + [10, -4]).astype("float32")
    samples = Samples(inputs, inputs, "generation")
    parts = [Part(samples, each) for each in np.array_split(np.arange(rows), 3)]
    outputs = task("generation").output_spec(parts[0])
    return Data(samples, *parts, input_spec(parts[0]), outputs, "made")


def test_real_samples_and_principal_components_stand_beside() -> None:
    data = table()

    def constant(positions: np.ndarray) -> np.ndarray:
        return np.zeros((len(positions), 2))

    def weigh(train: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        assert (train == data.train.inputs()).all() and (inputs == data.test.inputs()).all()
        return np.tile(np.log([1.0, 3.0]), (len(inputs), 1))

    result, outcome = evaluate(Sampler(constant, weigh), data)
    assert result["metrics"]["log_likelihood"] == pytest.approx(np.log(2))
    assert result["metrics"]["elbo"] == pytest.approx(np.log(3) / 2)
    assert "elbo" not in evaluate(constant, data)[0]["metrics"]
    scores = result["baselines"]
    assert list(scores) == ["real", "pca_gaussian"]
    for each in scores.values():  # two Gaussian numbers are what it fits
        assert each["two_sample"] == pytest.approx(0.5, abs=0.1) and each["frechet"] < 0.2
    assert result["metrics"]["two_sample"] > 0.95 and result["metrics"]["frechet"] > 1
    assert result["gain"]["baseline"] == "pca_gaussian" and result["verdict"] == "worse"
    columns = dict(outcome.columns(data.samples))
    assert len(columns["copy"]) == 100 and set(columns["nearest_is_real"]) <= {0, 1}
    with pytest.raises(DivergedError, match="NaN or infinite"):
        evaluate(lambda positions: np.full((len(positions), 2), np.nan), data)


def test_scaling_is_undone() -> None:
    data = table()
    raw = data.train.inputs()
    there = scaled(data.outputs.scaling, raw)
    assert there.mean() == pytest.approx(0, abs=1e-5) and there.std() == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(unscaled(data.outputs.scaling, there), raw, rtol=1e-5)


def test_runs_of_generators_have_no_pairs(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "predictions.csv").write_text("index,name,copy\n0,s0,0\n")
    metrics = {"task": "generation", "data_fingerprint": "1"}
    reason = unlike(tmp_path / "a", metrics, tmp_path / "b", metrics)
    assert reason is not None and "have no counterpart" in reason
