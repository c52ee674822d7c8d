"""What a run is: one frozen configuration that flags and a YAML file merge into.

Neither Keras nor NumPy is imported here. The text under each field is its help.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from mlzoo.core.errors import UsageError
from mlzoo.core.fields import Flag
from mlzoo.core.registry import build_function
from mlzoo.core.setting_types import TaskName

LOSSES = {
    "classification": ("crossentropy", "focal"),
    "ordinal": ("crossentropy", "focal"),
    "regression": ("mse", "mae", "huber"),
    "segmentation": (
        "crossentropy",
        "focal",
        "dice",
        "iou",
        "tversky",
        "lovasz",
        "topk",
        "boundary",
    ),
    "fields": ("mse", "mae", "huber"),
    "labeling": ("crossentropy", "focal", "dice", "iou", "tversky", "lovasz", "topk"),
    "forecasting": ("mse", "mae", "huber"),
    "text": ("crossentropy", "focal"),
}
"""The losses of each task."""
WEIGHTED = ("crossentropy", "focal", "topk")
"""Losses of masks that class weights have an effect on."""
LEARNING_RATES = {
    "sgd": 0.01,
    "momentum": 0.01,
    "nesterov": 0.01,
    "adagrad": 0.01,
    "rmsprop": 1e-3,
    "adadelta": 1.0,
    "adam": 1e-3,
    "adamw": 1e-3,
}


def _words(value: Any) -> Any:
    """`a,b` and `[a, b]` both mean a list of words."""
    return [w.strip() for w in value.split(",") if w.strip()] if isinstance(value, str) else value


class Settings(BaseModel):
    """Base of every plug-in's `Config`: frozen, unknown names refused, defaults checked."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, protected_namespaces=()
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        """`epochs: yes` is not one epoch."""
        if isinstance(value, bool) and info.field_name:
            annotation = cls.model_fields[info.field_name].annotation
            allowed = {annotation, *get_args(annotation)}
            if allowed & {int, float} and bool not in allowed:
                raise ValueError("must be a number")
        return value


