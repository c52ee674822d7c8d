"""Autoencoder: a bottleneck that samples are restored from, for images and tables, no labels.

Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks" (2006). The
decoder mirrors the encoder; the bottleneck is the layer `code`, without an activation. What
differs: all layers are trained at once, by the squared error, without pretraining. Images from
16x16 pixels on are halved by strided convolutions and doubled by transposed ones (Masci et al.,
"Stacked convolutional auto-encoders for hierarchical feature extraction", 2011, pool instead);
smaller ones are flattened. `kind=denoising` restores samples from noisy ones (Vincent et al.,
"Stacked denoising autoencoders", 2010); `kind=sparse` has a ReLU on the code and a penalty on its
absolute values (Ng, "Sparse autoencoder", 2011, penalizes the divergence from a mean activation);
`kind=contractive` penalizes the squared Frobenius norm of the encoder's Jacobian (Rifai et al.,
"Contractive auto-encoders", 2011), estimated from one random change of each sample, of codes in
units of their standard deviation, since the decoder's weights are not tied to the encoder's here.
For tables a linear path goes around the hidden layers, to the code and from it, that starts as the
principal components, so that training begins where the best linear autoencoder ends.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from mlzoo.core.configs import Settings
from mlzoo.core.errors import UsageError
from mlzoo.core.setting_types import Activation, Sizes, searched, searched_layers
from mlzoo.data.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras

    from mlzoo.core.configs import RunConfig
    from mlzoo.data.contracts import Recipe
    from mlzoo.data.samples import Data

TARGETS = ("inputs per sample",)
_CONVOLVED = 16
"""Smallest side of images, in pixels, that `network=auto` takes convolutions for."""
_LINEAR = "linear_code"
_ROWS = 20_000
"""Training samples that the principal components are taken of, at most."""
_BATCH, _STEPS, _EPOCHS, _MOST_EPOCHS = 32, 2000, 50, 300


class Config(Settings):
    """Settings of autoencoder."""

    code: int = Field(8, ge=1, le=65_536, json_schema_extra=searched(2, 64, log=True))
    """Numbers in the bottleneck that a sample is restored from."""
    network: Literal["auto", "dense", "convolutional"] = "auto"
    """Layers; auto: convolutional for images from 16x16 pixels on."""
    hidden: Sizes = Field(
        (256, 128), json_schema_extra=searched_layers("layers", (1, 3), "units", (32, 512))
    )
    """Units of the encoder's dense layers, comma-separated; the decoder mirrors them."""
    filters: Sizes = (32, 64)
    """Channels of the encoder's convolutions, each of which halves an image; mirrored as well."""
    activation: Activation = "relu"
    """relu, leaky_relu (slope .01), prelu, elu, selu, tanh, sigmoid, linear, trainable_exponent,
    or trainable_slope."""
    kind: Literal["plain", "denoising", "sparse", "contractive"] = "plain"
    """Keeps the code from being a copy by its size alone, noise on the inputs, or a penalty, on
    its values or on how much they change with the inputs."""
    noise: float = Field(0.3, gt=0)
    """kind=denoising: standard deviation of the noise on scaled inputs (pixels from 0 to 1)."""
    sparsity: float = Field(1e-3, gt=0)
    """kind=sparse: penalty on the sum of a code's absolute values."""
    contraction: float = Field(1e-4, gt=0)
    """kind=contractive: penalty on the squared norm of the encoder's Jacobian."""
    shortcut: Literal["auto", "none", "pca"] = "auto"
    """Dense networks: linear path around the hidden layers, which starts as the principal
    components of the training split; auto: for tables that have no sparse code."""

    @model_validator(mode="after")
    def _together(self) -> Config:
        for name, kind in (
            ("noise", "denoising"),
            ("sparsity", "sparse"),
            ("contraction", "contractive"),
        ):
            default = type(self).model_fields[name].default
            if self.kind != kind and getattr(self, name) != default:
                raise ValueError(f"{name} has no effect without kind={kind}")
        if self.shortcut == "pca" and self.kind == "sparse":
            raise ValueError("shortcut=pca has no effect with kind=sparse, whose code is positive")
        return self


