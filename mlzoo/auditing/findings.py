"""Findings of an audit."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mlzoo.data.samples import Samples


@dataclass(frozen=True)
class JudgedLabel:
    """A label, judged by a model that never saw the sample.

    Attributes:
        index: its position in the data.
        name: what it is called.
        split: `train`, `valid` or `test`.
        label: its class; of a mask the class that overlaps least with the prediction, and the share
            of the pixels that the mask has of it.
        suggested: the most probable other class; of a mask the share that is predicted.
        score: from 0 to 1; the higher, the likelier the label is wrong.
        probable: whether the label is called a probable error.
    """

    index: int
    name: str
    split: str
    label: str
    suggested: str
    score: float
    probable: bool


@dataclass(frozen=True)
class Duplicate:
    """Two samples that are equal, or two images that look alike.

    Attributes:
        first, second: their names.
        first_split, second_split: where they are.
        first_label, second_label: their classes or numbers; empty where they have none.
        exact: whether their values are equal.
    """

    first: str
    second: str
    first_split: str
    second_split: str
    first_label: str
    second_label: str
    exact: bool


@dataclass(frozen=True)
class Outlier:
    """A sample and its distance to the nearest other training sample, in the model's features.

    Attributes:
        index: position in the data.
        name: of the sample.
        split: where it is.
        label: its class.
        distance: of whitened features.
        unlike_p: share of held-out samples at least as far, as of `mlzoo predict`.
    """

    index: int
    name: str
    split: str
    label: str
    distance: float
    unlike_p: float


@dataclass(frozen=True)
class LabelCandidate:
    """A sample without a label that would be worth one.

    Attributes:
        name: of the sample.
        prediction: its most probable class.
        uncertainty: entropy of its class over the largest possible one, from 0 to 1.
        distance: to the nearest training sample, or one that was chosen before.
    """

    name: str
    prediction: str
    uncertainty: float
    distance: float


@dataclass(frozen=True)
class Audit:
    """Findings of an audit.

    Attributes:
        folder: where they are written.
        samples: the data.
        labels: those that were judged, the likeliest errors first.
        duplicates: in the order of the data.
        pictures: (m, height, width, 3) from 0 to 1 of the first probable errors; None where their
            inputs are drawn.
        outliers: all samples, the farthest from other training samples first; none where the run
            keeps no features.
        label_next: samples without labels that were given, the first to label first.
    """

    folder: Path
    samples: Samples
    labels: list[JudgedLabel]
    duplicates: list[Duplicate]
    pictures: np.ndarray | None = None
    outliers: list[Outlier] = field(default_factory=list)
    label_next: list[LabelCandidate] = field(default_factory=list)

    @property
    def label_errors(self) -> list[JudgedLabel]:
        """Return the labels that are called probable errors, the likeliest first."""
        return [label for label in self.labels if label.probable]

    def record(self, limit: int) -> dict[str, object]:
        """Return the findings for JSON.

        Args:
            limit: the largest number of outliers; outliers.csv ranks all samples.
        """
        return {
            "folder": str(self.folder),
            "samples": len(self.samples),
            "judged": len(self.labels),
            "label_errors": [vars(error) for error in self.label_errors],
            "duplicates": [vars(pair) for pair in self.duplicates],
            "outliers": [vars(each) for each in self.outliers[:limit]],
            "label_next": [vars(each) for each in self.label_next],
        }
