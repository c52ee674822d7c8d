"""Configuration of a run: frozen, merged from flags and a YAML file.

Neither Keras nor NumPy is imported here. The text under each field is its help.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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

from mlzoo.core.errors import UsageError
from mlzoo.core.fields import Flag
from mlzoo.core.messages import flag_lines
from mlzoo.core.setting_types import TaskName
from mlzoo.core.validation import values
from mlzoo.core.validation.values import one_of, shares, words


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
    good (minutes) and best (hours), both beside all baselines, or none: the defaults stated
    here."""

    # -- Data
    source: Annotated[str | None, Flag(detail=True)] = None
    """Source that reads the data (`mlzoo sources`); by default recognized from the path."""
    source_set: dict[str, object] = Field(default_factory=dict)
    """Source setting name=value, repeatable; `mlzoo sources show NAME` lists them."""
    file_column: Annotated[str | None, Flag(detail=True)] = None
    """Column that names the images, of a table beside them; by default recognized."""
    with_columns: Annotated[list[str], BeforeValidator(words)] = Field(default_factory=list)
    """Columns of the table that names the images, comma-separated, which are a second input:
    joined late with what a model makes of the image."""
    target: Annotated[str | None, Flag(basic=True)] = None
    """Table column to predict; 'column>=6' makes two classes of a number, 'y1,y2' names several
    columns: numbers, or zeros and ones of a label each."""
    task: Annotated[TaskName | None, Flag(detail=True)] = None
    """Kind of target (`mlzoo tasks`): classification, ordinal, multilabel or regression, of masks
    segmentation or instances, of texts translation; by default inferred from its values."""
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
    restore: str | None = None
    """Learn to restore clean images that are degraded for it: noise=.35 (standard deviation, of
    pixels from 0 to 1), scale=2 (enlarged from half the height and width) or mask=.3 (share of
    squares of 4x4 pixels that are black). A folder of pairs, as noisy/ and clean/, needs none."""
    drop: Annotated[list[str], BeforeValidator(words), Flag(detail=True)] = Field(
        default_factory=list
    )
    """Table columns to leave out, comma-separated; a name with a comma in double quotes."""
    raw_columns: bool = False
    """Refuse tables with free text or identifiers in place of reading words and leaving columns
    out, and take dates as they are in place of year, month, day and weekday."""
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
    weight_column: str | None = None
    """Table column of how much each sample counts in the training and validation loss, in
    proportion; rows of 0 are left out. It is no input, and scores count each sample once."""
    split: Annotated[Literal["random", "hash"], Flag(detail=True)] = "random"
    """random: exact proportions from the seed; hash: adding files never moves others."""
    fractions: Annotated[str, Flag(detail=True)] = "60/20/20"
    """Shares of the training, validation and test splits, in percent."""
    on_bad: Annotated[Literal["error", "skip"], Flag(detail=True)] = "error"
    """Unreadable files: refuse the data, or leave them out (up to --max-bad)."""
    max_bad: float = Field(0.01, gt=0, le=1)
    """The largest share of bad files that --on-bad skip accepts."""
    cache: Annotated[str, Flag(metavar="auto|none|DIR")] = "auto"
    """Folder for decoded and resized images, so that no file is decoded twice, also by later runs;
    auto: one of the user's (MLZOO_CACHE) where decoding takes seconds and the images become smaller
    than their files."""
    cache_size: float = Field(20.0, gt=0)
    """GB that the folder of --cache holds at most; what was used longest ago is removed."""
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
    the validation split), a policy file, or generated:RUN, which adds samples of the classes that a
    generator's run draws, as many as there are."""
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
    optimizer: Annotated[str, AfterValidator(one_of("optimizer")), Flag(metavar="NAME")] = "adam"
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
    schedule: Annotated[str, AfterValidator(one_of("schedule")), Flag(metavar="NAME")] = "constant"
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
    equation: Annotated[str | None, Flag(metavar="FILE")] = None
    """Fields: add the residual of a problem's equations and conditions, on the grid, to the loss: a
    .yaml file whose unknowns are the fields and whose known functions are the input's channels."""
    equation_weight: float = Field(0.1, gt=0, allow_inf_nan=False)
    """Weight of the mean squared residuals, each relative to its terms, beside the loss."""
    metrics: Annotated[list[str], BeforeValidator(words), Flag(metavar="A,B")] = Field(
        default_factory=list
    )
    """Metrics beside those of the task, comma-separated: names (`mlzoo metrics`), or paths of your
    own plug-in files. They are scored, and followed where they can be."""
    tolerance: float | None = Field(None, gt=0)
    """Masks: score also how many pixels lie within this many pixels of a true one of their class
    (tolerant_precision, tolerant_recall, tolerant_f1), for labels that are a little off."""
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
    ema_momentum: float = Field(0.0, ge=0, lt=1)
    """Decay of an exponential moving average of the weights, such as 0.99 a step, which is
    validated, kept and saved in their place; 0: none."""
    swa_share: float = Field(0.0, ge=0, lt=1)
    """Share of the training, its end, such as 0.25, over whose steps the weights are averaged in
    equal parts (stochastic weight averaging), and validated, kept and saved so; 0: none."""
    class_weights: Annotated[str, Flag(basic=True)] = "none"
    """Of samples, of pixels for masks, of steps for labeling: none, auto (inverse frequency), or
    a YAML file of class: weight."""
    sampler: Literal["shuffle", "balanced"] = "shuffle"
    """shuffle: each sample once an epoch; balanced: classes drawn equally often; of masks, a third
    of the crops (--tile) centered on pixels of rarer classes."""
    folds: Annotated[int, Flag(basic=True)] = Field(1, ge=1, le=100)
    """Train a model on each of this many folds of the training and validation splits; their mean is
    the model of the run, and each predicts the samples that it never saw (out_of_fold.csv)."""
    ensemble: int = Field(1, ge=1, le=100)
    """Train this many models with different seeds on one split; their mean is the model of the
    run."""
    calibrate: Literal["auto", "temperature", "none"] = "auto"
    """Temperature by which a classifier's logits are divided, fitted on held-out predictions: auto
    keeps it where it lowers their cross-validated log loss, temperature always, none never."""
    cost: Annotated[str | None, BeforeValidator(values.cost_text), Flag(metavar="RATIO|FILE")] = (
        None
    )
    """Decide for the class that costs least: a ratio, the cost of missing the rarer of two classes
    over that of a false alarm, or a YAML file with a cost of each predicted class for each true
    one. The threshold of two classes is chosen on the validation split."""
    operating_point: Literal["auto", "chosen", "none"] = "auto"
    """Masks of two classes: the threshold of the rarer one's probability and the size of its
    smallest component, chosen for its IoU on the validation split or out of fold; auto: where the
    class has at most a tenth of the pixels and cross-validation shows a gain."""
    conformal: float | Literal["auto"] = "auto"
    """Share of the validation split, at most 0.5, that is set aside for `predict --coverage` and
    decides nothing else, not used with --folds; auto: a third, where that is 50 samples or groups,
    none of series; 0: none."""
    repeats: int = Field(1, ge=1)
    """Train this many times with seeds seed, seed+1, ... and report mean and spread."""

    # -- Machine
    seed: Annotated[int, Flag(basic=True)] = Field(0, ge=0, lt=2**31)
    """Seed of the split, the initial weights, the order and everything else that is random."""
    precision: Literal["float32", "float64", "mixed_float16", "mixed_bfloat16"] = "float32"
    """Arithmetic of the layers; float64 is for differential equations."""
    device: Literal["auto", "cpu", "gpu"] = "auto"
    """Device to train on; gpu fails where there is none."""
    devices: Annotated[str, Flag(metavar="all|N|0,1")] = "1"
    """Devices of this machine that share each batch: all, how many, or their numbers (0,2; one
    alone as 2,). On JAX; the samples of a batch are a multiple of their number."""
    xla: Literal["auto", "on", "off"] = "auto"
    """Compile with XLA."""
    baselines: Literal["none", "fast", "all"] = "fast"
    """Baselines beside the scores: none, the quick ones, or all (`mlzoo baselines`)."""
    unscored: bool = False
    """Train without a test split (--fractions 100/0/0): the run predicts, but has neither scores
    nor a report; for cross-validation from outside."""
    profile: bool = False
    """Tell where the time of the training goes, and what to change (profile.csv, plots/)."""
    weight_ranges: bool = False
    """Write how each layer's weights spread over the epochs (weights.csv, plots/weights.png)."""
    callback: Annotated[list[str], BeforeValidator(words), Flag(metavar="FILE.py")] = Field(
        default_factory=list
    )
    """Python files, comma-separated, whose function callbacks() returns Keras callbacks for
    training in batches. What these note is in no checkpoint: with --resume they begin anew."""
    diagnose: Literal["none", "spectrum"] = "none"
    """spectrum: write the error by frequency over the epochs, where one number is predicted from
    one number (spectrum.csv, plots/spectrum.png)."""
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

    _check_fractions = field_validator("fractions")(values.three_shares)
    _check_size = field_validator("size")(values.image_sides)
    _check_restore = field_validator("restore")(values.degradation_text)
    _check_conformal = field_validator("conformal")(values.half_at_most)
    _read_xla = field_validator("xla", mode="before")(values.on_off)
    _read_text = field_validator(
        "size",
        "fractions",
        "name",
        "file_column",
        "target",
        "group_by",
        "weight_column",
        mode="before",
    )(values.as_text)
    _check_workers = field_validator("augment_workers")(values.processes)
    _check_batch_size = field_validator("batch_size")(values.batch)
    _check_devices = field_validator("devices", mode="before")(values.devices)
    _check_tiles = field_validator("tile", "overlap")(values.on_the_grid)
    _check_group_by = field_validator("group_by")(values.expression)
    _check_name = field_validator("name")(values.plain_name)
    _check_loss = field_validator("loss")(values.known_losses)
    _check_metrics = field_validator("metrics")(values.known_metrics)
    _check_log = field_validator("log")(values.known_trackers)
    _check_callback = field_validator("callback")(values.python_files)
    _check_monitor = field_validator("monitor")(values.followed)

    @model_validator(mode="after")
    def _together(self) -> RunConfig:
        if self.schedule == "cosine" and self.warmup >= self.epochs:
            raise ValueError(f"warmup {self.warmup} leaves no epoch of the {self.epochs} to train")
        if self.unscored:
            self._check_unscored()
        elif not shares(self.fractions)[2] and self.folds == 1:
            raise ValueError(
                f"fractions {self.fractions} leave no test split to score on; give it a share, or "
                "score every sample out of fold with folds 5"
            )
        if "://" in self.out:
            raise ValueError(f"out {self.out!r} must be a folder of this machine")
        if self.folds > 1 and self.ensemble > 1:
            raise ValueError("folds and ensemble exclude each other; choose one")
        if self.folds > 1 and self.train_on == "train+valid":
            raise ValueError("folds share out both splits already; leave out train_on")
        if self.clip_norm is not None and self.clip_value is not None:
            raise ValueError("clip_norm and clip_value exclude each other; choose one")
        if self.ema_momentum and self.swa_share:
            raise ValueError("ema_momentum and swa_share exclude each other; choose one")
        if isinstance(self.tile, int):
            if self.tile < 64:
                raise ValueError(f"tile {self.tile} is too small; it must be at least 64")
            if (self.overlap or 0) > self.tile // 2:
                raise ValueError(
                    f"overlap {self.overlap} is more than half of the tile, {self.tile}"
                )
        if self.full_batch and self.schedule != "constant":
            raise ValueError(f"{self.optimizer} searches its own step; leave out --schedule")
        if self.profile and self.averaged > 1:
            raise ValueError("profile is of one training; leave out folds and ensemble")
        if self.weight_ranges and self.averaged > 1:
            raise ValueError("weight_ranges are of one training; leave out folds and ensemble")
        if self.diagnose != "none" and self.averaged > 1:
            raise ValueError("diagnose is of one training; leave out folds and ensemble")
        if self.full_batch and self.precision != "float32":
            raise ValueError(f"{self.optimizer} needs --precision float32")
        return self

    def _check_unscored(self) -> None:
        if shares(self.fractions)[2]:
            raise ValueError(
                f"unscored is for fractions without a test split, such as 100/0/0 (got "
                f"{self.fractions})"
            )
        given = {name: getattr(self, name) > 1 for name in ("folds", "ensemble", "repeats")}
        given |= {"log": bool(self.log), "cost": self.cost is not None}
        if wrong := [name for name, several in given.items() if several]:
            raise ValueError(f"unscored is of one training alone; leave out {wrong[0]}")

    @property
    def rate(self) -> float:
        """The learning rate, the optimizer's usual one where none was given."""
        return self.learning_rate or values.usual_rate(self.optimizer)

    @property
    def averages_weights(self) -> bool:
        """Return whether averages of the weights take their place."""
        return bool(self.ema_momentum or self.swa_share)

    @property
    def averaged(self) -> int:
        """The number of trainings whose mean is the model."""
        return max(self.folds, self.ensemble)

    @property
    def trainings(self) -> int:
        """The number of trainings that know nothing of each other."""
        return self.averaged * self.repeats

    @property
    def full_batch(self) -> bool:
        """Return whether the optimizer takes the whole training split at once."""
        return values.is_full_batch(self.optimizer)
