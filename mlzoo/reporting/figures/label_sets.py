"""Pictures of samples whose label sets are most wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mlzoo.data.samples import Part
from mlzoo.data.tables.label_sets import joined
from mlzoo.drawing.canvas import label, write_csv
from mlzoo.drawing.pictures import captioned_images

MOST = 16


def mistakes(folder: Path, part: Part, y_true: np.ndarray, y_pred: np.ndarray) -> Path | None:
    """Draw the images whose labels are wrong, those with the largest errors of probabilities first.

    Args:
        folder: where `mistakes.csv` (also for inputs that are not images) and `mistakes.png` go.
        part: the split.
        y_true: (n, k) zeros and ones.
        y_pred: (n, 2, k) probabilities and decisions.

    Returns:
        The picture's path; None without mistakes or images.
    """
    samples = part.samples
    probabilities, chosen = y_pred[:, 0], y_pred[:, 1]
    wrong = np.flatnonzero((chosen != y_true).any(axis=1))
    errors = ((probabilities - y_true) ** 2).sum(axis=1)
    worst = wrong[np.argsort(-errors[wrong], kind="stable")][:MOST]
    names = samples.names_of(part.indices)
    true = joined(y_true[worst], samples.class_names)
    missed = joined((y_true > chosen)[worst], samples.class_names)
    added = joined((chosen > y_true)[worst], samples.class_names)
    rows = [
        [names[i], *pair, float(errors[i])]
        for i, *pair in zip(worst, true, missed, added, strict=True)
    ]
    header = ["sample", "true", "missed", "wrongly predicted", "squared error"]
    write_csv(folder / "mistakes.csv", header, rows)
    if samples.kind != "image" or not rows:
        return None
    texts = [
        f"missed: {label(less or 'none', 20)}\nwrong: {label(more or 'none', 20)}"
        for less, more in zip(missed, added, strict=True)
    ]
    title = "wrong label sets, the largest errors first"
    images = part.inputs(worst)
    return captioned_images(folder / "mistakes.png", images, texts, samples.maximum, title)
