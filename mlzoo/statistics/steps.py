"""Scores of sequence labeling: of time steps, and of segments of equal labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.data.specs import IGNORED
from mlzoo.statistics.calibration.bins import reliability_table
from mlzoo.statistics.metrics import number
from mlzoo.statistics.pixels import error_counts
from mlzoo.statistics.scorers import Array, ClassCounts, precision_of, ratio

OVERLAP = 0.5
"""Intersection over union from which a predicted segment matches a true one."""


@dataclass(frozen=True)
class StepCounts(ClassCounts):
    """Counts of n sequences of k classes, without ignored steps.

    Attributes:
        matched: (n, k) predicted segments of each class that match a true one.
        predicted_segments: (n, k) predicted segments.
        true_segments: (n, k) true segments.
        edit: (n,) edit scores.
    """

    matched: Array
    predicted_segments: Array
    true_segments: Array
    edit: Array


def count(
    truth: Array, predicted_labels: Array, classes: int
) -> tuple[Array, Array, Array, Array, float]:
    """Count the steps and segments of one sequence.

    Args:
        truth: (steps,) positions of the true classes, `IGNORED` where a step doesn't count.
        predicted_labels: (steps,) positions of the predicted classes.
        classes: k, the number of classes.

    Returns:
        The fields of `StepCounts` for this sequence, in their order.
    """
    known = truth != IGNORED
    cells = truth[known].astype("int64") * classes + predicted_labels[known].astype("int64")
    confusion = np.bincount(cells, minlength=classes**2).reshape(classes, classes)
    true_segments = segments(truth)
    predicted_segments = segments(np.where(known, predicted_labels, IGNORED))
    matched, predicted, true = (np.zeros(classes, dtype="int64") for _ in range(3))
    for *_, label in true_segments:
        true[label] += 1
    taken: set[int] = set()
    for start, end, label in predicted_segments:
        predicted[label] += 1
        best, place = 0.0, -1
        for i, (low, high, other) in enumerate(true_segments):
            shared = min(end, high) - max(start, low)
            if other != label or shared <= 0 or i in taken:
                continue
            share = shared / (max(end, high) - min(start, low))
            if share > best:
                best, place = share, i
        if best >= OVERLAP:
            taken.add(place)
            matched[label] += 1
    edit = edit_score(
        [label for *_, label in true_segments], [label for *_, label in predicted_segments]
    )
    return confusion, matched, predicted, true, edit


def stack(counts: Sequence[tuple[Array, Array, Array, Array, float]]) -> StepCounts:
    """Stack the counts of several sequences."""
    return StepCounts(*(np.array(each, dtype="float64") for each in zip(*counts, strict=True)))


def segments(labels: Array) -> list[tuple[int, int, int]]:
    """Return runs of equal labels as (start, end, label), end exclusive, without ignored steps."""
    edges = np.flatnonzero(np.diff(labels.astype("int64"))) + 1
    starts = np.r_[0, edges] if len(labels) else np.zeros(0, dtype=int)
    ends = np.r_[edges, len(labels)] if len(labels) else starts
    return [
        (int(start), int(end), int(labels[start]))
        for start, end in zip(starts, ends, strict=True)
        if labels[start] != IGNORED
    ]


def edit_score(truth: Sequence[int], predicted: Sequence[int]) -> float:
    """Return 1 minus the normalized edit distance of two sequences of segments.

    Levenshtein's distance; Lea et al., "Temporal Convolutional Networks for Action Segmentation
    and Detection" (2017). It is divided by the length of the longer sequence, and rates the order
    of the segments, not their timing.
    """
    if not truth and not predicted:
        return 1.0
    return 1.0 - edit_distance(truth, predicted) / max(len(truth), len(predicted))


def edit_distance(truth: Sequence[Any], predicted: Sequence[Any]) -> int:
    """Return Levenshtein's distance: how many insertions, deletions and replacements it takes."""
    previous = list(range(len(predicted) + 1))
    for i, true_label in enumerate(truth, start=1):
        row = [i]
        for j, predicted_label in enumerate(predicted, start=1):
            row.append(
                min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (true_label != predicted_label))
            )
        previous = row
    return previous[-1]


@dataclass(frozen=True)
class StepTally:
    """Counts of the steps of each sequence, for sequence labeling."""

    counts: StepCounts
    class_names: tuple[str, ...]

    def tables(self) -> dict[str, object]:
        """Return a table of the classes, the confusion matrix of steps, and their reliability."""
        confusion = self.counts.confusion.sum(axis=0).astype(int).tolist()
        reliability = reliability_table(self.counts.bins)
        return {"per_class": self.per_class(), "confusion": confusion, **reliability}

    def per_class(self) -> list[dict[str, object]]:
        """Return one row per class: scores and counts of its steps and segments."""
        confusion = self.counts.confusion.sum(axis=0)
        right, true, chosen = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
        counts = self.counts
        matched, predicted, true_segments = (
            each.sum(axis=0)
            for each in (counts.matched, counts.predicted_segments, counts.true_segments)
        )
        columns = {
            "precision": precision_of(right, chosen, true),
            "recall": ratio(right, true),
            "f1": ratio(2 * right, true + chosen),
            "segment_f1": ratio(2 * matched, true_segments + predicted),
        }
        return [
            {
                "class": name,
                **{column: number(values[i]) for column, values in columns.items()},
                "support": int(true[i]),
                "segments": int(true_segments[i]),
            }
            for i, name in enumerate(self.class_names)
        ]

    def scores(self) -> np.ndarray:
        """Return the accuracy of each sequence."""
        right = np.trace(self.counts.confusion, axis1=1, axis2=2)
        return np.nan_to_num(ratio(right, self.counts.confusion.sum(axis=(1, 2))), nan=1.0)

    def columns(self) -> dict[str, list[Any]]:
        """Return per-sequence accuracy, and counts of found, missed and false steps by class."""
        error_columns = error_counts(self.counts.confusion, self.class_names)
        return {"accuracy": self.scores().tolist(), **error_columns}
