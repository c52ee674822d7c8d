"""Diffusion: a network that takes noise off images, so that it makes images of noise.

Ho, Jain and Abbeel, "Denoising diffusion probabilistic models" (2020), with the cosine schedule of
Nichol and Dhariwal, "Improved denoising diffusion probabilistic models" (2021): at time t from 0 to
1 an image x is a * x + s * noise, with a^2 + s^2 = 1. A U-Net predicts v = a * noise - s * x from
it (Salimans and Ho, "Progressive distillation for fast sampling of diffusion models", 2022). The
model that is kept has the exponential moving average of its weights. Samples are drawn by DDIM
(Song, Meng and Ermon, "Denoising diffusion implicit models", 2021), which adds no noise on the
way. With `conditional` the network is told the class, but for a tenth of the images, and samples
are guided without a classifier (Ho and Salimans, "Classifier-free diffusion guidance", 2022). What
differs: time is continuous, and evenly spread over a batch (Kingma et al., "Variational
diffusion models", 2021); it enters by random Fourier features; the U-Net has no attention and one
block a resolution by default, where the paper has two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import cos, pi
from typing import TYPE_CHECKING, Any

from pydantic import Field

from mlzoo.core.configs import RunConfig, Settings
from mlzoo.core.errors import UsageError
from mlzoo.core.setting_types import searched
from mlzoo.data.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras
    import numpy as np

    from mlzoo.data.contracts import Recipe
    from mlzoo.data.samples import Data
    from mlzoo.layers.networks import Objective, StepContext

TARGETS = ("inputs per draw",)
MAIN = "average"
_OFFSET = 0.008
_DROPPED = 0.1
"""Share of training images whose class is not told."""
_BATCH = 128
"""Samples that are drawn at once."""


class Config(Settings):
    """Settings of diffusion."""

    filters: int = Field(32, ge=1, le=1024, json_schema_extra=searched(16, 64, log=True))
    """Channels of the largest feature maps; the others have twice as many."""
    blocks: int = Field(1, ge=1, le=8, json_schema_extra=searched(1, 2))
    """Residual blocks of each resolution, on the way down and on the way up."""
    ema: float = Field(0.995, ge=0, lt=1)
    """Share of the averaged weights that a step keeps; it is smaller in the first steps."""
    sampling_steps: int = Field(30, ge=1, le=1000)
    """Times at which a drawn image is denoised."""
    conditional: bool = False
    """Draw images of a class that is asked for."""
    guidance: float = Field(1.5, ge=1, le=20)
    """Of conditional ones: how far samples go beyond what the class adds to the prediction
    without one; 1: not at all."""


def recipe(data: Data, config: RunConfig) -> Recipe:
    """Return a rate that decays to zero over all epochs; the loss hardly says when to stop."""
    from mlzoo.data.contracts import Recipe

    return Recipe(
        {"learning_rate": 2e-3, "schedule": "cosine", "keep": "last", "early_stopping": 0},
        reason="a loss that is mostly noise",
    )


def networks(config: Config, inputs: Inputs, outputs: Outputs) -> dict[str, keras.Model]:
    """Return denoiser, its average, and scaling, from raw images to those that get noise.

    Denoiser and average take noisy images and times (batch, 1) and return v (batch, *shape).

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of scaled samples.

    Raises:
        UsageError: a sample is no image, or is drawn of a number.
    """
    import keras

    from mlzoo.models._denoiser import denoiser

    inputs.require_image("diffusion")
    if outputs.condition_quantiles:
        raise UsageError(
            "diffusion: conditional is for classes, and these samples have numbers; use dcgan, or "
            "leave it out"
        )
    tensor, x = inputs.start()
    if outputs.bounded:
        x = keras.layers.Rescaling(2.0, -1.0, dtype="float32", name="centered")(x)
    trained, average = (
        denoiser(inputs.shape, config.filters, config.blocks, name, outputs.conditions)
        for name in ("denoiser", "average")
    )
    average.set_weights(trained.get_weights())
    scaling = keras.Model(tensor, x, name="scale")
    return {"denoiser": trained, "average": average, "scaling": scaling}


def objectives(config: Config, inputs: Inputs, outputs: Outputs) -> Sequence[Objective]:
    """Return the error of v, which trains the denoiser; its average follows."""
    from mlzoo.layers.networks import Objective

    return [Objective("denoising", ("denoiser",), partial(_denoise, config))]


def decode(
    config: Config,
    networks: Mapping[str, keras.Model],
    codes: np.ndarray,
    classes: np.ndarray | None = None,
) -> np.ndarray:
    """Return scaled images (count, height, width, channels), made of noise by DDIM.

    Args:
        config: the model's settings.
        networks: by name.
        codes: (count, height, width, channels) standard normal noise.
        classes: (count,) position of the class of each, of a conditional model.
    """
    import numpy as np

    average, count = networks["average"], len(codes)
    bounded = any(layer.name == "centered" for layer in networks["scaling"].layers)
    # Batches of one size, or how many are drawn would change the last digits of each.
    noise = np.resize(codes, (-(-count // _BATCH) * _BATCH, *codes.shape[1:]))
    labels = None if classes is None else np.resize(classes, len(noise))[:, None]
    images = []
    for start in range(0, len(noise), _BATCH):
        batch = slice(start, start + _BATCH)
        given = None if labels is None else labels[batch]
        velocity = partial(_velocity, average, given, config.guidance)
        images.append(_ddim(velocity, noise[batch].astype("float32"), config, bounded))
    drawn = np.concatenate(images)[:count]
    return (drawn + 1) / 2 if bounded else drawn


def _velocity(
    network: keras.Model, labels: np.ndarray | None, guidance: float, x: np.ndarray, time: float
) -> np.ndarray:
    """Return v of noisy images x (batch, *shape), guided to the classes of labels (batch, 1)."""
    import numpy as np

    times = np.full((len(x), 1), time, "float32")
    if labels is None:
        return np.asarray(network.predict_on_batch([x, times]))
    conditioned = np.asarray(network.predict_on_batch([x, times, labels]))
    if guidance == 1:
        return conditioned
    none = np.full_like(labels, network.get_layer("class_embedding").input_dim - 1)
    unconditioned = np.asarray(network.predict_on_batch([x, times, none]))
    return unconditioned + np.float32(guidance) * (conditioned - unconditioned)


def _ddim(
    velocity: Callable[[np.ndarray, float], np.ndarray],
    x: np.ndarray,
    config: Config,
    bounded: bool,
) -> np.ndarray:
    """Return images of noise x (batch, *shape); `bounded` ones lie from -1 to 1."""
    import numpy as np
    from keras import ops

    times = np.linspace(1, 0, config.sampling_steps + 1, dtype="float32")
    shares = zip(*map(ops.convert_to_numpy, _cosine(times)), strict=True)
    signal, noise = next(shares)
    for time, (next_signal, next_noise) in zip(times, shares, strict=False):
        v = velocity(x, float(time))
        image = signal * x - noise * v
        if bounded:
            image = np.clip(image, -1, 1)
        # The noise that goes with the clipped image: the two still make up x.
        remaining = (x - signal * image) / noise
        signal, noise = next_signal, next_noise
        x = signal * image + noise * remaining
    return x


def _cosine(time: Any) -> tuple[Any, Any]:
    """Return the shares of image and noise, a and s, at times (n,) from 0 to 1."""
    from keras import ops

    start = _OFFSET / (1 + _OFFSET) * pi / 2
    signal = ops.clip(ops.cos(start + time * (pi / 2 - start)) / cos(start), 0.0, 1.0)
    return signal, ops.sqrt(1 - ops.square(signal))


def _denoise(
    config: Config,
    networks: Mapping[str, keras.Model],
    inputs: Any,
    targets: Any,
    context: StepContext,
) -> dict[str, object]:
    """Return the mean squared error of v; a training step also moves the averaged weights.

    These follow the weights before the step: nothing is known yet of those after it.
    """
    import keras
    from keras import ops

    image = networks["scaling"](inputs)
    count = ops.shape(image)[0]
    start = keras.random.uniform((1,), seed=context.seed)
    time = ops.mod(start + ops.arange(count, dtype="float32") / ops.cast(count, "float32"), 1.0)
    signal, share = (each[:, None, None, None] for each in _cosine(time))
    noise = keras.random.normal(ops.shape(image), seed=context.seed)
    noisy = signal * image + share * noise
    name = "denoiser" if context.training else "average"
    given = [noisy, time[:, None]]
    if config.conditional:
        given.append(_told(networks[name], targets, context))
    predicted = networks[name](given, training=context.training)
    if context.training:
        _follow(networks["average"], networks["denoiser"], config.ema, context.step)
    return {"loss": ops.mean(ops.square(predicted - (signal * noise - share * image)))}


def _told(network: keras.Model, targets: Any, context: StepContext) -> Any:
    """Return class positions (batch, 1) of targets (batch,), some of them replaced by none."""
    import keras
    from keras import ops

    labels = ops.reshape(ops.cast(targets, "int32"), (-1, 1))
    none = network.get_layer("class_embedding").input_dim - 1
    drawn = keras.random.uniform(ops.shape(labels), seed=context.seed)
    return ops.where(drawn < _DROPPED, none, labels)


def _follow(average: keras.Model, network: keras.Model, decay: float, step: Any) -> None:
    """Move averaged weights toward a network's, by at least 9 / (10 + step) of the difference."""
    from keras import ops

    decay = ops.minimum(decay, (1 + step) / (10 + step))
    pairs = zip(average.trainable_variables, network.trainable_variables, strict=True)
    for averaged, weight in pairs:
        averaged.assign(decay * averaged + (1 - decay) * weight)
