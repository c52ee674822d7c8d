"""Coverage of intervals and sets on the test split: overall, by class, group and fifth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypedDict

import keras
import numpy as np

from mlzoo.core.progress import Listener
from mlzoo.data.contracts import Outcome
from mlzoo.data.samples import Data
from mlzoo.runs.predicting.conformal import error_scales
from mlzoo.runs.predicting.spread import both_classes, means, member_outputs
from mlzoo.statistics import intervals
from mlzoo.statistics.calibration import conformal
from mlzoo.statistics.calibration.conformal import (
    ConformalScores,
    coverage_sentence,
    under_covered,
)
from mlzoo.statistics.metrics import number
from mlzoo.statistics.scorers import weighted_mean
from mlzoo.training.calibration.conformal import descriptions, deviations, ends_of

LEVEL = 0.9
"""Coverage that the test split is scored at."""
FEWEST = 10
"""Test samples of a group from which on its coverage is told."""
MOST_GROUPS = 50
"""Groups beyond which none are told of."""


class PartCoverage(TypedDict):
    """Coverage of a part of the test split; `under` where it is clearly too small."""

    part: str
    samples: int
    coverage: float | None
    under: bool


class RegionSizes(TypedDict, total=False):
    """Sizes of the sets of a classifier, or widths of intervals.

    Attributes:
        set_size: mean.
        unsure: share of sets of several classes.
        width: mean, a number each.
        adaptive: intervals differ in width beyond what members do.
        unit: of held-out scores and of the samples of parts, where it is not `samples`.
    """

    set_size: float | None
    unsure: float | None
    width: list[float]
    adaptive: bool
    unit: str


class CoverageRecord(RegionSizes):
    """Share of the test split whose truth intervals or sets hold, and how large they are.

    Attributes:
        level: the share that they are to hold.
        scores: number of held-out scores.
        method: `split`, or `folds` where the model is a mean of members.
        coverage: the share that they hold.
        interval: ends of its 95 % interval.
        parts: of each class and fifth of the confidence, or of each fifth of the predictions and
            of the widths, and of groups.
    """

    level: float
    scores: int
    method: str
    coverage: float | None
    interval: Sequence[float] | None
    parts: list[PartCoverage]


def tested(
    model: keras.Model, data: Data, scores: ConformalScores, outcome: Outcome, seed: int
) -> CoverageRecord | None:
    """Return how often intervals or sets hold the truth of the test split, and how wide they are.

    Args:
        model: as it is saved.
        data: as split for the run.
        scores: of held-out samples.
        outcome: the predictions of the test split.
        seed: of the intervals' resampling.

    Returns:
        The coverage; None where there is no test split, or too few scores.
    """
    rows, target = data.test, data.outputs.target
    if not len(rows) or scores.units < conformal.needed(LEVEL):
        return None
    members = None
    if scores.member is not None:
        each = [member_outputs(model, rows.inputs(at)) for at in rows.chunks()]
        members = means(np.concatenate(each))
    outputs: np.ndarray = outcome.outputs  # type: ignore[attr-defined]
    if target.is_class:
        members = None if members is None else both_classes(members)
        sets = conformal.class_sets(outputs, members, scores, LEVEL)
        y_true = rows.targets.astype("int64")
        held = sets[np.arange(len(rows)), y_true].astype("float64")
        size = sets.sum(axis=1)
        sizes: RegionSizes = {"set_size": number(size.mean()), "unsure": number((size > 1).mean())}
        parts = list(
            zip(data.samples.class_names, np.eye(sets.shape[1], dtype=bool)[:, y_true], strict=True)
        )
        parts += _fifths(outputs.max(axis=1), "confidence")
    else:
        y_true = rows.targets.reshape(len(rows), -1).astype("float64")
        y_pred = np.asarray(outputs, "float64").reshape(y_true.shape)
        std = deviations(model, rows) if scores.scaled else None
        if scores.scale is not None:
            std = error_scales(descriptions(model, rows), y_pred, members, scores.scale)
        ends = ends_of(model, rows, members is not None) if scores.beyond else None
        low, high = conformal.intervals(y_pred, members, scores, LEVEL, std, ends)
        adaptive = std is not None or scores.beyond
        held = ((low <= y_true) & (y_true <= high)).mean(axis=1)
        sizes = {"width": (high - low).mean(axis=0).tolist(), "adaptive": adaptive}
        parts = []
        if y_pred.shape[1] == 1:
            parts = _fifths(y_pred[:, 0], "predictions")
        if y_pred.shape[1] == 1 and adaptive:
            parts += _fifths((high - low)[:, 0], "widths")
    scorers = {"coverage": weighted_mean(held)}
    interval = intervals.intervals(scorers, len(rows), rows.groups, seed)["coverage"]
    # Samples of a group are alike, but a group itself is told of as it is.
    units = [rows.groups] * len(parts)
    if rows.groups is not None:
        parts += _groups(rows.groups)
        units += [None] * (len(parts) - len(units))
    present = [(*part, unit) for part, unit in zip(parts, units, strict=True) if part[1].any()]
    return {
        "level": LEVEL,
        "scores": len(scores.values),
        "method": "split" if scores.member is None else "folds",
        "coverage": number(held.mean()),
        "interval": interval,
        **sizes,
        "parts": [
            part_coverage(name, held[inside], len(present), None if unit is None else unit[inside])
            for name, inside, unit in present
        ],
    }


def _fifths(values: np.ndarray, kind: str) -> list[tuple[str, np.ndarray]]:
    """Return the names and the members (n,) of five parts with about as many values."""
    edges = np.quantile(values, [0.2, 0.4, 0.6, 0.8])
    place = np.searchsorted(edges, values, side="right")
    ends = [values.min(), *edges, values.max()]
    return [(f"{kind} {ends[i]:.4g} to {ends[i + 1]:.4g}", place == i) for i in range(5)]


def _groups(groups: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Return the names and the members (n,) of groups with enough samples; none of very many."""
    names, counts = np.unique(groups, return_counts=True)
    names = names[counts >= FEWEST]
    return [(f"group {name}", groups == name) for name in names if len(names) <= MOST_GROUPS]


def part_coverage(
    name: str, held: np.ndarray, parts: int, groups: np.ndarray | None = None
) -> PartCoverage:
    """Return the coverage of one of several parts of the samples.

    It is `under` where so few are held by chance, at a coverage of `LEVEL`, with a probability of
    less than 2.5 % over all parts: binomial, with Bonferroni's correction.

    Args:
        name: of the part.
        held: (n,) shares of each sample's values that are held, 0 or 1 of a single one.
        parts: how many there are.
        groups: (n,) labels of samples that are alike: a group counts as one, with the share of its
            values that are held; None: each sample counts.
    """
    from scipy.special import bdtr

    units = held
    if groups is not None:
        place = np.unique(groups, return_inverse=True)[1].reshape(-1)
        units = np.bincount(place, held) / np.bincount(place)
    chance = float(bdtr(math.ceil(units.sum() - 1e-9), len(units), LEVEL))
    return {
        "part": name,
        "samples": len(held),
        "coverage": number(held.mean()),
        "under": chance < 0.025 / parts,
    }


def report_coverage(record: Mapping[str, object] | None, listener: Listener) -> None:
    """Say what the test split showed, and warn of parts that are covered too seldom."""
    if record is None:
        return
    listener.note(coverage_sentence(record))
    for warning in under_covered(record):
        listener.warn(warning)
