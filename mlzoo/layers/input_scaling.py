"""Input scaling of a model, with statistics of the training split alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.data.images.reader import ImageReader
from mlzoo.data.label_files.joined import JoinedRows
from mlzoo.data.moments import floats, positive
from mlzoo.data.samples import Part
from mlzoo.data.sequences.reader import SequenceReader
from mlzoo.data.sequences.sequences import Sequences
from mlzoo.data.specs import Beside, Inputs
from mlzoo.data.tables.reader import Column
from mlzoo.data.text.reader import PairReader
from mlzoo.layers.audio import LogMel
from mlzoo.layers.scaling import OneHotCodes, SequenceScaling, Standardise, TableScaling

_CHUNK = 4096
_KNOTS = 33
_BINS, _SOUNDS = 40, 64
"""Bins of a spectrum, and sounds whose spectra are computed at once."""
Ranks = tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]


def input_spec(train: Part) -> Inputs:
    """Return the input specification: shape, dtype and scaling fitted on the training split."""
    samples = train.samples
    shape = tuple(int(side) for side in samples.inputs.shape[1:])
    if samples.problem is not None:
        return Inputs(shape, samples.kind, problem=samples.problem)
    dtype = "float32"
    layer: keras.layers.Layer
    ranks: Ranks = ()
    beside: Beside | None = None
    if isinstance(samples.inputs, JoinedRows):
        beside = _beside(samples.inputs, train)
    if samples.kind == "table":
        layer, ranks = _table(zip(samples.columns, train.columns(), strict=True))
    elif isinstance(samples.reader, PairReader):
        layer = OneHotCodes(len(samples.reader.source_alphabet), name="scaling")
    elif samples.target.causal:
        layer = OneHotCodes(len(samples.class_names), name="scaling")
    elif samples.kind == "image" and samples.maximum:
        layer = keras.layers.Rescaling(1 / samples.maximum, dtype="float32", name="scaling")
        if np.dtype(samples.inputs.dtype).kind == "u":
            dtype = np.dtype(samples.inputs.dtype).name
    elif isinstance(samples.reader, SequenceReader) and samples.reader.rate:
        layer = _log_mel(train, samples.reader.rate)
    elif samples.kind == "sequence":
        masked = samples.windows is None
        layer = SequenceScaling(*statistics(train), masked=masked, name="scaling")
    else:
        layer = Standardise(*statistics(train), name="scaling")
    uneven = isinstance(samples.inputs, Sequences) and samples.inputs.uneven
    numbers = len(layer.numeric) if isinstance(layer, TableScaling) else 0
    scaling = (keras.layers.serialize(layer),)
    return Inputs(
        shape,
        samples.kind,
        dtype,
        scaling,
        uneven=uneven,
        numbers=numbers,
        ranks=ranks,
        depth=samples.reader.depth,
        beside=beside,
    )


def scaler(scaling: Sequence[Mapping[str, object]]) -> Callable[[Any], Any]:
    """Return the layers of `Inputs.scaling` as a function of raw tensors (batch, *shape)."""
    layers = [keras.layers.deserialize(config) for config in scaling]

    def scale(tensor: Any) -> Any:
        for layer in layers:
            tensor = layer(tensor)
        return tensor

    return scale


def scaled(scaling: Sequence[Mapping[str, object]], inputs: np.ndarray) -> np.ndarray:
    """Return raw inputs (n, *shape) after the layers of `Inputs.scaling`, float32."""
    tensor = scaler(scaling)(keras.ops.convert_to_tensor(inputs))
    return np.asarray(keras.ops.convert_to_numpy(tensor), "float32")


def feature_names(columns: Sequence[Column], scaling: Sequence[Mapping[str, object]]) -> list[str]:
    """Return the names of a scaled table's features, of categories as `column=category`."""
    (layer,) = (keras.layers.deserialize(config) for config in scaling)
    assert isinstance(layer, TableScaling)
    categories = [
        f"{column.name}={column.categories[position]}"
        for column, positions in zip(columns, layer.categories, strict=True)
        for position in positions or ()
    ]
    return [*(columns[i].name for i in layer.numeric), *categories]


def unscaled(scaling: Sequence[Mapping[str, object]], values: np.ndarray) -> np.ndarray:
    """Return raw inputs of scaled ones (n, *shape), float32: the inverse of `scaled`.

    Of a table's categories the likeliest is taken.
    """
    for config in reversed(scaling):
        layer = keras.layers.deserialize(config)
        if isinstance(layer, keras.layers.Rescaling):
            values = (values - layer.offset) / layer.scale
        elif isinstance(layer, TableScaling):
            values = _rows_of(layer, values)
        else:
            values = values * np.array(layer.std) + np.array(layer.mean)
    return np.asarray(values, "float32")