def recipe(data: Data, config: RunConfig) -> Recipe:
    """Return more epochs for small data, which have few steps in each, and a falling rate."""
    from mlzoo.data.contracts import Recipe

    if config.full_batch:
        return Recipe()
    size = config.batch_size if isinstance(config.batch_size, int) else _BATCH
    steps = math.ceil(len(data.train) / size)
    epochs = min(max(_EPOCHS, math.ceil(_STEPS / steps)), _MOST_EPOCHS)
    fields = {
        "epochs": epochs,
        "schedule": "cosine",
        "early_stopping": math.ceil(0.3 * epochs),
    }
    return Recipe(fields, {}, f"{len(data.train):,} training samples")


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from (batch, *inputs.shape) to the scaled input, (batch, ..., units).

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of the predictions.

    Raises:
        UsageError: convolutions for what is no image, or a linear path of pixels.
    """
    import keras

    from mlzoo.layers.contraction import Perturbed

    tensor, x = inputs.start()
    if config.network == "convolutional":
        inputs.require_image("autoencoder with network=convolutional")
    image = len(inputs.shape) == 3 and min(inputs.shape[:2]) >= _CONVOLVED
    convolved = config.network == "convolutional" or (config.network == "auto" and image)
    if config.kind == "denoising":
        x = keras.layers.GaussianNoise(config.noise, name="noise")(x)
    if config.kind == "contractive":
        x = Perturbed(name="perturbed")(x)
    if config.shortcut == "pca" and (convolved or outputs.bounded):
        raise UsageError("autoencoder: shortcut=pca has no effect on pixels; leave it out")
    table = inputs.kind == "table" and config.kind != "sparse"
    linear = config.shortcut == "pca" or (config.shortcut == "auto" and table and not convolved)
    x = _convolutional(config, x) if convolved else _dense(config, x, linear)
    return keras.Model(tensor, outputs.head(x), name="autoencoder")


def initialize(model: keras.Model, data: Data) -> None:
    """Set the linear path, where there is one, to the principal components of the training split.

    What goes through the hidden layers starts at 0.
    """
    import numpy as np

    from mlzoo.layers.input_scaling import scaled

    if _LINEAR not in {layer.name for layer in model.layers}:
        return
    rows = scaled(data.inputs.scaling, data.train.inputs(slice(0, _ROWS)))
    rows = rows.reshape(len(rows), -1)
    mean = rows.mean(axis=0)
    components = np.linalg.svd(rows - mean, full_matrices=False)[2]
    encoder, hidden, head = (model.get_layer(name) for name in (_LINEAR, "hidden_code", "head"))
    kernel, bias = encoder.get_weights()
    count = min(len(components), kernel.shape[1])
    kernel[:, :count] = components[:count].T
    bias[:count] = -mean @ components[:count].T
    encoder.set_weights([kernel, bias])
    hidden.set_weights([np.zeros_like(each) for each in hidden.get_weights()])
    kernel, _ = head.get_weights()
    kernel[:] = 0
    kernel[:count] = components[:count]
    head.set_weights([kernel, mean])


def _dense(config: Config, x: keras.KerasTensor, linear: bool) -> keras.KerasTensor:
    """Return the decoder's last features (batch, units) of scaled inputs (batch, ...).

    With a `linear` path the code comes first among them.
    """
    import keras

    from mlzoo.layers.blocks import dense, flat

    x = flat(x)
    start = x
    for number, units in enumerate(config.hidden, 1):
        x = dense(x, units, config.activation, name=f"encoder{number}")
    if linear:
        paths = [
            keras.layers.Dense(config.code, name=_LINEAR)(start),
            keras.layers.Dense(config.code, name="hidden_code")(x),
        ]
        code = _contracted(config, keras.layers.Add(name="code")(paths))
    else:
        code = _code(config, x)
    x = code
    for number, units in enumerate(reversed(config.hidden), 1):
        x = dense(x, units, config.activation, name=f"decoder{number}")
    return keras.layers.Concatenate(name="joined")([code, x]) if linear else x


def _convolutional(config: Config, x: keras.KerasTensor) -> keras.KerasTensor:
    """Return the decoder's last feature map of scaled images, in their height and width."""
    import keras

    from mlzoo.layers.blocks import activate, dense, flat, initializer
    from mlzoo.layers.convolutions import convolution

    sizes = []
    for number, filters in enumerate(config.filters, 1):
        sizes.append(x.shape[1:3])
        name = f"encoder{number}"
        x = convolution(x, filters, 3, stride=2, name=name, activation=config.activation)
        x = activate(x, config.activation, f"{name}_activation")
    shape = x.shape[1:]
    x = _code(config, flat(x))
    x = dense(x, math.prod(shape), config.activation, name="decoder0")
    x = keras.layers.Reshape(shape, name="unflatten")(x)
    widths = (config.filters[0], *config.filters)
    for number, (height, width) in enumerate(reversed(sizes), 1):
        name = f"decoder{number}"
        x = keras.layers.Conv2DTranspose(
            widths[-1 - number],
            4,  # a multiple of the stride, or pixels would be reached by unequal numbers of taps
            strides=2,
            padding="same",
            kernel_initializer=initializer("auto", config.activation),
            name=name,
        )(x)
        down, right = x.shape[1] - height, x.shape[2] - width
        if down or right:
            x = keras.layers.Cropping2D(((0, down), (0, right)), name=f"{name}_crop")(x)
        x = activate(x, config.activation, f"{name}_activation")
    return x


def _code(config: Config, x: keras.KerasTensor) -> keras.KerasTensor:
    """Return the bottleneck (batch, code) of features (batch, n)."""
    import keras

    sparse = config.kind == "sparse"
    code = keras.layers.Dense(
        config.code,
        activation="relu" if sparse else None,
        activity_regularizer=keras.regularizers.L1(config.sparsity) if sparse else None,
        name="code",
    )(x)
    return _contracted(config, code)


def _contracted(config: Config, code: keras.KerasTensor) -> keras.KerasTensor:
    """Return the code (batch, code), whose changes cost where it is to be contractive."""
    from mlzoo.layers.contraction import Contraction

    if config.kind != "contractive":
        return code
    return Contraction(config.contraction, name="contraction")(code)
