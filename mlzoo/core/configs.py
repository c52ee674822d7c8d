"""Configuration of a run: frozen, merged from flags and a YAML file.

Neither Keras nor NumPy is imported here. The text under each field is its help.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticKnownError

from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo.core.fields import Flag
from mlzoo.core.messages import flag_lines
from mlzoo.core.registry import build_function
from mlzoo.core.setting_types import TaskName, split_words

SHARED = {
    "optimizer": ("momentum", "weight_decay"),
    "schedule": ("warmup", "decay_every", "decay_factor", "plateau_patience"),
    "loss": ("focal_gamma", "tversky_beta", "top_share"),
}
"""Fields of `RunConfig` that a plug-in of a kind reads if its `Config` declares them."""


def _one_of(kind: str) -> Callable[[str], str]:
    """Return a check that a text names a plug-in of a kind, or a Python file."""

    def check(value: str) -> str:
        if value.endswith(".py") or registry.exists(kind, value):
            return value
        raise _none_of(registry.names(kind))

    return check


def _none_of(names: Collection[str]) -> PydanticKnownError:
    """Return the error of a text that is none of some names."""
    *most, last = map(repr, names)
    return PydanticKnownError("literal_error", {"expected": f"{', '.join(most)} or {last}"})


def words(value: Any) -> Any:
    """`a,b` and `[a, b]` both mean a list of words."""
    return split_words(value) if isinstance(value, str) else value


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


_Settings = TypeVar("_Settings", bound=Settings)


def from_options(
    config: type[_Settings], given: Mapping[str, object], problems: Iterable[str] = ()
) -> _Settings:
    """Return the configuration of a command from its options, which may be text.

    Args:
        config: its class.
        given: the options that were given, by field.
        problems: mistakes that the caller has found already, a line each.

    Raises:
        UsageError: with every mistake, a line each.
    """
    problems = list(problems)
    try:
        checked = config.model_validate(given)
    except ValidationError as error:
        problems += flag_lines(error)
    if problems:
        raise UsageError(problems)
    return checked


class RunConfig(Settings):
    """Everything that decides what a training run does."""

    # -- Model
    model: str
    """Model plug-in by name (`mlzoo models`), or the path of your own plug-in file."""
    data: str
    """A file, a folder, or the name of a data set (`mlzoo sources`)."""
    set: Annotated[dict[str, Any], Flag(basic=True)] = Field(default_factory=dict)
    """Model setting name=value, repeatable; `mlzoo models show NAME` lists them."""
    preset: Annotated[Literal["none", "fast", "good", "best"], Flag(basic=True)] = "fast"
    """Effort of the model's recipe, which chooses what is not given by the data: fast (seconds),
    good (minutes), best (hours), or none: the defaults stated here."""

    # -- Data
    source: Annotated[str | None, Flag(detail=True)] = None
    """How to read the data (`mlzoo sources`); by default recognized from the path."""
    source_set: dict[str, object] = Field(default_factory=dict)
    """Source setting name=value, repeatable; `mlzoo sources show NAME` lists them."""
    file_column: Annotated[str | None, Flag(detail=True)] = None
    """Column that names the images, of a table beside them; by default recognized."""
    target: Annotated[str | None, Flag(basic=True)] = None
    """Table column to predict; 'column>=6' makes two classes of a number."""
    task: Annotated[TaskName | None, Flag(detail=True)] = None
    """Kind of target (`mlzoo tasks`): classification, ordinal or regression; by default inferred
    from its values."""
    class_order: Annotated[list[str], BeforeValidator(words), Flag(detail=True)] = Field(
        default_factory=list
    )
    """Classes of --task ordinal from the lowest to the highest, comma-separated; numbers are in
    order by themselves."""
    normal: Annotated[list[str], BeforeValidator(words), Flag(detail=True)] = Field(
        default_factory=list
    )
    """Classes that are normal, comma-separated, where a model learns without labels: it learns
    them alone, and is scored by how well it finds the others in the test split."""
    drop: Annotated[list[str], BeforeValidator(words), Flag(detail=True)] = Field(
        default_factory=list
    )
    """Table columns to leave out, comma-separated; a name with a comma in double quotes."""
    size: Annotated[str | None, Flag(basic=True)] = None
    """Image size to resize to: 64, or height x width as 48x64."""
    color: Annotated[Literal["auto", "gray", "rgb"], Flag(detail=True)] = "auto"
    """Image channels: as the files have them, one, or three."""
    limit: Annotated[int | None, Flag(detail=True)] = Field(None, ge=4)
    """Use only this many samples, drawn with the seed; where each has a class, in proportion."""
    exclude: str | None = None
    """CSV file whose column `name` lists samples to leave out (`mlzoo data audit` writes one)."""
    relabel: str | None = None
    """CSV file that gives samples (column `name`) another class (column `suggested`)."""
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
    optimizer: Annotated[str, AfterValidator(_one_of("optimizer")), Flag(metavar="NAME")] = "adam"
    """sgd, momentum, nesterov, adagrad, rmsprop, adadelta, adam, adamw, lbfgs, or the path of your
    own plug-in file."""
    optimizer_set: dict[str, object] = Field(default_factory=dict)
    """Optimizer setting name=value, repeatable (`mlzoo optimizers show NAME`)."""
    learning_rate: Annotated[float | None, Flag(basic=True)] = Field(
        None, gt=0, json_schema_extra={"search": {"low": 1e-4, "high": 1e-1, "log": True}}
    )
    """Step size; by default the optimizer's usual one."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """Momentum of the optimizers momentum and nesterov."""
    weight_decay: float = Field(0.004, ge=0)
    """Decoupled weight decay of adamw."""
    schedule: Annotated[str, AfterValidator(_one_of("schedule")), Flag(metavar="NAME")] = "constant"
    """Change of the learning rate during training: constant, cosine, step, plateau, or the path of
    your own plug-in file."""
    schedule_set: dict[str, object] = Field(default_factory=dict)
    """Setting name=value of a schedule of your own, repeatable."""
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
    mae, huber; for masks also dice, iou, tversky, lovasz, topk, boundary; the path of your own
    plug-in file. A sum: dice+0.5*focal."""
    loss_set: dict[str, object] = Field(default_factory=dict)
    """Loss setting name=value, repeatable (`mlzoo losses show NAME`); in a sum LOSS.name=value is
    for one loss alone."""
    focal_gamma: float = Field(2.0, ge=0)
    """Focusing exponent of the focal loss."""
    tversky_beta: float = Field(0.7, ge=0, le=1)
    """Weight of false negatives in the tversky loss; false positives have the rest."""
    top_share: float = Field(0.1, gt=0, le=1)
    """Share of an image's pixels, those with the highest loss, that the topk loss averages."""
    metrics: Annotated[list[str], BeforeValidator(words), Flag(metavar="A,B")] = Field(
        default_factory=list
    )
    """Metrics beside those of the task, comma-separated: names (`mlzoo metrics`), or paths of your
    own plug-in files. They are scored, and followed where they can be."""
    monitor: Annotated[str, Flag(metavar="NAME")] = "val_loss"
    """Metric of early stopping, the plateau schedule and the weights to keep: loss, or one that is
    followed; of the validation split with val_ before its name."""
    early_stopping: Annotated[int, Flag(basic=True)] = Field(10, ge=0)
    """Epochs without improvement before training stops; 0: never."""
    early_stopping_delta: float = Field(0.0, ge=0)
    """Improvement of --monitor up to which early stopping counts none."""
    early_stopping_baseline: float | None = None
    """Value of --monitor that must be surpassed before early stopping counts an improvement."""
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
    folds: Annotated[int, Flag(basic=True)] = Field(1, ge=1, le=100)
    """Train a model on each of this many folds of the training and validation splits; their mean is
    the model of the run, and each predicts the samples that it never saw (out_of_fold.csv)."""
    ensemble: int = Field(1, ge=1, le=100)
    """Train this many models with different seeds on one split; their mean is the model of the
    run."""
    calibrate: Literal["auto", "temperature", "none"] = "auto"
    """Temperature by which a classifier's logits are divided, fitted on held-out predictions: auto
    keeps it where it lowers their cross-validated log loss, temperature always, none never."""
    conformal: float | Literal["auto"] = "auto"
    """Share of the validation split, at most 0.5, that is set aside for `predict --coverage` and
    decides nothing else, not used with --folds; auto: a third, where that is 50 samples or groups;
    0: none."""
    repeats: int = Field(1, ge=1)
    """Train this many times with seeds seed, seed+1, ... and report mean and spread."""

    # -- Machine
    seed: Annotated[int, Flag(basic=True)] = Field(0, ge=0, lt=2**31)
    """Seed of the split, the initial weights, the order and everything else that is random."""
    precision: Literal["float32", "float64", "mixed_float16", "mixed_bfloat16"] = "float32"
    """Arithmetic of the layers; float64 is for differential equations."""
    device: Literal["auto", "cpu", "gpu"] = "auto"
    """Device to train on; gpu fails where there is none."""
    xla: Literal["auto", "on", "off"] = "auto"
    """Compile with XLA."""
    baselines: Literal["none", "fast", "all"] = "fast"
    """Baselines beside the scores: none, the quick ones, or all (`mlzoo baselines`)."""
    checkpoint_every: float = Field(60.0, ge=0)
    """Seconds between two checkpoints, at least; 0: one after every step."""

    # -- Output
    out: Annotated[str, Flag(basic=True)] = "saved_models"
    """Folder that run folders go into."""
    name: Annotated[str | None, Flag(basic=True)] = None
    """Name of the run folder; by default model-data, with a number where that is taken."""
    pictures: Literal["all", "none"] = "all"
    """Pictures of a run: curves, samples, mistakes; none saves a second of a short training."""
    log: Annotated[list[str], BeforeValidator(words), Flag(metavar="A,B")] = Field(
        default_factory=list
    )
    """Report to trackers while training, comma-separated: names (`mlzoo trackers`), or paths of
    your own plug-in files."""

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

    @field_validator("conformal")
    @classmethod
    def _half_at_most(cls, value: float | str) -> float | str:
        if not isinstance(value, str) and not 0 <= value <= 0.5:
            raise ValueError("must be from 0 to 0.5, or auto")
        return value

    @field_validator("xla", mode="before")
    @classmethod
    def _on_off(cls, value: Any) -> Any:
        # YAML reads a bare on or off as true or false.
        return ("on" if value else "off") if isinstance(value, bool) else value

    @field_validator(
        "size", "fractions", "name", "file_column", "target", "group_by", mode="before"
    )
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

    @field_validator("metrics")
    @classmethod
    def _known_metrics(cls, value: list[str]) -> list[str]:
        known = registry.names("metric") if value else []
        for name in value:
            if not name.endswith(".py") and name not in known:
                raise ValueError(registry.unknown("metric", name, known))
            if name.endswith(".py") and registry.stem(name) in known:
                raise ValueError(f"there is a metric {registry.stem(name)!r}; rename {name}")
        return list(dict.fromkeys(value))

    @field_validator("log")
    @classmethod
    def _known_trackers(cls, value: list[str]) -> list[str]:
        known = registry.names("tracker") if value else []
        for name in value:
            if not name.endswith(".py") and name not in known:
                raise ValueError(registry.unknown("tracker", name, known))
        return list(dict.fromkeys(value))

    @field_validator("monitor")
    @classmethod
    def _followed(cls, value: str, info: ValidationInfo) -> str:
        given = [registry.stem(name) for name in info.data.get("metrics", ())]
        if value.removeprefix("val_") in ("loss", *given):
            return value
        names = ["loss", *registry.defining("metric", "build")]
        names = [*(f"val_{name}" for name in names), *names]
        if value in names:
            return value
        raise _none_of(names)

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
        if not shares(self.fractions)[2] and self.folds == 1:
            raise ValueError(
                f"fractions {self.fractions} leave no test split to score on; give it a share, or "
                "score every sample out of fold with folds 5"
            )
        if self.folds > 1 and self.ensemble > 1:
            raise ValueError("folds and ensemble exclude each other; choose one")
        if self.folds > 1 and self.train_on == "train+valid":
            raise ValueError("folds share out both splits already; leave out train_on")
        if self.clip_norm is not None and self.clip_value is not None:
            raise ValueError("clip_norm and clip_value exclude each other; choose one")
        if isinstance(self.tile, int):
            if self.tile < 64:
                raise ValueError(f"tile {self.tile} is too small; it must be at least 64")
            if (self.overlap or 0) > self.tile // 2:
                raise ValueError(
                    f"overlap {self.overlap} is more than half of the tile, {self.tile}"
                )
        if self.full_batch and self.schedule != "constant":
            raise ValueError(f"{self.optimizer} searches its own step; leave out --schedule")
        if self.full_batch and self.precision != "float32":
            raise ValueError(f"{self.optimizer} needs --precision float32")
        return self

    @property
    def rate(self) -> float:
        """The learning rate, the optimizer's usual one where none was given."""
        return self.learning_rate or usual_rate(self.optimizer)

    @property
    def averaged(self) -> int:
        """The number of trainings whose mean is the model."""
        return max(self.folds, self.ensemble)

    @property
    def full_batch(self) -> bool:
        """Return whether the optimizer takes the whole training split at once."""
        return is_full_batch(self.optimizer)


