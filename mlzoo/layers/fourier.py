"""Random Fourier features of numbers, and the scale of frequencies that a validation split prefers.

Tancik et al. 2020, "Fourier features let networks learn high frequency functions in low dimensional
domains": a network learns low frequencies first (spectral bias); given cos(2 pi B x) and
sin(2 pi B x) it learns those near the frequencies B as fast.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import keras
import numpy as np
from keras import ops

from mlzoo.layers.derivatives.interface import functions
from mlzoo.layers.numbers import LeadingNumbers

if TYPE_CHECKING:
    from mlzoo.data.samples import Data, Part

Frequencies = Literal["gaussian", "laplacian"]
SCALES = tuple((0.05 * 2.0 ** np.arange(11)).tolist())
"""Candidates of `choose_scale`, in periods a unit of the scaled numbers: 0.05 to 51.2."""
_PENALTIES = (1e-6, 1e-4, 1e-2, 1.0)
_MOST_ROWS = 4000


@keras.saving.register_keras_serializable(package="mlzoo")
class FourierFeatures(LeadingNumbers):
    """Replace numbers x (batch, count) by cos(2 pi B x) and sin(2 pi B x).

    The frequencies B (frequencies, count) are drawn once and saved with the model.

    Args:
        count: numbers that the features (batch, features) begin with.
        frequencies: rows of B; the numbers become twice as many values.
        scale: standard deviations of the entries of B, in periods a unit of x; of several each is
            that of an equal share of the rows. None: 1, until `choose_scale` multiplies them.
        distribution: of the entries of B; laplacian has heavier tails.
        trainable: whether training changes B.
    """

    def __init__(
        self,
        count: int,
        frequencies: int,
        scale: Sequence[float] | None = None,
        distribution: Frequencies = "gaussian",
        trainable: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(count, trainable=trainable, **kwargs)
        self.frequencies = int(frequencies)
        self.scale = None if scale is None else [float(value) for value in scale]
        self.distribution = distribution

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Draw the frequencies."""
        self.b = self.add_weight(
            shape=(self.frequencies, self.count), initializer=self._draw, name="frequencies"
        )

    def _draw(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        if self.distribution == "gaussian":
            drawn = keras.random.normal(shape, dtype=dtype)
        else:
            # The inverse of a Laplace distribution's function, of standard deviation 1.
            u = keras.random.uniform(shape, -0.5 + 1e-6, 0.5 - 1e-6, dtype=dtype)
            drawn = -ops.sign(u) * ops.log(1 - 2 * ops.abs(u)) / math.sqrt(2)
        scale = np.array(self.scale or [1.0])
        rows = np.arange(shape[0]) * len(scale) // shape[0]
        return drawn * ops.cast(scale[rows][:, None], drawn.dtype)

    def change(self, numbers: Any) -> Any:
        """Return (batch, 2 * frequencies)."""
        angles = 2 * math.pi * ops.matmul(numbers, ops.transpose(self.b))
        xp = functions()
        return ops.concatenate([xp.cos(angles), xp.sin(angles)], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, features + 2 * frequencies - count)."""
        features = input_shape[-1]
        assert features is not None
        return (input_shape[0], features + 2 * self.frequencies - self.count)

    def get_config(self) -> dict[str, object]:
        """Return the arguments."""
        arguments = {
            "frequencies": self.frequencies,
            "scale": self.scale,
            "distribution": self.distribution,
        }
        return {**super().get_config(), **arguments}


def choose_scale(model: keras.Model, layer: FourierFeatures, data: Data) -> None:
    """Multiply a layer's frequencies by the scale that is best on validation.

    For each of `SCALES` a ridge regression on the layer's features is fitted to the training split,
    and the one with the least squared error on the validation split (on every fifth training row
    where there is none) decides. It stands for the network, which costs thousands of times more.

    Args:
        model: a Functional model that the layer is part of.
        layer: its frequencies are of scale 1.
        data: at most 4,000 rows of each split are read.
    """
    below = keras.Model(model.input, layer.input)
    train, valid = _rows(data.train, below), _rows(data.valid, below)
    if not len(valid[0]):
        held = np.arange(len(train[0])) % 5 == 0
        valid, train = (tuple(part[rows] for part in train) for rows in (held, ~held))
    b = ops.convert_to_numpy(layer.b).astype(float)
    errors = [_ridge_error(train, valid, scale * b) for scale in SCALES]
    layer.b.assign(SCALES[int(np.argmin(errors))] * b)


def _rows(part: Part, below: keras.Model) -> tuple[np.ndarray, np.ndarray]:
    """Return what a layer gets (n, features) and targets (n, k), of evenly spread samples."""
    count = len(part)
    if not count:
        return np.empty((0, 1)), np.empty((0, 1))
    rows = np.unique(np.linspace(0, count - 1, min(count, _MOST_ROWS)).astype(int))
    targets = np.asarray(part.targets_at(rows))
    if part.samples.target.is_class:
        targets = targets[:, None] == np.arange(len(part.samples.class_names))
    features = ops.convert_to_numpy(below(part.inputs(rows), training=False))
    return features.astype(float), targets.reshape(len(rows), -1).astype(float)


def _ridge_error(
    train: tuple[np.ndarray, np.ndarray], valid: tuple[np.ndarray, np.ndarray], b: np.ndarray
) -> float:
    """Return the least error on validation of ridge regressions with several penalties.

    Targets are divided by their deviation, so that each counts as much.
    """
    mean, std = train[1].mean(axis=0), train[1].std(axis=0)
    y, y_valid = ((part[1] - mean) / np.where(std > 0, std, 1) for part in (train, valid))
    x, x_valid = (_waves(part[0], b) for part in (train, valid))
    center = x.mean(axis=0)
    values, vectors = np.linalg.eigh((x - center).T @ (x - center) / len(x))
    projected = vectors.T @ ((x - center).T @ y) / len(x)
    errors = []
    for penalty in _PENALTIES:
        weights = vectors @ (projected / (np.maximum(values, 0) + penalty)[:, None])
        errors.append(float(np.mean(((x_valid - center) @ weights - y_valid) ** 2)))
    return min(errors)


def _waves(features: np.ndarray, b: np.ndarray) -> np.ndarray:
    count = b.shape[1]
    angles = 2 * np.pi * features[:, :count] @ b.T
    return np.concatenate([np.cos(angles), np.sin(angles), features[:, count:]], axis=1)
