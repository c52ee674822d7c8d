"""A model called once within a TensorFlow graph, with what each of its layers gave.

A layer's `call` is shadowed while the graph is traced and put back afterwards. So it makes no
difference how a model was built: Functional, Sequential, loaded from a file, nested or subclassed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras

NOT_SPATIAL = (
    *("Dropout", "Identity", "InputLayer"),
    *("LinearPosterior", "MeanAndDeviation", "MixtureMoments", "Quantiles", "MeanQuantiles"),
    "ForecastQuantiles",
)
"""Layers that hand on what they get when nothing is trained; what they get has its own layer. Those
of predicted distributions have an axis of parameters, which is none of steps."""


@dataclass
class Called:
    """Symbolic outputs of one call of a model and of its layers.

    Attributes:
        outputs: the model's.
        calls: outputs of each layer, one for each call, by the layer's identity. Layers within a
            loop over time steps are left out.
        order: the layers in order of their calls.
    """

    outputs: Any = None
    calls: dict[int, list[Any]] = field(default_factory=dict)
    order: list[keras.layers.Layer] = field(default_factory=list)

    @property
    def layers(self) -> dict[int, Any]:
        """Each layer's output by the layer's identity; of several calls that of the last."""
        return {name: outputs[-1] for name, outputs in self.calls.items()}


def of_members(called: Called) -> list[keras.layers.Layer]:
    """Return the layers of members that share weights, whose outputs have an axis of members.

    In order of the calls; none of them has locations, and where members are folded into the batch,
    outputs have other rows than the inputs.
    """
    kept, inside = [], False
    for layer in called.order:
        kind = type(layer).__name__
        inside = (inside or kind == "SharedDense") and kind != "MemberMean"
        if inside:
            kept.append(layer)
    return kept


def all_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Return every layer of a model once, nested layers and models included."""
    layers = {id(layer): layer for layer in model._flatten_layers(include_self=False)}
    return list(layers.values())


def call(model: keras.Model, x: Any, instead: Mapping[int, Sequence[Any]] | None = None) -> Called:
    """Call a model within a graph and record the outputs of its layers.

    Args:
        model: left as it is.
        x: symbolic inputs (n, *shape).
        instead: outputs that layers (by identity) shall give in place of their own, one for each
            call.
    """
    import tensorflow as tf

    called, graph = Called(), tf.compat.v1.get_default_graph()
    given = {layer: iter(outputs) for layer, outputs in (instead or {}).items()}

    def record(layer: keras.layers.Layer, original: Callable[..., Any]) -> Callable[..., Any]:
        def shadow(*args: Any, **kwargs: Any) -> Any:
            replaced = given.get(id(layer))
            output = original(*args, **kwargs) if replaced is None else next(replaced)
            if getattr(output, "graph", None) is graph:
                called.calls.setdefault(id(layer), []).append(output)
                called.order.append(layer)
            return output

        return shadow

    with ExitStack() as stack:
        for layer in all_layers(model):
            stack.enter_context(shadowed(layer, record(layer, layer.call)))
        called.outputs = model(x, training=False)
    return called


@contextmanager
def shadowed(layer: keras.layers.Layer, function: Callable[..., Any]) -> Iterator[None]:
    """Give one layer another `call`; past Keras's own way of setting attributes, which locks."""
    before = layer.__dict__.get("call")
    layer.__dict__["call"] = function
    try:
        yield
    finally:
        if before is None:
            del layer.__dict__["call"]
        else:
            layer.__dict__["call"] = before
