"""DCGAN: a generator of images, trained against a discriminator of real and drawn ones.

Goodfellow et al., "Generative adversarial nets" (2014), with the networks of Radford, Metz and
Chintala, "Unsupervised representation learning with deep convolutional generative adversarial
networks" (2016): transposed convolutions with batch normalization and ReLU, mirrored by strided
ones with leaky ReLU (slope .2). Each step trains the discriminator, then the generator, which
maximizes log D(G(z)); labels of real images are smoothed to .9 (Salimans et al., 2016). What
differs: as many doublings as the image has, from 4 to 7 pixels on, in place of four from 4x4;
channels double at each halving from `filters` on (1024 to 128 in the paper); a 3x3 convolution and
a sigmoid end the generator, since scaled pixels lie from 0 to 1.

`adversarial=wasserstein` is the loss of Gulrajani et al., "Improved training of Wasserstein GANs"
(2017): a critic without batch normalization, and a penalty on the norm of its gradient between real
and drawn images; what differs is one step of the critic, not five, for each of the generator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from mlzoo.core.configs import RunConfig, Settings
from mlzoo.core.setting_types import searched
from mlzoo.data.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras

    from mlzoo.data.contracts import Recipe
    from mlzoo.data.samples import Data
    from mlzoo.layers.networks import Objective, StepContext

TARGETS = ("inputs per draw",)
MAIN = "generator"
_SLOPE = 0.2


class Config(Settings):
    """Settings of dcgan."""

    code: int = Field(64, ge=1, le=4096, json_schema_extra=searched(16, 128, log=True))
    """Normal numbers that an image is drawn from."""
    filters: int = Field(32, ge=1, le=1024, json_schema_extra=searched(16, 64, log=True))
    """Channels of the largest feature maps; they double at each halving."""
    dropout: float = Field(0.3, ge=0, lt=1, json_schema_extra=searched(0.0, 0.5))
    """Share of the discriminator's features dropped."""
    adversarial: Literal["cross_entropy", "hinge", "wasserstein"] = "cross_entropy"
    """Loss: cross_entropy with smoothed labels, hinge (Lim and Ye, 2017), or wasserstein: the
    difference of the mean scores, with a gradient penalty."""
    gradient_penalty: float = Field(10.0, gt=0)
    """adversarial=wasserstein: weight of the penalty."""
    spectral_norm: bool = False
    """Divide the discriminator's kernels by their spectral norm, in place of batch normalization
    (Miyato et al., 2018)."""
    conditional: bool = False
    """Draw images of a class or, of a table of images with numbers, of a number that is asked for,
    which both networks get as an input beside (Mirza and Osindero, "Conditional generative
    adversarial nets", 2014)."""

    @model_validator(mode="after")
    def _together(self) -> Config:
        default = type(self).model_fields["gradient_penalty"].default
        if self.adversarial != "wasserstein" and self.gradient_penalty != default:
            raise ValueError("gradient_penalty has no effect without adversarial=wasserstein")
        return self


def recipe(data: Data, config: RunConfig) -> Recipe:
    """Return the optimizer of the paper; the loss of neither network says when to stop."""
    from mlzoo.data.contracts import Recipe

    wasserstein = Config(**config.set).adversarial == "wasserstein"
    return Recipe(
        {
            "learning_rate": 2e-4,
            "optimizer_set": {"beta_1": 0.0, "beta_2": 0.9} if wasserstein else {"beta_1": 0.5},
            "keep": "last",
            "early_stopping": 0,
        },
        reason="adversarial losses",
    )


