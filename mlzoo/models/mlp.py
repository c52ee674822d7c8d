"""Multilayer perceptron: dense layers, for tables, signals and small images.

Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors" (1986).
Newer than the paper: ReLU with He's initialization, dropout, batch normalization
(between the dense layer and its activation), SELU (Klambauer et al. 2017, with LeCun-normal
weights and AlphaDropout), activations with a trained parameter, skip connections, and for the
numbers of a table clipping and periodic embeddings (Gorishniy, Rubachev and Babenko 2022, "On
embeddings for numerical features in tabular deep learning"), ranks, random Fourier features
(Tancik et al. 2020, "Fourier features let networks learn high frequency functions"), and members
that share their weights (Gorishniy, Kotelnikov and Babenko 2025, "TabM"). Images are flattened.
Hidden layer i is `hidden{i}`, its activation `hidden{i}_activation`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator, model_validator

from mlzoo.core.configs import Settings
from mlzoo.core.errors import UsageError
from mlzoo.core.setting_types import (
    Activations,
    Initializer,
    Rates,
    Scales,
    Sizes,
    Words,
    check_lengths,
    per_layer,
    searched,
    searched_layers,
)
from mlzoo.data.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras

    from mlzoo.core.configs import RunConfig
    from mlzoo.data.contracts import Recipe
    from mlzoo.data.samples import Data


AUTO = ("table",)
TARGETS = ("classes per sample", "numbers per sample", "numbers per horizon")
_STEPS = 1000
_EPOCHS = 100
_HEAD_SPREAD = 0.5


class Config(Settings):
    """Settings of mlp."""

    whiten: bool = False
    """Tables: principal components of the numbers, each of variance 1, in place of them."""
    clip: float | None = Field(None, gt=0)
    """Tables: largest absolute value of a standardized number; by default none."""
    ranks: bool = False
    """Tables: add to each number its rank among those of the training split."""
    embedding: Literal["none", "periodic"] = "none"
    """Tables: each number as it is, or also as learned periodic functions of it."""
    embedding_size: int = Field(4, ge=2)
    """Values that embedding=periodic makes of a number, itself included."""
    frequencies: int = Field(16, ge=1)
    """Frequencies that embedding=periodic learns for a number."""
    frequency_scale: float = Field(0.1, gt=0)
    """Standard deviation of the initial frequencies, in periods a standard deviation."""
    fourier: int = Field(0, ge=0, le=4096)
    """Random frequencies whose cosines and sines stand for the numbers; 0: the numbers as they
    are. For functions that oscillate, which a network without them learns slowly or not at all."""
    fourier_scale: Scales = Field(
        "auto", json_schema_extra=searched(0.1, 30.0, log=True, needs="fourier")
    )
    """Standard deviation of the frequencies, in periods a standard deviation of the number; several
    are of equal shares of them; auto: the one whose features a ridge regression does best with on
    the validation split."""
    fourier_frequencies: Literal["gaussian", "laplacian"] = "gaussian"
    """Distribution of the frequencies; laplacian has more that are far higher than the others."""
    fourier_trainable: bool = False
    """Train the frequencies."""
    hidden: Sizes = Field(
        (256, 128), json_schema_extra=searched_layers("layers", (1, 3), "units", (16, 256))
    )
    """Units of the hidden layers, comma-separated; as many layers as numbers."""
    activation: Activations = Field(
        ("relu",), json_schema_extra=searched(choices=("relu", "tanh", "elu"))
    )
    """Activation of all hidden layers, or one a layer, comma-separated: relu, leaky_relu (slope
    .01), prelu, elu, selu, tanh, sigmoid, linear, trainable_exponent, trainable_slope."""
    exponent: float = Field(1.7, ge=1.4, le=2)
    """Where the exponent of trainable_exponent starts."""
    dropout: Rates = Field((0.4,), json_schema_extra=searched(0.0, 0.6))
    """Share of units dropped after each hidden layer, or one a layer."""
    dropout_at_predict: int = Field(0, ge=0, le=1000)
    """Passes with dropout that `predict` makes of each sample, whose differences say how unsure the
    model is (Gal and Ghahramani 2016, "Dropout as a Bayesian approximation"); from 2 on."""
    batch_normalization: bool = False
    """Normalize over the batch between each dense layer and its activation."""
    l1: float = Field(0.0, ge=0)
    """Penalty on the absolute weights of all dense layers."""
    l2: float = Field(0.0, ge=0)
    """Penalty on the squared weights of all dense layers."""
    initializer: Initializer = "auto"
    """First weights of the hidden layers; auto: He for the ReLU family, Glorot for tanh, sigmoid
    and linear, LeCun normal for SELU; standard_normal: N(0, 1)."""
    skips: Words = ()
    """Skip connections as from-to pairs of hidden layers, comma-separated: 2-4,4-6 joins the
    output of layer 2 to that of layer 4, and this to that of layer 6; layer 0 is the input."""
    join: Literal["add", "concatenate"] = "add"
    """Join of a skip connection with its layer; add needs layers of the same size."""

    members: int = Field(1, ge=1, le=64)
    """Members of an ensemble that share the weights of all layers, with scales and biases of their
    own (TabM); the prediction is their mean."""

    @field_validator("skips")
    @classmethod
    def _pairs(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            start, _, end = text.partition("-")
            if not (start.isdigit() and end.isdigit() and int(start) < int(end)):
                raise ValueError(f"{text!r} is no skip connection; write from-to, as in 2-4")
        if len(set(value)) < len(value):
            raise ValueError(f"a skip connection is given twice in {', '.join(value)}")
        return value

    @model_validator(mode="after")
    def _passes(self) -> Config:
        if self.dropout_at_predict == 1:
            raise ValueError("dropout_at_predict of 1 shows no differences; make it 20, or 0")
        if self.dropout_at_predict and not any(self.dropout):
            raise ValueError("dropout_at_predict has no effect without dropout")
        if self.dropout_at_predict and self.batch_normalization:
            raise ValueError("dropout_at_predict can't go with batch_normalization; leave one out")
        return self

    @model_validator(mode="after")
    def _together(self) -> Config:
        count = len(self.hidden)
        if not count:
            raise ValueError("hidden names no layer; the model without hidden layers is linear")
        check_lengths("hidden layers", count, activation=self.activation, dropout=self.dropout)
        if self.exponent != 1.7 and "trainable_exponent" not in self.activation:
            raise ValueError("exponent has no effect without activation trainable_exponent")
        if self.whiten and self.ranks:
            raise ValueError("whiten replaces the numbers that ranks are of; leave one out")
        if self.fourier and self.embedding != "none":
            raise ValueError("fourier and embedding both replace the numbers; leave one out")
        given = {"fourier_scale", "fourier_frequencies", "fourier_trainable"}
        changed = {n for n in given if getattr(self, n) != type(self).model_fields[n].default}
        if changed and not self.fourier:
            raise ValueError(f"{sorted(changed)[0]} has no effect without fourier")
        if self.members > 1 and self.skips:
            raise ValueError("members can't have skips; leave one of them out")
        if self.join == "concatenate" and not self.skips:
            raise ValueError("join has no effect without skips")
        for start, end in self.skip_pairs:
            if end > count:
                raise ValueError(f"skip {start}-{end} ends at layer {end}, but there are {count}")
            if self.join == "add" and start and self.hidden[start - 1] != self.hidden[end - 1]:
                raise ValueError(
                    f"skip {start}-{end} adds {self.hidden[start - 1]} units to "
                    f"{self.hidden[end - 1]}; make the layers equal or set join=concatenate"
                )
        return self

    @property
    def skip_pairs(self) -> list[tuple[int, int]]:
        """Return the skip connections as pairs of layer numbers."""
        pairs = (text.split("-") for text in self.skips)
        return [(int(start), int(end)) for start, end in pairs]


def recipe(data: Data, config: RunConfig) -> Recipe:
    """Return what suits the rows of a table; nothing for other data, but no dropout with L-BFGS.

    Small tables have few steps an epoch, so the least budget is counted in steps. The values were
    chosen by log loss and RMSE on nine tables of 95 to 2,263 training rows, and confirmed on ten
    others (`benchmarks/strong.py`).
    """
    from mlzoo.data.contracts import Recipe

    if config.full_batch:
        reason = f"{config.optimizer}, whose loss must be the same at each call"
        return Recipe({}, {"dropout": [0.0]}, reason)
    if data.inputs.kind != "table" or data.outputs.horizon:
        return Recipe()
    rows = len(data.train)
    size = config.batch_size if isinstance(config.batch_size, int) else 64
    epochs = max(_EPOCHS, math.ceil(_STEPS / math.ceil(rows / size)))
    fields = {
        "batch_size": size,
        "epochs": epochs,
        "schedule": "cosine",
        "early_stopping": math.ceil(0.3 * epochs),
    }
    fourier = bool(config.set.get("fourier"))
    settings = {
        "clip": 3.0,
        "ranks": not (fourier or config.set.get("whiten")),
        "embedding": "none" if fourier else "periodic",
        "dropout": [0.15],
        "members": 1 if config.set.get("skips") or data.outputs.distribution else 8,
    }
    return Recipe(fields, settings, f"{rows:,} rows", averages=True)


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from (batch, *inputs.shape) to (batch, outputs.units).

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of the predictions.

    Raises:
        UsageError: a skip connection adds inputs of another size than its layer.
    """
    import keras

    from mlzoo.layers.blocks import flat, regularizer

    tensor, scaled = inputs.start()
    joined = [_embedded(flat(scaled), inputs, config)]
    for number in range(1, len(config.hidden) + 1):
        x = _hidden(joined[-1], number, config)
        joined.append(_with_skips(x, joined, number, config))
    penalty = {"kernel_regularizer": regularizer(config.l1, config.l2)}
    if config.members > 1 and outputs.distribution:
        raise UsageError("mlp: members have no deviation each; set members=1, or choose --loss mse")
    if config.members > 1:
        members = _with_members(tensor, joined[-1], outputs, config.members, penalty)
        return _measured(members, config)
    model = keras.Model(tensor, outputs.head(joined[-1], **penalty), name="mlp")
    return _measured(model, config)


