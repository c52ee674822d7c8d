"""Scores of labels against the definition, and flipped labels that are found."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlzoo.auditing.label_errors import label_errors


def test_the_score_is_the_share_of_the_best_other_class() -> None:
    probabilities = np.array([[0.2, 0.6, 0.2], [0.5, 0.1, 0.4], [0.0, 0.0, 1.0]])
    judged = label_errors(probabilities, np.array([0, 0, 2]))
    assert judged.scores == pytest.approx([0.6 / 0.8, 0.4 / 0.9, 0], abs=1e-9)
    assert judged.suggested.tolist()[:2] == [1, 2]


def test_a_label_is_a_probable_error_where_the_other_class_is_surer_than_its_own_samples() -> None:
    """Class 1 has a mean confidence of .7: .6 is the largest of the row, and yet too little."""
    probabilities = np.array([[0.4, 0.6], [0.2, 0.8], [0.3, 0.7], [0.3, 0.7]])
    judged = label_errors(probabilities, np.array([0, 0, 1, 1]))
    assert judged.probable.tolist() == [False, True, False, False]


def test_a_class_without_samples_is_never_suggested_as_an_error() -> None:
    probabilities = np.array([[0.1, 0.2, 0.7], [0.1, 0.8, 0.1]])
    assert not label_errors(probabilities, np.array([0, 1])).probable.any()


@pytest.mark.parametrize("seed", [0, 1])
def test_flipped_labels_rank_first(seed: int) -> None:
    """At least as well as by the probability of the given class, cleanlab's default."""
    x, y = load_breast_cancer(return_X_y=True)
    flipped = np.random.default_rng(seed).choice(len(y), len(y) // 20, replace=False)
    y = y.copy()
    y[flipped] = 1 - y[flipped]
    model = make_pipeline(StandardScaler(), LogisticRegression())
    probabilities = cross_val_predict(model, x, y, cv=5, method="predict_proba")
    wrong = np.isin(np.arange(len(y)), flipped)
    judged = label_errors(probabilities, y)
    own = 1 - probabilities[np.arange(len(y)), y]
    score = average_precision_score(wrong, judged.scores)
    assert score > 0.85 and score >= average_precision_score(wrong, own) - 1e-9
    assert wrong[judged.probable].mean() > 0.75 and judged.probable[wrong].mean() > 0.65