def usual_rate(optimizer: str) -> float:
    """Return the learning rate of an optimizer where none is given."""
    return float(registry.constants("optimizer", optimizer).get("LEARNING_RATE", 1.0))


def is_full_batch(optimizer: str) -> bool:
    """Return whether an optimizer takes the whole training split at once, in place of batches."""
    return bool(registry.constants("optimizer", optimizer).get("FULL_BATCH", False))


def plugin_config(config: RunConfig, kind: str, name: str) -> Any:
    """Return the `Config` of an optimizer, schedule or loss, from the run's configuration."""
    plugin = registry.load(kind, name).Config
    plugin_settings = own_settings(kind, name, getattr(config, f"{kind}_set"))
    shared = {n: getattr(config, n) for n in SHARED[kind] if n in plugin.model_fields}
    return plugin(**plugin_settings, **shared)


def all_settings(config: RunConfig, kind: str) -> dict[str, object]:
    """Return all settings of the plug-ins of a kind, as `optimizer_set` and its like hold them.

    Those that are fields of the run are left out; nothing is said of losses that the task chooses.
    """
    chosen = getattr(config, kind)
    names = loss_names(chosen) if kind == "loss" else [chosen]
    merged: dict[str, object] = {}
    for name in names:
        plugin_settings = plugin_config(config, kind, name).model_dump(mode="json")
        prefix = f"{registry.stem(name)}." if len(names) > 1 else ""
        merged |= {
            prefix + key: value for key, value in plugin_settings.items() if key not in SHARED[kind]
        }
    return merged


