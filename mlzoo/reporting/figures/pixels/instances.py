"""Pictures of instances: each in a color of its own, and those that were missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlzoo.drawing.canvas import label, save, write_csv
from mlzoo.drawing.palette import instance_overlay, overlay
from mlzoo.drawing.panels import (
    LINE,
    MARGIN,
    Key,
    blank,
    draw_legend,
    fitted,
    flowed,
    legend_height,
    paste,
    square,
    write,
)
from mlzoo.reporting.figures.pixels.masks import SIDE, drawn_size, shrunk_picture
from mlzoo.statistics.separation.instances import count, overlap

THRESHOLD = 0.5
"""IoU above which an instance counts as found."""
MOST_CASES = 6
_GAP, _ROW_GAP, _NARROWEST = 12, 20, 130
FOUND, MISSED, FALSE = 1, 2, 3
"""Values of `outcomes`, where 0 is no instance."""
_COLORS = np.array([(0, 0, 0), (120, 220, 165), (255, 165, 0), (60, 145, 255)], "uint8")
_NAMES = {FOUND: "found", MISSED: "missed", FALSE: "predicted where none is"}


@dataclass(frozen=True)
class InstanceCase:
    """An image (height, width, channels) with true and predicted instances (height, width).

    `title` says why it is shown (worst, median, best), `score` is its average precision.
    """

    title: str
    name: str
    image: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    score: float


def instance_cases(
    folder: Path, cases: Sequence[InstanceCase], maximum: float | None = None
) -> Path:
    """Draw one row per case: the image, its true and predicted instances, and the errors.

    Args:
        folder: where `instances.png` and `instances.csv` (how many of each case's instances were
            found, missed, or predicted where none is) are written.
        cases: 1 to 6; images of any size.
        maximum: the largest value that an image can hold; its own range by default.
    """
    cases = list(cases)[:MOST_CASES]
    _csv(folder / "instances.csv", cases)
    sizes = [drawn_size(case.truth.shape, SIDE) for case in cases]
    column = max([_NARROWEST, *(width for _, width in sizes)]) + _GAP
    width = 2 * MARGIN + 4 * column - _GAP
    key: Key = [(None, f"errors, at an IoU of {THRESHOLD:g}:")]
    key += [(square(_COLORS[kind]), name) for kind, name in _NAMES.items()]
    legend = flowed(key, width - 2 * MARGIN)
    rows = sum(2 * LINE + height + _ROW_GAP for height, _ in sizes)
    figure = blank(width, 2 * MARGIN + rows + legend_height(legend))
    y = MARGIN
    for case, size in zip(cases, sizes, strict=True):
        before, after = f"{label(case.title, 30)}: ", f", AP .5 to .95 {case.score:.4g}"
        write(
            figure, MARGIN, y, fitted(case.name, width - 2 * MARGIN, before, after, "bold"), "bold"
        )
        for i, (heading, panel) in enumerate(_panels(case, size, maximum).items()):
            write(figure, MARGIN + i * column, y + LINE, heading)
            paste(figure, MARGIN + i * column, y + 2 * LINE, panel)
        y += 2 * LINE + size[0] + _ROW_GAP
    draw_legend(figure, y, legend)
    return save(figure, folder / "instances.png")


def outcomes(truth: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which instances are FOUND, MISSED and FALSE, and the borders to draw, by pixel.

    Args:
        truth: (height, width) ids, 0 where there is no instance.
        predicted: the same.

    Returns:
        (height, width) kinds, and (height, width) numbers that differ between instances.
    """
    true_ids, found_ids, iou = overlap(truth, predicted)
    pairs = iou > THRESHOLD
    missed = np.isin(truth, true_ids[~pairs.any(axis=1)])
    false = np.isin(predicted, found_ids[~pairs.any(axis=0)])
    kinds = np.where(truth > 0, FOUND, 0).astype("uint8")
    kinds[missed] = MISSED
    kinds[false & ~missed & (truth == 0)] = FALSE
    numbers = np.where(kinds == FALSE, predicted.astype("int64") + int(truth.max()), truth)
    return kinds, numbers


def _panels(
    case: InstanceCase, size: tuple[int, int], maximum: float | None
) -> dict[str, np.ndarray]:
    picture = shrunk_picture(case.image, size, maximum)
    truth, predicted = (nearest(ids, size) for ids in (case.truth, case.predicted))
    kinds, numbers = (nearest(each, size) for each in outcomes(case.truth, case.predicted))
    gray = np.repeat(picture.mean(axis=-1, keepdims=True), 3, axis=-1).astype("uint8")
    true_ids, found_ids = (np.unique(ids[ids > 0]) for ids in (case.truth, case.predicted))
    return {
        "image": picture,
        f"truth: {len(true_ids)}": instance_overlay(picture, truth),
        f"prediction: {len(found_ids)}": instance_overlay(picture, predicted),
        "errors": overlay(gray, kinds, _COLORS, regions=numbers),
    }


def nearest(ids: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return ids resized to (height, width) by their nearest pixel."""
    rows, columns = (
        ((np.arange(wanted) + 0.5) * have / wanted).astype(int)
        for have, wanted in zip(ids.shape, size, strict=True)
    )
    return ids[np.ix_(rows, columns)]


def _csv(path: Path, cases: Sequence[InstanceCase]) -> None:
    rows = []
    for case in cases:
        matched, false, missed = count(case.truth, case.predicted)[0].tolist()
        rows.append([case.title, case.name, case.score, matched, missed, false])
    write_csv(path, ["title", "name", "score", "found", "missed", "false"], rows)
