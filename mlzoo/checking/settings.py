"""Settings of `mlzoo landscape`. Neither Keras nor NumPy is imported here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from mlzoo.checking.constraints.grammar import parse_constraint
from mlzoo.core.configs import Settings, from_options
from mlzoo.core.errors import UsageError
from mlzoo.core.fields import Flag
from mlzoo.core.messages import sentences
from mlzoo.core.registry import names, settings, unknown
from mlzoo.core.validation.values import is_full_batch
from mlzoo.tuning.settings import seconds


class Formulas(Settings):
    """Numbers in the optimizers' formulas, beside the learning rate."""

    momentum: float = Field(0.9, ge=0, lt=1)
    """Momentum of momentum and nesterov."""
    beta_1: float = Field(0.9, ge=0, lt=1)
    """Decay of Adam's and AdamW's mean gradient."""
    beta_2: float = Field(0.999, ge=0, lt=1)
    """Decay of Adam's and AdamW's mean squared gradient."""
    rho: float = Field(0.9, ge=0, lt=1)
    """Decay of RMSprop's and AdaDelta's mean squared gradient; Keras has .95 for AdaDelta."""
    epsilon: float = Field(1e-7, ge=0)
    """Small number that avoids a division by zero."""
    epsilon_place: Literal["inside", "outside"] = "outside"
    """Adam: epsilon inside the square root, or outside as in Keras; the others have it inside."""
    accumulator: float = Field(0.0, ge=0)
    """Initial value of AdaGrad's sum of squares; Keras's default is 0.1."""
    weight_decay: float = Field(0.004, ge=0)
    """Decoupled weight decay of adamw."""


def _readers(formula: str) -> list[str]:
    """Return the optimizers whose formula has a number."""
    if formula == "epsilon_place":
        return ["adam"]
    return [n for n in names("optimizer") if formula in settings("optimizer", n)]


class WalkConfig(Settings):
    """The paths of optimizers from one start."""

    # -- Functions
    optimizer: Annotated[tuple[str, ...], Flag(basic=True)] = (
        "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "lbfgs",
    )  # fmt: skip
    """Optimizers, comma-separated."""
    learning_rate: Annotated[tuple[float, ...], Flag(basic=True)] = ()
    """Learning rates: one for all, or one an optimizer; by default each optimizer's usual one."""
    steps: Annotated[int, Flag(basic=True)] = Field(100, ge=1, le=100_000)
    """Steps of each optimizer."""
    start: Annotated[tuple[float, float] | None, Flag(basic=True, metavar="X,Y")] = None
    """Starting point, as in -1.2,1."""
    noise: float = Field(0.0, ge=0)
    """Standard deviation of the noise that is added to every gradient entry."""
    sweep: Annotated[tuple[float, float] | None, Flag(basic=True, metavar="LOW..HIGH")] = None
    """Try every optimizer at learning rates in this range too, evenly in their logarithm."""
    points: int = Field(25, ge=2, le=500)
    """Learning rates of a sweep."""
    tolerance: float = Field(0.01, gt=0)
    """Distance that counts as at the optimum, and norm of a gradient that counts as zero."""
    view: Annotated[tuple[float, float] | None, Flag(basic=True, metavar="LOW..HIGH")] = None
    """Range that is drawn, in both directions."""
    formulas: Formulas = Formulas.model_validate({})
    """The numbers in the optimizers' formulas."""
    seed: Annotated[int, Flag(basic=True)] = Field(0, ge=0, lt=2**31)
    """Seed of the noise."""

    def rates(self, optimizer: str) -> list[float]:
        """Return the given learning rates of an optimizer; none: its usual one."""
        if not self.learning_rate or is_full_batch(optimizer):
            return []
        if len(self.learning_rate) == 1:
            return [self.learning_rate[0]]
        return [self.learning_rate[self.optimizer.index(optimizer)]]


class ConstrainedConfig(Settings):
    """Descents to an optimum under constraints."""

    subject_to: tuple[str, ...] = Field(min_length=1)
    """The constraints."""
    steps: int = Field(100, ge=1, le=10_000)
    """Most steps of each descent."""
    start: tuple[float, float] | None = None
    """Starting point."""
    view: tuple[float, float] | None = None
    """Range that is drawn, in both directions."""


class AroundConfig(Settings):
    """The loss around a run's weights."""

    # -- Loss of a run
    plane: Annotated[Literal["random", "weights", "path"], Flag(basic=True)] = "random"
    """random: two filter-normalized directions; weights: two weights; path: the path of the
    training, of a run trained with --snapshots."""
    weights: Annotated[str | None, Flag(metavar="A,B")] = None
    """The two weights, as hidden1/kernel[3,5],head/kernel[0,1]."""
    span: Annotated[float, Flag(basic=True)] = Field(1.0, gt=0)
    """Distance that is drawn, in both directions."""
    points: int = Field(25, ge=5, le=500)
    """Grid points a side."""
    limit: int = Field(4000, ge=2)
    """Samples of the training split that the loss is measured on."""
    budget: Annotated[float, Flag(basic=True, metavar="TIME")] = Field(300.0, gt=0)
    """Time for the surface: 90s, 5m, or seconds; where it would take longer, fewer points are
    computed."""
    to: Annotated[str | None, Flag(basic=True, metavar="RUN")] = None
    """Another run: the loss on the line between the two."""
    eigenvalues: Annotated[int, Flag(basic=True)] = Field(0, ge=0, le=50)
    """Number of the Hessian's largest eigenvalues to compute."""
    walked: bool = False
    """Draw the paths of optimizers on the plane."""
    walks: WalkConfig = WalkConfig.model_validate({})
    """These paths."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Seed of samples and directions."""

    @field_validator("budget", mode="before")
    @classmethod
    def _seconds(cls, value: Any) -> Any:
        return seconds(value) if isinstance(value, str) else value


