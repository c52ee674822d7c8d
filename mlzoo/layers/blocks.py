"""Building blocks of models: activation, dropout, initializer, regularizer."""

from __future__ import annotations

import keras

from mlzoo.layers.activations import TrainableExponent, TrainableSlope

_GLOROT = ("tanh", "sigmoid", "linear")
LEAKY_SLOPE = 0.01


def activate(
    x: keras.KerasTensor, name: str, layer_name: str, exponent: float = 1.7
) -> keras.KerasTensor:
    """Apply an activation by name to features (batch, units) or (batch, height, width, channels).

    Args:
        x: the features.
        name: an activation of `mlzoo.core.setting_types.Activation`.
        layer_name: name of the layer in the model.
        exponent: initial value of `trainable_exponent`.
    """
    if name == "leaky_relu":  # Keras's own default slope is .3
        layer = keras.layers.LeakyReLU(negative_slope=LEAKY_SLOPE, name=layer_name)
    elif name == "prelu":  # one slope a unit, or one a channel; starts as in He et al. (2015)
        shared = list(range(1, len(x.shape) - 1)) or None
        layer = keras.layers.PReLU(
            keras.initializers.Constant(0.25), shared_axes=shared, name=layer_name
        )
    elif name == "trainable_exponent":
        layer = TrainableExponent(exponent, name=layer_name)
    elif name == "trainable_slope":
        layer = TrainableSlope(name=layer_name)
    else:
        layer = keras.layers.Activation(name, name=layer_name)
    return layer(x)


def dropout(activation_name: str, rate: float, layer_name: str) -> keras.layers.Layer:
    """Return dropout; after SELU AlphaDropout, which keeps mean and variance.

    Args:
        activation_name: the activation before it.
        rate: share of features dropped, from 0 to 1.
        layer_name: name of the layer in the model.
    """
    if activation_name == "selu":
        return keras.layers.AlphaDropout(rate, name=layer_name)
    return keras.layers.Dropout(rate, name=layer_name)


def initializer(name: str, activation_name: str) -> keras.initializers.Initializer:
    """Return an initializer by name; `auto` keeps the variance through the activation.

    LeCun normal for SELU, Glorot uniform for tanh, sigmoid and linear, He normal for the rest.
    """
    if name == "auto":
        name = "he_normal"
        if activation_name == "selu":
            name = "lecun_normal"
        elif activation_name in _GLOROT:
            name = "glorot_uniform"
    if name == "standard_normal":
        return keras.initializers.RandomNormal(stddev=1.0)
    return keras.initializers.get(name)


def regularizer(l1: float, l2: float) -> keras.regularizers.Regularizer | None:
    """Return a penalty of l1 times the absolute and l2 times the squared weights, or None."""
    return keras.regularizers.L1L2(l1=l1, l2=l2) if l1 or l2 else None


def flat(x: keras.KerasTensor) -> keras.KerasTensor:
    """Flatten (batch, ...) to (batch, features)."""
    return x if len(x.shape) == 2 else keras.layers.Flatten(name="flatten")(x)


def dense(
    x: keras.KerasTensor,
    units: int,
    activation_name: str,
    *,
    name: str,
    start: str = "auto",
    l1: float = 0.0,
    l2: float = 0.0,
) -> keras.KerasTensor:
    """Apply a dense layer called `name` and its activation, `{name}_activation`.

    Args:
        x: features (batch, n).
        units: number of outputs.
        activation_name: an activation of `mlzoo.core.setting_types.Activation`.
        name: the layer's name.
        start: its initializer, of `mlzoo.core.setting_types.Initializer`.
        l1: penalty on the absolute weights.
        l2: penalty on the squared weights.
    """
    x = keras.layers.Dense(
        units,
        kernel_initializer=initializer(start, activation_name),
        kernel_regularizer=regularizer(l1, l2),
        name=name,
    )(x)
    return activate(x, activation_name, f"{name}_activation")