def own_settings(kind: str, name: str, settings: Mapping[str, Any]) -> dict[str, object]:
    """Return those of the settings given for plug-ins of a kind that one of them takes.

    Losses are several: `dice.smooth` is a setting of dice alone, and `smooth` one of each loss
    that has it.
    """
    if kind != "loss":
        return dict(settings)
    known = registry.load(kind, name).Config.model_fields
    accepted = {key: value for key, value in settings.items() if key in known}
    prefix = f"{registry.stem(name)}."
    return accepted | {
        key.removeprefix(prefix): value for key, value in settings.items() if key.startswith(prefix)
    }


def shares(text: str) -> tuple[float, float, float]:
    """`60/20/20` as three fractions that sum to 1; all but the first may be 0."""
    parts = text.replace(",", "/").split("/")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) != 3 or abs(sum(numbers) - 100) > 1e-6 or min(numbers) < 0:
        raise ValueError("write three shares that sum to 100, as 60/20/20")
    if numbers[0] == 0:
        raise ValueError("the training share can't be 0")
    return numbers[0] / 100, numbers[1] / 100, numbers[2] / 100


def loss_terms(text: str) -> list[tuple[float, str]]:
    """`dice+0.5*focal` as weights and names.

    Raises:
        ValueError: a term is no loss, or its weight no positive number.
    """
    known: Collection[str] = registry.own_names("loss")
    terms = []
    for term in text.split("+"):
        number, star, name = (part.strip() for part in term.rpartition("*"))
        try:
            weight = float(number) if star else 1.0
        except ValueError:
            weight = 0.0
        if name not in known and not name.endswith(".py"):
            known = registry.names("loss")
        if name not in known and not name.endswith(".py"):
            listed = ", ".join(known)
            raise ValueError(f"{registry.unknown('loss', name, known)}; write one of {listed}")
        if not 0 < weight < float("inf"):
            raise ValueError(f"the weight of {name} must be a number over 0, as in 0.5*{name}")
        terms.append((weight, name))
    return terms