def _measured(model: keras.Model, config: Config) -> keras.Model:
    """Return a model that says whether `initialize` sets some of its weights from data."""
    # Compiled fits of a search draw their weights themselves, and know nothing of `initialize`.
    scaled = bool(config.fourier) and config.fourier_scale == "auto"
    model.plain_only = config.whiten or scaled
    return model


def initialize(model: keras.Model, data: Data) -> None:
    """Fit whitening on the training split, and choose a scale of frequencies where it is auto."""
    if not getattr(model, "plain_only", False):
        return
    from mlzoo.layers.fourier import FourierFeatures, choose_scale
    from mlzoo.layers.whitening import Whitening, fit_whitening

    for layer in model.layers:
        if isinstance(layer, Whitening):
            fit_whitening(model, layer, data.train)
        if isinstance(layer, FourierFeatures) and layer.scale is None:
            choose_scale(model, layer, data)


def _with_members(
    tensor: keras.KerasTensor,
    features: keras.KerasTensor,
    outputs: Outputs,
    members: int,
    penalty: dict[str, Any],
) -> keras.Model:
    """Return the mean of members, which are trained each on its own loss.

    Args:
        tensor: the model's input.
        features: (batch, members, units), what the heads get.
        outputs: specification of the predictions.
        members: how many.
        penalty: arguments of the heads' layer.
    """
    import keras

    from mlzoo.data.specs import TrainingModel
    from mlzoo.layers.members import FoldMembers, MemberScale, UnfoldMembers, mean_of

    scaled = MemberScale(spread=_HEAD_SPREAD, name="head_scale")(features)
    folded = FoldMembers(name="head_fold")(scaled)
    logits = UnfoldMembers(members, name="head_unfold")(outputs.logits(folded, **penalty))
    logits = MemberScale(shift=True, name="head_bias")(logits)
    each = outputs.finish(FoldMembers(name="outputs_fold")(logits))
    stacked = UnfoldMembers(members, name="members")(each)
    model = keras.Model(tensor, mean_of(stacked, outputs.target), name="mlp")
    model.twin = TrainingModel(keras.Model(tensor, each, name="mlp"), members=members)
    return model


