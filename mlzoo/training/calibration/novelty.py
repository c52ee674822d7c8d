"""Features of training and held-out samples that a run keeps, to tell unlike inputs by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np

from mlzoo.data.images.tiles import strips
from mlzoo.data.label_files.joined import JoinedRows
from mlzoo.data.quality.facts import fact_names, facts_of
from mlzoo.data.samples import Data, Part
from mlzoo.layers.features import feature_tensors
from mlzoo.runs.models import chunk_size
from mlzoo.runs.predicting.novelty import PooledModel, Reference, joined_features
from mlzoo.statistics.novelty.distances import nearest, whitening

if TYPE_CHECKING:
    from mlzoo.training.members import Ensemble

TRAINING, HELD_OUT = 2000, 1000
"""Samples whose features are kept, at most, drawn at random."""
IMAGES = 300
"""The same of images at whose every pixel something is predicted, training and held-out each."""
FEWEST_IMAGES = 9
"""Such held-out images below which none are kept: they allow a rate of false alarms of .1."""
WIDEST = 4096
"""Features of a sample beyond which none are kept."""


def reference_of(
    model: keras.Model, data: Data, aside: Part | None, ensemble: Ensemble | None, seed: int
) -> Reference | None:
    """Return what new samples will be compared with; None where the model has no features.

    Held-out samples are those that were set aside, on which nothing was chosen; without any, those
    of the validation split; with folds those that the first member did not see, whose features
    stand for all.

    Args:
        model: trained.
        data: as split for the run, without the samples that were set aside.
        aside: samples that were set aside.
        ensemble: the members of the model, if there are several.
        seed: decides which samples are drawn.
    """
    target = data.outputs.target
    if not (target.whole or target.dense):
        return None
    train, held_out = data.train, data.valid if aside is None else aside
    if ensemble is not None and len(ensemble.members[0].held_out):
        train, held_out = ensemble.members[0].data.train, ensemble.members[0].held_out
    features = joined_features(model)
    if features is None or features.shape[-1] > WIDEST or not len(held_out) or len(train) < 2:
        return None
    rng = np.random.default_rng([seed, 0xFEA])
    if target.dense:
        if len(held_out) < FEWEST_IMAGES:
            return None
        known, unseen = _drawn(train, IMAGES, rng), _drawn(held_out, IMAGES, rng)
        pooled = PooledModel(model)
        trained_on, not_seen = _pooled(pooled, data, known), _pooled(pooled, data, unseen)
    else:
        known, unseen = _drawn(train, TRAINING, rng), _drawn(held_out, HELD_OUT, rng)
        extractor = keras.Model(model.inputs, features)
        trained_on, not_seen = _features(extractor, known), _features(extractor, unseen)
    if not (np.isfinite(trained_on).all() and np.isfinite(not_seen).all()):
        return None
    widths = [tensor.shape[-1] for tensor in feature_tensors(model)]
    whitened = whitening(trained_on, widths)
    training = whitened(trained_on).astype("float16")
    compared = whitened(not_seen)
    low, high = _ranges(data)
    return Reference(
        whitened,
        training,
        known.indices,
        compared,
        unseen.indices,
        nearest(compared, training)[1][:, 0],
        np.zeros((len(unseen), 0), "float32") if target.dense else _facts(unseen),
        low,
        high,
    )


def _drawn(part: Part, most: int, rng: np.random.Generator) -> Part:
    """Return at most so many samples of a split, in its order."""
    if len(part) <= most:
        return part
    return Part(part.samples, np.sort(rng.choice(part.indices, most, replace=False)))


def _features(extractor: keras.Model, part: Part) -> np.ndarray:
    """Return features (n, d), computed without compiling a graph for these few samples."""
    size = chunk_size(part.samples.inputs.shape[1:])
    chunks = []
    for start in range(0, len(part), size):
        inputs = part.inputs(slice(start, start + size))
        inputs = inputs.astype(extractor.inputs[0].dtype)
        chunks.append(keras.ops.convert_to_numpy(extractor([inputs], training=False)))
    return np.concatenate(chunks).astype("float32")


def _pooled(model: PooledModel, data: Data, part: Part) -> np.ndarray:
    """Return features (n, d) of images, cut into tiles as they are when they are predicted."""
    rows = []
    for position in range(len(part)):
        image = part.image(position)
        model.begin()
        for _ in strips(image, model, data.cut(*image.shape[:2])):
            pass
        rows.append(model.features())
    return np.stack(rows)


def _facts(part: Part) -> np.ndarray:
    """Return the facts (n, c) of samples that have some."""
    samples = part.samples
    joined = isinstance(samples.inputs, JoinedRows)
    if joined or not fact_names(samples.kind, samples.inputs.shape[1:], samples.columns):
        return np.zeros((len(part), 0), "float32")
    chunks = [part.inputs(at) for at in part.chunks()]
    return np.concatenate([facts_of(each, samples.kind, samples.maximum) for each in chunks])


def _ranges(data: Data) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and largest values of a table's columns in the training split."""
    columns = data.samples.columns
    if not columns:
        return np.zeros(0), np.zeros(0)
    low, high = np.full(len(columns), np.nan), np.full(len(columns), np.nan)
    for place, (column, values) in enumerate(zip(columns, data.train.columns(), strict=True)):
        known = not (column.categories or column.hashed) and not np.isnan(values).all()
        if known:
            low[place], high[place] = np.nanmin(values), np.nanmax(values)
    return low, high