def networks(config: Config, inputs: Inputs, outputs: Outputs) -> dict[str, keras.Model]:
    """Return generator, from (batch, code) to scaled images, and discriminator, to logits.

    Both take the positions of classes or the numbers (batch, 1) last where they are conditional.
    `scaling` gives the scaled image of a raw one.

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of scaled samples.

    Raises:
        UsageError: a sample is no image.
    """
    import keras

    from mlzoo.layers.blocks import flat
    from mlzoo.layers.spectral_norm import SpectralNormConv2D, SpectralNormDense
    from mlzoo.models._mirrored import halved, halvings, upsample

    inputs.require_image("dcgan")
    scaling = keras.Model(*inputs.start(), name="scale")
    height, width = inputs.shape[:2]
    sizes = halved(height, width, halvings(height, width))
    widths = [config.filters * 2**number for number in range(len(sizes))]
    code = keras.Input((config.code,), name="code")
    given, x = [code], code
    if outputs.conditional:
        label, embedded = _embedded(outputs, config.code)
        given, x = [code, label], keras.layers.Concatenate(name="code_of_class")([code, embedded])
    x = upsample(x, sizes[::-1], widths[::-1], "relu", normalize=True)
    generator = keras.Model(given, outputs.head(x, kernel_size=3), name="generator")

    image = keras.Input(outputs.shape, name="image")
    given, x = [image], keras.layers.Rescaling(2.0, -1.0, name="centered")(image)
    if outputs.conditional:
        label, embedded = _embedded(outputs, height * width)
        plane = keras.layers.Reshape((height, width, 1), name="class_map")(embedded)
        given, x = [image, label], keras.layers.Concatenate(name="image_of_class")([x, plane])
    convolution, dense = keras.layers.Conv2D, keras.layers.Dense
    if config.spectral_norm:
        convolution, dense = SpectralNormConv2D, SpectralNormDense
    for number, channels in enumerate(widths[1:], 1):
        x = convolution(channels, 4, 2, padding="same", name=f"down{number}")(x)
        if number > 1 and not config.spectral_norm:
            x = _normalized(config, x, f"down{number}_norm")
        x = keras.layers.LeakyReLU(_SLOPE, name=f"down{number}_activation")(x)
        x = keras.layers.Dropout(config.dropout, name=f"down{number}_dropout")(x)
    logit = dense(1, dtype="float32", name="logit")(flat(x))
    discriminator = keras.Model(given, logit, name="discriminator")
    return {"generator": generator, "discriminator": discriminator, "scaling": scaling}