def _embedded(x: keras.KerasTensor, inputs: Inputs, config: Config) -> keras.KerasTensor:
    """Clip, rank and embed the numbers that the features (batch, features) begin with.

    Fourier features are also made of what is no table, such as an array or a small image.
    """
    from mlzoo.layers.numbers import ClipNumbers, PeriodicEmbedding, RankNumbers
    from mlzoo.layers.whitening import Whitening

    count = inputs.numbers
    if config.whiten and not count:
        raise UsageError("mlp: whiten is for the numbers of a table, and there are none")
    if not count:
        if config.fourier and inputs.kind != "table":
            return _fourier(x, x.shape[-1], config)
        return x
    if config.whiten:
        x = Whitening(count, name="whitening")(x)
    if config.clip is not None:
        x = ClipNumbers(count, config.clip, name="clip")(x)
    if config.ranks:
        x = RankNumbers(*zip(*inputs.ranks, strict=True), name="ranks")(x)
        count *= 2
    if config.fourier:
        return _fourier(x, count, config)
    if config.embedding == "none":
        return x
    size, frequencies = config.embedding_size, config.frequencies
    return PeriodicEmbedding(count, size, frequencies, config.frequency_scale, name="embedding")(x)


def _fourier(x: keras.KerasTensor, count: int, config: Config) -> keras.KerasTensor:
    """Replace the `count` numbers that the features begin with by Fourier features."""
    from mlzoo.layers.fourier import FourierFeatures

    scale = None if config.fourier_scale == "auto" else config.fourier_scale
    distribution, trainable = config.fourier_frequencies, config.fourier_trainable
    layer = FourierFeatures(
        count, config.fourier, scale, distribution, trainable=trainable, name="fourier"
    )
    return layer(x)