class RunConfig(Settings):
    """Everything that decides what a training run does."""

    # -- Model
    model: str
    """Model plug-in by name (`mlzoo models`), or the path of your own plug-in file."""
    data: str
    """A file, a folder, or the name of a data set (`mlzoo sources`)."""
    set: Annotated[dict[str, Any], Flag(basic=True)] = Field(default_factory=dict)
    """Model setting name=value, repeatable; `mlzoo models show NAME` lists them."""

    # -- Data
    source: Annotated[str | None, Flag(detail=True)] = None
    """How to read the data (`mlzoo sources`); by default recognized from the path."""
    source_set: dict[str, Any] = Field(default_factory=dict)
    """Source setting name=value, repeatable; `mlzoo sources show NAME` lists them."""
    target: Annotated[str | None, Flag(basic=True)] = None
    """Table column to predict; 'column>=6' makes two classes of a number."""
    task: Annotated[TaskName | None, Flag(detail=True)] = None
    """Kind of target (`mlzoo tasks`): classification, ordinal or regression; by default inferred
    from its values."""
    class_order: Annotated[list[str], BeforeValidator(_words), Flag(detail=True)] = Field(
        default_factory=list
    )
    """Classes of --task ordinal from the lowest to the highest, comma-separated; numbers are in
    order by themselves."""
    drop: Annotated[list[str], BeforeValidator(_words), Flag(detail=True)] = Field(
        default_factory=list
    )
    """Table columns to leave out, comma-separated."""
    size: Annotated[str | None, Flag(basic=True)] = None
    """Image size to resize to: 64, or height x width as 48x64."""
    color: Annotated[Literal["auto", "gray", "rgb"], Flag(detail=True)] = "auto"
    """Image channels: as the files have them, one, or three."""
    limit: Annotated[int | None, Flag(detail=True)] = Field(None, ge=4)
    """Use only this many samples, drawn with the seed; where each has a class, in proportion."""
    group_by: Annotated[str | None, Flag(basic=True)] = None
    """Keep groups in one split: a table column, or a regular expression on file names."""
    split: Annotated[Literal["random", "hash"], Flag(detail=True)] = "random"
    """random: exact proportions from the seed; hash: adding files never moves others."""
    fractions: Annotated[str, Flag(detail=True)] = "60/20/20"
    """Shares of the training, validation and test splits, in percent."""
    on_bad: Annotated[Literal["error", "skip"], Flag(detail=True)] = "error"
    """Unreadable files: refuse the data, or leave them out (up to --max-bad)."""
    max_bad: float = Field(0.01, gt=0, le=1)
    """The largest share of bad files that --on-bad skip accepts."""
    rare: Literal["refuse", "merge", "drop"] = "refuse"
    """Classes with too few samples for the split (or a search's folds): refuse the data, merge
    them into one class called rare, or leave them out."""
    rare_below: int | None = Field(None, ge=2)
    """Samples under which a class is rare; by default as many as the split or the folds need."""
    train_on: Literal["train", "train+valid"] = "train"
    """train+valid: join the validation split to the training split; for settings that a search has
    already chosen."""
    allow_leakage: bool = False
    """Train although the splits share samples or the inputs contain the target."""
    window: Annotated[int | None, Flag(detail=True)] = Field(None, ge=1)
    """Series: steps of the past that a forecast is made from, by default four horizons or one
    season; text: characters, by default 64."""
    horizon: Annotated[int, Flag(detail=True)] = Field(1, ge=1)
    """Series: steps to forecast."""
    stride: int | None = Field(None, ge=1)
    """Series: steps from one window to the next, by default 1; text: by default the window."""
    gap: int = Field(0, ge=0)
    """Series: steps left out between the splits, which follow one another in time."""
    tile: Annotated[int | Literal["auto", "none"], Flag(detail=True)] = "auto"
    """Side of the tiles that images with masks are cut into, a multiple of 32; auto: 512 for
    images of over a million pixels."""
    overlap: int | None = Field(None, ge=0)
    """Pixels that tiles share where they are put together, a multiple of 32; by default as many as
    the network needs for no seam to show, at most half of the tile."""
    augment: Annotated[str | list[Any], Flag(basic=True)] = "none"
    """Change training samples at random, targets along with them: none, a preset (`mlzoo
    augmentations`: flips, light, medium, heavy, ...), auto (picked by the data), search (tried on
    the validation split), or a policy file."""
    augment_workers: int | Literal["auto"] = "auto"
    """Processes that change images beside the training; auto: as many as cores where images are
    large. The batches are the same whatever it is."""
    augment_trials: int = Field(6, ge=2)
    """Policies that --augment search tries, each for a tenth of the epochs, at least 5."""

    # -- Training
    epochs: Annotated[int, Flag(basic=True)] = Field(50, ge=1)
    """Passes over the training split, at most."""
    batch_size: Annotated[int | Literal["auto", "full"], Flag(basic=True)] = "auto"
    """Samples per step; auto: 32, fewer where every pixel or step has a class; full: the whole
    training split."""
    buckets: int = Field(6, ge=0)
    """Lengths that sequences of different ones are padded to, each batch to one of them; 0: all
    to the longest."""
    optimizer: Annotated[
        Literal[
            "sgd",
            "momentum",
            "nesterov",
            "adagrad",
            "rmsprop",
            "adadelta",
            "adam",
            "adamw",
            "lbfgs",
        ],
        Flag(basic=True),
    ] = "adam"
    """sgd, momentum, nesterov, adagrad, rmsprop, adadelta, adam, adamw, or lbfgs."""
    learning_rate: Annotated[float | None, Flag(basic=True)] = Field(
        None, gt=0, json_schema_extra={"search": {"low": 1e-4, "high": 1e-1, "log": True}}
    )
    """Step size; by default the optimizer's usual one."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """Momentum of the optimizers momentum and nesterov."""
    weight_decay: float = Field(0.004, ge=0)
    """Decoupled weight decay of adamw."""
    schedule: Literal["constant", "cosine", "step", "plateau"] = "constant"
    """Change of the learning rate during training."""
    warmup: int = Field(0, ge=0)
    """Epochs in which a cosine schedule rises from zero."""
    decay_every: int = Field(10, ge=1)
    """Epochs between the drops of a step schedule."""
    decay_factor: float = Field(0.5, gt=0, lt=1)
    """Factor by which a step or plateau schedule multiplies the learning rate."""
    plateau_patience: int = Field(3, ge=1)
    """Epochs without improvement before a plateau schedule drops the rate."""
    loss: Annotated[str, Flag(basic=True)] = "auto"
    """auto: crossentropy for classes, mse for numbers, crossentropy+dice for masks. Others: focal;
    mae, huber; for masks also dice, iou, tversky, lovasz, topk, boundary. A sum: dice+0.5*focal."""
    focal_gamma: float = Field(2.0, ge=0)
    """Focusing exponent of the focal loss."""
    tversky_beta: float = Field(0.7, ge=0, le=1)
    """Weight of false negatives in the tversky loss; false positives have the rest."""
    top_share: float = Field(0.1, gt=0, le=1)
    """Share of an image's pixels, those with the highest loss, that the topk loss averages."""
    monitor: Literal[
        "val_loss", "val_accuracy", "val_iou", "val_mae", "loss", "accuracy", "iou", "mae"
    ] = "val_loss"
    """Metric of early stopping, the plateau schedule and the weights to keep."""
    early_stopping: Annotated[int, Flag(basic=True)] = Field(10, ge=0)
    """Epochs without improvement before training stops; 0: never."""
    keep: Literal["best", "last"] = "best"
    """Weights to keep: those of the best epoch by --monitor, or the last ones."""
    clip_norm: float | None = Field(None, gt=0)
    """Clip the norm of all gradients together."""
    clip_value: float | None = Field(None, gt=0)
    """Clip every gradient entry."""
    class_weights: Annotated[str, Flag(basic=True)] = "none"
    """Of samples, of pixels for masks, of steps for labeling: none, auto (inverse frequency), or
    a YAML file of class: weight."""
    sampler: Literal["shuffle", "balanced"] = "shuffle"
    """shuffle: each sample once an epoch; balanced: classes drawn equally often, not for masks."""
    repeats: int = Field(1, ge=1)
    """Train this many times with seeds seed, seed+1, ... and report mean and spread."""

    # -- Machine
    seed: Annotated[int, Flag(basic=True)] = Field(0, ge=0, lt=2**31)
    """Seed of the split, the initial weights, the order and everything else that is random."""
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    """Arithmetic of the layers."""
    device: Annotated[Literal["auto", "cpu", "gpu"], Flag(basic=True)] = "auto"
    """Device to train on; gpu fails where there is none."""
    xla: Literal["auto", "on", "off"] = "auto"
    """Compile with XLA."""
    baselines: Literal["none", "fast", "all"] = "fast"
    """What the scores stand beside: nothing, the quick baselines, or all (`mlzoo baselines`)."""
    checkpoint_every: float = Field(60.0, ge=0)
    """Seconds between two checkpoints, at least; 0: one after every step."""

    # -- Output
    out: Annotated[str, Flag(basic=True)] = "saved_models"
    """Folder that run folders go into."""
    name: Annotated[str | None, Flag(basic=True)] = None
    """Name of the run folder; by default model-data, with a number where that is taken."""

    @field_validator("fractions")
    @classmethod
    def _three_parts(cls, value: str) -> str:
        shares(value)
        return value

    @field_validator("size")
    @classmethod
    def _two_sides(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[1-9]\d*(x[1-9]\d*)?", value):
            raise ValueError("write one number, or height x width as 48x64")
        return value

    @field_validator("xla", mode="before")
    @classmethod
    def _on_off(cls, value: Any) -> Any:
        # YAML reads a bare on or off as true or false.
        return ("on" if value else "off") if isinstance(value, bool) else value

    @field_validator("size", "fractions", "name", "target", "group_by", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("augment_workers")
    @classmethod
    def _no_fewer_than_none(cls, value: int | str) -> int | str:
        if isinstance(value, int) and not 0 <= value <= 256:
            raise ValueError("must be from 0 to 256, or auto")
        return value

    @field_validator("batch_size")
    @classmethod
    def _some_samples(cls, value: int | str) -> int | str:
        if isinstance(value, int) and value < 1:
            raise ValueError("must be at least 1")
        return value

    @field_validator("loss")
    @classmethod
    def _known_losses(cls, value: str) -> str:
        if value != "auto":
            loss_terms(value)
        return value

    @field_validator("tile", "overlap")
    @classmethod
    def _on_the_grid(cls, value: Any) -> Any:
        if isinstance(value, int) and value % 32:
            raise ValueError("must be a multiple of 32")
        return value

    @field_validator("group_by")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[\w .-]+", value):
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from None
        return value

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"\w[\w.@+=-]*", value):
            raise ValueError("a name has letters, digits and . _ - @ + = only")
        return value

    @model_validator(mode="after")
    def _together(self) -> RunConfig:
        if self.schedule == "cosine" and self.warmup >= self.epochs:
            raise ValueError(f"warmup {self.warmup} leaves no epoch of the {self.epochs} to train")
        if self.clip_norm is not None and self.clip_value is not None:
            raise ValueError("clip_norm and clip_value exclude each other; choose one")
        if isinstance(self.tile, int):
            if self.tile < 64:
                raise ValueError(f"tile {self.tile} is too small; it must be at least 64")
            if (self.overlap or 0) > self.tile // 2:
                raise ValueError(
                    f"overlap {self.overlap} is more than half of the tile, {self.tile}"
                )
        if self.optimizer == "lbfgs" and self.schedule != "constant":
            raise ValueError("lbfgs searches its own step; leave out --schedule")
        if self.optimizer == "lbfgs" and self.precision != "float32":
            raise ValueError("lbfgs needs --precision float32")
        return self

    @property
    def rate(self) -> float:
        """The learning rate, the optimizer's usual one where none was given."""
        return self.learning_rate or LEARNING_RATES.get(self.optimizer, 1.0)


def shares(text: str) -> tuple[float, float, float]:
    """`60/20/20` as three fractions that sum to 1; the validation share may be 0."""
    parts = text.replace(",", "/").split("/")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) != 3 or abs(sum(numbers) - 100) > 1e-6 or min(numbers) < 0:
        raise ValueError("write three shares that sum to 100, as 60/20/20")
    if numbers[0] == 0 or numbers[2] == 0:
        raise ValueError("the training and the test share can't be 0")
    return numbers[0] / 100, numbers[1] / 100, numbers[2] / 100


