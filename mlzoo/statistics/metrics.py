"""Metrics by name: what their plug-ins say of them, and their values as plain Python numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mlzoo.core import registry
from mlzoo.statistics.scorers import Array, Scorer, precision_of, ratio

if TYPE_CHECKING:
    from mlzoo.data.samples import Samples

Mode = Literal["max", "min"]
IMBALANCED = 0.8
"""Share of the largest class above which accuracy hides errors in the other classes."""
FAR_BEHIND = 0.2
"""Gap to the largest class's recall from which another class counts as missed."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def mode(metric: str) -> Mode:
    """Return the direction in which a metric improves; `min` for one that names none."""
    return "max" if registry.constants("metric", metric).get("DIRECTION") == "max" else "min"


def near(metric: str) -> float | None:
    """Return the value that a metric should have where it has no direction, else None."""
    return registry.constants("metric", metric).get("NEAR")


def bounds(metric: str) -> tuple[float, float]:
    """Return the lowest and the highest possible value of a metric."""
    low, high = registry.constants("metric", metric).get("BOUNDS", (None, None))
    return -math.inf if low is None else low, math.inf if high is None else high


def title(metric: str) -> str:
    """Return the display name of a metric; of other names the words."""
    words = metric.replace("_", " ")
    return str(registry.constants("metric", metric).get("TITLE", words))


def scorers(
    names: Iterable[str], predictions: Any, counted: Mapping[str, Array] | None = None
) -> dict[str, Scorer]:
    """Return metrics as functions of weights over samples, without those that do not apply.

    Args:
        names: of metrics, or paths of their files.
        predictions: those of a split; `mlzoo.metrics` says what they hold.
        counted: what the `count` of metrics returned for each sample, (n, ...), by metric.
    """
    built = {}
    for name in names:
        known = registry.stem(name)
        given = (counted or {}).get(known, predictions)
        built[known] = registry.load("metric", name).score(given)
    return {name: scorer for name, scorer in built.items() if scorer is not None}


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


def missed_class(metrics: Mapping[str, Any]) -> dict[str, object] | None:
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
    worst = min(rows, key=lambda row: row["recall"])
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


def class_tables(
    targets: Array, probabilities: Array, class_names: Sequence[str], positive: int = 1
) -> dict[str, object]:
    """Return what is reported of a classifier beside its metrics.

    Args:
        targets: (n,) positions in `class_names`.
        probabilities: (n, k) with k = len(class_names); the class is the largest one's.
        class_names: what the columns of `probabilities` mean.
        positive: which of two classes metrics of one class are about.

    Returns:
        `positive_class` (two classes only), `per_class` (a row a class: `class`, `precision`,
        which is 0 where the class is never predicted, `recall`, `f1`, `support`) and `confusion`
        (rows are true classes).
    """
    if probabilities.shape != (len(targets), len(class_names)):
        raise ValueError(
            f"probabilities of shape {probabilities.shape} for {len(targets)} samples "
            f"of {len(class_names)} classes"
        )
    targets = np.asarray(targets, "int64")
    confusion = confusion_matrix(targets, probabilities.argmax(axis=1), len(class_names))
    return {
        **({"positive_class": class_names[positive]} if len(class_names) == 2 else {}),
        "per_class": _per_class(confusion, class_names),
        "confusion": confusion.tolist(),
    }


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


def _per_class(confusion: Array, class_names: Sequence[str]) -> list[dict[str, object]]:
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


def spread(values: Array) -> dict[str, object]:
    """Return mean, standard deviation, extremes and quantiles of values (n,)."""
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
