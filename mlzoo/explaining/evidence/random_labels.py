"""Label randomization: a run's network trained on shuffled labels, for a sanity check.

The data randomization test of Adebayo et al., "Sanity Checks for Saliency Maps" (2018). What
differs: the budget is small, a part of the training samples and some hundred steps, so the network
may not know all of the labels by heart; how well it does is said beside the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.explaining.subjects import Subject
from mlzoo.losses._numbers import Standardised
from mlzoo.training.building import build_model

SAMPLES = 512
"""Training samples whose labels are shuffled, at most."""
STEPS = 600
"""Steps of 32 samples, at most."""
BATCH = 32
ENOUGH = 0.95
"""Share of the shuffled labels (of numbers, of their variance) known that ends the training."""


@dataclass(frozen=True)
class Shuffled:
    """Weights of a network trained on shuffled labels, and its training accuracy."""

    weights: list[np.ndarray]
    budget: str


def train_on_shuffled(subject: Subject, seed: int, listener: Listener) -> Shuffled:
    """Train a run's network from scratch on labels that belong to other samples.

    Args:
        subject: the trained model.
        seed: seed of the shuffling and the weights.
        listener: progress callback.

    Raises:
        UsageError: the model is no run's, or of a task without one label a sample.
        DataError: the run's data have changed or are gone.
    """
    if subject.run is None or subject.target.per != "sample":
        raise UsageError(
            "--sanity labels: needs a run folder of classification or regression, whose training "
            f"part can be shuffled (this is a {'run' if subject.run else 'file'} of {subject.task})"
        )
    data = subject.run.own_data(listener)
    rng = np.random.default_rng([seed, 0x1A])
    chosen = rng.permutation(len(data.train))[:SAMPLES]
    x, truth = data.train.inputs(chosen), np.asarray(data.train.targets_at(chosen))
    y = truth[rng.permutation(len(truth))]
    model = build_model(subject.run.config, data, seed + 1)
    model.compile(keras.optimizers.Adam(1e-3), _loss(subject, model, truth))
    batch, known, epoch = min(BATCH, len(x)), 0.0, 0
    epochs = max(1, STEPS * batch // len(x))
    while epoch < epochs and known < ENOUGH:
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch):
            part = order[start : start + batch]
            model.train_on_batch(x[part], y[part])
        epoch += 1
        if epoch % 5 == 0 or epoch == epochs:
            known = _known(subject, np.asarray(model.predict_on_batch(x)), y)
        listener.progress(epoch, epochs, "training on shuffled labels")
    what = "labels" if subject.classes else "values' variance"
    return Shuffled(
        model.get_weights(),
        f"{len(x)} training samples with shuffled labels, {epoch} epochs, after which it knows "
        f"{known:.0%} of the {what}",
    )


def _loss(subject: Subject, model: keras.Model, truth: np.ndarray) -> Any:
    if not subject.classes:
        numbers = truth.reshape(len(truth), -1)
        return Standardised("mse", numbers.mean(axis=0), numbers.std(axis=0) + 1e-12)
    two = model.output_shape[-1] == 1
    return "binary_crossentropy" if two else "sparse_categorical_crossentropy"


def _known(subject: Subject, y_pred: np.ndarray, y_true: np.ndarray) -> float:
    """Share of labels that are given back; of numbers the variance explained, at least 0."""
    if not subject.classes:
        targets = y_true.reshape(y_pred.shape)
        return float(max(0.0, 1 - ((y_pred - targets) ** 2).mean() / max(targets.var(), 1e-12)))
    classes = (y_pred[:, 0] > 0.5) if y_pred.shape[-1] == 1 else y_pred.argmax(axis=-1)
    return float((classes == y_true.ravel()).mean())
