"""Contracts that plug-ins meet: the task, its outcome, the baseline, the recipe, the tracker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Literal,
    NamedTuple,
    NotRequired,
    Protocol,
    TypedDict,
)

import numpy as np

from mlzoo.core import registry
from mlzoo.data.samples import Data, Part, Samples
from mlzoo.data.specs import Outputs, Target

if TYPE_CHECKING:
    import keras

Predict = Callable[[np.ndarray], np.ndarray]
"""From raw inputs (n, *shape) to a model's outputs (n, ...)."""
LogWeights = Callable[[np.ndarray, np.ndarray], np.ndarray | None]
"""From raw training samples (m, *shape), by which the spread of outputs is set, and other raw
samples (n, *shape) to log p(x, z) - log q(z | x) of codes z drawn of each, (n, codes), in nats."""
Scorer = Callable[[np.ndarray], np.ndarray]
"""From weights (r, n) over samples to a metric's values (r,)."""
Mode = Literal["max", "min"]


class Headline(NamedTuple):
    """The metric that models of a task are judged by, and the direction in which it improves."""

    name: str
    mode: Mode


@dataclass(frozen=True)
class Baseline:
    """A fitted baseline.

    Attributes:
        predict: what it takes and returns depends on what one prediction is made for. A sample:
            inputs (n, *shape) to class probabilities (n, k), numbers (n, k), or their means and
            standard deviations (n, 2, k). A pixel: an image (height, width, channels) to a mask
            (height, width) uint8 or numbers (height, width, k). A step: a sequence (steps,
            channels) to classes (steps,) uint8. A token: the same to probabilities (steps, k). A
            step of a horizon: the windows' `Part` to numbers (n, horizon, targets). An episode:
            `Episodes` to an action (n,) in each.
        note: what bounds it, told beside its scores; or a function of the part that is scored.
    """

    predict: Callable[[Any], np.ndarray]
    note: str | Callable[[Part], str] = ""

    def note_on(self, rows: Part) -> str:
        """Return the note on the scores of a part."""
        return self.note if isinstance(self.note, str) else self.note(rows)


@dataclass(frozen=True)
class Sampler:
    """A generative model as a `Predict`.

    Attributes:
        draw: from positions (m,) to m scaled samples.
        log_weights: of a model with a likelihood; else None.
    """

    draw: Predict
    log_weights: LogWeights | None = None

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """Return m scaled samples (m, *shape)."""
        return self.draw(positions)


@dataclass(frozen=True)
class Evaluation:
    """A model that is to be scored on a split of data, and what it is compared with.

    Attributes:
        predict: the model; from raw inputs (n, *shape) to outputs (n, units).
        data: samples in three splits.
        part: the split that is scored: `train`, `valid` or `test`.
        seed: of the intervals' resampling.
        baselines: fitted baselines by name.
        positive: which of two classes metrics of one class are about; by default the rarer.
        trained: metrics of the training run on its test split, where `data` has no other split.
        extra: names of metrics beside the task's own.
    """

    predict: Predict
    data: Data
    part: str = "test"
    seed: int = 0
    baselines: Mapping[str, Baseline] = field(default_factory=dict)
    positive: int | None = None
    trained: Mapping[str, Any] | None = None
    extra: Sequence[str] = ()

    @property
    def rows(self) -> Part:
        """Return the split that is scored."""
        return self.data.parts()[self.part]


class Gain(TypedDict):
    """The gain of a model over the best baseline; a positive value is better.

    Attributes:
        baseline: the best baseline.
        chosen_on: `valid`, or `scored` for the samples that are scored.
        metric: which metric decides.
        value: the paired difference.
        interval: of the difference; None with too few units.
        level: its confidence.
    """

    baseline: str
    chosen_on: str
    metric: str
    value: float | None
    interval: list[float] | None
    level: float


class Judgment(TypedDict):
    """Gain and verdict (`better`, `not distinguishable`, `worse` or `no verdict`).

    Both are None without baselines.
    """

    gain: Gain | None
    verdict: str | None


class CostFigure(TypedDict):
    """A mean cost and its 95 % interval; None where they are not defined."""

    value: float | None
    interval: Sequence[float] | None


class DecisionCosts(TypedDict):
    """Mean cost of decisions, of the default ones, their difference, and counts of decisions."""

    cost: CostFigure
    default: CostFigure
    saved: CostFigure
    confusion: list[list[int]]


class SplitScores(Judgment):
    """Scores of a model on one split, as `metrics.json` holds them.

    Attributes:
        part: the split.
        samples: in it.
        metrics: a number each, None where it is not defined, and the tables of the task.
        intervals: [low, high] of each number; None where there are too few units.
        interval_unit: what they are taken over: `samples`, `images`, `groups`, ...
        units: how many of those there are.
        baselines: metrics of each, and `note`.
        headline: the metric that decides.
        relative_mae: forecasting only: the model's error over that of each baseline.
        distribution: regression only: gain and verdict of predicted distributions, in CRPS, beside
            those that a baseline predicts.
        decision: costs of the decisions, where the run has an operating point.
        trained_on: other data only: samples that the run was trained on.
        tolerance: masks only: pixels within which tolerant metrics count as right, where given.
    """

    part: str
    samples: int
    metrics: dict[str, Any]
    intervals: Mapping[str, Sequence[float] | None]
    interval_unit: str
    units: int
    baselines: dict[str, dict[str, Any]]
    headline: str
    relative_mae: NotRequired[Mapping[str, Mapping[str, Any]]]
    distribution: NotRequired[Judgment]
    decision: NotRequired[DecisionCosts]
    trained_on: NotRequired[int]
    tolerance: NotRequired[float]