def _rows_of(layer: TableScaling, features: np.ndarray) -> np.ndarray:
    """Return table rows (n, columns) of features (n, features)."""
    rows = np.zeros((len(features), len(layer.categories)))
    numeric = layer.numeric
    rows[:, numeric] = features[:, : len(numeric)] * np.array(layer.std)[numeric]
    rows[:, numeric] += np.array(layer.mean)[numeric]
    start = len(numeric)
    for column, positions in enumerate(layer.categories):
        if positions is None:
            continue
        chosen = features[:, start : start + len(positions)]
        rows[:, column] = np.array(positions)[chosen.argmax(axis=1)] if positions else np.nan
        start += len(positions)
    return rows


def statistics(train: Part) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of each entry of the last axis, read in chunks.

    The squares are summed about the first chunk's mean, so large offsets cost no digits.
    """
    return moments(_chunks(train))


def moments(chunks: Iterable[np.ndarray]) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of each entry of the last axis of arrays (n, ..., k)."""
    count = 0
    shift: Any = None
    total: Any = 0.0
    squares: Any = 0.0
    for chunk in chunks:
        rows = chunk.reshape(-1, chunk.shape[-1]).astype(np.float64)
        rows = rows[~np.isnan(rows).all(axis=1)]  # padding of sequences
        shift = rows.mean(axis=0) if shift is None else shift
        centered = rows - shift
        count += len(rows)
        total = total + centered.sum(axis=0)
        squares = squares + (centered**2).sum(axis=0)
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return list(floats(shift + mean)), list(floats(positive(std, shift + mean)))


def _log_mel(train: Part, rate: int) -> LogMel:
    """Return the spectrum of sounds, standardized by the training split."""
    plain = LogMel(rate, [0.0] * _BINS, [1.0] * _BINS)
    chunks = (
        keras.ops.convert_to_numpy(plain.features(train.inputs(slice(start, start + _SOUNDS))))
        for start in range(0, len(train), _SOUNDS)
    )
    return LogMel(rate, *moments(chunks), name="scaling")


def _chunks(train: Part) -> Iterator[np.ndarray]:
    for start in range(0, len(train), _CHUNK):
        yield train.inputs(slice(start, start + _CHUNK))


def _beside(rows: JoinedRows, train: Part) -> Beside:
    """Return the columns below images, scaled by the training split."""
    reader = train.samples.reader
    assert isinstance(reader, ImageReader) and reader.labels is not None
    columns = zip(reader.labels.inputs, rows.columns[train.indices].T, strict=True)
    layer, _ = _table(columns, "columns_scaling")
    return Beside(rows.height, rows.columns.shape[1], keras.layers.serialize(layer))


def _table(
    columns: Iterable[tuple[Column, np.ndarray]], name: str = "scaling"
) -> tuple[TableScaling, Ranks]:
    """Return the scaling of columns and their ranks, from the values (n,) of each in training."""
    fill: list[float] = []
    mean: list[float] = []
    std: list[float] = []
    categories: list[list[int] | None] = []
    ranks: list[tuple[tuple[float, ...], tuple[float, ...]]] = []
    for column, raw in columns:
        values = raw.astype(np.float64)
        known = values[~np.isnan(values)]
        if column.categories:
            seen = np.unique(known[known >= 0]).astype(int).tolist()
            fill, mean, std = [*fill, 0.0], [*mean, 0.0], [*std, 1.0]
            categories.append(seen)
            continue
        if not len(known):  # no feature at all, as of a category that was never seen
            fill, mean, std = [*fill, 0.0], [*mean, 0.0], [*std, 1.0]
            categories.append([])
            continue
        middle = float(np.median(known))
        filled = np.where(np.isnan(values), middle, values)
        fill.append(middle)
        mean.append(float(filled.mean()))
        std.append(float(positive(filled.std(), filled.mean())))
        categories.append(None)
        ranks.append(_ranks((filled - mean[-1]) / std[-1]))
    if not any(c is None or c for c in categories):
        raise DataError("no input column has a value in the training split")
    return TableScaling(fill, mean, std, categories, name=name), tuple(ranks)


def _ranks(values: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return knots and the share of values below each, ties counted half."""
    levels = np.linspace(0, 1, _KNOTS)
    knots = np.unique(np.quantile(values, levels, method="nearest").astype("float32"))
    if len(knots) == 1:
        knots = np.array([knots[0], knots[0] + 1])
    ordered = np.sort(values.astype("float32"))
    below, up_to = (np.searchsorted(ordered, knots, side) for side in ("left", "right"))
    return tuple(knots.tolist()), tuple(((below + up_to) / 2 / len(values)).tolist())


def empty_columns(train: Part) -> list[str]:
    """Return the columns of a table that have no value in the training split."""
    if train.samples.kind != "table":
        return []
    empty = np.ones(len(train.samples.columns), dtype=bool)
    for rows in train.chunks():
        empty &= np.isnan(train.inputs(rows)).all(axis=0)
    return [
        column.name
        for column, is_empty in zip(train.samples.columns, empty, strict=True)
        if is_empty
    ]