def loss_terms(text: str) -> list[tuple[float, str]]:
    """`dice+0.5*focal` as weights and names.

    Raises:
        ValueError: a term is no loss, or its weight no positive number.
    """
    known = sorted({name for names in LOSSES.values() for name in names})
    terms = []
    for term in text.replace(" ", "").split("+"):
        number, star, name = term.rpartition("*")
        try:
            weight = float(number) if star else 1.0
        except ValueError:
            weight = 0.0
        if name not in known:
            from mlzoo.core.registry import unknown

            raise ValueError(f"{unknown('loss', name, known)}; write one of {', '.join(known)}")
        if not 0 < weight < float("inf"):
            raise ValueError(f"the weight of {name} must be a number over 0, as in 0.5*{name}")
        terms.append((weight, name))
    return terms


def check_fit(config: RunConfig, task: str) -> None:
    """Raise UsageError with all that a configuration asks for and a task does not have."""
    allowed = LOSSES[task]
    names = [] if config.loss == "auto" else [name for _, name in loss_terms(config.loss)]
    problems = [
        f"--loss {name} does not fit {task}; choose {' or '.join(allowed)}"
        for name in names
        if name not in allowed
    ]
    if config.sampler == "balanced" and task != "classification":
        problems.append(f"--sampler balanced has no effect on {task}: leave it out")
    if config.class_weights != "none":
        if task not in ("classification", "segmentation", "labeling"):
            problems.append(f"--class-weights has no effect on {task}: leave it out")
        elif task != "classification" and names and not {*names} & {*WEIGHTED}:
            problems.append(
                f"--class-weights has no effect on --loss {config.loss}: add one of "
                f"{', '.join(WEIGHTED)}, as in {config.loss}+crossentropy"
            )
    if config.optimizer == "lbfgs" and task in ("segmentation", "fields"):
        problems.append(f"--optimizer lbfgs is not for {task}; choose adam")
    if problems:
        raise UsageError(problems)


