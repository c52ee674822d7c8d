"""From a model plug-in to the network for a run's data, checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlzoo import registry
from mlzoo.configs import RunConfig
from mlzoo.errors import MlzooError, UsageError

if TYPE_CHECKING:
    import keras

    from mlzoo.data.samples import Data


def build_model(config: RunConfig, data: Data, seed: int) -> keras.Model:
    """The model plug-in's network for the data, its weights drawn from the seed.

    Raises:
        UsageError: the plug-in's model does not take these inputs or owe these outputs.
    """
    import keras

    plugin = registry.load("model", config.model)
    settings: Mapping[str, Any] = config.set
    keras.utils.clear_session()  # which also forgets the precision
    keras.config.set_dtype_policy(config.precision)
    keras.utils.set_random_seed(seed)
    try:
        model = plugin.build(plugin.Config(**settings), data.inputs, data.outputs)
    except Exception as error:
        if isinstance(error, MlzooError) or not config.model.endswith(".py"):
            raise
        raise UsageError(
            f"{config.model}: build failed: {type(error).__name__}: {error}"
        ) from error
    _check_functional(config.model, model)
    expected = (None, data.outputs.units)
    if tuple(model.output_shape) != expected:
        raise UsageError(
            f"{config.model}: the model's output has shape {model.output_shape}, the data need "
            f"{expected}; end it with outputs.head(features)"
        )
    return model


def _check_functional(name: str, model: Any) -> None:
    """Raise UsageError unless a model can be saved and loaded again without running its code."""
    import keras

    if not isinstance(model, keras.Model):
        raise UsageError(f"{name}: build returned {type(model).__name__}, not a keras.Model")
    if not getattr(model, "inputs", None):
        raise UsageError(
            f"{name}: build returned a {type(model).__name__}, not a Functional model; return "
            "keras.Model(start, outputs.head(features))"
        )
    for layer in _layers(model):
        if isinstance(layer, keras.layers.Lambda):
            raise UsageError(
                f"{name}: layer {layer.name!r} is a Lambda, which can't be loaded safely; write a "
                "keras.layers.Layer with call and get_config, registered with "
                "keras.saving.register_keras_serializable"
            )


def _layers(model: Any) -> Iterator[Any]:
    """All layers, those of layers within layers included."""
    for layer in model.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from _layers(layer)