def loss_names(text: str) -> list[str]:
    """Return the names in a sum of losses, none for `auto`; weights are not checked."""
    if text == "auto":
        return []
    return [term.rpartition("*")[2].strip() for term in text.split("+")]


def spreads(config: RunConfig) -> bool:
    """Return whether the loss takes a predicted distribution: mean and standard deviation."""
    names = loss_names(config.loss)
    return any(registry.constants("loss", name).get("DISTRIBUTION", False) for name in names)


def absolute_losses(text: str) -> str:
    """Return a sum of losses whose files mean the same in every folder."""
    if text == "auto":
        return text
    terms = [
        (term.rpartition("*")[0], name)
        for term, name in zip(text.split("+"), loss_names(text), strict=True)
    ]
    return "+".join(
        f"{number.strip()}*{registry.absolute(name)}" if number else registry.absolute(name)
        for number, name in terms
    )


def losses_for(task: str) -> list[str]:
    """Return the losses for a task: the usual one, those for all its kin, then the others."""
    chosen = registry.load("task", task).Task
    targets = {
        name: registry.constants("loss", name).get("TARGETS", ()) for name in registry.names("loss")
    }
    return sorted(
        (name for name, entries in targets.items() if chosen.target.accepted_by(entries)),
        key=lambda n: (n != chosen.losses[0], chosen.target.values not in targets[n], n),
    )


