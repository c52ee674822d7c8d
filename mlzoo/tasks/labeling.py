"""Scores of models that give every step of a sequence a class, beside baselines."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mlzoo.core.errors import DivergedError
from mlzoo.core.specs import IGNORED
from mlzoo.data.samples import Data, Part
from mlzoo.statistics import steps
from mlzoo.tasks.segmentation import DenseOutcome, Predict, Tally, summary

_CHUNK, _REACH, _MOST_STEPS = 64, 5, 50_000


def evaluate_labels(
    predict: Predict, data: Data, part: str, seed: int, with_baselines: bool
) -> tuple[dict[str, Any], DenseOutcome]:
    """What `evaluate.evaluate` says of a class at every step."""
    rows, names = data.parts()[part], data.samples.class_names
    said = {"": labels_of(predict, rows)}
    notes: dict[str, str] = {}
    if with_baselines:
        for name, (label, note) in _baselines(data, seed).items():
            said[name] = [label(rows.image(i)) for i in range(len(rows))]
            notes[name] = note
    tallies: dict[str, Tally] = {}
    for name, each in said.items():
        counts = [steps.count(rows.target(i), labels, len(names)) for i, labels in enumerate(each)]
        tallies[name] = steps.StepTally(steps.stack(counts), names)
    return summary(data, part, tallies, notes, seed)


def labels_of(predict: Predict, rows: Part) -> list[np.ndarray]:
    """The most likely class at every step of each sequence of a part, (steps,) uint8.

    Raises:
        DivergedError: the model's outputs hold NaN or infinity.
    """
    return [outputs.argmax(axis=-1).astype(np.uint8) for outputs in step_outputs(predict, rows)]


def step_outputs(predict: Predict, rows: Part) -> Iterator[np.ndarray]:
    """Outputs (steps, classes) for each sequence of a part, without padding."""
    for start in range(0, len(rows), _CHUNK):
        where = np.arange(start, min(start + _CHUNK, len(rows)))
        found = np.asarray(predict(rows.inputs(where)))
        for position, outputs in zip(where, found, strict=True):
            own = outputs[: len(rows.image(int(position)))]
            if not np.isfinite(own).all():
                raise DivergedError(
                    "the model's outputs are NaN or infinite; train again with a smaller "
                    "--learning-rate or --clip-norm 1"
                )
            yield own


def _baselines(data: Data, seed: int) -> dict[str, tuple[Callable[..., np.ndarray], str]]:
    """`majority`, and `linear`: logistic regression of each step on its neighbours' values."""
    train, classes = data.train, len(data.samples.class_names)
    truths = [train.target(i) for i in range(len(train))]
    labels = np.concatenate(truths)
    known = labels != IGNORED
    commonest = int(np.bincount(labels[known], minlength=classes).argmax())
    features = np.concatenate([_neighbours(train.image(i)) for i in range(len(train))])
    features, labels = features[known], labels[known]
    note = f"logistic regression on each step and {_REACH} before and after it"
    if len(labels) > _MOST_STEPS:
        rng = np.random.default_rng([seed, 0x57E9])
        chosen = rng.choice(len(labels), _MOST_STEPS, replace=False)
        features, labels = features[chosen], labels[chosen]
        note += f", fitted on {_MOST_STEPS} steps"

    def majority(sequence: np.ndarray) -> np.ndarray:
        return np.full(len(sequence), commonest, dtype=np.uint8)

    found: dict[str, tuple[Callable[..., np.ndarray], str]] = {"majority": (majority, "")}
    if len(np.unique(labels)) > 1:
        found["linear"] = _logistic(features, labels), note
    return found


def _logistic(features: np.ndarray, labels: np.ndarray) -> Callable[..., np.ndarray]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=100, tol=1e-3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features, labels)
    return lambda sequence: model.predict(_neighbours(sequence)).astype(np.uint8)


def _neighbours(sequence: np.ndarray) -> np.ndarray:
    """Each step's values with those of its neighbours; the ends are repeated."""
    padded = np.pad(sequence, ((_REACH, _REACH), (0, 0)), mode="edge").astype("float64")
    count = len(sequence)
    return np.concatenate([padded[k : k + count] for k in range(2 * _REACH + 1)], axis=1)
