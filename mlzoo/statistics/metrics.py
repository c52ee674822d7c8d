"""Metrics of arrays: plain Python numbers, None where a metric is undefined."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mlzoo.statistics.scorers import (
    Array,
    Scorer,
    classification_scorers,
    precision_of,
    ratio,
    regression_scorers,
)

if TYPE_CHECKING:
    from mlzoo.data.samples import Samples

Mode = Literal["max", "min"]


IMBALANCED = 0.8
"""Share of the largest class above which accuracy hides errors in the other classes."""
FAR_BEHIND = 0.2
"""Gap to the largest class's recall from which another class counts as missed."""

MODES: Mapping[str, Mode] = {
    "accuracy": "max",
    "balanced_accuracy": "max",
    "macro_f1": "max",
    "log_loss": "min",
    "quadratic_kappa": "max",
    "roc_auc": "max",
    "average_precision": "max",
    "mean_iou": "max",
    "mean_dice": "max",
    "pixel_accuracy": "max",
    "mean_precision": "max",
    "mean_recall": "max",
    "boundary_f1": "max",
    "rmse": "min",
    "mae": "min",
    "r2": "max",
    "mase": "min",
    "segment_f1": "max",
    "edit_score": "max",
    "bits": "min",
    "perplexity": "min",
}

BESIDE: Mapping[str, Sequence[str]] = {"balanced_accuracy": ("average_precision",)}
"""Metrics to read beside one that a run is judged by, where they are defined."""

NEAR: Mapping[str, float] = {"coverage": 0.9}
"""Metrics with a target value instead of a direction, and that value."""

BOUNDS: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(("accuracy", "balanced_accuracy", "macro_f1", "roc_auc"), (0.0, 1.0)),
    "average_precision": (0.0, 1.0),
    **dict.fromkeys(("mean_iou", "mean_dice", "pixel_accuracy"), (0.0, 1.0)),
    **dict.fromkeys(("mean_precision", "mean_recall", "boundary_f1"), (0.0, 1.0)),
    **dict.fromkeys(("coverage", "segment_f1", "edit_score"), (0.0, 1.0)),
    **dict.fromkeys(("log_loss", "rmse", "mae", "mase", "bits"), (0.0, math.inf)),
    "perplexity": (1.0, math.inf),
    "quadratic_kappa": (-1.0, 1.0),
    "r2": (-math.inf, 1.0),
}
"""Lowest and highest possible value of each metric."""

TITLES: Mapping[str, str] = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "log_loss": "log loss",
    "quadratic_kappa": "quadratic kappa",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "mean_iou": "mean IoU",
    "mean_dice": "mean Dice",
    "pixel_accuracy": "pixel accuracy",
    "mean_precision": "mean precision",
    "mean_recall": "mean recall",
    "boundary_f1": "boundary F1",
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R²",
    "mase": "MASE",
    "coverage": "coverage of the 90 % band",
    "segment_f1": "segment F1",
    "edit_score": "edit score",
    "bits": "bits per character",
    "perplexity": "perplexity",
}

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def imbalanced(counts: Sequence[int]) -> bool:
    """Return whether one class holds over 80 % of the samples, from the count of each class."""
    return max(counts, default=0) > IMBALANCED * sum(counts)


def class_counts(samples: Samples) -> list[int]:
    """Return the number of samples of each class; empty where samples have no single class."""
    targets, classes = samples.targets, len(samples.class_names)
    # Masks and labels of steps are rows of their own, which may lie on disk.
    if not classes or not isinstance(targets, np.ndarray) or targets.ndim != 1:
        return []
    if targets.dtype.kind not in "iu":
        return []
    return np.bincount(targets, minlength=classes).tolist()


def rarer(counts: Sequence[int]) -> int:
    """Return the position of the rarer of two classes, the second where both are as frequent."""
    return 0 if len(counts) == 2 and counts[0] < counts[1] else 1


def never_predicted(metrics: Mapping[str, Any]) -> list[str]:
    """Return the classes that occur in a split and are never predicted; their precision is 0."""
    confusion = np.array(metrics.get("confusion") or np.zeros((0, 0)))
    names = [row["class"] for row in metrics.get("per_class", ())]
    missing = (confusion.sum(axis=0) == 0) & (confusion.sum(axis=1) > 0)
    return [name for name, is_missing in zip(names, missing, strict=False) if is_missing]