def weighted_losses(task: str) -> list[str]:
    """Return the losses for a task that take class weights."""
    return [
        n for n in losses_for(task) if registry.constants("loss", n).get("CLASS_WEIGHTS", False)
    ]


def check_fit(config: RunConfig, task: str) -> None:
    """Raise UsageError with all that a configuration asks for and a task does not have."""
    target = registry.load("task", task).Task.target
    names = loss_names(config.loss)
    problems = [
        f"--loss {name} does not fit {task}; choose {' or '.join(losses_for(task))}"
        for name in names
        if not target.accepted_by(registry.constants("loss", name).get("TARGETS", ()))
    ]
    problems += [
        f"--metrics {name} does not fit {task}; leave it out"
        for name in config.metrics
        if not target.accepted_by(registry.constants("metric", name).get("TARGETS", ()))
    ]
    if spreads(config) and len(names) > 1:
        problems.append(f"--loss {config.loss}: a loss of a distribution stands alone")
    if config.sampler == "balanced" and not target.sample_class:
        problems.append(f"--sampler balanced has no effect on {task}: leave it out")
    if config.class_weights != "none":
        weighted = [n for n in names if registry.constants("loss", n).get("CLASS_WEIGHTS")]
        if not target.is_class or target.causal:
            problems.append(f"--class-weights has no effect on {task}: leave it out")
        elif not target.sample_class and names and not weighted:
            problems.append(
                f"--class-weights has no effect on --loss {config.loss}: add one of "
                f"{', '.join(weighted_losses(task))}, as in {config.loss}+crossentropy"
            )
    if config.calibrate == "temperature" and (not target.is_class or target.causal):
        problems.append(f"--calibrate temperature has no effect on {task}: leave it out")
    on_points = target.per == "point"
    if config.precision == "float64" and not on_points:
        problems.append(f"--precision float64 has no effect on {task}: leave it out")
    if config.averaged > 1 and (on_points or target.acts):
        problems.append(f"--folds and --ensemble are not for {task}: leave them out")
    targets = registry.constants("optimizer", config.optimizer).get("TARGETS")
    if targets is not None and not target.accepted_by(targets):
        problems.append(f"--optimizer {config.optimizer} is not for {task}; choose adam")
    if problems:
        raise UsageError(problems)


