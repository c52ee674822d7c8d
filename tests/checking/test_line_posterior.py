"""The posterior of a line's weights as samples come in."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mlzoo.checking.functions import line_posterior as line


def test_it_starts_at_the_prior_and_has_the_closed_form(tmp_path: Path) -> None:
    found = line.steps(seed=3)
    assert [len(step.x) for step in found] == [0, 1, 3, 20]
    np.testing.assert_allclose(found[0].weights.covariance, 0.5 * np.eye(2))
    np.testing.assert_allclose(found[0].weights.mean, 0)
    for step in found:
        design = np.column_stack([np.ones(len(step.x)), step.x])
        covariance = np.linalg.inv(design.T @ design / 0.04 + np.eye(2) / 0.5)
        np.testing.assert_allclose(step.weights.covariance, covariance, atol=1e-12)
        expected = covariance @ design.T @ step.y / 0.04
        np.testing.assert_allclose(step.weights.mean, expected, atol=1e-12)
        assert step.lines.shape == (5, 201)
    ends = np.array([[1.0, -1.0], [1.0, 1.0]])
    spread = np.einsum("ni,ij,nj->n", ends, found[2].weights.covariance, ends) + 0.04
    np.testing.assert_allclose(found[2].std[[0, -1]], spread**0.5)
    away = np.array(line.WEIGHTS) - found[3].weights.mean
    assert away @ np.linalg.inv(found[3].weights.covariance) @ away < 9.2  # 99 % of chi2(2)
    line.write(tmp_path, found)
    assert len((tmp_path / "posterior.csv").read_text().splitlines()) == 5
    assert (tmp_path / "posterior.png").stat().st_size > 10_000