def _normalized(config: Config, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Return normalized features of the discriminator.

    The gradient penalty is of each image alone, so that no image may depend on its batch.
    """
    import keras

    if config.adversarial == "wasserstein":
        return keras.layers.LayerNormalization(axis=(1, 2, 3), name=name)(x)
    return keras.layers.BatchNormalization(name=name)(x)


def _embedded(outputs: Outputs, size: int) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return an input of class positions or numbers (batch, 1), and what is learned of each.

    Of a class these are numbers (batch, size) of its own, of a number a linear function of it,
    where the middle of its quantiles is 0 and the ends are -1 and 1.
    """
    import keras

    if outputs.condition_quantiles:
        low, high = outputs.condition_quantiles[0], outputs.condition_quantiles[-1]
        half = (high - low) / 2 or 1.0
        number = keras.Input((1,), name="number")
        shift = -(low + high) / 2 / half
        middle = keras.layers.Rescaling(1 / half, shift, name="number_scaled", dtype="float32")
        return number, keras.layers.Dense(size, name="number_embedding")(middle(number))
    label = keras.Input((1,), dtype="int32", name="class")
    embedded = keras.layers.Embedding(outputs.conditions, size, name="class_embedding")(label)
    return label, keras.layers.Reshape((size,), name="class_code")(embedded)


def objectives(config: Config, inputs: Inputs, outputs: Outputs) -> Sequence[Objective]:
    """Return the loss of the discriminator, then that of the generator."""
    from mlzoo.layers.networks import Objective

    discriminate, generate = partial(_discriminate, config), partial(_generate, config)
    terms: list[tuple[str, ...]] = [("real_as_real",), ("drawn_as_real",)]
    if config.adversarial == "wasserstein":  # whose scores have no sign
        terms = [("distance", "penalty"), ()]
    return [
        Objective("discriminator", ("discriminator",), discriminate, terms[0]),
        Objective("generator", ("generator",), generate, terms[1]),
    ]


def _discriminate(
    config: Config,
    networks: Mapping[str, keras.Model],
    inputs: Any,
    targets: Any,
    context: StepContext,
) -> dict[str, object]:
    """Return the discriminator's loss, and the share of real images that it takes for real.

    Of a critic, in place of that share, the distance of the two distributions that it sees, and the
    gradient penalty.
    """
    from keras import ops

    classes = _classes(networks, targets)
    judge = partial(networks["discriminator"], training=context.training)
    images = networks["scaling"](inputs), _drawn(config, networks, inputs, classes, context)
    real, drawn = (judge([each, *classes]) for each in images)
    if config.adversarial == "wasserstein":
        distance = ops.mean(real) - ops.mean(drawn)
        penalty = _gradient_penalty(networks["discriminator"], *images, classes, context)
        loss = config.gradient_penalty * penalty - distance
        return {"loss": loss, "distance": distance, "penalty": penalty}
    if config.adversarial == "hinge":
        loss = ops.mean(ops.relu(1 - real)) + ops.mean(ops.relu(1 + drawn))
    else:
        loss = _cross_entropy(real, 0.9) + _cross_entropy(drawn, 0.0)
    return {"loss": loss, "real_as_real": ops.mean(ops.cast(real > 0, "float32"))}


def _generate(
    config: Config,
    networks: Mapping[str, keras.Model],
    inputs: Any,
    targets: Any,
    context: StepContext,
) -> dict[str, object]:
    """Return the generator's loss, and the share of drawn images that are taken for real."""
    from keras import ops

    classes = _classes(networks, targets)
    images = _drawn(config, networks, inputs, classes, context)
    logits = networks["discriminator"]([images, *classes], training=context.training)
    plain = config.adversarial == "cross_entropy"
    loss = _cross_entropy(logits, 1.0) if plain else -ops.mean(logits)
    return {"loss": loss, "drawn_as_real": ops.mean(ops.cast(logits > 0, "float32"))}


def _gradient_penalty(
    critic: keras.Model, real: Any, drawn: Any, classes: list[Any], context: StepContext
) -> Any:
    """Return the mean squared difference of the gradient's norm to 1, between pairs of images.

    The critic is without dropout there.
    """
    import keras
    from keras import ops

    from mlzoo.layers.derivatives.interface import gradient

    share = keras.random.uniform((ops.shape(real)[0], 1, 1, 1), seed=context.seed)
    between = share * real + (1 - share) * drawn
    slopes = gradient(lambda images: critic([images, *classes], training=False), between)
    norms = ops.sqrt(ops.sum(ops.square(slopes), axis=(1, 2, 3)) + 1e-12)
    return ops.mean(ops.square(norms - 1))


def _classes(networks: Mapping[str, keras.Model], targets: Any) -> list[Any]:
    """Return classes or numbers (batch, 1) of a batch where networks are conditional, else none.

    Drawn images are of the same ones as the real ones beside them.
    """
    from keras import ops

    conditional = len(networks["generator"].inputs) > 1
    return [ops.reshape(targets, (-1, 1))] if conditional else []


def _drawn(
    config: Config,
    networks: Mapping[str, keras.Model],
    inputs: Any,
    classes: list[Any],
    context: StepContext,
) -> Any:
    """Return as many drawn images as there are real ones in a batch, of their classes."""
    import keras
    from keras import ops

    code = keras.random.normal((ops.shape(inputs)[0], config.code), seed=context.seed)
    return networks["generator"]([code, *classes], training=context.training)


def _cross_entropy(logits: Any, label: float) -> Any:
    """Return the mean binary cross-entropy of logits (batch, 1) with one label for all."""
    from keras import ops

    return ops.mean(ops.softplus(logits) - label * logits)