def missed_class(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the row of the class that a model misses most often on imbalanced samples.

    Args:
        metrics: those of a split, with `per_class`.

    Returns:
        Its row of `per_class`; None where no class holds over 80 % of the samples, or no recall
        lies 0.2 or more below that of the largest class.
    """
    rows = [row for row in metrics.get("per_class", ()) if row.get("support")]
    if not rows or not imbalanced([row["support"] for row in rows]):
        return None
    largest = max(rows, key=lambda row: row["support"])
    worst: dict[str, Any] = min(rows, key=lambda row: row["recall"])
    return worst if worst["recall"] <= largest["recall"] - FAR_BEHIND else None


def values(scorers: Mapping[str, Scorer], samples: int) -> dict[str, float | None]:
    """Return metrics of all samples, each counted once; None where one is undefined."""
    uniform_weights = np.ones((1, samples))
    return {name: number(scorer(uniform_weights)[0]) for name, scorer in scorers.items()}


def as_probabilities(outputs: Array) -> Array:
    """Convert a classifier's outputs to float64 (n, k); (n, 1) sigmoid outputs give (1 - p, p)."""
    outputs = np.asarray(outputs, "float64")
    if outputs.shape[1] > 1:
        return outputs
    return np.concatenate([1 - outputs, outputs], axis=1)


def classification(
    targets: Array, probabilities: Array, class_names: Sequence[str], positive: int = 1
) -> dict[str, Any]:
    """Compute the scores of a classifier.

    Args:
        targets: (n,) positions in `class_names`.
        probabilities: (n, k) with k = len(class_names); the class is the largest one's.
        class_names: what the columns of `probabilities` mean.
        positive: which of two classes `average_precision` is about.

    Returns:
        `accuracy`, `balanced_accuracy`, `macro_f1`, `log_loss`, `roc_auc` and
        `average_precision` (two classes only; None where the samples hold one of them),
        `positive_class` (the one that `average_precision` is about), `per_class` (a row a class:
        `class`, `precision`, which is 0 where the class is never predicted, `recall`, `f1`,
        `support`) and `confusion` (rows are true classes).
    """
    probabilities = as_probabilities(probabilities)
    if probabilities.shape != (len(targets), len(class_names)):
        raise ValueError(
            f"probabilities of shape {probabilities.shape} for {len(targets)} samples "
            f"of {len(class_names)} classes"
        )
    targets = np.asarray(targets, "int64")
    confusion = confusion_matrix(targets, probabilities.argmax(axis=1), len(class_names))
    return {
        **values(classification_scorers(targets, probabilities, positive), len(targets)),
        **({"positive_class": class_names[positive]} if len(class_names) == 2 else {}),
        "per_class": _per_class(confusion, class_names),
        "confusion": confusion.tolist(),
    }


def regression(targets: Array, predictions: Array, target_names: Sequence[str]) -> dict[str, Any]:
    """Compute the scores of a regression.

    Args:
        targets: (n,) or (n, k) true values with k = len(target_names).
        predictions: the same values predicted, (n, k), or (n,) or (n, 1) where k is 1.
        target_names: what the columns are.

    Returns:
        `rmse` and `mae` over all values, `r2` = 1 - SSE/SST averaged over the targets (None where
        a target doesn't vary), `residuals` (target minus prediction: mean, std, min, max,
        quantiles; with several targets over all of them), and with several targets `per_target`:
        a row a target with `target` and all of the above.
    """
    shape = len(targets), len(target_names)
    targets = np.asarray(targets, "float64").reshape(shape)
    predictions = np.asarray(predictions, "float64").reshape(shape)
    result = _one_regression(targets, predictions)
    if len(target_names) > 1:
        result["per_target"] = [
            {"target": name, **_one_regression(targets[:, [i]], predictions[:, [i]])}
            for i, name in enumerate(target_names)
        ]
    return result


def confusion_matrix(targets: Array, predicted: Array, classes: int) -> Array:
    """Return counts (classes, classes): rows are true classes, columns predicted ones.

    Args:
        targets: (n,) positions of the true classes.
        predicted: (n,) positions of the predicted classes.
        classes: k, the number of classes.
    """
    cells = np.bincount(targets * classes + predicted, minlength=classes**2)
    return cells.reshape(classes, classes)


def number(value: Any) -> float | None:
    """Convert to a plain float; None for NaN and infinity."""
    value = float(value)
    return value if math.isfinite(value) else None


def _per_class(confusion: Array, class_names: Sequence[str]) -> list[dict[str, Any]]:
    right, support, chosen = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    columns = {
        "precision": precision_of(right, chosen, support),
        "recall": ratio(right, support),
        "f1": ratio(2 * right, support + chosen),
    }
    return [
        {
            "class": name,
            **{metric: number(values[i]) for metric, values in columns.items()},
            "support": int(support[i]),
        }
        for i, name in enumerate(class_names)
    ]


def _one_regression(targets: Array, predictions: Array) -> dict[str, Any]:
    scores: dict[str, Any] = dict(values(regression_scorers(targets, predictions), len(targets)))
    scores["residuals"] = _spread((targets - predictions).ravel())
    return scores


def _spread(values: Array) -> dict[str, Any]:
    return {
        "mean": number(values.mean()),
        "std": number(values.std()),
        "min": number(values.min()),
        "max": number(values.max()),
        "quantiles": {
            f"{q:g}": number(v)
            for q, v in zip(QUANTILES, np.quantile(values, QUANTILES), strict=True)
        },
    }
