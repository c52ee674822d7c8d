"""Calls of mlzoo's layers on symbolic tensors, by layers and operations of Keras alone.

A layer without weights is the operations of its `call`. What it computes from constants or from
its own variables becomes a constant of the file; weights that are worth changing stay weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import keras
from keras import ops

from mlzoo.core.errors import MlzooError
from mlzoo.layers.activations import AdaptiveTanh, TrainableExponent, TrainableSlope
from mlzoo.layers.attention_decoder import AttentionDecoder, DecoderParts, unrolled
from mlzoo.layers.cumulative import CumulativeProbabilities
from mlzoo.layers.decoding import FeedbackCell, NoTeacher
from mlzoo.layers.forecast_quantiles import ForecastQuantiles
from mlzoo.layers.fourier import FourierFeatures
from mlzoo.layers.groups import GroupConvolution
from mlzoo.layers.hamiltonian import HamiltonianFlow
from mlzoo.layers.members import MemberScale, SharedDense
from mlzoo.layers.nearest_features import NearestFeature
from mlzoo.layers.numbers import PeriodicEmbedding
from mlzoo.layers.padding import CropLike, PadToMultiple
from mlzoo.layers.predictive import LinearPosterior
from mlzoo.layers.quantum.circuit import QuantumCircuit
from mlzoo.layers.spectral import SpectralConvolution
from mlzoo.layers.steps import AttentionPooling
from mlzoo.layers.stock_images import bilinear, crop_like, pad_to_multiple
from mlzoo.layers.upsampling import BilinearUp
from mlzoo.layers.whitening import Whitening
from mlzoo.layers.windows import (
    LogChannels,
    NormalizedWindow,
    WindowForecast,
    WindowSeason,
    WindowShortcut,
)


def is_own(layer: Any) -> bool:
    """Return whether a layer is mlzoo's, or one of Keras that holds a cell of mlzoo."""
    kinds = type(layer), type(getattr(layer, "cell", layer))
    own = any(kind.__module__.startswith("mlzoo.") for kind in kinds)
    return isinstance(layer, keras.layers.Layer) and own


def stock_call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
    """Return what a layer returns for symbolic tensors, without the layer itself.

    Args:
        layer: of mlzoo, built.
        *args: its positional arguments, KerasTensors among them.
        **kwargs: its other arguments, such as `mask`.

    Raises:
        MlzooError: it has weights, and nothing here says how Keras would hold them.
    """
    kwargs.pop("training", None)
    return _call(layer, *keras.tree.map_structure(lambda x: _cast(layer, x), args), **kwargs)


def _cast(layer: keras.layers.Layer, x: Any) -> Any:
    """Return what `Layer.__call__` would give the layer: floats in the layer's precision."""
    symbolic = isinstance(x, keras.KerasTensor)
    if not symbolic or not layer.autocast or "float" not in x.dtype:
        return x
    return x if x.dtype == layer.compute_dtype else ops.cast(x, layer.compute_dtype)


@singledispatch
def _call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
    if layer.weights:
        raise MlzooError(
            f"layer {layer.name} ({type(layer).__name__}) can't be expressed in layers of Keras"
        )
    return layer.call(*args, **kwargs)


