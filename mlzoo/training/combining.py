"""One model of several: the mean of members."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from mlzoo.data.specs import Outputs
from mlzoo.layers.members import Members, mean_of
from mlzoo.layers.predictive import mean_quantiles, mixture_mean, trained_on


def combine(models: Sequence[keras.Model], outputs: Outputs) -> keras.Model:
    """Return one model of several with the same inputs and outputs.

    Its layer `members` holds the outputs of all, (batch, K, ...), and its output is their mean: of
    distributions that of their mixture, of numbers, or of probabilities, whose logarithms are its
    logits. Where the models begin with the same scaling, this is applied once.

    Args:
        models: the members; their weights are shared, not copied.
        outputs: what they predict.
    """
    models = [trained_on(model, outputs) for model in models]
    first = models[0]
    start = tensor = keras.Input(first.input_shape[1:], dtype=first.inputs[0].dtype, name="input")
    bodies = _scaled_bodies(models)
    if bodies:
        scaling = first.get_layer("scaling")
        start = type(scaling).from_config(scaling.get_config())(tensor)
    else:
        bodies = [
            keras.Model(model.input, model.output, name=f"member{number}")
            for number, model in enumerate(models, start=1)
        ]
    stacked = Members(name="members")([body(start) for body in bodies])
    if outputs.quantiles:
        return keras.Model(tensor, mean_quantiles(stacked, outputs.quantiles), name=first.name)
    if outputs.distribution:
        return keras.Model(tensor, mixture_mean(stacked), name=first.name)
    mean = mean_of(stacked, outputs.target)
    return keras.Model(tensor, mean, name=first.name)


def _scaled_bodies(models: Sequence[keras.Model]) -> list[keras.Model]:
    """Return models of what follows the scaling, none where they do not begin with the same."""
    layers = [layer for model in models for layer in model.layers if layer.name == "scaling"]
    configs = [layer.get_config() for layer in layers]
    alike = len(layers) == len(models) and all(config == configs[0] for config in configs)
    if not alike or any(layer.weights for layer in layers):
        return []
    try:
        return [
            keras.Model(layer.output, model.output, name=f"member{number}")
            for number, (model, layer) in enumerate(zip(models, layers, strict=True), start=1)
        ]
    except ValueError:  # something else reads the raw inputs
        return []
