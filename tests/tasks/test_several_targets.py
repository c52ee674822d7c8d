"""Several numbers a sample: judged by their mean R², with scores and a verdict on each."""

from __future__ import annotations

import numpy as np
import pytest

from mlzoo.evaluating.evaluate import evaluate
from mlzoo.statistics.verdicts import BETTER
from tests.evaluating.made import make_data


def test_each_target_has_scores_and_a_verdict_whatever_its_unit() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 2)).astype("float32")
    # The second target has the larger numbers, and a model that knows nothing of it.
    targets = np.stack([np.sin(3 * x[:, 0]), 1000 * rng.normal(size=500)], axis=1)
    data = make_data(x, targets.astype("float32"), target_names=("known", "noise"))

    def predict(inputs: np.ndarray) -> np.ndarray:
        return np.stack([np.sin(3 * inputs[:, 0]), np.zeros(len(inputs))], axis=1)

    result, _ = evaluate(predict, data)
    assert result["headline"] == "r2"
    known, noise = result["metrics"]["per_target"]
    assert (known["target"], noise["target"]) == ("known", "noise")
    assert known["r2"] == pytest.approx(1, abs=1e-6) and noise["r2"] == pytest.approx(0, abs=0.1)
    assert result["metrics"]["r2"] == pytest.approx((known["r2"] + noise["r2"]) / 2)
    assert known["verdict"] == BETTER and noise["verdict"] != BETTER
    assert known["gain"]["baseline"] == noise["gain"]["baseline"] == result["gain"]["baseline"]
    low, high = noise["interval"]
    assert low < noise["rmse"] < high
    alone, _ = evaluate(
        lambda x: predict(x)[:, :1],
        make_data(x, targets[:, 0].astype("float32"), target_names=("known",)),
    )
    assert alone["headline"] == "rmse" and "per_target" not in alone["metrics"]