def image_size(text: str | None) -> tuple[int, int] | None:
    """`64` or `48x64` as (height, width)."""
    if text is None:
        return None
    sides = [int(side) for side in text.split("x")]
    return sides[0], sides[-1]


_BY_STEPS = (
    *("learning_rate", "batch_size", "clip_norm", "clip_value", "sampler", "checkpoint_every"),
    *("augment",),
)
"""Fields that an optimizer reads unless it takes the whole training split at once."""
_READ_WITH: dict[str, tuple[str, tuple[str, ...]]] = {
    "augment_trials": ("augment", ("search",)),
    "rare_below": ("rare", ("merge", "drop")),
    "max_bad": ("on_bad", ("skip",)),
}


def deciders() -> dict[str, str]:
    """Return the fields that only some values of another field read, each with that field."""
    decider_by_field = {name: kind for kind, names in SHARED.items() for name in names}
    decider_by_field |= dict.fromkeys(_BY_STEPS, "optimizer")
    return decider_by_field | {name: decider for name, (decider, _) in _READ_WITH.items()}


def readers(name: str) -> list[str]:
    """Return the values of its decider (see `deciders`) that have a field read."""
    if name in _READ_WITH:
        return list(_READ_WITH[name][1])
    kind = deciders()[name]
    return [plugin for plugin in registry.names(kind) if _reads(kind, plugin, name)]


def _reads(kind: str, plugin: str, name: str) -> bool:
    """Return whether a plug-in reads a field of the run."""
    if name in _BY_STEPS:
        return not is_full_batch(plugin)
    return name in registry.settings(kind, plugin)


_COMPILED = (
    *("optimizer", "learning_rate", "momentum", "weight_decay", "clip_norm", "clip_value"),
    *("schedule", "warmup", "decay_every", "decay_factor", "plateau_patience"),
    *("loss", "focal_gamma", "tversky_beta", "top_share"),
    *("optimizer_set", "schedule_set", "loss_set"),
)
"""Fields that a model has decided on that its own build function compiles."""


def inert(
    values: Mapping[str, object], given: set[str], unsure: Collection[str] = ()
) -> dict[str, str]:
    """Fields of `given` that nothing would read under `values`, each with the reason.

    Nothing is said of fields that depend on those in `unsure`, whose values are wrong.
    """
    reasons: dict[str, str] = {}
    if build_function(str(values.get("model"))):
        text = f"has no effect: {values['model']} compiles the model itself"
        reasons |= dict.fromkeys(given & {*_COMPILED}, text)
    decided_by = deciders()
    for name in given & {*decided_by} - {*reasons}:
        decider = decided_by[name]
        if decider not in unsure and not _is_read(name, decider, str(values.get(decider))):
            reasons[name] = (
                f"has no effect: it needs {decider} {' or '.join(readers(name))}, "
                f"and {decider} is {values.get(decider)}"
            )
    if values.get("loss_set") and "loss_set" in given and values.get("loss") == "auto":
        reasons["loss_set"] = "has no effect: loss is auto; name one, as in crossentropy+dice"
    if "augment_workers" in given and values.get("augment") in ("none", []):
        reasons["augment_workers"] = "has no effect: augment is none"
    if not values.get("early_stopping") and "early_stopping" not in unsure:
        named = {"early_stopping_delta", "early_stopping_baseline"} & given
        reasons |= dict.fromkeys(named, "has no effect: early_stopping is 0")
    if "monitor" in given and not _monitors(values) and not _WATCHERS & set(unsure):
        reasons["monitor"] = (
            "has no effect: early_stopping is 0, keep is last and no plateau schedule runs"
        )
    return reasons


def _is_read(name: str, decider: str, chosen: str) -> bool:
    """Return whether a field is read where its decider has a value."""
    if name in _READ_WITH:
        return chosen in _READ_WITH[name][1]
    plugins = loss_names(chosen) if decider == "loss" else [chosen]
    return any(_reads(decider, plugin, name) for plugin in plugins)


_WATCHERS = {"early_stopping", "keep", "schedule"}


def _monitors(values: Mapping[str, object]) -> bool:
    return bool(
        values.get("early_stopping")
        or values.get("keep") == "best"
        or registry.constants("schedule", str(values.get("schedule"))).get("MONITORS")
    )