class CurveConfig(Settings):
    """The error of a model against its capacity or the number of training samples."""

    # -- Learning curves
    capacity: Annotated[str | None, Flag(basic=True, metavar="NAME")] = None
    """Error against a setting of the model: degree, l2, or NAME=RANGE as in hidden=4..256/4."""
    samples: Annotated[bool, Flag(basic=True)] = False
    """Error against the number of training samples."""
    repeat: Annotated[int, Flag(basic=True)] = Field(5, ge=2)
    """Fits of each point, on different samples, whose spread is drawn."""

    @model_validator(mode="after")
    def _one_curve(self) -> CurveConfig:
        if self.capacity is not None and self.samples:
            raise ValueError("--capacity and --samples are two curves: ask for one of them")
        return self


def curve(values: Mapping[str, object]) -> CurveConfig:
    """Return a validated configuration from text as on the command line.

    Raises:
        UsageError: with every mistake, a line each.
    """
    return from_options(CurveConfig, values)


def constrained_config(values: dict[str, Any]) -> ConstrainedConfig:
    """Return a validated configuration, from text as on the command line.

    Raises:
        UsageError: with every mistake, a line each.
    """
    read, problems = _read(values)
    for text in values["subject_to"]:
        try:
            parse_constraint(text)
        except UsageError as error:
            problems.append(f"--subject-to: {error}")
    return from_options(ConstrainedConfig, read, problems)


def _read(values: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return settings of paths with texts as numbers, and a line for each that is none."""
    read, problems = dict(values), []
    for name, reader in _READ.items():
        if isinstance(read.get(name), str):
            try:
                read[name] = reader(read[name])
            except ValueError as error:
                problems.append(f"--{name.replace('_', '-')}: {error} (got {read.pop(name)!r})")
    return read, problems


def around(values: Mapping[str, object], walking: WalkConfig) -> AroundConfig:
    """Return a validated configuration, from text as on the command line.

    Raises:
        UsageError: with every mistake, a line each.
    """
    if values.get("weights") and values.get("plane", "weights") != "weights":
        raise UsageError("--weights: has no effect without --plane weights")
    if values.get("weights"):
        values = {**values, "plane": "weights"}
    if values.get("plane") == "path" and "span" in values:
        raise UsageError("--span: has no effect on --plane path, which shows the whole path")
    return from_options(AroundConfig, {**values, "walks": walking})


def walks(values: dict[str, Any], formulas: dict[str, str]) -> WalkConfig:
    """Return validated walk settings, from text as on the command line.

    Raises:
        UsageError: with every mistake, a line each.
    """
    read, problems = _read(values)
    known, chosen = names("optimizer"), read.get("optimizer", _usual_optimizers())
    for name in chosen:
        if name not in known:
            problems.append(f"--optimizer: {unknown('optimizer', name, known)}")
    if len(set(chosen)) < len(chosen):
        problems.append("--optimizer: names an optimizer twice")
    rates = read.get("learning_rate", ())
    if len(rates) > 1 and len(rates) != len(chosen):
        problems.append(
            f"--learning-rate: give one rate or one an optimizer ({len(chosen)}), not {len(rates)}"
        )
    if any(not rate > 0 for rate in rates):
        problems.append("--learning-rate: must be more than 0")
    problems += _formula_problems(formulas, chosen)
    if problems:
        raise UsageError(problems)
    return from_options(WalkConfig, {**read, "formulas": Formulas.model_validate(formulas)})


def _usual_optimizers() -> tuple[str, ...]:
    default: tuple[str, ...] = WalkConfig.model_fields["optimizer"].default
    return default


def _formula_problems(formulas: dict[str, str], chosen: tuple[str, ...]) -> list[str]:
    problems, known = [], Formulas.model_fields
    try:
        Formulas.model_validate({n: v for n, v in formulas.items() if n in known})
    except ValidationError as error:
        problems += [f"--set {name}: {text}" for name, text in sentences(error).items()]
    for name in formulas:
        if name not in known:
            problems.append(f"--set {name}: {unknown('setting of an optimizer', name, known)}")
        elif not {*_readers(name)} & {*chosen}:
            readers = " or ".join(_readers(name))
            problems.append(f"--set {name}: has no effect: it needs --optimizer {readers}")
    return problems


def numbers(text: str) -> tuple[float, ...]:
    """Return `.1,.2` as numbers, all finite."""
    try:
        values = tuple(float(word) for word in text.split(","))
    except ValueError:
        raise ValueError("write numbers with commas between them") from None
    if not all(abs(number) < 1e100 for number in values):
        raise ValueError("must be finite numbers")
    return values


def point(text: str) -> tuple[float, float]:
    """Return `-1.2,1` as a point."""
    try:
        x, y = numbers(text)
    except ValueError:
        raise ValueError("write two numbers x,y as in -1.2,1") from None
    return x, y


def span(text: str) -> tuple[float, float]:
    """Return `-2..2` as two numbers, the smaller first."""
    low, dots, high = text.partition("..")
    try:
        (first,), (last,) = numbers(low), numbers(high)
    except ValueError:
        raise ValueError("write from..to as in -2..2") from None
    if not dots or not first < last:
        raise ValueError("write from..to, the smaller number first")
    return first, last


def _rates_span(text: str) -> tuple[float, float]:
    ends = span(text)
    if ends[0] <= 0:
        raise ValueError("rates are more than 0")
    return ends


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


_READ: dict[str, Callable[[str], tuple[str | float, ...]]] = {
    "optimizer": _words,
    "learning_rate": numbers,
    "start": point,
    "view": span,
    "sweep": _rates_span,
}