def image_size(text: str | None) -> tuple[int, int] | None:
    """`64` or `48x64` as (height, width)."""
    if text is None:
        return None
    sides = [int(side) for side in text.split("x")]
    return sides[0], sides[-1]


OPTIMIZERS: tuple[str, ...] = get_args(RunConfig.model_fields["optimizer"].annotation)
_GRADIENT_STEPS = tuple(name for name in OPTIMIZERS if name != "lbfgs")
# A field that is set explicitly is refused where this says that nothing would read it.
_READ_WHEN: dict[str, tuple[str, tuple[str, ...]]] = {
    "momentum": ("optimizer", ("momentum", "nesterov")),
    "weight_decay": ("optimizer", ("adamw",)),
    "learning_rate": ("optimizer", _GRADIENT_STEPS),
    "batch_size": ("optimizer", _GRADIENT_STEPS),
    "clip_norm": ("optimizer", _GRADIENT_STEPS),
    "clip_value": ("optimizer", _GRADIENT_STEPS),
    "sampler": ("optimizer", _GRADIENT_STEPS),
    "checkpoint_every": ("optimizer", _GRADIENT_STEPS),
    "augment": ("optimizer", _GRADIENT_STEPS),
    "augment_trials": ("augment", ("search",)),
    "rare_below": ("rare", ("merge", "drop")),
    "warmup": ("schedule", ("cosine",)),
    "decay_every": ("schedule", ("step",)),
    "decay_factor": ("schedule", ("step", "plateau")),
    "plateau_patience": ("schedule", ("plateau",)),
    "focal_gamma": ("loss", ("focal",)),
    "tversky_beta": ("loss", ("tversky",)),
    "top_share": ("loss", ("topk",)),
    "max_bad": ("on_bad", ("skip",)),
}


