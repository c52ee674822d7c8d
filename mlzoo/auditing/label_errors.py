"""Probable label errors, ranked by predictions of models that never saw the samples.

A sample's score is the probability of the best other class over the sum of that and the given
class's: 1 / (1 + p_given / p_other). On tables with 5 % of labels flipped it ranks at least as well
as the given class's own probability (`benchmarks/uncertainty.py --part labels`). A label is called
a probable error by the rule of confident learning (Northcutt et al., Confident Learning: Estimating
Uncertainty in Dataset Labels, 2021): the other class is the most probable one, and more probable
than it is, in the mean, of the samples that are labeled with it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_LEAST = 1e-12


class LabelErrors(NamedTuple):
    """Scores of labels by predictions.

    Attributes:
        scores: (n,) from 0 to 1; the higher, the likelier the label is wrong.
        suggested: (n,) the most probable class other than the given one.
        probable: (n,) whether the label is called a probable error.
    """

    scores: np.ndarray
    suggested: np.ndarray
    probable: np.ndarray


def label_errors(probabilities: np.ndarray, labels: np.ndarray) -> LabelErrors:
    """Score the labels of samples by out-of-sample probabilities.

    Args:
        probabilities: (n, k) of each class, by a model that never saw the sample; k >= 2.
        labels: (n,) positions of the given classes, 0 to k - 1.
    """
    rows = np.arange(len(labels))
    given = probabilities[rows, labels]
    others = probabilities.astype("float64", copy=True)
    others[rows, labels] = -1
    suggested = others.argmax(axis=1)
    other = others[rows, suggested]
    scores = (other + _LEAST) / (other + given + 2 * _LEAST)
    confidence = np.full(probabilities.shape[1], np.inf)
    for label in np.unique(labels):
        confidence[label] = given[labels == label].mean()
    probable = (other > given) & (other >= confidence[suggested])
    return LabelErrors(scores, suggested, probable)
