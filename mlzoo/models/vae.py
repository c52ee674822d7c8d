"""Variational autoencoder: draws new images or table rows from codes of normal numbers.

Kingma and Welling, "Auto-Encoding Variational Bayes" (2014): an encoder gives mean and variance of
a code, which is drawn as z = mean + std * noise, and a decoder restores the sample; the loss is the
negative evidence lower bound (ELBO) in nats a sample. `beta` weighs the divergence of codes from
N(0, I) (Higgins et al., "beta-VAE", 2017), which sets in over `kl_warmup` epochs (Bowman et al.,
2016). What differs: the variance of the Gaussian outputs is the best one for each batch (Rybkin et
al., "Simple and effective VAE training with calibrated decoders", 2021). Samples are means of the
outputs, without their noise. The model that is kept is the decoder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from math import log, pi, prod
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.errors import UsageError
from mlzoo.core.setting_types import Activation, Sizes, searched
from mlzoo.data.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras
    import numpy as np

    from mlzoo.layers.networks import Objective, StepContext

TARGETS = ("inputs per draw",)
MAIN = "decoder"
_CONVOLVED = 16
"""Smallest side of images, in pixels, that convolutions are taken for."""
_LEAST_VARIANCE = 1e-6
"""Of Gaussian outputs, whose likelihood would have no bound."""


class Config(Settings):
    """Settings of vae."""

    code: int = Field(8, ge=1, le=4096, json_schema_extra=searched(2, 64, log=True))
    """Numbers in a code."""
    hidden: Sizes = (256, 128)
    """Units of the encoder's dense layers, comma-separated; the decoder mirrors them."""
    filters: Sizes = (32, 64)
    """Channels of the encoder's convolutions for images from 16x16 pixels on, each of which halves
    them; mirrored as well."""
    activation: Activation = "relu"
    """relu, leaky_relu (slope .01), prelu, elu, selu, tanh, sigmoid, linear, trainable_exponent,
    or trainable_slope."""
    reconstruction: Literal["gaussian", "bce"] = "gaussian"
    """Likelihood of a sample: gaussian, or bce (binary cross-entropy) for pixels, which takes
    gray levels for shares of black and white."""
    beta: float = Field(1.0, ge=0, json_schema_extra=searched(0.1, 10.0, log=True))
    """Weight of the divergence of codes from N(0, I)."""
    kl_warmup: int = Field(5, ge=0)
    """Epochs over which that weight rises to beta."""


def networks(config: Config, inputs: Inputs, outputs: Outputs) -> dict[str, keras.Model]:
    """Return encoder, to means and log variances of codes (batch, 2 * code), and decoder.

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of scaled samples.
    """
    import keras

    from mlzoo.layers.blocks import flat
    from mlzoo.models._mirrored import dense_stack, downsample, halved, upsample

    tensor, x = inputs.start()
    image = len(inputs.shape) == 3 and min(inputs.shape[:2]) >= _CONVOLVED
    if image:
        x = flat(downsample(x, config.filters, config.activation))
    else:
        x = dense_stack(x, config.hidden, config.activation, "encoder")
    # In the precision of weights: single where layers compute in half, double where all do.
    dtype = keras.config.dtype_policy().variable_dtype
    moments = keras.layers.Dense(2 * config.code, dtype=dtype, name="moments")(x)
    encoder = keras.Model(tensor, moments, name="encoder")

    code = keras.Input((config.code,), name="code")
    if image:
        sizes = halved(inputs.shape[0], inputs.shape[1], len(config.filters))
        widths = (*reversed(config.filters), config.filters[0])
        x = upsample(code, sizes[::-1], widths, config.activation)
    else:
        x = dense_stack(code, config.hidden[::-1], config.activation, "decoder")
    return {"encoder": encoder, "decoder": keras.Model(code, outputs.head(x), name="decoder")}


def objectives(config: Config, inputs: Inputs, outputs: Outputs) -> Sequence[Objective]:
    """Return the negative ELBO, which trains both networks.

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of scaled samples.

    Raises:
        UsageError: binary cross-entropy of what are no pixels.
    """
    from mlzoo.layers.input_scaling import scaler
    from mlzoo.layers.networks import Objective

    if config.reconstruction == "bce" and not outputs.bounded:
        raise UsageError("vae: reconstruction=bce is for images; leave it out")
    pixels = config.reconstruction == "bce"
    error = _cross_entropy if pixels else partial(_gaussian, prod(outputs.shape))
    loss = partial(_negative_elbo, config, scaler(outputs.scaling), error)
    return [Objective("elbo", ("encoder", "decoder"), loss, ("reconstruction", "kl"))]


