"""Features of new samples: what the output layer sees of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.runs.models import outputs_of

if TYPE_CHECKING:
    import keras
    import numpy as np

    from mlzoo.runs.loaded import LoadedRun

_CHUNK = 1024


def features_of(run: LoadedRun, new: Any, listener: Listener) -> tuple[list[str], np.ndarray]:
    """Return names of new samples and their features (n, features); see `OpenedRun.features`.

    Raises:
        UsageError: the model has no features of a whole sample.
        DataError: the samples do not fit what the model was trained on.
    """
    import numpy as np

    extractor = feature_extractor(run)
    rows, names, warnings = run.read_new(new, listener)
    for warning in warnings:
        listener.warn(warning)
    parts = []
    for start in range(0, len(rows), _CHUNK):
        parts.append(outputs_of(extractor, rows[start : start + _CHUNK]))
        listener.progress(min(start + _CHUNK, len(rows)), len(rows), "computing features")
    return names, np.concatenate(parts)


def feature_extractor(run: LoadedRun) -> keras.Model:
    """Return the model from raw inputs to the features (batch, features) of a run's model.

    Raises:
        UsageError: it has none of a whole sample.
    """
    import keras

    from mlzoo.layers.features import last_features

    if run.target.scored:
        raise UsageError(f"{run.path} has features of patches, and none of a whole sample")
    if run.config.averaged > 1:
        raise UsageError(
            f"{run.path} is the mean of {run.config.averaged} models, each with features of "
            "its own; train one without --folds and --ensemble"
        )
    model = _encoding_model(run) if run.target.drawn else run.model
    seen = model.get_layer("code").output if run.target.is_input else last_features(model)
    if len(seen.shape) != 2:
        raise UsageError(
            f"the output layer sees {tuple(seen.shape)[1:]} of a sample here: places or "
            "steps, no features of the whole"
        )
    return keras.Model(model.inputs, seen)


def _encoding_model(run: LoadedRun) -> keras.Model:
    """Return the model from samples through their codes to samples, of one that draws them.

    Raises:
        UsageError: it has no codes of given samples.
    """
    from mlzoo.layers.sample_error import joined

    if not hasattr(registry.load("model", run.config.model), "encode"):
        raise UsageError(f"{run.config.model} draws samples and has no codes of given ones")
    return joined(run.networks["encoder"], run.model)
