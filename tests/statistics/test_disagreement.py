"""Uncertainty is split into that of the data and that of the models."""

from __future__ import annotations

import numpy as np
import pytest

from mlzoo.statistics.predictive.disagreement import of_classes, of_numbers


def test_variances_of_numbers_add_up_to_that_of_the_mixture() -> None:
    rng = np.random.default_rng(0)
    members = np.stack([rng.normal(size=(4, 3, 2)), rng.uniform(0.5, 2, (4, 3, 2))], axis=2)
    found = of_numbers(members)
    drawn = members[:, :, 0] + members[:, :, 1] * rng.normal(size=(100_000, 4, 3, 2))
    mixture = drawn.transpose(1, 3, 0, 2).reshape(4, 2, -1).std(axis=2)
    total = np.hypot(found["data_std"], found["model_std"])
    np.testing.assert_allclose(total, mixture, rtol=0.01)
    assert [*of_numbers(members[:, :, 0])] == ["model_std"]


def test_entropies_of_classes() -> None:
    agreed = np.full((1, 3, 2), 0.5)
    found = of_classes(agreed)
    assert found["data_entropy"][0, 0] == pytest.approx(np.log(2))
    assert found["model_entropy"][0, 0] == pytest.approx(0)
    opposed = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    found = of_classes(opposed)
    assert found["data_entropy"][0, 0] == pytest.approx(0, abs=1e-5)
    assert found["model_entropy"][0, 0] == pytest.approx(np.log(2), abs=1e-5)
