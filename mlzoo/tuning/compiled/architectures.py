"""Architectures: networks that share a compiled program, without the numbers passed to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from mlzoo.core.configs import RunConfig
from mlzoo.core.settings import SHARED
from mlzoo.core.spaces import Space
from mlzoo.data.samples import Data
from mlzoo.tuning.compiled.dynamic_hyperparameters import numbers_of
from mlzoo.tuning.compiled.padding import can_pad, draws, is_vector, widened
from mlzoo.tuning.space_from_config import layers_of

_FREE = (
    *("learning_rate", "epochs", "early_stopping", "monitor", "keep", "batch_size", "seed"),
    *(
        "schedule",
        "schedule_set",
        "warmup",
        "decay_factor",
        "decay_every",
        "plateau_patience",
        "class_weights",
    ),
    "sampler",
)
_SETS = ("optimizer_set", "loss_set")
_CONVOLUTIONS = ("Conv", "Pooling", "Upsampling", "UpSampling")


@dataclass(frozen=True)
class Architecture:
    """Architecture of a candidate, and the numbers that are arguments of its program.

    Attributes:
        signature: equal for networks that share a program.
        drawn: equal for networks with equal initial weights for one seed.
        wide: the candidate that the program is built for.
        dropout: rates, as in `Scalars`.
        penalties: l1 and l2, as in `Scalars`.
        vector: whether its fits are faster when vectorized.
        random: whether its training draws random numbers.
    """

    signature: str
    drawn: str
    wide: RunConfig
    dropout: np.ndarray
    penalties: np.ndarray
    vector: bool
    random: bool


def architecture_of(model: keras.Model, config: RunConfig, space: Space) -> Architecture | None:
    """Return the architecture of a candidate; None if its program can't be shared.

    Args:
        model: the candidate's network.
        config: the candidate.
        space: of the search; a narrow candidate is padded to a wide one of it.
    """
    plain = getattr(model, "twin", None) or getattr(model, "plain_only", False)
    # A reset would not restore the state that a layer keeps between calls.
    if plain or any(getattr(layer, "stateful", False) for layer in model.layers):
        return None
    padded = can_pad(model)
    wide = widened(config, space) if padded else config
    dropout, penalties = numbers_of(model)
    return Architecture(
        signature=_signature(model, config, wide if padded else None),
        drawn=_drawn(model),
        wide=wide,
        dropout=dropout,
        penalties=penalties,
        vector=is_vector(model),
        random=draws(model),
    )


def key_of(config: RunConfig, data: Data) -> str:
    """Return a key, equal for candidates with the same network."""
    fixed = {n: v for n, v in config.model_dump(mode="json").items() if n not in _FREE}
    return json.dumps([fixed, data.inputs.shape, data.outputs.units], sort_keys=True, default=str)


def _signature(model: keras.Model, config: RunConfig, wide: RunConfig | None) -> str:
    """Return the signature of a network and its training, without the numbers that are arguments.

    With `wide`, the candidate that it is padded to, its own widths are left out.
    """
    layers = [_masked(layer) for layer in model.get_config()["layers"]]
    if wide is not None:
        for layer in layers:
            layer["config"].pop("units", None)
    training = [
        getattr(config, name)
        for name in ("optimizer", "loss", *SHARED["optimizer"], *SHARED["loss"], *_SETS)
    ]
    settings = {layers.setting for layers in layers_of(config.model).values()}
    sizes = None if wide is None else [wide.set.get(name) for name in sorted(settings)]
    content = [layers, sizes, training, config.clip_norm, config.clip_value]
    return json.dumps(content, sort_keys=True, default=str)


def _drawn(model: keras.Model) -> str:
    """Return what initial weights depend on: the layers with weights or random numbers."""
    layers = []
    for layer in model.layers:
        if layer.weights or "Dropout" in type(layer).__name__:
            config = _masked_config(type(layer).__name__, layer.get_config())
            config.pop("activation", None)
            layers.append([type(layer).__name__, config, [w.shape for w in layer.weights]])
    return json.dumps(layers, sort_keys=True, default=str)


def _masked(layer: dict[str, Any]) -> dict[str, Any]:
    """Return a layer's configuration without dropout rate, penalties and generated names."""
    links = [_sources(node["args"]) for node in layer["inbound_nodes"]]
    config = _masked_config(layer["class_name"], layer["config"])
    return {"class": layer["class_name"], "config": config, "links": links}


def _sources(arguments: Any) -> Any:
    """Return the sources of a layer's inputs, without shapes, which depend on widths."""
    if isinstance(arguments, dict):
        return arguments.get("config", {}).get("keras_history")
    return [_sources(one) for one in arguments] if isinstance(arguments, list | tuple) else None


def _masked_config(kind: str, config: Mapping[str, object]) -> dict[str, object]:
    config = dict(config)
    if kind == "Dropout":
        config.pop("rate")
    for name, value in config.items():
        if name.endswith("_regularizer") and isinstance(value, dict):
            config[name] = True
        if name.endswith("_initializer") and isinstance(value, dict):
            inner = {k: v for k, v in value["config"].items() if k != "seed"}
            config[name] = [value["class_name"], inner]
    return config


def is_convolutional(layer: keras.layers.Layer) -> bool:
    """Return whether a layer makes compiled epochs slower than compiled steps on a CPU."""
    return any(word in type(layer).__name__ for word in _CONVOLUTIONS)
