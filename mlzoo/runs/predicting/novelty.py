"""The features of training samples that a run keeps, and how unlike them new samples are.

`novelty.npz` in the run folder holds whitened features of at most 2,000 training samples, and of
held-out samples their features, distances and facts. It is read without running any code.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from math import ceil, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from mlzoo.core import files
from mlzoo.core.errors import DataError
from mlzoo.runs.results import Predictions

if TYPE_CHECKING:
    import keras
    import numpy as np

    from mlzoo.statistics.novelty.distances import FeatureWhitening

FILE = "novelty.npz"
_CLEAR = 0.01
_SHOWN = 3


@dataclass(frozen=True)
class Reference:
    """Training and held-out samples of a run, with which new samples are compared.

    Attributes:
        whitening: of features.
        training: (m, q) whitened features of training samples.
        positions: (m,) where these are in the run's data.
        held_out: (r, q) whitened features of samples that were not trained on.
        held_out_positions: (r,) where these are in the run's data.
        distances: (r,) of these to the nearest training sample.
        facts: (r, c) of these, as `data/quality/facts.py` says; c is 0 for some kinds of samples.
        low, high: (c,) ends of the training split's values; NaN where they mean nothing: of
            categories and hashed words.
    """

    whitening: FeatureWhitening
    training: np.ndarray
    positions: np.ndarray
    held_out: np.ndarray
    held_out_positions: np.ndarray
    distances: np.ndarray
    facts: np.ndarray
    low: np.ndarray
    high: np.ndarray


def write(folder: Path, reference: Reference) -> None:
    """Write `novelty.npz`; features in float16."""
    import numpy as np

    axes: dict[str, Any] = {f"axes_{i}": each for i, each in enumerate(reference.whitening.axes)}
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        mean=reference.whitening.mean,
        training=reference.training.astype("float16"),
        positions=reference.positions.astype("int32"),
        held_out=reference.held_out.astype("float16"),
        held_out_positions=reference.held_out_positions.astype("int32"),
        distances=reference.distances.astype("float32"),
        facts=reference.facts.astype("float32"),
        low=reference.low.astype("float32"),
        high=reference.high.astype("float32"),
        **axes,
    )
    files.write_bytes(folder / FILE, buffer.getvalue())


def read(folder: Path) -> Reference | None:
    """Return what a run folder holds; None where it has no such file.

    Raises:
        DataError: the file is damaged.
    """
    import numpy as np

    from mlzoo.data.arrays import refuse_bomb
    from mlzoo.statistics.novelty.distances import FeatureWhitening

    path = folder / FILE
    if not path.is_file():
        return None
    try:
        refuse_bomb(path)
        with np.load(path, allow_pickle=False) as stored:
            arrays = dict(stored.items())
        axes = sorted(name for name in arrays if name.startswith("axes_"))
        whitening = FeatureWhitening(arrays.pop("mean"), tuple(arrays.pop(name) for name in axes))
        reference = Reference(whitening, **arrays)
    except (BadZipFile, OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise DataError(
            f"{path} is damaged ({error}); restore it from a copy, or delete it to predict without "
            "the column unlike"
        ) from None
    return reference


def fewest(rate: float) -> int:
    """Return the held-out samples that a rate of false alarms needs."""
    return ceil(1 / rate - 1e-9) - 1


def limitation(reference: Reference | None, rate: float) -> str:
    """Return a sentence on why no sample can be marked as unlike; "" where they can be.

    Args:
        reference: of the run.
        rate: of false alarms.
    """
    if reference is None:
        return (
            f"this run holds no features of its training samples ({FILE}), so that samples unlike "
            "them are not marked"
        )
    there = len(reference.distances)
    if there >= fewest(rate):
        return ""
    return (
        f"no sample can be marked as unlike the training data at a false-alarm rate of {rate:g}: "
        f"that needs {fewest(rate)} held-out samples, and the run has {there} (--unlike)"
    )


class JointModel:
    """A model's outputs and features, from one pass.

    Args:
        model: of one prediction a sample, with features.
        outputs: those of the model, (batch, ...), perhaps those of a layer before its last.
    """

    def __init__(self, model: keras.Model, outputs: keras.KerasTensor) -> None:
        import keras

        features = joined_features(model)
        assert features is not None
        self.shape = tuple(outputs.shape[1:])
        flat = keras.layers.Reshape((-1,), dtype=outputs.dtype)(outputs)
        joined = keras.layers.Concatenate(dtype=outputs.dtype)([flat, features])
        self.model = keras.Model(model.inputs, joined)

    def split(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return outputs (n, ...) and features (n, d) of what the model returns."""
        width = prod(self.shape)
        return values[:, :width].reshape(-1, *self.shape), values[:, width:]


