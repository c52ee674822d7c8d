"""Kinds of target, and the input and output specifications of a model.

Neither Keras nor NumPy is imported here, so that the command line can ask for them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from mlzoo.core import registry
from mlzoo.core.errors import UsageError

if TYPE_CHECKING:
    import keras

    from mlzoo.data.problems.problem import Problem

IGNORED = 255
"""Class position of pixels and steps that do not count."""


@dataclass(frozen=True)
class Target:
    """Kind of target: which values are predicted, and for what.

    Attributes:
        values: `classes`; `ordered` classes, of which the first is the lowest; `instances`, told
            apart by classes of their pixels; `labels`, of which each sample has any number;
            `numbers`; `inputs`: the sample itself, as its scaled
            input, so that no labels are needed; or `actions`, by what is reached with them.
        per: one prediction a `sample`, a `step` of a sequence, a `token` of text from those
            before it, a `pixel` of an image, a step of the `horizon` that follows a window, a
            `point` where equations hold; a `symbol` of the sequence that a sequence is turned
            into; a `score` of how unlike normal samples a sample is; a `draw`: new samples are
            drawn at random; or `actions` throughout an `episode` of an environment.
        restores: the numbers at pixels are those of the image itself before it was degraded.
    """

    values: Literal["classes", "ordered", "instances", "labels", "numbers", "inputs", "actions"]
    per: Literal[
        "sample",
        "step",
        "token",
        "pixel",
        "horizon",
        "point",
        "symbol",
        "score",
        "draw",
        "episode",
    ] = "sample"
    restores: bool = False

    @property
    def is_class(self) -> bool:
        """Return whether a class is predicted; it may be ordered, or tell instances apart."""
        return self.values in ("classes", "ordered", "instances")

    @property
    def separate(self) -> bool:
        """Return whether instances are told apart, by classes of their pixels."""
        return self.values == "instances"

    @property
    def is_label_set(self) -> bool:
        """Return whether each sample has any number of labels."""
        return self.values == "labels"

    @property
    def is_input(self) -> bool:
        """Return whether the sample itself is predicted."""
        return self.values == "inputs"

    @property
    def drawn(self) -> bool:
        """Return whether new samples are drawn, so that nothing is predicted of given ones."""
        return self.per == "draw"

    @property
    def scored(self) -> bool:
        """Return whether an anomaly map is predicted, from which a sample has its score."""
        return self.per == "score"

    @property
    def acts(self) -> bool:
        """Return whether actions are chosen in an environment, so that episodes are played."""
        return self.values == "actions"

    @property
    def draws_training(self) -> bool:
        """Return whether what a model learns from is drawn while it trains: points, episodes."""
        return self.per in ("point", "episode")

    @property
    def dense(self) -> bool:
        """Return whether something is predicted at every pixel."""
        return self.per == "pixel"

    @property
    def field(self) -> bool:
        """Return whether numbers are predicted at every pixel that are not the image itself."""
        return self.values == "numbers" and self.per == "pixel" and not self.restores

    @property
    def stepwise(self) -> bool:
        """Return whether something is predicted at every step of a sequence."""
        return self.per in ("step", "token")

    @property
    def causal(self) -> bool:
        """Return whether no step may see those after it: they are what is predicted."""
        return self.per == "token"

    @property
    def written(self) -> bool:
        """Return whether text is written, character by character."""
        return self.per in ("token", "symbol")

    @property
    def translated(self) -> bool:
        """Return whether a sequence of another length is predicted, symbol by symbol."""
        return self.per == "symbol"

    @property
    def ahead(self) -> bool:
        """Return whether what follows a window is predicted."""
        return self.per == "horizon"

    @property
    def sample_class(self) -> bool:
        """Return whether each sample is of one class."""
        return self.is_class and self.per == "sample"

    @property
    def sample_numbers(self) -> bool:
        """Return whether each sample has one or several numbers."""
        return self.values == "numbers" and self.per == "sample"

    @property
    def whole(self) -> bool:
        """Return whether each sample has a class, labels or numbers, or what follows on it."""
        return (self.per == "sample" and not self.is_input) or self.ahead

    @property
    def step_class(self) -> bool:
        """Return whether each step of a sequence is of one class."""
        return self.is_class and self.per == "step"

    @property
    def pixel_class(self) -> bool:
        """Return whether each pixel of an image is of one class."""
        return self.is_class and self.dense

    @property
    def pixel_numbers(self) -> bool:
        """Return whether each pixel of an image has one or several numbers."""
        return self.values == "numbers" and self.dense

    def accepted_by(self, entries: Collection[str]) -> bool:
        """Return whether a plug-in's `TARGETS` name this kind: `numbers`, `classes per pixel`.

        What takes classes takes ordered ones too, and those that tell instances apart; what takes
        both classes and numbers takes labels, as it predicts a vector of whichever kind.
        """
        if self.is_label_set:
            both = (Target("classes", self.per), Target("numbers", self.per))
            if all(each.accepted_by(entries) for each in both):
                return True
        values = {self.values, "classes"} if self.is_class else {self.values}
        return any(entry in entries for v in values for entry in (v, f"{v} per {self.per}"))

    def __str__(self) -> str:
        return f"{self.values} per {self.per}"


@cache
def target_of(task: str) -> Target:
    """Return the kind of target that a task, given by its name, declares.

    Raises:
        UsageError: there is no such task.
    """
    target: Target = _task(task).target
    return target


@dataclass(frozen=True)
class Beside:
    """Columns of a table that travel below the pixels of their image.

    Attributes:
        height: of the image.
        count: of the columns.
        scaling: the serialized layer that scales them.
    """

    height: int
    count: int
    scaling: dict[str, Any]


@dataclass(frozen=True)
class Inputs:
    """One sample's shape (without the batch axis), its dtype, and the layers that scale it.

    `scaling` holds serialized Keras layers (`keras.layers.serialize`), applied in order; their
    statistics come from the training split alone and are saved within the model, which therefore
    takes raw inputs. `kind` is `image` (height, width, channels), `table` (columns), `sequence`
    (steps, channels; of the longest where they are `uneven`, the others end in NaN) or `array`.
    `fixed` builds models that could take samples of any size for this one alone. `streams` is
    the batch size of a training that carries states from batch to batch; 0: it carries none.
    `numbers` is how many features of a scaled table row are standardized numbers; they come first.
    `ranks` holds for each of them knots and the share of training values below each knot.
    `problem` is what is to be solved, where samples are points of a domain. `depth` is the number
    of slices of a volume, which lie one below the other in an image; 0: samples are no volumes.
    `beside` are columns that travel below images, which `shape` then has room for. `opened` is what
    `start` returns where it was made already.
    """

    shape: tuple[int, ...]
    kind: str = "array"
    dtype: str = "float32"
    scaling: Sequence[dict[str, Any]] = ()
    fixed: bool = False
    uneven: bool = False
    streams: int = 0
    numbers: int = 0
    ranks: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...] = ()
    problem: Problem | None = None
    depth: int = 0
    beside: Beside | None = None
    opened: tuple[keras.KerasTensor, keras.KerasTensor] | None = None

    def start(self, any_size: bool = False) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """The model's input, and the same after scaling: (batch, *shape) float.

        With `any_size` an image's height and width, or a sequence's steps, are left open, unless
        they are `fixed`; the height of a field of one dimension stays 1. A scaled sequence has a
        Keras mask, false beyond its end.

        Raises:
            UsageError: sequences are of several lengths and the model is not for any size.
        """
        import keras

        if self.opened is not None:
            return self.opened
        shape: tuple[int | None, ...] = self.shape
        if any_size and not self.fixed:
            shape = (*(None for _ in self.shape[:-1]), self.shape[-1])
            if self.flat:
                shape = (1, *shape[1:])
        elif self.uneven:
            raise UsageError(
                f"the sequences have different lengths (up to {self.shape[0]} steps), which this "
                "model can't take; try `rnn` or `tcn`"
            )
        tensor = keras.Input(shape, dtype=self.dtype, name="input")
        scaled = tensor
        for config in self.scaling:
            scaled = keras.layers.deserialize(config)(scaled)
        return tensor, scaled

    @property
    def flat(self) -> bool:
        """Return whether a sample is a field of one dimension: an image of a single row."""
        single = len(self.shape) == 3 and self.shape[0] == 1 and not self.depth
        return self.kind != "sequence" and single

    def require_sequence(self, model: str) -> None:
        """Raise UsageError unless a sample is a sequence of steps."""
        if self.kind != "sequence":
            other = "`conv_lstm`" if len(self.shape) == 4 else "`mlp` or `cnn`"
            if self.kind == "table":
                other = (
                    "`mlp`; or give a folder with a table of each sequence, a row a step, or "
                    "--horizon 12 to forecast the rows that follow"
                )
            raise UsageError(
                f"{model} needs sequences (steps, channels), but a sample here is of kind "
                f"{self.kind} and shape {self.shape}; try {other}"
            )

    def require_image(self, model: str, volumes: bool = False) -> None:
        """Raise UsageError unless a sample is an image, or a volume where a model takes these."""
        if len(self.shape) != 3:
            hint = "`--source volumes` where they are volumes, or " if len(self.shape) == 4 else ""
            raise UsageError(
                f"{model} needs images (height, width, channels), but a sample here has shape "
                f"{self.shape}; try {hint}`mlp` or `linear`"
            )
        if self.depth and not volumes:
            raise UsageError(
                f"{model} needs images (height, width, channels), but samples are volumes of "
                f"{self.depth} slices; `cnn` and `unet` take volumes"
            )


@dataclass(frozen=True)
class TrainingModel:
    """A model on the same layers that is trained in another's place, perhaps fed more.

    `feeds` is what its second input is: `targets` (the true values, for teacher forcing), or
    `goes_on` (1 where a sequence goes on from the last batch's, for states that are carried); where
    it is empty there is none, and layers add to the loss. With `members` it has no second input
    either, and returns so many outputs for each sample, one after the other; it may have weights
    that are not the model's.
    """

    model: keras.Model
    feeds: str = ""
    members: int = 1


@dataclass(frozen=True)
class FrozenBackboneSplit:
    """A model whose first half learns nothing: `extractor` gives what `head` is trained on.

    Both share the model's layers. A model has them as its attribute `halves`.
    """

    extractor: keras.Model
    head: keras.Model


@dataclass(frozen=True)
class Compiled:
    """Training of a model that its author compiled, in place of the run's settings.

    `model` shares the layers of the one that is kept, which may go on from its outputs: logits
    become probabilities.
    """

    model: keras.Model
    optimizer: keras.Optimizer
    loss: Any
    metrics: Sequence[keras.Metric]


@dataclass(frozen=True)
class Outputs:
    """Output specification of a model: `units` numbers for a task.

    Classification: class probabilities; one unit (the probability of the second class) for two
    classes, else one a class. Multilabel: a probability a label. Regression: `units` numbers in the
    units of the target, which the head restores from standardized ones with `mean` and `std` of the
    training split. Segmentation: one unit a class, two for two classes, at every pixel. Fields:
    `units` numbers at every pixel, restored as those of a regression. Labeling: one unit a class,
    two for two classes, at every step. Forecasting: `units` numbers at each of the `horizon` steps
    that follow, restored as those of a regression; `channels` are their places among the input's,
    where they are inputs, and `context` those of inputs that are known ahead or stay the
    same in a series. Restoration: the
    channels of an image, from 0 to 1, restored as numbers of a regression. Reconstruction: the
    input after `scaling` (serialized layers, as those of `Inputs`), of shape `shape`, whose last
    axis has `units` entries; `bounded` if all lie from 0 to 1; `code` is the size of the model's
    bottleneck, once there is a model. Generation: the same; `conditions` is the number of classes
    that samples are drawn of, 0 without a choice; `condition_quantiles`, from least to largest, are
    those of a number of the training split that they are drawn of instead. Translation: one unit a
    symbol at each of the `shape[0]` places of the longest target. With
    `distribution` the head of a regression predicts standard deviations too, which a layer
    `distribution` holds beside means, or quantiles of these levels, of which the median is first.
    `join` puts what else is known of a sample beside the features that the head gets.
    """

    task: str
    units: int
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    horizon: int = 0
    channels: tuple[int, ...] = ()
    context: tuple[int, ...] = ()
    scaling: Sequence[dict[str, Any]] = ()
    shape: tuple[int, ...] = ()
    bounded: bool = False
    code: int = 0
    conditions: int = 0
    condition_quantiles: tuple[float, ...] = ()
    distribution: bool = False
    quantiles: tuple[float, ...] = ()
    join: Callable[[keras.KerasTensor], keras.KerasTensor] | None = None

    @property
    def target(self) -> Target:
        """Return the kind of target that is predicted."""
        return target_of(self.task)

    @property
    def conditional(self) -> bool:
        """Return whether samples are drawn of a class or number that is asked for."""
        return bool(self.conditions or self.condition_quantiles)

    def refuse(self, model: str, **changed: bool) -> None:
        """Raise UsageError for settings that were changed but have no effect on the task."""
        names = [name for name, given in changed.items() if given]
        if names:
            verb = "have" if len(names) > 1 else "has"
            raise UsageError(f"{model}: {' and '.join(names)} {verb} no effect on {self.task}")

    def head(
        self,
        features: keras.KerasTensor,
        image: keras.KerasTensor | None = None,
        **settings: Any,
    ) -> keras.KerasTensor:
        """The output layer: a layer named `head`, in float32, and what makes its numbers outputs.

        It is a Dense layer on (batch, features) or, step by step, on (batch, steps, features),
        and a convolution (1x1, unless `kernel_size` says otherwise) on (batch, height, width,
        features) where something is predicted at every pixel. Keyword arguments go to that layer
        (a regularizer, an initializer). Where images are restored and the scaled `image` is given,
        the layer predicts the difference from it.
        """
        logits = self.logits(features, **settings)
        if image is not None and self.target.restores:
            logits = _task(self.task).add_image(self, logits, image)
        return self.finish(logits)

    def logits(
        self, features: keras.KerasTensor, units: int = 0, name: str = "head", **settings: Any
    ) -> keras.KerasTensor:
        """Return the first half of `head`: the layer, with all units or some of them."""
        features = features if self.join is None else self.join(features)
        tensor: keras.KerasTensor = _task(self.task).logits(self, features, units, name, **settings)
        return tensor

    def finish(self, logits: keras.KerasTensor) -> keras.KerasTensor:
        """Return the second half of `head`: probabilities, or numbers in the target's units."""
        tensor: keras.KerasTensor = _task(self.task).finish(self, logits)
        return tensor


def _task(name: str) -> Any:
    """Return a task's plug-in; what it is typed as stands above this module."""
    return registry.load("task", name).Task()
