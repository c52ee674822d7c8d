"""Principal components: restores samples from a few numbers, or draws new ones, without descending.

Pearson, "On lines and planes of closest fit" (1901): the directions of the largest variance of the
scaled training samples, and a code of a sample's coordinates along them in units of their standard
deviation. As a generative model, the default, it is a Gaussian on the components, drawn from as
z = N(0, I); with the noise that is left it is the probabilistic PCA of Tipping and Bishop (1999),
whose log-likelihood the history has. With `--task reconstruction` samples are restored from their
codes, and those with large errors are anomalous. It is the best linear autoencoder, which every
other one should beat. What differs: samples are drawn without the noise, and drawn pixels are
clipped to 0 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import log, pi, prod
from typing import TYPE_CHECKING, Any

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.errors import DataError
from mlzoo.core.setting_types import searched
from mlzoo.data.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras
    import numpy as np

    from mlzoo.data.samples import Data
    from mlzoo.layers.networks import Objective, StepContext

TARGETS = ("inputs per draw", "inputs per sample")
MAIN = "pca"
_COMPONENTS = 32
_VALUES = 50_000_000
"""Numbers of training samples that components are taken of, at most."""
_EXACT = 2_000
"""Values of a sample up to which the components are those of the whole covariance matrix."""
_LEAST = 1e-6
"""Share of the largest variance below which a component is constant, and not kept."""


class Config(Settings):
    """Settings of pca."""

    code: int | None = Field(None, ge=1, le=65_536, json_schema_extra=searched(2, 64, log=True))
    """Components that are kept; by default 32, and of a restored sample at most half of its
    values."""


def networks(config: Config, inputs: Inputs, outputs: Outputs) -> dict[str, keras.Model]:
    """Return the reconstruction; or, to draw samples, an encoder to codes and the decoder of these.

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of scaled samples.
    """
    import keras

    from mlzoo.layers.blocks import flat

    drawn, values = outputs.target.drawn, prod(outputs.shape)
    most = values if drawn or config.code else max(1, values // 2)
    count = min(config.code or _COMPONENTS, most)
    tensor, x = inputs.start()
    code = keras.layers.Dense(count, dtype="float32", name="code")(flat(x))
    if not drawn:
        return {MAIN: keras.Model(tensor, _restored(outputs, code), name=MAIN)}
    encoder = keras.Model(tensor, code, name="encoder")
    given = keras.Input((count,), name="drawn_code")
    restored = _restored(outputs, given)
    if outputs.bounded:
        restored = keras.layers.ReLU(1.0, dtype="float32", name="clipped")(restored)
    return {"encoder": encoder, MAIN: keras.Model(given, restored, name=MAIN)}


def _restored(outputs: Outputs, code: keras.KerasTensor) -> keras.KerasTensor:
    """Return the scaled samples (batch, *shape) of codes (batch, n)."""
    import keras

    x = keras.layers.Dense(prod(outputs.shape), dtype="float32", name="components")(code)
    return keras.layers.Reshape(outputs.shape, dtype="float32", name="output")(x)


def objectives(config: Config, inputs: Inputs, outputs: Outputs) -> Sequence[Objective]:
    """Return the squared error, or where samples are drawn the negative log-likelihood, in nats.

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of scaled samples.
    """
    from mlzoo.layers.input_scaling import scaler
    from mlzoo.layers.networks import Objective

    scale = scaler(outputs.scaling)
    if not outputs.target.drawn:
        return [Objective("error", (MAIN,), partial(_error, scale))]
    loss = partial(_negative_likelihood, scale)
    return [Objective("likelihood", ("encoder", MAIN), loss, ("reconstruction",))]


def encode(config: Config, networks: Mapping[str, keras.Model], inputs: np.ndarray) -> np.ndarray:
    """Return the codes (n, code) of raw samples (n, *shape).

    Args:
        config: the model's settings.
        networks: by name.
        inputs: raw samples.
    """
    import numpy as np

    return np.asarray(networks["encoder"].predict_on_batch(inputs))


def initialize(model: keras.Model, data: Data) -> None:
    """Set all weights to the principal components of the scaled training split.

    Raises:
        DataError: there are fewer than two training samples, or all are alike.
    """
    import numpy as np
    from sklearn.decomposition import PCA

    from mlzoo.layers.input_scaling import scaled

    first = scaled(data.inputs.scaling, data.train.inputs(slice(0, 1)))
    most = max(2, _VALUES // first.size)
    chosen = np.linspace(0, len(data.train) - 1, min(len(data.train), most)).astype(int)
    chunks = np.array_split(chosen, -(-len(chosen) // 1000))
    parts = [scaled(data.inputs.scaling, data.train.inputs(rows)) for rows in chunks if len(rows)]
    rows = np.concatenate([part.reshape(len(part), -1) for part in parts]).astype("float64")
    decoder = model.get_layer("components")
    kernel, _ = decoder.get_weights()
    if len(rows) < 2 or not rows.var(axis=0).any():
        raise DataError("pca needs two training samples that differ")
    whole = rows.shape[1] <= min(_EXACT, len(rows))
    solver = "covariance_eigh" if whole else "auto"
    pca = PCA(min(len(kernel), *rows.shape), svd_solver=solver, random_state=0).fit(rows)
    kept = pca.explained_variance_ > _LEAST * pca.explained_variance_[0]
    axes, spread = pca.components_[kept], np.sqrt(pca.explained_variance_[kept])
    kernel[:] = 0
    kernel[: len(axes)] = spread[:, None] * axes
    decoder.set_weights([kernel, pca.mean_])
    several = model.networks.networks
    encoder = several.get("encoder", model).get_layer("code")
    kernel, bias = (np.zeros_like(each) for each in encoder.get_weights())
    kernel[:, : len(axes)] = (axes / spread[:, None]).T
    bias[: len(axes)] = -pca.mean_ @ kernel[:, : len(axes)]
    encoder.set_weights([kernel, bias])
    explained = pca.explained_variance_ratio_[kept].sum()
    word = "component" if len(axes) == 1 else "components"
    model.solved = f"{len(axes):,} {word}, with {explained:.1%} of the variance"
    if len(rows) < len(data.train):
        model.solved += f", of {len(rows):,} training samples"


def _error(
    scale: Any,
    networks: Mapping[str, keras.Model],
    inputs: Any,
    targets: Any,
    context: StepContext,
) -> dict[str, object]:
    """Return the mean squared error of restored samples."""
    from keras import ops

    restored = networks[MAIN](inputs, training=context.training)
    return {"loss": ops.mean(ops.square(scale(inputs) - restored))}


def _negative_likelihood(
    scale: Any,
    networks: Mapping[str, keras.Model],
    inputs: Any,
    targets: Any,
    context: StepContext,
) -> dict[str, object]:
    """Return the negative log-likelihood a sample, at the best variance of noise for the batch.

    A sample x of code z has the density N(z; 0, I) / |S|, S the deviations along the components, on
    these, and is normal with the variance of the noise on the other directions.
    """
    from keras import ops

    decoder = networks[MAIN].get_layer("components")
    code = networks["encoder"](inputs)
    x = scale(inputs)
    error = x - ops.reshape(decoder(code), ops.shape(x))
    values = prod(error.shape[1:])
    variances = ops.sum(ops.square(decoder.kernel), axis=1)
    kept = ops.cast(variances > 0, "float32")
    count = ops.sum(kept)
    left = values - count
    squares = ops.mean(ops.sum(ops.square(error), axis=tuple(range(1, len(error.shape)))))
    noise = squares / ops.maximum(left, 1.0) + 1e-6
    of_codes = ops.mean(ops.sum(ops.square(code), axis=-1)) + count * log(2 * pi)
    of_codes = of_codes + ops.sum(kept * ops.log(ops.maximum(variances, 1e-30)))
    of_noise = left * (ops.log(noise) + 1 + log(2 * pi))
    return {"loss": (of_codes + of_noise) / 2, "reconstruction": squares / values}
