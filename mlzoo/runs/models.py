"""Loading a Keras model from a file, and running it in chunks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from math import prod
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from zipfile import is_zipfile

from mlzoo.core.errors import UsageError, is_out_of_memory

if TYPE_CHECKING:
    import keras
    import numpy as np

    from mlzoo.data.contracts import LogWeights
    from mlzoo.data.environments.environment import Policy
    from mlzoo.data.specs import Outputs


_MOST_WEIGHED = 2_000_000
"""Parameters of a model that samples are weighed by, at most: each is decoded many times."""
_UNPACKED = 50
"""Times its size that a large .keras file may unpack to: Keras does not compress weights."""


def read_model(path: Path) -> keras.Model:
    """Return the model of a .keras file; code that the file holds is never run.

    Raises:
        UsageError: the file is damaged, holds code or layers that are not known, or needs KerasHub.
        DataError: it unpacks to more than any model of its size.
    """
    import keras

    import mlzoo.layers  # noqa: F401  (registers our layers)
    from mlzoo.data.arrays import refuse_bomb
    from mlzoo.layers.portable import read_own_layers

    if is_zipfile(path):
        refuse_bomb(path, times=_UNPACKED)
    try:
        own = read_own_layers(path) if is_zipfile(path) else None
        if own is not None:
            return own
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # A file made to do harm may fail in any way.
        if is_out_of_memory(error):
            raise
        text = str(error).strip()
        if "safe_mode" in text:
            raise UsageError(
                f"{path} holds Python code or names files outside of it (such as a Lambda layer), "
                "which is never run or read; build the model of layers that "
                "keras.saving.register_keras_serializable marks"
            ) from error
        if "keras_hub" in text and not find_spec("keras_hub"):
            raise UsageError(
                f"{path} holds layers of KerasHub, which is not installed; install it with "
                "`pip install 'mlzoo-keras[hub]'`"
            ) from error
        reason = text.splitlines()[0] if text else repr(error)
        raise UsageError(f"{path} can't be loaded: {reason[:300]}") from error


def outputs_of(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """Return a model's outputs (n, units), computed in chunks that bound memory."""
    import numpy as np

    size = chunk_size(inputs.shape[1:])
    chunks = [
        np.asarray(model.predict_on_batch(inputs[start : start + size]))
        for start in range(0, len(inputs), size)
    ]
    return np.concatenate(chunks) if chunks else np.zeros((0, model.output_shape[-1]), "float32")


def greedy(model: keras.Model) -> Policy:
    """Return the policy that takes the action with a model's largest output."""
    return lambda episodes: outputs_of(model, episodes.observations).argmax(axis=1)


def draw_samples(
    plugin: ModuleType,
    settings: Mapping[str, Any],
    networks: Mapping[str, keras.Model],
    count: int,
    seed: int,
    conditions: np.ndarray | None = None,
) -> np.ndarray:
    """Return new scaled samples (count, *shape) of a generative model.

    Args:
        plugin: of the model; see `decode_codes`.
        settings: values of the model's `Config` by field.
        networks: by name.
        count: how many.
        seed: decides what is drawn; the same samples come first, however many are drawn.
        conditions: (count,) class position or number of each, of a conditional model.
    """
    import numpy as np

    shape = networks[plugin.MAIN].inputs[0].shape[1:]
    codes = np.random.default_rng(seed).normal(size=(count, *shape)).astype("float32")
    return decode_codes(plugin, settings, networks, codes, conditions)


def conditions_in_turn(
    classes: int, quantiles: Sequence[float], positions: np.ndarray
) -> np.ndarray | None:
    """Return class positions or numbers (n,) for samples at positions; None without a condition.

    Each class comes in turn. Numbers are spread as those of the training split, and so are the
    first of them: a sequence of multiples of the golden ratio, which begins with the median.

    Args:
        classes: how many there are; 0: none.
        quantiles: of the number, from least to largest; none where there is none.
        positions: (n,) from 0.
    """
    import numpy as np

    if quantiles:
        shares = np.mod(0.5 + positions * ((5**0.5 - 1) / 2), 1.0)
        numbers = np.interp(shares, np.linspace(0, 1, len(quantiles)), quantiles)
        return np.asarray(numbers, "float32")
    return positions % classes if classes else None


def decode_codes(
    plugin: ModuleType,
    settings: Mapping[str, Any],
    networks: Mapping[str, keras.Model],
    codes: np.ndarray,
    conditions: np.ndarray | None = None,
) -> np.ndarray:
    """Return the scaled samples (n, *shape) that a generative model makes of codes.

    Args:
        plugin: of the model. Its `decode(config, networks, codes)` makes them; without one the
            main network does. Where there are conditions, both get them after the codes.
        settings: values of the model's `Config` by field.
        networks: by name.
        codes: (n, *shape of a code), standard normal where samples are drawn.
        conditions: (n,) class position or number of each, of a conditional model.
    """
    import numpy as np

    if hasattr(plugin, "decode"):
        given = () if conditions is None else (conditions,)
        samples: np.ndarray = plugin.decode(plugin.Config(**settings), networks, codes, *given)
        return samples
    main = networks[plugin.MAIN]
    if conditions is None:
        return outputs_of(main, codes)
    size = chunk_size(main.output_shape[1:])
    chunks = [
        np.asarray(main.predict_on_batch([codes[at : at + size], conditions[at : at + size, None]]))
        for at in range(0, len(codes), size)
    ]
    return np.concatenate(chunks)


def log_weights_of(
    plugin: ModuleType,
    settings: Mapping[str, Any],
    networks: Mapping[str, keras.Model],
    outputs: Outputs,
    seed: int,
) -> LogWeights | None:
    """Return what weighs drawn codes of given samples; None of a model without it or a large one.

    Args:
        plugin: of the model; its `log_weights` does where there is one.
        settings: values of the model's `Config` by field.
        networks: by name.
        outputs: specification of scaled samples.
        seed: of the codes that are drawn.
    """
    from mlzoo.statistics.unlabeled.likelihood import CODES

    if not hasattr(plugin, "log_weights"):
        return None
    if networks[plugin.MAIN].count_params() > _MOST_WEIGHED:
        return None
    config = plugin.Config(**settings)
    weigh: LogWeights = partial(plugin.log_weights, config, networks, outputs, CODES, seed)
    return weigh


def chunk_size(shape: tuple[int, ...]) -> int:
    """Return the samples to predict at once: 32 to 1024, about a million numbers."""
    return min(max(1_000_000 // max(prod(shape), 1), 32), 1024)
