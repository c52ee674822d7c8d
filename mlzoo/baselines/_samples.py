"""Baselines that fit a scikit-learn model on one row of features per sample.

Images are averaged to 16x16 gray at most, sequences become summaries of their channels, and
training samples are subsampled. A note tells so, because a baseline with less data is weaker.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.data.contracts import Baseline
from mlzoo.data.images.reader import ImageReader
from mlzoo.data.label_files.joined import JoinedRows, bare
from mlzoo.data.large_tables.rows import TableRows
from mlzoo.data.samples import Data, Part
from mlzoo.data.tables.reader import Column

Features = Callable[[np.ndarray], np.ndarray]

SIDE = 16
"""Images are averaged to at most this height and width."""
WIDTH = 1024
"""Arrays are averaged to at most this many features."""
CATEGORIES = 50
"""A categorical column gives at most this many features: its most frequent values."""


def featurize(rows: Part) -> tuple[Features, str]:
    """Return a function from inputs (n, *shape) to features (n, d), and a note on losses.

    `rows` are the training samples that decide which categories get a feature.
    """
    samples = rows.samples
    shape = samples.inputs.shape[1:]
    if isinstance(samples.inputs, JoinedRows):
        return _joined(samples.inputs, rows)
    if samples.kind == "image" and len(shape) == 3:
        small = min(shape[0], SIDE), min(shape[1], SIDE)
        changed = small != shape[:2] or shape[2] != 1
        return _shrink, f"images averaged to {small[0]}x{small[1]} gray" if changed else ""
    if samples.columns:
        return _table(samples.columns, rows.inputs())
    if samples.kind == "sequence":
        return _summaries, "each channel's mean, spread, extremes, ends and mean change"
    width = int(np.prod(shape))
    return _flatten, f"{width} inputs averaged to {WIDTH}" if width > WIDTH else ""


def _shrink(images: np.ndarray) -> np.ndarray:
    """Average over channels, then over the cells of a grid of at most 16x16."""
    gray = images.mean(axis=-1, dtype="float64")
    small = _pool(_pool(gray, 1, SIDE), 2, SIDE)
    return small.reshape(len(images), -1)


def _summaries(sequences: np.ndarray) -> np.ndarray:
    """Return summary statistics of each channel over the steps, and the number of steps."""
    x = sequences.astype("float64")
    present = ~np.isnan(x).all(axis=-1)
    last = present.shape[1] - 1 - present[:, ::-1].argmax(axis=1)
    changes = np.diff(x, axis=1) if x.shape[1] > 1 else np.zeros((len(x), 1, x.shape[2]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # one step alone has no change
        statistics = [np.nanmean(x, 1), np.nanstd(x, 1), np.nanmin(x, 1), np.nanmax(x, 1)]
        statistics += [x[:, 0], x[np.arange(len(x)), last], np.nanmean(np.abs(changes), 1)]
    steps = present.sum(axis=1, keepdims=True).astype("float64")
    return np.nan_to_num(np.concatenate([*statistics, steps], axis=1))


def _flatten(inputs: np.ndarray) -> np.ndarray:
    return _pool(inputs.reshape(len(inputs), -1).astype("float64"), 1, WIDTH)


def _pool(values: np.ndarray, axis: int, most: int) -> np.ndarray:
    """Average neighbors along an axis so that at most `most` remain."""
    size = values.shape[axis]
    if size <= most:
        return values
    edges = np.arange(most + 1) * size // most
    shape = [1] * values.ndim
    shape[axis] = most
    return np.add.reduceat(values, edges[:-1], axis) / np.diff(edges).reshape(shape)


def _joined(joined: JoinedRows, rows: Part) -> tuple[Features, str]:
    """Return features of images, and those of the columns below them."""
    reader = rows.samples.reader
    assert isinstance(reader, ImageReader)
    of_images, note = featurize(Part(bare(rows.samples), rows.indices))
    of_columns, cut = _table(reader.beside, joined.columns[rows.indices])
    count = joined.columns.shape[1]

    def features(inputs: np.ndarray) -> np.ndarray:
        columns = inputs[:, joined.height :].reshape(len(inputs), -1)[:, :count]
        return np.concatenate([of_images(inputs[:, : joined.height]), of_columns(columns)], axis=1)

    return features, "; ".join(filter(None, (note, cut)))


def _table(columns: Sequence[Column], inputs: np.ndarray) -> tuple[Features, str]:
    """Return numeric columns and one-hot categories (unseen and missing: all zero)."""
    kept = {
        i: _most_frequent(inputs[:, i], len(c.categories))
        for i, c in enumerate(columns)
        if c.categories
    }
    numeric = [i for i in range(len(columns)) if i not in kept]

    def features(table: np.ndarray) -> np.ndarray:
        one_hot = [(table[:, [i]] == codes).astype("float64") for i, codes in kept.items()]
        return np.concatenate([table[:, numeric].astype("float64"), *one_hot], axis=1)

    cut = [columns[i].name for i in kept if len(columns[i].categories) > CATEGORIES]
    note = f"the {CATEGORIES} most frequent values of {', '.join(cut)}" if cut else ""
    return features, note


def _most_frequent(codes: np.ndarray, categories: int) -> np.ndarray:
    known = codes[np.isfinite(codes) & (codes >= 0)].astype("int64")
    counts = np.bincount(known, minlength=categories)
    return np.sort(np.argsort(-counts, kind="stable")[:CATEGORIES])


LAZY_ROWS = 2000
"""Maximum number of training samples if each is read from a file."""
CELLS = 5_000_000
"""Maximum number of table cells that a model is fitted on."""


@dataclass(frozen=True)
class Estimator:
    """A scikit-learn model and the note on it once fitted.

    Attributes:
        model: with `fit` and `predict` or `predict_proba`; it takes features without missing
            values unless `missing`.
        note: returns the note on the fitted model, or "".
        missing: whether the model handles NaN itself.
    """

    model: Any
    note: Callable[[Any], str] = lambda model: ""
    missing: bool = False


def fit_samples(
    data: Data,
    seed: int,
    rows: int,
    make: Callable[[], Estimator],
    of_inputs: tuple[Features, str] | None = None,
) -> Baseline | None:
    """Fit a model on features of the training samples.

    Args:
        data: its training split is fitted on.
        seed: of the draw of samples.
        rows: maximum number of samples.
        make: returns the model.
        of_inputs: features of raw inputs, and a note on them; by default those of `featurize`.

    Returns:
        None without training samples, or if they are all of one class.
    """
    if not len(data.train):
        return None
    part = subsample(data, seed, rows)
    classes, labels = data.samples.target.is_class, data.samples.target.is_label_set
    if classes and len(np.unique(part.targets)) < 2:
        return None
    features, shrunk = of_inputs or featurize(part)
    matrix = np.concatenate([features(part.inputs(s)) for s in part.chunks()])
    chosen = make()
    model = chosen.model if chosen.missing else _imputed(chosen.model)
    targets = part.targets if classes else part.targets.reshape(len(part), -1)
    matrix[:, np.isnan(matrix).all(axis=0)] = 0  # histograms need a value in each column
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the note tells of missing convergence
        model.fit(matrix, targets if classes or targets.shape[1] > 1 else targets[:, 0])
    fewer = f"fitted on {len(part):,} of {len(data.train):,} training samples"
    notes = [shrunk, fewer if len(part) < len(data.train) else "", chosen.note(model)]

    def predict(inputs: np.ndarray) -> np.ndarray:
        x = features(inputs)
        if labels and hasattr(model, "predict_proba"):
            return np.asarray(model.predict_proba(x))
        if not classes:
            return np.asarray(model.predict(x)).reshape(len(x), -1)
        probabilities = np.zeros((len(x), len(data.samples.class_names)))
        probabilities[:, model.classes_] = model.predict_proba(x)
        return probabilities

    return Baseline(predict, "; ".join(filter(None, notes)))


def subsample(data: Data, seed: int, rows: int) -> Part:
    """Return the training split, or a part of it that is drawn with the seed.

    Args:
        data: samples in three splits.
        seed: of the draw.
        rows: maximum number of samples.
    """
    quick = isinstance(data.samples.inputs, np.ndarray | TableRows)
    most = rows if quick else min(rows, LAZY_ROWS)
    if data.samples.columns:
        most = max(100, min(most, CELLS // len(data.samples.columns)))
    if len(data.train) <= most:
        return data.train
    drawn = np.random.default_rng([seed, 0xBA5E]).choice(len(data.train), most, replace=False)
    return Part(data.samples, data.train.indices[np.sort(drawn)])


def _imputed(model: Any) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    return make_pipeline(imputer, StandardScaler(), model)
