"""Samples of a run's own data that lie apart, and new ones that would be worth a label.

Distances are those to the nearest other training sample in the model's whitened features
(`statistics/novelty/distances.py`). Which samples to label next is chosen one after another: each
time the one with the largest product of the entropy of its predicted class and the distance to what
has a label or was chosen before, so that they are uncertain and diverse (farthest-first traversal,
as in Sener and Savarese, "Active Learning for Convolutional Neural Networks: A Core-Set Approach",
2018).
"""

from __future__ import annotations

import numpy as np

from mlzoo.auditing.comparison import measure
from mlzoo.auditing.findings import LabelCandidate, Outlier
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.samples import Samples
from mlzoo.runs.opened import OpenedRun
from mlzoo.runs.predicting.novelty import FILE
from mlzoo.statistics.novelty.distances import nearest
from mlzoo.statistics.scorers import EPSILON, p_values

DIGITS = 6


def outliers(
    run: OpenedRun, samples: Samples, split: np.ndarray, listener: Listener
) -> list[Outlier]:
    """Return the samples of a run's data, the farthest from other training samples first.

    Args:
        run: that keeps features of its training samples; without any there are no outliers.
        samples: its data, n of them.
        split: (n,) the split of each.
        listener: hears of progress.
    """
    reference = run.reference if run.target.whole else None
    if reference is None or len(reference.training) < 2:
        return []
    features = measure(run, reference, samples.inputs, listener)[1]
    positions, distances = nearest(features, reference.training, 2)
    itself = reference.positions[positions[:, 0]] == np.arange(len(samples))
    apart = np.where(itself, distances[:, 1], distances[:, 0])
    p = p_values(apart.astype("float32"), reference.distances)
    return [
        Outlier(
            int(i),
            samples.name_of(int(i)),
            str(split[i]),
            samples.class_names[samples.labels[i]],
            round(float(apart[i]), DIGITS),
            round(float(p[i]), DIGITS),
        )
        for i in np.argsort(-apart, kind="stable")
    ]


def label_next(run: OpenedRun, new: str, count: int, listener: Listener) -> list[LabelCandidate]:
    """Return the samples to label next, the first first.

    Args:
        run: of a classifier that keeps features of its training samples.
        new: path of samples without labels.
        count: how many, at most.
        listener: hears of progress.

    Raises:
        UsageError: the run keeps no features.
        DataError: the samples do not fit what the model was trained on.
    """
    reference = run.reference if run.target.whole else None
    if reference is None:
        raise UsageError(
            f"--unlabeled needs {FILE}, the features that a run with one prediction a sample keeps "
            f"of its data, and {run.path} has none; train it again"
        )
    predicted = run.predict(new, listener, unlike=0)
    rows, names, _ = run.read_new(new, listener)
    features = measure(run, reference, rows, listener)[1]
    uncertainty = relative_entropy(predicted.probabilities)
    chosen = spread_out(features, reference.training, uncertainty, count)
    return [
        LabelCandidate(
            names[i],
            predicted.labels[i],
            round(float(uncertainty[i]), DIGITS),
            round(float(distance), DIGITS),
        )
        for i, distance in chosen
    ]


def relative_entropy(probabilities: np.ndarray) -> np.ndarray:
    """Return the entropy (n,) of classes (n, k) over its largest value, from 0 to 1."""
    p = np.clip(probabilities.astype("float64"), EPSILON, 1)
    return np.asarray(-(p * np.log(p)).sum(axis=1) / np.log(p.shape[1]))


def spread_out(
    features: np.ndarray, labeled: np.ndarray, weights: np.ndarray, count: int
) -> list[tuple[int, float]]:
    """Return the positions of samples that are heavy and far apart, each with its distance.

    Args:
        features: (n, q) of the samples.
        labeled: (m, q) of those that have a label.
        weights: (n,) that distances are multiplied by.
        count: samples to choose, at most.
    """
    apart = nearest(features, labeled)[1][:, 0].astype("float64")
    chosen: list[tuple[int, float]] = []
    left = np.ones(len(features), bool)
    for _ in range(min(count, len(features))):
        i = int(np.where(left, weights * apart, -1).argmax())
        chosen.append((i, float(apart[i])))
        left[i] = False
        apart = np.minimum(apart, np.linalg.norm(features - features[i], axis=1))
    return chosen