_COMPILED = (
    *("optimizer", "learning_rate", "momentum", "weight_decay", "clip_norm", "clip_value"),
    *("schedule", "warmup", "decay_every", "decay_factor", "plateau_patience"),
    *("loss", "focal_gamma", "tversky_beta", "top_share"),
)
"""Fields that a model has decided on that its own build function compiles."""


def inert(values: dict[str, Any], given: set[str], unsure: Collection[str] = ()) -> dict[str, str]:
    """Fields of `given` that nothing would read under `values`, each with the reason.

    Nothing is said of fields that depend on those in `unsure`, whose values are wrong.
    """
    reasons: dict[str, str] = {}
    if build_function(str(values.get("model"))):
        text = f"has no effect: {values['model']} compiles the model itself"
        reasons |= dict.fromkeys(given & {*_COMPILED}, text)
    for name in given & {*_READ_WHEN} - {*reasons}:
        decider, readers = _READ_WHEN[name]
        chosen = str(values.get(decider))
        named = {term.rpartition("*")[2] for term in chosen.replace(" ", "").split("+")}
        if not named & set(readers) and decider not in unsure:
            reasons[name] = (
                f"has no effect: it needs {decider} {' or '.join(readers)}, "
                f"and {decider} is {values.get(decider)}"
            )
    if "augment_workers" in given and values.get("augment") in ("none", []):
        reasons["augment_workers"] = "has no effect: augment is none"
    if "monitor" in given and not _monitors(values) and not _WATCHERS & set(unsure):
        reasons["monitor"] = (
            "has no effect: early_stopping is 0, keep is last and no plateau schedule runs"
        )
    return reasons


_WATCHERS = {"early_stopping", "keep", "schedule"}


def _monitors(values: dict[str, Any]) -> bool:
    return bool(
        values.get("early_stopping")
        or values.get("keep") == "best"
        or values.get("schedule") == "plateau"
    )
