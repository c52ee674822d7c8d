"""Scores of a class at every step: of steps, and of the segments that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.data.specs import IGNORED
from mlzoo.statistics.metrics import number
from mlzoo.statistics.pixels import error_counts
from mlzoo.statistics.scorers import Array, Scorer, mean_defined, precision_of, ratio

OVERLAP = 0.5
"""Share of the union from which a predicted segment has found a true one."""


@dataclass(frozen=True)
class StepCounts:
    """What is counted of each of n sequences.

    Attributes:
        confusion: (n, k, k) steps; rows are true classes. Ignored steps are left out.
        found: (n, k) predicted segments of each class that found a true one.
        predicted: (n, k) predicted segments.
        true: (n, k) true segments.
        edit: (n,) edit scores.
    """

    confusion: Array
    found: Array
    predicted: Array
    true: Array
    edit: Array


def count(truth: Array, said: Array, classes: int) -> tuple[Array, Array, Array, Array, float]:
    """The counts of one sequence: truth and prediction (steps,) class positions."""
    known = truth != IGNORED
    cells = truth[known].astype("int64") * classes + said[known].astype("int64")
    confusion = np.bincount(cells, minlength=classes**2).reshape(classes, classes)
    own, theirs = segments(truth), segments(np.where(known, said, IGNORED))
    found, predicted, true = (np.zeros(classes, dtype="int64") for _ in range(3))
    for *_, label in own:
        true[label] += 1
    taken: set[int] = set()
    for start, end, label in theirs:
        predicted[label] += 1
        best, place = 0.0, -1
        for i, (low, high, other) in enumerate(own):
            shared = min(end, high) - max(start, low)
            if other != label or shared <= 0 or i in taken:
                continue
            share = shared / (max(end, high) - min(start, low))
            if share > best:
                best, place = share, i
        if best >= OVERLAP:
            taken.add(place)
            found[label] += 1
    edit = edit_score([label for *_, label in own], [label for *_, label in theirs])
    return confusion, found, predicted, true, edit


def stack(counts: Sequence[tuple[Array, Array, Array, Array, float]]) -> StepCounts:
    """The counts of several sequences."""
    return StepCounts(*(np.array(each, dtype="float64") for each in zip(*counts, strict=True)))


def segments(labels: Array) -> list[tuple[int, int, int]]:
    """Runs of equal labels as (first step, step after the last, label); ignored steps are none."""
    edges = np.flatnonzero(np.diff(labels.astype("int64"))) + 1
    starts = np.r_[0, edges] if len(labels) else np.zeros(0, dtype=int)
    ends = np.r_[edges, len(labels)] if len(labels) else starts
    return [
        (int(start), int(end), int(labels[start]))
        for start, end in zip(starts, ends, strict=True)
        if labels[start] != IGNORED
    ]


def edit_score(truth: Sequence[int], said: Sequence[int]) -> float:
    """1 minus the edit distance of two sequences of segments, over the longer one's length.

    Levenshtein's distance; Lea et al., "Temporal Convolutional Networks for Action Segmentation
    and Detection" (2017). It asks for the right order and does not care about when.
    """
    if not truth and not said:
        return 1.0
    previous = list(range(len(said) + 1))
    for i, own in enumerate(truth, start=1):
        row = [i]
        for j, other in enumerate(said, start=1):
            row.append(min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (own != other)))
        previous = row
    return 1.0 - previous[-1] / max(len(truth), len(said))


def step_scorers(counts: StepCounts) -> dict[str, Scorer]:
    """Metrics as functions of weights over sequences.

    `accuracy`, `balanced_accuracy`, `macro_f1` and `mean_iou` over steps; `segment_f1`, the mean
    over the classes of F1 over segments that overlap by half (Lea et al. 2017); `edit_score`, a
    mean over sequences.
    """
    right = np.diagonal(counts.confusion, axis1=1, axis2=2)
    true, chosen = counts.confusion.sum(axis=2), counts.confusion.sum(axis=1)
    total = true.sum(axis=1)
    return {
        "macro_f1": lambda w: mean_defined(ratio(2 * (w @ right), w @ (true + chosen))),
        "accuracy": lambda w: ratio(w @ right.sum(axis=1), w @ total),
        "balanced_accuracy": lambda w: mean_defined(ratio(w @ right, w @ true)),
        "mean_iou": lambda w: mean_defined(ratio(w @ right, w @ (true + chosen - right))),
        "segment_f1": lambda w: mean_defined(
            ratio(2 * (w @ counts.found), w @ (counts.true + counts.predicted))
        ),
        "edit_score": lambda w: ratio(w @ counts.edit, w.sum(axis=1)),
    }


@dataclass(frozen=True)
class StepTally:
    """Counts of the steps of each sequence, for labeling."""

    counts: StepCounts
    class_names: tuple[str, ...]

    def scorers(self) -> dict[str, Scorer]:
        """Metrics as functions of weights over sequences."""
        return step_scorers(self.counts)

    def metrics(self) -> dict[str, Any]:
        """Scalars, a table of the classes, and the confusion matrix of steps."""
        ones = np.ones((1, len(self.counts.edit)))
        confusion = self.counts.confusion.sum(axis=0)
        return {
            **{name: number(scorer(ones)[0]) for name, scorer in self.scorers().items()},
            "per_class": self.per_class(),
            "confusion": confusion.astype(int).tolist(),
        }

    def per_class(self) -> list[dict[str, Any]]:
        """A row a class: scores of its steps and of its segments, and how many there are."""
        confusion = self.counts.confusion.sum(axis=0)
        right, true, chosen = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
        found, predicted, own = (
            each.sum(axis=0)
            for each in (self.counts.found, self.counts.predicted, self.counts.true)
        )
        columns = {
            "precision": precision_of(right, chosen, true),
            "recall": ratio(right, true),
            "f1": ratio(2 * right, true + chosen),
            "segment_f1": ratio(2 * found, own + predicted),
        }
        return [
            {
                "class": name,
                **{column: number(values[i]) for column, values in columns.items()},
                "support": int(true[i]),
                "segments": int(own[i]),
            }
            for i, name in enumerate(self.class_names)
        ]

    def scores(self) -> np.ndarray:
        """Accuracy of each sequence."""
        right = np.trace(self.counts.confusion, axis1=1, axis2=2)
        return np.nan_to_num(ratio(right, self.counts.confusion.sum(axis=(1, 2))), nan=1.0)

    def columns(self) -> dict[str, list[Any]]:
        """Accuracy of each sequence, and of each class the steps found, missed, falsely found."""
        found = error_counts(self.counts.confusion, self.class_names)
        return {"accuracy": self.scores().tolist(), **found}
