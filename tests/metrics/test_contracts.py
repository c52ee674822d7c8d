"""What every metric plug-in keeps to, on predictions of each kind of target that it accepts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.core import registry
from mlzoo.data.contracts import task
from mlzoo.data.specs import Outputs, target_of
from mlzoo.statistics import fields, metrics, pixels, steps
from mlzoo.statistics.boundaries import tolerant_counts
from mlzoo.statistics.calibration.bins import cell_sums, stack_cells
from mlzoo.statistics.episodes import EpisodeScores
from mlzoo.statistics.forecasts import LEVEL, ForecastPredictions
from mlzoo.statistics.scorers import (
    ClassPredictions,
    Distributions,
    LabelPredictions,
    NumberPredictions,
    Reconstructions,
)
from mlzoo.statistics.separation import instances
from mlzoo.statistics.unlabeled.draws import Draws
from mlzoo.tasks._samples import OF_DISTRIBUTIONS
from mlzoo.tasks.text import TextTally
from mlzoo.tasks.translation import tally

NAMES = registry.names("metric")
TASKS = registry.own_names("task")
FITTING = [
    (name, of)
    for name in NAMES
    for of in TASKS
    if target_of(of).accepted_by(registry.constants("metric", name)["TARGETS"])
]
COUNT, CLASSES = 12, 2
TOLERANT = [name for name in NAMES if registry.constants("metric", name).get("TOLERANT")]
"""Metrics that `--tolerance` adds."""
PROBABILISTIC = ("log_loss", "bits", "perplexity", "brier", "crps")
"""Metrics at their best only where all probability is on the truth."""


def batch(of: str, error: float) -> tuple[np.ndarray, np.ndarray]:
    """True values (12, ...) and predictions (12, ..., 2), of which a share is wrong."""
    rng = np.random.default_rng(3)
    target = target_of(of)
    shape = {
        "sample": (),
        "point": (),
        "pixel": (6, 6),
        "step": (9,),
        "token": (9,),
        "symbol": (9,),
        "horizon": (3,),
    }
    inner = (COUNT, *shape.get(target.per, ()))
    if target.is_label_set:
        y_true = np.arange(COUNT)[:, None] // np.array([1, 2]) % 2
        chosen = np.where(rng.random(y_true.shape) < error, 1 - y_true, y_true)
        return y_true.astype("float32"), 0.1 + 0.8 * chosen
    if not target.is_class and not target.is_input:
        y_true, noise = rng.normal(size=(2, *inner, 2)).astype("float32")
        return y_true, (y_true + error * noise).astype("float32")
    y_true = rng.integers(CLASSES, size=inner)
    chosen = np.where(rng.random(inner) < error, 1 - y_true, y_true)
    return y_true.astype("uint8"), 0.1 + 0.8 * np.eye(CLASSES)[chosen]


def predictions(of: str, y_true: np.ndarray, y_pred: np.ndarray) -> Any:
    """The same as metrics of a task take them."""
    target = target_of(of)
    if target.is_label_set:
        return LabelPredictions(y_true, y_pred, y_pred > 0.5)
    if target.acts:  # returns, of which the highest is 1 and what random actions get 0
        returns = 1 - np.abs(y_pred - y_true).mean(axis=-1)
        return EpisodeScores(returns, 10 * returns, 0.0, 1.0)
    chosen = y_pred.argmax(axis=-1).astype("uint8")
    pairs = list(zip(y_true, chosen, strict=True))
    if target.drawn:
        wrong = (chosen != y_true).astype("float64")
        truth = y_true[:, None].astype("float64")
        rows = (truth, truth + 5 * wrong[:, None])
        right = 1 - wrong
        weighed = np.arange(len(right)), right[:, None] * np.ones((1, 3))
        return Draws(*rows, right, right, wrong, right, right, right, right, right, *weighed)
    if target.is_input:  # the classes are normal and anomalous samples
        sums = np.stack([np.ones(len(chosen)), 0.8 * chosen, 0.8 * chosen], axis=1)
        return Reconstructions(sums, y_true == 1, np.where(chosen == 1, 0.01, 0.5))
    if target.pixel_class or target.step_class:
        shown = zip(y_true, y_pred, strict=True)
        sums = [cell_sums(t.ravel(), p.reshape(-1, CLASSES)) for t, p in shown]
        kind = pixels if target.pixel_class else steps
        counts = kind.stack([kind.count(*pair, CLASSES) for pair in pairs])
        if target.separate:  # each pixel of the second class by itself, so that errors tell
            ids = [[np.cumsum(m).reshape(m.shape) * (m > 0) for m in pair] for pair in pairs]
            matches = np.stack([instances.count(*pair) for pair in ids])
            counts = instances.InstanceCounts(counts.confusion, counts.boundaries, matches)
        return replace(counts, bins=stack_cells(np.array(sums)))
    if target.translated:
        texts = [["".join("ab"[k] for k in row) for row in rows] for rows in (y_true, chosen)]
        return tally(texts[0], *texts)
    if target.causal:
        likelihoods = np.take_along_axis(y_pred, y_true[..., None].astype(int), -1)[..., 0]
        right = (chosen == y_true).sum(axis=1, keepdims=True).astype(float)
        return TextTally(-np.log2(likelihoods).sum(axis=1), right, np.full(len(y_true), 9.0))
    if target.pixel_numbers:
        pairs = list(zip(y_true, y_pred, strict=True))
        sums = np.stack([fields.count(*pair) for pair in pairs])
        return fields.RestorationSums(sums, np.array([fields.ssim(*pair) for pair in pairs]))
    if target.ahead:
        return ForecastPredictions(
            y_true, y_pred, np.array([0.5, 2.0]), np.stack([y_pred - 1, y_pred + 1])
        )
    if target.is_class:
        return ClassPredictions(y_true.astype("int64"), y_pred)
    return NumberPredictions(y_true, y_pred, Distributions(np.full(y_true.shape, 0.5)))


def score(name: str, of: str, y_true: np.ndarray, y_pred: np.ndarray) -> float:
    return float(scorer_of(name, of, y_true, y_pred)(np.ones((1, len(y_true))))[0])


def scorer_of(name: str, of: str, y_true: np.ndarray, y_pred: np.ndarray) -> Any:
    plugin = registry.load("metric", name)
    chosen = y_pred.argmax(axis=-1).astype("uint8")
    if name in TOLERANT:
        pairs = zip(y_true, chosen, strict=True)
        return plugin.score(np.array([tolerant_counts(*pair, CLASSES, 0.5) for pair in pairs]))
    if hasattr(plugin, "count"):
        return plugin.score(np.array(list(map(plugin.count, y_true, chosen))))
    [scorer] = metrics.scorers([name], predictions(of, y_true, y_pred)).values()
    return scorer


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(name: str) -> None:
    plugin, said = registry.load("metric", name), registry.constants("metric", name)
    assert registry.summary("metric", name).endswith(".")
    for constant in ("TARGETS", "DIRECTION", "BOUNDS"):
        assert said[constant] == getattr(plugin, constant), "read as it is imported"
    assert any(of for each, of in FITTING if each == name), "some task is of its targets"
    low, high = metrics.bounds(name)
    assert low < high
    assert said["DIRECTION"] in ("max", "min") or low < said["NEAR"] < high
    for other in said.get("BESIDE", ()):
        assert other in NAMES
    assert metrics.title(name)


@pytest.mark.parametrize(("name", "of"), FITTING)
def test_fewer_errors_score_better_and_all_within_the_bounds(name: str, of: str) -> None:
    right, few, many = (score(name, of, *batch(of, error)) for error in (0.0, 0.2, 0.7))
    low, high = metrics.bounds(name)
    assert all(low <= value <= high for value in (right, few, many))
    if metrics.near(name) is None and name != "calibration_error":
        ordered = [many, few, right][:: 1 if metrics.mode(name) == "max" else -1]
        assert ordered == sorted(ordered) and many != right
        best = high if metrics.mode(name) == "max" else low
        assert right == best or np.isinf(best) or name in PROBABILISTIC, "its best value"


@pytest.mark.parametrize("of", [of for name, of in FITTING if name == "calibration_error"])
def test_confidence_as_high_as_the_accuracy_is_calibrated(of: str) -> None:
    y_true, y_pred = batch(of, 0.3)
    right = float((y_pred.argmax(axis=-1) == y_true).mean())
    found = [
        score("calibration_error", of, y_true, np.where(y_pred > 0.5, sure, 1 - sure))
        for sure in (right, right + 0.05, 0.999)
    ]
    assert found[0] == pytest.approx(0, abs=1e-9) and found == sorted(found) and found[2] > 0.2


@pytest.mark.parametrize(("name", "of"), FITTING)
def test_a_weight_counts_samples_again(name: str, of: str) -> None:
    y_true, y_pred = batch(of, 0.3)
    weights = np.arange(COUNT) % 4
    copies = np.repeat(np.arange(COUNT), weights)
    scorer = scorer_of(name, of, y_true, y_pred)
    found = scorer(np.stack([weights, np.ones(COUNT)]).astype(float))
    expected = score(name, of, y_true[copies], y_pred[copies]), score(name, of, y_true, y_pred)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "of"), [case for case in FITTING if case[0] in registry.defining("metric", "build")]
)
@pytest.mark.backends
def test_what_training_follows_is_the_score(name: str, of: str) -> None:
    y_true, y_pred = batch(of, 0.3)
    numbers = {"mean": (0.0, 0.0), "std": (1.0, 1.0)} if not target_of(of).is_class else {}
    metric = registry.load("metric", name).build(Outputs(of, 2, **numbers))
    if metric is None:
        assert name not in task(of).followed
        return
    assert isinstance(metric, keras.Metric) and metric.name == name
    metric.update_state(y_true, y_pred.astype("float32"))
    assert float(metric.result()) == pytest.approx(score(name, of, y_true, y_pred), rel=1e-5)


def test_every_metric_of_ours_is_reported_or_followed() -> None:
    used = {name for of in TASKS for name in (*task(of).metrics, *task(of).followed)}
    # What counts for itself takes its time, and is scored where it is asked for.
    counting = {name for name in registry.defining("metric", "count") if name not in used}
    assert used | counting | {*OF_DISTRIBUTIONS, *TOLERANT} == set(registry.own_names("metric"))


def test_the_band_is_to_hold_what_coverage_is_near() -> None:
    assert metrics.near("coverage") == LEVEL


def test_metrics_of_two_classes_are_undefined_for_more() -> None:
    three = ClassPredictions(np.array([0, 1, 2]), np.eye(3))
    assert metrics.scorers(["accuracy", "roc_auc", "average_precision"], three).keys() == {
        "accuracy"
    }