@dataclass(frozen=True)
class RunInfo:
    """Facts of a run that a tracker reports.

    Attributes:
        name: of the run folder, once it is finished.
        folder: where the files of the run are while it trains.
        settings: its configuration by field, what is empty left out.
        search: folder of the search that it is a trial of; None: of none.
    """

    name: str
    folder: Path
    settings: Mapping[str, Any]
    search: Path | None = None


class Tracker(Protocol):
    """Report of a run to a program that shows runs; see `mlzoo.trackers`."""

    def epoch(self, training: str, epoch: int, values: Mapping[str, float]) -> None:
        """Report an epoch, from 1; `training` is one of several trainings of the run.

        `values` also has the load of the machine, with names that begin with `system/`.
        """
        ...

    def finish(self, folder: Path, metrics: Mapping[str, float]) -> None:
        """Report the scores on the test split, and the files of the finished run."""
        ...

    def close(self) -> None:
        """End the report; a run that was stopped opens it again when it is resumed."""
        ...


@dataclass(frozen=True)
class Recipe:
    """Recommendation of a model for its data, in place of the defaults of the configuration.

    A model plug-in may export `recipe(data, config) -> Recipe`. What the user gave is kept.

    Attributes:
        fields: values of `RunConfig` by field.
        settings: values of the model's `Config` by field.
        reason: what the choice rests on, such as `2,263 rows, 28 columns`.
        averages: `--preset good` and `best` train a model on each of several folds.
        descends: False: it replaces a descent in steps, and is left where the user has said how to
            descend.
        why: reasons of single choices, by field or setting.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    averages: bool = False
    descends: bool = True
    why: Mapping[str, str] = field(default_factory=dict)


class Outcome(Protocol):
    """Predictions for the samples of a split.

    Attributes:
        indices: (n,) positions in `Samples`.
    """

    @property
    def indices(self) -> np.ndarray: ...  # noqa: D102

    def scorers(self) -> dict[str, Scorer]:
        """Return the scalar metrics as functions of weights over samples."""
        ...

    def columns(self, samples: Samples) -> list[tuple[str, Any]]:
        """Return the columns of `predictions.csv`: lists, arrays, or made when they are read."""
        ...


class SavedPredictions(Protocol):
    """Content of a run's `predictions.csv`, ordered by index.

    Attributes:
        indices: (n,) positions in the data.
        targets: what two runs must have in common to be compared.
        groups: (n,) labels, or None.
    """

    @property
    def indices(self) -> np.ndarray: ...  # noqa: D102
    @property
    def targets(self) -> np.ndarray: ...  # noqa: D102
    @property
    def groups(self) -> np.ndarray | None: ...  # noqa: D102

    def scorer(self, metric: str, metrics: Mapping[str, Any] | None) -> Scorer:
        """Return a metric as a function of weights; `metrics` are those of the run's test split."""
        ...


class Task:
    """A task: what is predicted and how it is judged.

    Attributes:
        target: the kind of target.
        losses: names of the losses that are summed by default.
        headline: the metric that decides; `judged_by` may choose another.
        metrics: names of the metrics that are reported, in this order.
        followed: names of the metrics that training follows beside the loss, in this order.
        unit: what intervals are taken over, where there are no groups.
        samples: what samples are called.
        blocks: what samples that are left out together are called, where there are no groups.
        paired: two runs can be compared sample by sample.
    """

    target: ClassVar[Target]
    losses: ClassVar[tuple[str, ...]]
    headline: ClassVar[Headline]
    metrics: ClassVar[tuple[str, ...]]
    followed: ClassVar[tuple[str, ...]] = ()
    unit: ClassVar[str] = "samples"
    samples: ClassVar[str] = "samples"
    blocks: ClassVar[str] = "groups"
    paired: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """Return the name: that of the file."""
        return type(self).__module__.rpartition(".")[2]

    def judged_by(self, counts: Sequence[int] = (), targets: int = 1) -> Headline:
        """Return the metric that decides.

        Args:
            counts: samples of each class; none where there are no classes.
            targets: numbers that are predicted of each sample.
        """
        return self.headline

    def units(self, classes: int) -> int:
        """Return how many outputs a model has for a number of classes."""
        return classes

    def output_spec(self, train: Part) -> Outputs:
        """Return what a model predicts; its statistics are those of the training split."""
        raise NotImplementedError

    def logits(
        self, outputs: Outputs, features: keras.KerasTensor, units: int, name: str, **settings: Any
    ) -> keras.KerasTensor:
        """Return the first half of a model's head: a layer with some units (0: all of them)."""
        raise NotImplementedError

    def finish(self, outputs: Outputs, logits: keras.KerasTensor) -> keras.KerasTensor:
        """Return the second half of a model's head: probabilities, or numbers in their units."""
        raise NotImplementedError

    def evaluate(self, given: Evaluation) -> tuple[SplitScores, Outcome]:
        """Score a model on a part of the data beside baselines; see `evaluating.evaluate`."""
        raise NotImplementedError

    def read_predictions(self, path: Any) -> SavedPredictions:
        """Read the `predictions.csv` of a run.

        Raises:
            UsageError: the file lacks columns or rows.
        """
        raise NotImplementedError


@cache
def task(name: str) -> Task:
    """Return the task of a name.

    Raises:
        UsageError: there is no such task.
    """
    plugin: Task = registry.load("task", name).Task()
    return plugin