def _hidden(x: keras.KerasTensor, number: int, config: Config) -> keras.KerasTensor:
    """Apply hidden layer `number` (from 1): dense, normalization, activation, dropout."""
    import keras

    from mlzoo.layers.blocks import activate, dropout, initializer, regularizer
    from mlzoo.layers.members import SharedDense

    count = len(config.hidden)
    activation = per_layer(config.activation, count)[number - 1]
    rate = per_layer(config.dropout, count)[number - 1]
    name = f"hidden{number}"
    dense: Callable[..., keras.layers.Layer] = keras.layers.Dense
    if config.members > 1:
        # Signs in the first layer alone make the members differ.
        dense = partial(SharedDense, members=config.members, signs=number == 1)
    x = dense(
        config.hidden[number - 1],
        use_bias=not config.batch_normalization,
        kernel_initializer=initializer(config.initializer, activation),
        kernel_regularizer=regularizer(config.l1, config.l2),
        name=name,
    )(x)
    if config.batch_normalization:
        x = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    x = activate(x, activation, f"{name}_activation", config.exponent)
    return dropout(activation, rate, f"{name}_dropout")(x) if rate else x


def _with_skips(
    x: keras.KerasTensor, earlier: list[keras.KerasTensor], number: int, config: Config
) -> keras.KerasTensor:
    """Join to hidden layer `number` the outputs of `earlier` layers that skip to it."""
    import keras

    sources = [earlier[start] for start, end in config.skip_pairs if end == number]
    if not sources:
        return x
    if config.join == "concatenate":
        return keras.layers.Concatenate(name=f"hidden{number}_join")([x, *sources])
    if any(source.shape != x.shape for source in sources):
        raise UsageError(
            f"mlp: the inputs have {earlier[0].shape[-1]} features, hidden layer {number} has "
            f"{x.shape[-1]} units, so skip 0-{number} can't add them; set join=concatenate"
        )
    return keras.layers.Add(name=f"hidden{number}_join")([x, *sources])
