"""Classifiers of points in the plane, beside each other, without a network.

Two of them model how the samples of each class are distributed, and decide by Bayes' rule; the
others model the decision alone (Ng and Jordan, "On discriminative vs. generative classifiers",
2001).
"""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np

from mlzoo.auditing.settings import BoundariesConfig
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.messages import few
from mlzoo.core.progress import Listener
from mlzoo.data import loading
from mlzoo.data.samples import Part, Samples
from mlzoo.drawing.boundaries import DecisionRegions, draw_boundaries

GENERATIVE = ("naive Bayes", "Gaussians")
_ROWS = 5000
"""Samples of a split that are used, at most."""
_POINTS = 200
"""Grid points of a picture, a side."""
_SHRINKAGE = 1e-3
"""Weight of the identity in a class's covariance, which of points on a line is singular."""


class ClassifierRow(TypedDict):
    """Accuracy of a classifier on the two splits."""

    classifier: str
    models: str
    train: float
    test: float


class DrawnBoundaries(TypedDict):
    """The file that was written, and a row a classifier."""

    picture: str
    samples: int
    classifiers: list[ClassifierRow]


def classifiers(seed: int, samples: int) -> dict[str, Any]:
    """Return eight classifiers of scikit-learn by name, not yet fitted.

    Args:
        seed: of those that are random.
        samples: that they will be fitted on.
    """
    from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier

    return {
        "logistic regression": LogisticRegression(),
        "naive Bayes": GaussianNB(),
        "Gaussians": QuadraticDiscriminantAnalysis(reg_param=_SHRINKAGE),
        "nearest neighbors": KNeighborsClassifier(min(5, samples)),
        "support vectors": SVC(gamma=1.0),
        "decision tree": DecisionTreeClassifier(max_depth=5, random_state=seed),
        "random forest": RandomForestClassifier(100, max_depth=8, random_state=seed),
        "neural network": MLPClassifier((32, 32), max_iter=500, random_state=seed),
    }


def boundaries(
    config: RunConfig, settings: BoundariesConfig, listener: Listener
) -> DrawnBoundaries:
    """Fit eight classifiers on two columns, and draw which class each predicts where.

    Args:
        config: names the data.
        settings: the PNG.
        listener: receives progress.

    Raises:
        UsageError: samples are not two numbers with a class each, or a split lacks them.
    """
    import warnings

    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    samples, parts = loading.partition(loading.read(config, listener.progress), config, config.seed)
    _check(samples, config.data)
    (x, y), (x_test, y_test) = (
        _points(Part(samples, parts.parts[name]), config.seed) for name in ("train", "test")
    )
    present, counts = np.unique(y, return_counts=True)
    if len(present) < 2 or not len(y_test):
        raise UsageError(
            "data boundaries needs two classes in the training split, and test samples"
        )
    if alone := [samples.class_names[k] for k in present[counts < 2]]:
        raise UsageError(
            "data boundaries needs two samples of each class in the training split, which has one "
            f"of {few(alone)}; add samples, or give that split a larger share with --fractions"
        )
    low, high = x.min(axis=0), x.max(axis=0)
    low, high = low - 0.15 * (high - low), high + 0.15 * (high - low)
    lines = [np.linspace(*ends, _POINTS) for ends in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*lines), axis=-1).reshape(-1, 2)
    drawn, rows = [], []
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what has not converged shows in its accuracy
        for name, classifier in classifiers(config.seed, len(x)).items():
            listener.note(f"fitting {name} on {len(x):,} samples")
            model = make_pipeline(StandardScaler(), classifier).fit(x, y)
            train, test = model.score(x, y), model.score(x_test, y_test)
            regions = model.predict(grid).reshape(_POINTS, _POINTS)
            drawn.append(DecisionRegions(name, regions, test))
            rows.append(
                ClassifierRow(
                    classifier=name,
                    models="the classes" if name in GENERATIVE else "the decision",
                    train=round(float(train), 4),
                    test=round(float(test), 4),
                )
            )
    names = [column.name for column in samples.columns]
    ends = (low[0], high[0], low[1], high[1])
    draw_boundaries(settings.picture, drawn, ends, x_test, y_test, names, samples.class_names)
    return {"picture": str(settings.picture), "samples": len(x), "classifiers": rows}


def _check(samples: Samples, what: str) -> None:
    """Raise UsageError where samples are not two numbers with a class each."""
    numbers = samples.kind == "table" and not any(c.categories for c in samples.columns)
    if not numbers or len(samples.columns) != 2 or not samples.target.sample_class:
        raise UsageError(
            f"data boundaries is for tables of two numeric columns and a class, such as moons; "
            f"{what} has {len(samples.columns) or 'no'} columns for {samples.task}"
        )


def _points(part: Part, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return at most 5000 points (n, 2) of a split, and their classes (n,)."""
    order = np.random.default_rng([seed, 0xB0]).permutation(len(part))[:_ROWS]
    few = Part(part.samples, part.indices[np.sort(order)])
    x = few.inputs().astype("float64")
    whole = np.isfinite(x).all(axis=1)
    return x[whole], np.asarray(few.targets).astype(int)[whole]
