"""Calibration scores against scikit-learn, by hand and on simulations whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as sk

from mlzoo.statistics import pixels
from mlzoo.statistics.calibration import bins as calibration
from mlzoo.statistics.intervals import intervals
from mlzoo.statistics.metrics import scorers, values
from mlzoo.statistics.scorers import ClassPredictions

NAMES = ("brier", "calibration_error")


def simulated(
    count: int, classes: int = 3, seed: int = 0, sharpness: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """True classes (count,) and probabilities, which at sharpness 1 are the true ones."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(count, classes))
    truth = softmax(logits)
    y_true = (truth.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1)
    return y_true, softmax(sharpness * logits)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def scored(y_true: np.ndarray, y_pred: np.ndarray) -> dict[str, float | None]:
    return values(scorers(NAMES, ClassPredictions(y_true, y_pred)), len(y_true))


@pytest.mark.parametrize("classes", [2, 5])
def test_the_brier_score_agrees_with_scikit_learn(classes: int) -> None:
    y_true, y_pred = simulated(200, classes)
    if classes == 2:
        expected = sk.brier_score_loss(y_true, y_pred[:, 1])
    else:
        expected = ((y_pred - np.eye(classes)[y_true]) ** 2).sum(axis=1).mean()
    assert scored(y_true, y_pred)["brier"] == pytest.approx(expected)


def test_a_calibrated_model_has_almost_no_error_and_others_have() -> None:
    assert scored(*simulated(200_000))["calibration_error"] == pytest.approx(0, abs=0.003)
    for sharpness in (0.4, 2.5):
        assert scored(*simulated(20_000, sharpness=sharpness))["calibration_error"] > 0.1


def test_chance_is_taken_off_the_error_of_few_samples() -> None:
    errors, plain = [], []
    for seed in range(200):
        y_true, y_pred = simulated(100, seed=seed)
        bins = calibration.sample_bins(y_true, y_pred)
        errors.append(calibration.expected_error(bins)(np.ones((1, 100)))[0])
        gaps = np.abs((bins.right - bins.confidence).sum(axis=0)).sum() / 100
        plain.append(gaps)
    assert np.mean(errors) < 0.6 * np.mean(plain)


def test_the_gap_of_one_bin_by_hand() -> None:
    y_true, y_pred = np.array([0] * 8 + [1] * 2), np.tile([0.9, 0.1], (10, 1))
    bins = calibration.sample_bins(y_true, y_pred)
    [row] = calibration.reliability(bins)
    assert row["count"] == 10 and row["confidence"] == pytest.approx(0.9)
    assert row["accuracy"] == pytest.approx(0.8)
    assert row["high"] == 1 and 0.8 - row["low"] == pytest.approx(1.96 * (0.8 * 0.2 / 10) ** 0.5)
    # 2 * .1 minus the mean of |N(.1, .126)|
    found = calibration.expected_error(bins)(np.ones((1, 10)))[0]
    drawn = np.abs(np.random.default_rng(0).normal(0.1, (0.8 * 0.2 / 10) ** 0.5, 1_000_000))
    assert found == pytest.approx(0.2 - drawn.mean(), abs=1e-3)


@pytest.mark.parametrize(("count", "bins"), [(1, 1), (39, 1), (40, 2), (205, 10), (1000, 15)])
def test_bins_hold_about_as_many_samples(count: int, bins: int) -> None:
    found = calibration.sample_bins(*simulated(count)).count.sum(axis=0)
    assert len(found) == bins and found.sum() == count
    assert found.max() - found.min() <= 0.5 * count / bins + 1


def test_pixels_in_strips_score_as_samples_do() -> None:
    y_true, y_pred = simulated(600)
    sums = [
        calibration.cell_sums(y_true[i : i + 20], y_pred[i : i + 20])
        + calibration.cell_sums(y_true[i + 20 : i + 60], y_pred[i + 20 : i + 60])
        for i in range(0, 600, 60)
    ]
    pairs = [(a.reshape(6, 10).astype("uint8"),) * 2 for a in np.split(y_true, 10)]
    counts = pixels.stack([pixels.count(*pair, 3) for pair in pairs])
    counts = replace(counts, bins=calibration.stack_cells(np.array(sums)))
    found = values(scorers(NAMES, counts), 10)
    expected = scored(y_true, y_pred)
    assert found["brier"] == pytest.approx(expected["brier"])
    assert found["calibration_error"] == pytest.approx(expected["calibration_error"], abs=0.01)
    tables = pixels.tables(counts, "abc")
    assert sum(row["count"] for row in tables["reliability"]) == 600


def test_masks_without_probabilities_have_neither_score() -> None:
    mask = np.zeros((4, 4), "uint8")
    counts = pixels.stack([pixels.count(mask, mask, 2)])
    assert scorers(NAMES, counts) == {} and "reliability" not in pixels.tables(counts, "ab")


def test_intervals_hold_the_scores_of_an_underconfident_model() -> None:
    truth = scored(*simulated(200_000, sharpness=0.3))
    held = dict.fromkeys(NAMES, 0)
    for seed in range(1, 101):
        samples = ClassPredictions(*simulated(300, seed=seed, sharpness=0.3))
        for name, interval in intervals(scorers(NAMES, samples), 300).items():
            assert interval is not None
            held[name] += interval[0] < truth[name] < interval[1]
    assert min(held.values()) >= 90


def test_the_interval_of_an_error_near_0_begins_there_and_is_narrow() -> None:
    samples = ClassPredictions(*simulated(400, seed=3))
    interval = intervals(scorers(NAMES, samples), 400)["calibration_error"]
    assert interval is not None and interval[0] == 0 and interval[1] < 0.1


def test_certain_and_wrong_is_finite() -> None:
    found = scored(np.array([1, 1]), np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert found == {"brier": 1, "calibration_error": 1}