@_call.register(ForecastQuantiles)
@_call.register(QuantumCircuit)
@_call.register(LogChannels)
@_call.register(NormalizedWindow)
@_call.register(WindowForecast)
def _fixed(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
    """Call a layer whose variables, statistics or angles, become constants."""
    return layer.call(*args, **kwargs)


@_call.register
def _nearest(layer: NearestFeature, x: Any) -> Any:
    """Return the distance to the stored feature b with the largest 2 x b - |b|^2.

    A dense layer and an embedding hold the features.
    """
    bank, name, dtype = ops.convert_to_numpy(layer.bank), layer.name, _dtype(layer)
    center = bank.mean(axis=0)
    bank, x = bank - center, x - center
    products = keras.layers.Dense(len(bank), name=f"{name}_products", dtype=dtype)
    features = keras.layers.Embedding(*bank.shape, name=f"{name}_bank", dtype=dtype)
    nearest = features(ops.top_k(products(x), 1)[1][..., 0])
    products.set_weights([2 * bank.T, -(bank**2).sum(axis=-1)])
    features.set_weights([bank])
    return ops.mean(ops.square(x - nearest), axis=-1, keepdims=True)


@_call.register
def _exponent(layer: TrainableExponent, x: Any) -> Any:
    power = ops.power(ops.maximum(x, 1e-7), _number(layer.exponent))
    return ops.where(x > 0, power, 0.01 * x)


@_call.register
def _slope(layer: TrainableSlope, x: Any) -> Any:
    return ops.maximum(x, 0) + _number(layer.slope) * ops.minimum(x, 0)


@_call.register
def _adaptive_tanh(layer: AdaptiveTanh, x: Any) -> Any:
    scaled = _number(layer.slope) * x if layer.adaptive else x
    return 2 * ops.sigmoid(2 * scaled) - 1


@_call.register
def _cumulative(layer: CumulativeProbabilities, score: Any) -> Any:
    steps = ops.cumsum(ops.softplus(layer.gaps))
    cuts = ops.concatenate([layer.first, layer.first + steps])
    below = ops.sigmoid(ops.subtract(cuts[None], score))
    upper = ops.concatenate([below, ops.ones_like(score)], axis=1)
    return upper - ops.concatenate([ops.zeros_like(score), below], axis=1)


@_call.register
def _posterior(layer: LinearPosterior, inputs: Sequence[Any]) -> Any:
    features, mean = inputs
    center, root, noise, intercept = map(
        ops.convert_to_tensor, (layer.center, layer.root, layer.noise, layer.intercept)
    )
    along = ops.einsum("np,kpq->nkq", ops.subtract(features, center), root)
    variance = ops.sum(ops.square(along), axis=-1) + ops.add(intercept, noise)
    return ops.stack([mean, ops.sqrt(variance)], axis=1)


@_call.register
def _attention(layer: AttentionPooling, x: Any, mask: Any = None) -> Any:
    units = layer.kernel.shape[1]
    hidden = keras.layers.Dense(units, "tanh", name=f"{layer.name}_hidden", dtype=_dtype(layer))
    score = keras.layers.Dense(1, use_bias=False, name=f"{layer.name}_score", dtype=_dtype(layer))
    scores = score(hidden(x))
    _set(hidden, layer.kernel, layer.bias)
    _set(score, layer.vector)
    if mask is not None:
        scores = ops.where(mask[..., None], scores, ops.cast(-1e4, scores.dtype))
    return ops.sum(ops.softmax(scores, axis=1) * x, axis=1)


@_call.register
def _fourier(layer: FourierFeatures, x: Any) -> Any:
    waves = keras.layers.Dense(
        layer.frequencies, use_bias=False, name=f"{layer.name}_waves", dtype=_dtype(layer)
    )
    angles = 2 * math.pi * waves(x[:, : layer.count])
    _set(waves, ops.transpose(layer.b))
    return _beside_rest([ops.cos(angles), ops.sin(angles)], x, layer.count)


@_call.register
def _hamiltonian(layer: HamiltonianFlow, x: Any) -> Any:
    def matmul(x: Any, units: int, part: str, kernel: Any, bias: Any = None) -> Any:
        name = f"{layer.name}_{part}"
        dense = keras.layers.Dense(units, use_bias=bias is not None, name=name, dtype=_dtype(layer))
        result = dense(x)
        _set(dense, *([kernel] if bias is None else [kernel, bias]))
        return result

    outputs = []
    for number, (kernel, bias) in enumerate(zip(layer.kernels, layer.biases, strict=True), 1):
        x = ops.tanh(matmul(x, kernel.shape[1], f"hidden{number}", kernel, bias))
        outputs.append(x)
    energy = ops.convert_to_numpy(layer.energy_kernel).T
    gradient = (1 - ops.square(outputs[-1])) * ops.convert_to_tensor(energy)
    for number in range(len(outputs) - 1, -1, -1):
        kernel = layer.kernels[number]
        turned = ops.transpose(kernel)
        gradient = matmul(gradient, kernel.shape[0], f"back{number + 1}", turned)
        if number:
            gradient = gradient * (1 - ops.square(outputs[number - 1]))
    return layer.turned(gradient)


@_call.register
def _whitening(layer: Whitening, x: Any) -> Any:
    components = keras.layers.Dense(
        layer.count, use_bias=False, name=f"{layer.name}_components", dtype=_dtype(layer)
    )
    center = ops.convert_to_tensor(layer.center, x.dtype)
    result = _beside_rest([components(ops.subtract(x[:, : layer.count], center))], x, layer.count)
    _set(components, layer.matrix)
    return result


@_call.register
def _periodic(layer: PeriodicEmbedding, x: Any) -> Any:
    numbers = x[:, : layer.count]
    waves = _einsum(layer, "waves", "bn,nk->bnk", layer.f, layer.b)
    mapped = _einsum(layer, "map", "bnk,nko->bno", layer.kernel, layer.bias)
    values = mapped(ops.cos(waves(2 * math.pi * numbers)))
    _set(waves, layer.f, layer.b)
    _set(mapped, layer.kernel, layer.bias)
    embedded = ops.concatenate([ops.expand_dims(numbers, -1), values], axis=-1)
    return _beside_rest([ops.reshape(embedded, (-1, layer.count * layer.size))], x, layer.count)


@_call.register
def _shared_dense(layer: SharedDense, x: Any) -> Any:
    inputs = _einsum(layer, "r", "bf,kf->bkf" if len(x.shape) == 2 else "bkf,kf->bkf", layer.r)
    kernel = _einsum(layer, "kernel", "bkf,fu->bku", layer.kernel, members=layer.members)
    outputs = _einsum(layer, "s", "bku,ku->bku", layer.s, layer.b)
    result = outputs(kernel(inputs(x)))
    _set(inputs, layer.r)
    _set(kernel, layer.kernel)
    _set(outputs, *(each for each in (layer.s, layer.b) if each is not None))
    return result


@_call.register
def _member_scale(layer: MemberScale, x: Any) -> Any:
    axes = "kfghij"[: len(layer.scale.shape)]
    scale = _einsum(layer, "scale", f"b{axes},{axes}->b{axes}", layer.scale, layer.bias)
    result = scale(x)
    _set(scale, *(each for each in (layer.scale, layer.bias) if each is not None))
    return result


@_call.register
def _shortcut(layer: WindowShortcut, x: Any) -> Any:
    count = x.shape[1] * x.shape[2]
    last = x[:, -1:]
    changes = (x - last) / ops.convert_to_tensor(layer.scale)
    level = (last - ops.convert_to_tensor(layer.mean)) / ops.convert_to_tensor(layer.spread)
    flat = ops.concatenate(
        [ops.reshape(changes, (-1, count)), ops.reshape(level, (-1, x.shape[2]))], axis=1
    )
    linear = keras.layers.Dense(
        layer.kernel.shape[1], name=f"{layer.name}_linear", dtype=_dtype(layer)
    )
    values = ops.reshape(linear(flat), (-1, layer.horizon, len(layer.channels)))
    _set(linear, layer.start + layer.kernel, layer.start_bias + layer.bias)
    places = ops.convert_to_tensor(layer.channels, "int32")
    return ops.take(last, places, axis=2) + values * ops.take(layer.scale, places)


@_call.register
def _season(layer: WindowSeason, x: Any) -> Any:
    added = []
    for target, channel in enumerate(layer.channels):
        name, dtype = f"{layer.name}_{target}", _dtype(layer)
        phases = keras.layers.Dense(layer.season, "softmax", name=f"{name}_phases", dtype=dtype)
        offsets = keras.layers.Dense(
            layer.horizon, use_bias=False, name=f"{name}_offsets", dtype=dtype
        )
        added.append(offsets(phases(x[:, :, channel] - x[:, -1:, channel])))
        _set(phases, layer.kernel[target], layer.bias[target])
        _set(offsets, layer.offsets[target])
    return ops.stack(added, axis=-1)


@_call.register
def _spectral(layer: SpectralConvolution, x: Any) -> Any:
    kernels = layer.real, layer.imaginary
    multiply = [
        _einsum(layer, name, "bklc,klcf->bklf", kernel)
        for name, kernel in zip(("real", "imaginary"), kernels, strict=True)
    ]
    result = layer.convolve(x, *multiply)
    for dense, kernel in zip(multiply, kernels, strict=True):
        _set(dense, kernel)
    return result


@_call.register
def _group_convolution(layer: GroupConvolution, x: Any) -> Any:
    bank = layer.filter_bank()
    convolution = keras.layers.Conv2D(
        bank.shape[-1],
        layer.side,
        padding="same",
        use_bias=layer.use_bias,
        name=f"{layer.name}_bank",
        dtype=_dtype(layer),
    )
    result = convolution(x)
    _set(convolution, bank, *([layer.offsets()] if layer.use_bias else []))
    return result


@_call.register
def _no_teacher(layer: NoTeacher, context: Any) -> Any:
    step = ops.repeat(ops.zeros_like(context[:, :1]), layer.targets + 1, axis=1)
    return ops.repeat(step[:, None], layer.horizon, axis=1)


@_call.register
def _feedback(layer: keras.layers.RNN, teacher: Any, initial_state: Sequence[Any]) -> Any:
    """Unroll a decoder without its teacher: each step gets the value of the step before."""
    decoder: FeedbackCell = layer.cell
    cell = type(decoder.cell).from_config(decoder.cell.get_config())
    read_out = keras.layers.Dense.from_config(decoder.read_out.get_config())
    *states, value = initial_state
    values = []
    for _ in range(teacher.shape[1]):
        hidden, states = cell(value, states)
        value = read_out(hidden)
        values.append(value)
    cell.set_weights(decoder.cell.get_weights())
    read_out.set_weights(decoder.read_out.get_weights())
    return ops.stack(values, axis=1)


@_call.register
def _attention_decoder(
    layer: AttentionDecoder, memory: Any, context: Any, memory_mask: Any = None
) -> Any:
    """Unroll a decoder that is fed its own most likely symbols."""

    def copied(part: keras.layers.Layer) -> keras.layers.Layer:
        copy = type(part).from_config({**part.get_config(), "name": f"{layer.name}_{part.name}"})
        copies.append((copy, part))
        return copy

    copies: list[tuple[keras.layers.Layer, keras.layers.Layer]] = []
    parts = layer.parts
    stock = DecoderParts(
        copied(parts.embedding),
        [copied(start) for start in parts.starts],
        copied(parts.cell),
        copied(parts.keys),
        copied(parts.combine),
        copied(parts.read_out),
    )
    logits, _ = unrolled(stock, layer.length, memory, context, memory_mask)
    for copy, part in copies:
        copy.set_weights(part.get_weights())
    return logits


_call.register(BilinearUp, bilinear)
_call.register(PadToMultiple, pad_to_multiple)
_call.register(CropLike, crop_like)


def _beside_rest(changed: list[Any], x: Any, count: int) -> Any:
    """Return changed numbers followed by the features that are not numbers."""
    parts = changed if count == x.shape[-1] else [*changed, x[:, count:]]
    return ops.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]