class PooledModel:
    """A model of something at every pixel, and the features of the image whose tiles it is given.

    They are the mean over its tiles, each of which is a mean over positions.

    Args:
        model: with features.
    """

    def __init__(self, model: keras.Model) -> None:
        import keras

        features = joined_features(model)
        assert features is not None
        self._model = keras.Model(model.inputs, [model.outputs[0], features])
        self.begin()

    def begin(self) -> None:
        """Begin an image."""
        self._sum, self._tiles = 0.0, 0

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Return the outputs (n, height, width, units) of tiles of the image."""
        outputs, features = self._model.predict_on_batch(inputs)
        self._sum += features.astype("float64").sum(axis=0)
        self._tiles += len(inputs)
        result: np.ndarray = outputs
        return result

    def features(self) -> np.ndarray:
        """Return those of the image, (d,) float32, once its tiles were given."""
        import numpy as np

        return np.asarray(self._sum / self._tiles, "float32")


def joined_features(model: keras.Model) -> keras.KerasTensor | None:
    """Return the features (batch, d) of a model as one; None where it has none."""
    import keras

    from mlzoo.layers.features import feature_tensors

    tensors = feature_tensors(model)
    if len(tensors) < 2:
        return tensors[0] if tensors else None
    return keras.layers.Concatenate(dtype="float32")(tensors)


def with_novelty(
    predictions: Predictions,
    features: np.ndarray,
    rows: Any,
    reference: Reference,
    rate: float,
    column_names: list[str],
    trained: int,
) -> Predictions:
    """Return predictions that say which samples are unlike the training data.

    Args:
        predictions: of n samples.
        features: (n, d) of the model.
        rows: (n, *shape) raw inputs.
        reference: of the run.
        rate: share of samples like the training data that may be called unlike them.
        column_names: of tables; empty for others.
        trained: samples of the training split, whose ends are the range of a column.
    """
    import numpy as np

    warnings = predictions.warnings
    if (marked := marks(features, reference, rate)) is not None:
        unlike, p = marked
        hint = "; `mlzoo data compare` shows in what"
        warnings = (*warnings, *(text + hint for text in too_many(unlike, rate)))
        predictions = replace(predictions, unlike=unlike, unlike_p=p, warnings=warnings)
    if not column_names:
        return predictions
    values = np.asarray(rows[:], "float32")
    with np.errstate(invalid="ignore"):
        outside = (values < reference.low) | (values > reference.high)
    each = [[column_names[k] for k in np.flatnonzero(row)] for row in outside]
    warnings = (*warnings, *_beyond(outside, reference, column_names, trained))
    return replace(predictions, out_of_range=each, warnings=warnings)


def marks(
    features: np.ndarray, reference: Reference, rate: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return which samples are unlike the training data (n,), and their p-values (n,).

    None where there are too few held-out samples for the rate.

    Args:
        features: (n, d) of the model.
        reference: of the run.
        rate: share of samples like the training data that may be called unlike them.
    """
    from mlzoo.statistics.novelty.distances import nearest
    from mlzoo.statistics.scorers import p_values

    if len(reference.distances) < fewest(rate):
        return None
    distances = nearest(reference.whitening(features), reference.training)[1][:, 0]
    p = p_values(distances.astype("float32"), reference.distances)
    return p <= rate, p


def too_many(unlike: np.ndarray, rate: float) -> list[str]:
    """Return a warning where more samples are marked than false alarms explain (p below .01).

    Args:
        unlike: (n,) which are marked.
        rate: of false alarms.
    """
    from scipy.stats import binom

    count, n = int(unlike.sum()), len(unlike)
    if binom.sf(count - 1, n, rate) >= _CLEAR:
        return []
    return [
        f"{count} of {n} samples are unlike the training data, and {rate:.0%} would be by chance"
    ]


def _beyond(outside: np.ndarray, reference: Reference, names: list[str], trained: int) -> list[str]:
    """Return a warning of columns with more values beyond the training split's than by chance.

    A new value lies beyond the ends of N others with probability 2 / (N + 1).

    Args:
        outside: (n, c) whether a value does.
        reference: of the run.
        names: of the c columns.
        trained: N.
    """
    from scipy.stats import binom

    counts, n = outside.sum(axis=0), len(outside)
    chance = binom.sf(counts - 1, n, min(2 / (trained + 1), 1)) * len(names)
    columns = [k for k in (-counts).argsort(kind="stable") if chance[k] < _CLEAR]
    if not columns:
        return []
    shown = [
        f"{names[k]} ({counts[k]:,} of {n:,} rows, training {reference.low[k]:.4g} to "
        f"{reference.high[k]:.4g})"
        for k in columns[:_SHOWN]
    ]
    more = f", and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
    return [f"columns with values beyond those of the training split: {', '.join(shown)}{more}"]
