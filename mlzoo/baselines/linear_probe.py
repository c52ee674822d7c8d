"""Logistic or ridge regression on features of a backbone that was trained on ImageNet.

Alain and Bengio, "Understanding intermediate layers using linear classifier probes" (2017). Left
out where the weights are not in the cache of Keras (`mlzoo weights pull mobilenet_v2`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.baselines._samples import Estimator, fit_samples
from mlzoo.core.backbones import keras_home
from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data

TARGETS = ("classes per sample", "numbers per sample")
LEARNS = True
FAST = False
ROWS = 2_000
"""Training images that it is fitted on, at most."""
SIDE = 96
"""Smaller images are enlarged to this height and width, in pixels."""
_FILE = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
_BATCH = 32


@dataclass(frozen=True)
class ProbedBackbone:
    """Settings of the backbone, see `layers/pretrained.py`."""

    backbone: str = "mobilenet_v2"
    weights: str = "imagenet"
    alpha: float = 1.0
    train: str = "head"
    rate: float = 1.0
    freeze_norm: bool = True


PROBE = ProbedBackbone()


def left_out(data: Data) -> str:
    """Return why images have no such baseline here; "" where they have, or are none."""
    weights = keras_home() / "models" / _FILE
    if not _fits(data) or PROBE.weights != "imagenet" or weights.is_file():
        return ""
    return (
        f"baseline linear_probe is left out: the weights of {PROBE.backbone} are not in the cache "
        f"(`mlzoo weights pull {PROBE.backbone}`)"
    )


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the regression; None where samples are no single images, or without weights."""
    if not len(data.train) or not _fits(data) or left_out(data):
        return None
    from sklearn.linear_model import LogisticRegression, Ridge

    def make() -> Estimator:
        classes = data.samples.target.is_class
        return Estimator(LogisticRegression(max_iter=300) if classes else Ridge())

    features = _features(data), f"features of {PROBE.backbone}"
    return fit_samples(data, seed, ROWS, make, features)


def _fits(data: Data) -> bool:
    shape = data.samples.inputs.shape[1:]
    return data.samples.kind == "image" and len(shape) == 3 and shape[-1] in (1, 3)


def _features(data: Data) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from images (n, height, width, channels) to features (n, d)."""
    import keras

    from mlzoo.layers.pretrained import attach

    tensor, x = data.inputs.start()
    if min(x.shape[1:3]) < SIDE:
        x = keras.layers.Resizing(SIDE, SIDE, name="enlarge")(x)
    settings: Any = PROBE
    backbone = attach(x, data.inputs.kind, settings)
    average = keras.layers.GlobalAveragePooling2D()(backbone.output)
    network = keras.Model(tensor, average)

    def features(images: np.ndarray) -> np.ndarray:
        starts = range(0, len(images), _BATCH)
        chunks = [network.predict_on_batch(images[start : start + _BATCH]) for start in starts]
        return np.concatenate(chunks).astype("float64")

    return features
