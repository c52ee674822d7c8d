"""Contents of `metrics.json`, `decision.json` and `operating_point.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from mlzoo.data.contracts import DecisionCosts, SplitScores


class HeadlineScore(TypedDict, total=False):
    """The metric that a run is judged by; `interval` holds its ends."""

    name: str
    mode: str
    value: float | None
    interval: Sequence[float] | None
    also: list[HeadlineScore]


class Kept(TypedDict):
    """The epoch whose weights a run keeps, and the value of the criterion there."""

    epoch: int
    criterion: str
    value: float


class DecisionRule(TypedDict):
    """`decision.json`: the rule by which classes are decided.

    Attributes:
        costs: {true class: {predicted class: cost}}.
        classes: their names.
        rule: `threshold`, or `expected cost`.
        positive: the class that the threshold is of; None where there is none.
        threshold: the probability from which on it is decided for.
        chosen_on: the split; None where nothing was held out.
        samples: in it.
    """

    costs: dict[str, dict[str, float]]
    classes: list[str]
    rule: str
    positive: str | None
    threshold: float | None
    chosen_on: str | None
    samples: int


class DecisionRecord(DecisionRule, DecisionCosts):
    """The rule, and what decisions on the test split cost."""


class MaskRuleRecord(TypedDict):
    """`operating_point.json`: the rule by which pixels of two classes are decided.

    Attributes:
        positive: name of the rarer class.
        threshold: the probability from which on it is decided for.
        smallest: pixels of its smallest component; smaller ones become the other class.
        chosen_on: `valid` or `out_of_fold`.
        images: that it was chosen on.
        iou: of that class, `before`, where the more probable class is decided for, and `after`, of
            images that the rule was not chosen on (cross-validated).
    """

    positive: str
    threshold: float
    smallest: int
    chosen_on: str
    images: int
    iou: Mapping[str, float]


class TrainingRecord(TypedDict, total=False):
    """One training and its scores.

    Attributes:
        seed: of the training.
        test: scores on the test split, with intervals and baselines.
        valid: metrics of the kept epoch on the validation split.
        kept: the epoch whose weights are kept.
        epochs: number of epochs trained.
        stopped: why training ended.
        events: notable events during training.
        seconds: duration of training and evaluation.
        parameters: number of parameters of the model.
        trainable: number of trainable parameters.
        estimates: of parameters of an equation, by name.
        weights_sha256: digest of the weights.
        scales: {metric of the history: its unit}, if units differ.
        calibration: the temperature of a classifier, if one was looked for.
        conformal: how often intervals or sets hold the truth of the test split, if there are any.
        miss_rate: shares of pixels that masks miss, if they were bounded.
        decision: the rule by which classes are decided and what it costs, if mistakes have costs.
        operating_point: the rule by which masks are decided; None: by the more probable class.
        members: a row for each training whose mean is the model, if there are several.
        out_of_fold: scores of each sample by the member that never saw it, if there are folds.
        own_split: whether the test split is another than that of the first training.
    """

    seed: int
    test: SplitScores
    valid: dict[str, object]
    kept: Kept
    epochs: int
    stopped: str
    events: list[str]
    seconds: float
    parameters: int
    trainable: int
    estimates: Mapping[str, Any]
    weights_sha256: str
    scales: Mapping[str, str]
    calibration: Mapping[str, Any] | None
    conformal: Mapping[str, Any] | None
    miss_rate: Mapping[str, Any] | None
    decision: DecisionRecord
    operating_point: MaskRuleRecord | None
    members: Sequence[Mapping[str, Any]]
    out_of_fold: SplitScores
    own_split: bool


class Repeats(TypedDict):
    """Several trainings of a run.

    Attributes:
        summary: {metric: `evaluating.evaluate.summarize_repeats`}.
        own_splits: whether each has its own split of the data.
        baselines: {name: as `summary`}.
        trainings: the record of each.
    """

    summary: Mapping[str, Mapping[str, Any]]
    own_splits: bool
    baselines: Mapping[str, Mapping[str, Any]]
    trainings: list[TrainingRecord]


class RunMetrics(TrainingRecord, total=False):
    """`metrics.json`: the first training, and the repeats.

    Attributes:
        task: of the run.
        headline: the metric that the run is judged by.
        repeats: the trainings, where there are several.
        data_fingerprint: of the samples and targets.
        auto: `reason` and `leaderboard`, if the run is what `train auto` chose.
    """

    task: str
    headline: HeadlineScore
    repeats: Repeats | None
    data_fingerprint: str
    auto: Mapping[str, Any]
