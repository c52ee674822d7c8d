"""Pictures of decisions that differ in cost: precision and recall, and the cost of thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mlzoo.drawing.canvas import COLORS, GRAY, label, new_figure, save, tidy, write_csv
from mlzoo.statistics.calibration.decisions import Decision, costs_by_threshold

_MOST_CLASSES = len(COLORS)


def precision_recall(
    folder: Path,
    probabilities: np.ndarray,
    y_true: np.ndarray,
    class_names: Sequence[str],
    decision: Decision,
) -> Path:
    """Draw precision against recall of each class, with the point of the decisions.

    Args:
        folder: where `precision_recall.png` and `.csv` are written.
        probabilities: (n, k) of the test split.
        y_true: (n,) its classes.
        class_names: of the k classes; of two only that of the threshold is drawn.
        decision: the operating point.
    """
    from sklearn.metrics import precision_recall_curve

    two = decision.threshold is not None
    counts = np.bincount(y_true, minlength=len(class_names))
    shown = [decision.positive] if two else np.argsort(-counts, kind="stable")[:_MOST_CLASSES]
    decided, rows = decision.decide(probabilities), []
    figure = new_figure(4.8, 4.4)
    axes = figure.subplots()
    for color, k in zip(COLORS, shown, strict=False):
        truth, chosen = y_true == k, decided == k
        if not truth.any():
            continue
        precision, recall, thresholds = precision_recall_curve(truth, probabilities[:, k])
        axes.step(recall, precision, where="pre", color=color, label=label(class_names[k], 18))
        rows += [
            [class_names[k], *row]
            for row in zip(thresholds, precision[:-1], recall[:-1], strict=True)
        ]
        if chosen.any():
            right = (truth & chosen).sum()
            axes.plot(right / truth.sum(), right / chosen.sum(), "o", color=color, markersize=7)
        if two:
            axes.axhline(truth.mean(), color=GRAY, linestyle="--", linewidth=1, label="by chance")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.04)
    tidy(axes, "Test split; dots: decisions that cost least", "recall", "precision")
    axes.legend(fontsize=8, frameon=False, loc="lower left")
    write_csv(folder / "precision_recall.csv", ("class", "threshold", "precision", "recall"), rows)
    return save(figure, folder / "precision_recall.png")


def cost_curve(
    folder: Path,
    decision: Decision,
    class_names: Sequence[str],
    splits: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> Path:
    """Draw the mean cost of two classes by the threshold of their decision.

    Args:
        folder: where `costs.png` and `.csv` are written.
        decision: with a threshold.
        class_names: of the two classes.
        splits: probabilities (n, 2) and true classes (n,) by the name of their split.
    """
    assert decision.threshold is not None
    rows: list[tuple[object, ...]] = []
    figure = new_figure(5.6, 3.6)
    axes = figure.subplots()
    name = class_names[decision.positive]
    for color, (split, (p, y_true)) in zip(COLORS, splits.items(), strict=False):
        if not len(p):
            continue
        of_class = p[:, decision.positive].astype("float64")
        thresholds, costs = costs_by_threshold(decision.costs, decision.positive, of_class, y_true)
        axes.step(np.minimum(thresholds, 1), costs, where="post", color=color, label=split)
        rows += [(split, *row) for row in zip(thresholds, costs, strict=True)]
    axes.axvline(decision.threshold, color=GRAY, linewidth=1, label="chosen")
    axes.axvline(0.5, color=GRAY, linewidth=1, linestyle=":", label="default")
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    tidy(
        axes,
        f"Cost of deciding for {label(name, 24)}",
        f"threshold of p({label(name, 16)})",
        "mean cost of a sample",
    )
    axes.legend(fontsize=8, frameon=False)
    write_csv(folder / "costs.csv", ("split", "threshold", "cost"), rows)
    return save(figure, folder / "costs.png")
