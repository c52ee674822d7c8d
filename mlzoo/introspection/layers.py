"""Choice of the layer for class activation maps: the last one that is still spatial."""

from __future__ import annotations

from math import prod
from typing import Any

import keras

from mlzoo.core.errors import UsageError
from mlzoo.core.registry import unknown
from mlzoo.introspection.graphs import NOT_SPATIAL, Called, of_members


def spatial(called: Called, rank: int) -> list[tuple[keras.layers.Layer, tuple[int, ...]]]:
    """Return layers whose output has locations, in call order, with that output's shape.

    A location is a pixel of a map (rank 4: batch, height, width, channels), a voxel (rank 5) or a
    step of a sequence (rank 3); there must be more than one. The heads of a transformer's attention
    and members that share weights are none.
    """
    fitting = []
    heads = {
        id(inner)
        for layer in called.order
        if rank == 4 and "Attention" in type(layer).__name__
        for inner in layer._flatten_layers(include_self=False)
    }
    heads |= {id(layer) for layer in of_members(called)}
    for layer in called.order:
        if id(layer) in heads or any(word in type(layer).__name__ for word in NOT_SPATIAL):
            continue
        shape = tuple(called.layers[id(layer)].shape.as_list())
        floats = called.layers[id(layer)].dtype.is_floating
        locations = shape[1:-1]
        if len(shape) == rank and floats and _several(locations) and not _whole_model(layer):
            fitting.append((layer, shape))
    return fitting


def _several(locations: tuple[int | None, ...]) -> bool:
    return any(side is None or side > 1 for side in locations)


def _whole_model(layer: keras.layers.Layer) -> bool:
    """Return True for nested models, whose last layer has the same output."""
    return isinstance(layer, keras.Model)


def choose(called: Called, rank: int, entry: Any, name: str | None = None) -> keras.layers.Layer:
    """Return the layer whose feature maps are used.

    By default the last with locations before they are pooled or flattened, of whatever kind but
    pooling itself; where the output has locations, as a U-Net's, the last of the smallest maps, its
    bottleneck; of a class a step, the last before the one that has a channel a class; of a
    forecast, whose steps are not the input's, the last that has the input's.

    Args:
        called: the model, called.
        rank: 5 for volumes, 4 for images, 3 for sequences.
        entry: the layer that scales inputs, which is none to look at.
        name: exactly this layer instead.

    Raises:
        UsageError: no layer has that name, or its output has no locations; or none has.
    """
    fitting = [(layer, shape) for layer, shape in spatial(called, rank) if layer is not entry]
    if name is not None:
        return _named(called, fitting, name)
    if not fitting:
        raise UsageError(
            "no layer of this model has an output with places (batch, height, width, channels) or "
            "(batch, steps, channels), which this method needs; try integrated_gradients"
        )
    fitting = [f for f in fitting if "Pooling" not in type(f[0]).__name__] or fitting
    outputs = called.outputs.shape
    # What is predicted of voxels are images of slices.
    if len(outputs) != min(rank, 4) or not _several(tuple(outputs.as_list()[1:-1])):
        return fitting[-1][0]
    if rank == 3 and outputs[1] != called.layers[id(called.order[0])].shape[1]:
        return _before_forecast(fitting, outputs[1])
    if rank == 3:
        inner = [layer for layer, shape in fitting if shape[-1] != outputs[-1]]
        return inner[-1] if inner else fitting[0][0]
    sizes = [[side or 1 << 30 for side in shape[1:-1]] for _, shape in fitting]
    smallest = min(map(prod, sizes))
    return [la for (la, _), each in zip(fitting, sizes, strict=True) if prod(each) == smallest][-1]


def _before_forecast(fitting: list[Any], ahead: int) -> keras.layers.Layer:
    """Return the last layer whose steps are the input's, not those of the forecast."""
    with_input_steps = [layer for layer, shape in fitting if shape[1] != ahead]
    if not with_input_steps:
        raise UsageError(
            "no layer of this model keeps the input's steps, which this method needs; try "
            "integrated_gradients or occlusion"
        )
    return with_input_steps[-1]


def _named(called: Called, fitting: list[Any], name: str) -> keras.layers.Layer:
    same = [layer for layer, _ in fitting if layer.name == name]
    if same:
        return same[-1]
    names = list(dict.fromkeys(layer.name for layer, _ in fitting))
    others = {layer.name: called.layers[id(layer)].shape for layer in called.order}
    if name in others:
        raise UsageError(
            f"--layer {name}: its output has shape {tuple(others[name])}, which has no places to "
            f"map; choose one of {', '.join(names[-8:])}"
        )
    raise UsageError(
        f"--layer: {unknown('layer', name, names)}; those with places end in "
        f"{', '.join(names[-8:])}"
    )
