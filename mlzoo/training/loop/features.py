"""Features of a frozen backbone for each sample, computed once for all epochs."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

import keras
import numpy as np

from mlzoo.core.progress import Listener
from mlzoo.data.samples import Data, Part
from mlzoo.data.specs import FrozenBackboneSplit
from mlzoo.training.checkpoints import weights_sha256

_KEPT: OrderedDict[tuple[str, ...], np.ndarray] = OrderedDict()
_MOST = 2
"""Arrays of features that are kept, for the many fits of a search."""


def halved(model: keras.Model, data: Data, listener: Listener) -> tuple[keras.Model, Data] | None:
    """The half of a model that learns, and data that are what the other half gives.

    None where no half of it is frozen, or samples are changed at random, and so are never the
    same twice.
    """
    halves: FrozenBackboneSplit | None = getattr(model, "halves", None)
    if halves is None:
        return None
    if data.policy.steps:
        listener.note("features are computed anew each epoch, since --augment changes the samples")
        return None
    features = _features(halves.extractor, data, listener)
    listener.note(f"features of the frozen layers, computed once: {features.shape[1]} a sample")
    samples = replace(data.samples, inputs=features, kind="array", columns=(), maximum=None)
    spec = replace(data.inputs, shape=features.shape[1:], kind="array", dtype="float32", scaling=())
    train, valid, test = (Part(samples, part.indices) for part in data.parts().values())
    feature_data = replace(data, samples=samples, inputs=spec, train=train, valid=valid, test=test)
    return halves.head, feature_data


def _features(extractor: keras.Model, data: Data, listener: Listener) -> np.ndarray:
    """(samples, features) float32; zeros for the test split, which training does not look at."""
    wanted = np.concatenate([data.train.indices, data.valid.indices])
    places = np.array2string(wanted, threshold=len(wanted) + 1)
    key = (data.fingerprint, weights_sha256(extractor), places, str(extractor.input_shape))
    if key not in _KEPT:
        _KEPT[key] = _computed(extractor, data, wanted, listener)
        while len(_KEPT) > _MOST:
            _KEPT.popitem(last=False)
    _KEPT.move_to_end(key)
    return _KEPT[key]


def _computed(
    extractor: keras.Model, data: Data, wanted: np.ndarray, listener: Listener
) -> np.ndarray:
    from mlzoo.runs.models import outputs_of

    inputs = data.samples.inputs
    features = np.zeros((len(inputs), extractor.output_shape[-1]), "float32")
    for start in range(0, len(wanted), 1024):
        few = wanted[start : start + 1024]
        features[few] = outputs_of(extractor, inputs[few])
        listener.progress(min(start + 1024, len(wanted)), len(wanted), "computing features")
    return features