def encode(config: Config, networks: Mapping[str, keras.Model], inputs: np.ndarray) -> np.ndarray:
    """Return the means of the codes (n, code) of raw samples (n, *shape).

    Args:
        config: the model's settings.
        networks: by name.
        inputs: raw samples.
    """
    import numpy as np

    return np.asarray(networks["encoder"].predict_on_batch(inputs))[:, : config.code]


def log_weights(
    config: Config,
    networks: Mapping[str, keras.Model],
    outputs: Outputs,
    codes: int,
    seed: int,
    train: np.ndarray,
    inputs: np.ndarray,
) -> np.ndarray | None:
    """Return log p(x, z) - log q(z | x) of codes z drawn of each sample, (n, codes), in nats.

    Densities are of scaled samples. The variance of Gaussian outputs is the best one for the
    training samples. Of gray levels the binary cross-entropy is no density: None.

    Args:
        config: the model's settings.
        networks: by name.
        outputs: specification of scaled samples.
        codes: drawn of each sample.
        seed: of these.
        train: (m, *shape) raw samples that the variance is set by.
        inputs: (n, *shape) raw samples.
    """
    import numpy as np

    from mlzoo.layers.input_scaling import scaled

    rng = np.random.default_rng(seed)

    def restored(raw: np.ndarray, times: int) -> Iterator[tuple[np.ndarray, ...]]:
        """Yield codes, their noise and log variance (n, code), x and its restoration (n, k)."""
        moments = np.asarray(networks["encoder"].predict_on_batch(raw), "float64")
        mean, log_variance = np.split(moments, 2, axis=1)
        x = scaled(outputs.scaling, raw).reshape(len(raw), -1).astype("float64")
        for _ in range(times):
            noise = rng.normal(size=mean.shape)
            z = mean + np.exp(log_variance / 2) * noise
            y = np.asarray(networks["decoder"].predict_on_batch(z.astype("float32")), "float64")
            yield z, noise, log_variance, x, y.reshape(len(raw), -1)

    if config.reconstruction == "gaussian":
        [(*_, x, y)] = restored(train, 1)
        variance = float(np.mean((x - y) ** 2)) + _LEAST_VARIANCE
    elif not np.isin(scaled(outputs.scaling, inputs), (0, 1)).all():
        return None
    weights = []
    for z, noise, log_variance, x, y in restored(inputs, codes):
        if config.reconstruction == "bce":
            y = np.clip(y, 1e-6, 1 - 1e-6)
            likelihood = x * np.log(y) + (1 - x) * np.log(1 - y)
        else:
            likelihood = -((x - y) ** 2 / variance + log(2 * pi * variance)) / 2
        prior = (noise**2 + log_variance - z**2) / 2
        weights.append(likelihood.sum(axis=1) + prior.sum(axis=1))
    return np.stack(weights, axis=1)


def _negative_elbo(
    config: Config,
    scale: Any,
    error: Any,
    networks: Mapping[str, keras.Model],
    inputs: Any,
    targets: Any,
    context: StepContext,
) -> dict[str, object]:
    """Return the loss and its two terms, in nats a sample."""
    import keras
    from keras import ops

    training = context.training
    mean, log_variance = ops.split(networks["encoder"](inputs, training=training), 2, axis=-1)
    noise = keras.random.normal(ops.shape(mean), seed=context.seed)
    code = mean + ops.exp(log_variance / 2) * noise
    restored = networks["decoder"](code, training=training)
    reconstruction = error(scale(inputs), restored)
    divergence = ops.square(mean) + ops.exp(log_variance) - log_variance - 1
    kl = ops.mean(ops.sum(divergence, axis=-1)) / 2
    weight = config.beta
    if training and config.kl_warmup:
        weight = weight * ops.minimum(context.epoch / config.kl_warmup, 1.0)
    return {"loss": reconstruction + weight * kl, "reconstruction": reconstruction, "kl": kl}


def _cross_entropy(x: Any, restored: Any) -> Any:
    """Return the binary cross-entropy of pixels from 0 to 1, summed over a sample."""
    from keras import ops

    restored = ops.clip(restored, 1e-6, 1 - 1e-6)
    errors = -x * ops.log(restored) - (1 - x) * ops.log(1 - restored)
    return ops.mean(ops.sum(errors, axis=tuple(range(1, len(errors.shape)))))


def _gaussian(values: int, x: Any, restored: Any) -> Any:
    """Return the negative Gaussian log-likelihood of `values` numbers at the best variance."""
    from keras import config, ops

    # Its logarithm has the rounding of the mean in every gradient.
    errors = ops.cast(x - restored, config.floatx())
    variance = ops.mean(ops.square(errors)) + _LEAST_VARIANCE
    return values / 2 * (ops.log(variance) + 1 + log(2 * pi))