def _einsum(
    layer: keras.layers.Layer,
    part: str,
    equation: str,
    kernel: Any,
    bias: Any = None,
    members: int | None = None,
) -> keras.layers.EinsumDense:
    """Return an EinsumDense layer for a kernel, called `{layer}_{part}`.

    Args:
        layer: the layer that it is part of.
        part: what it is called.
        equation: of inputs, which begin with the batch, and kernel.
        kernel: its sides are sizes of the axes.
        bias: None: without one.
        members: size of axis k where the kernel has none.
    """
    _, axes, output = equation.replace("->", ",").split(",")
    sizes = {"k": members, **dict(zip(axes, kernel.shape, strict=True))}
    return keras.layers.EinsumDense(
        equation,
        output_shape=tuple(sizes[axis] for axis in output[1:]),
        bias_axes=None if bias is None else output[-len(bias.shape) :],
        name=f"{layer.name}_{part}",
        dtype=_dtype(layer),
    )


def _dtype(layer: keras.layers.Layer) -> Any:
    return layer.dtype_policy


def _set(layer: keras.layers.Layer, *weights: Any) -> None:
    layer.set_weights([ops.convert_to_numpy(each) for each in weights])


def _number(variable: Any) -> float:
    return float(ops.convert_to_numpy(variable))
