"""Facts for a model card, read from the files of a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

from mlzoo.core import files
from mlzoo.core.errors import UsageError


class PartCounts(TypedDict, total=False):
    """Counts of one split; `classes` {class name: samples} if there are classes.

    For segmentation these are the images that hold the class, and `pixels` counts its pixels.
    """

    samples: int
    classes: dict[str, int]
    pixels: dict[str, int]


class DataFacts(TypedDict, total=False):
    """`data.json`: description of the data. Further keys are ignored.

    Attributes:
        data: the path or name that was given.
        task: `classification` or `regression`.
        kind: `image`, `table` or `array`.
        class_names: empty for regression.
        target_names: one per regression output.
        input_shape: shape of one sample.
        fingerprint: SHA-256 of all samples and targets.
        samples: number of samples.
        parts: `train`, `valid` and `test`.
        notes: what was inferred, one sentence each.
        warnings: problems of the data.
    """

    data: str
    task: str
    kind: str
    class_names: list[str]
    target_names: list[str]
    input_shape: list[int]
    fingerprint: str
    samples: int
    parts: dict[str, PartCounts]
    notes: list[str]
    warnings: list[str]


class HeadlineScore(TypedDict, total=False):
    """The metric that a run is judged by; `interval` holds its ends."""

    name: str
    mode: str
    value: float | None
    interval: list[float] | None
    also: list[HeadlineScore]


class Kept(TypedDict):
    """The epoch whose weights a run keeps, and the value of the criterion there."""

    epoch: int
    criterion: str
    value: float


class MetricFacts(TypedDict, total=False):
    """`metrics.json`. `test` is what `mlzoo.evaluating.evaluate.evaluate` returns.

    Attributes:
        headline: `name`, `mode`, `value`, `interval`, and `also`: metrics to read beside it.
        test: scores on the test split, with intervals and baselines.
        valid: metrics of the kept epoch on the validation split.
        kept: `epoch`, `criterion`, `value`.
        repeats: None, or `summary` {metric: `summarize_repeats`} and `trainings`, one per seed.
        auto: `reason` and `leaderboard`, if the run is what `train auto` chose.
        members: a row for each training whose mean is the model, if there are several.
        out_of_fold: scores of each sample by the member that never saw it, if there are folds.
        calibration: the temperature of a classifier, if one was looked for.
        decision: the rule by which classes are decided and what it costs, if mistakes have costs.
        conformal: how often intervals or sets hold the truth of the test split, if there are any.
        epochs: number of epochs trained.
        stopped: why training ended.
        scales: {metric of the history: its unit}, if units differ.
        events: notable events during training.
        seconds: duration of training and evaluation.
        parameters: number of parameters of the model.
        trainable: number of trainable parameters.
    """

    task: str
    headline: HeadlineScore
    test: dict[str, Any]
    valid: dict[str, object]
    kept: Kept
    repeats: dict[str, Any] | None
    auto: dict[str, object]
    members: list[dict[str, Any]]
    out_of_fold: dict[str, Any]
    calibration: dict[str, object] | None
    decision: dict[str, Any]
    conformal: dict[str, object] | None
    epochs: int
    stopped: str
    scales: dict[str, str]
    events: list[str]
    seconds: float
    parameters: int
    trainable: int


class EnvironmentFacts(TypedDict, total=False):
    """`environment.json`. `determinism` is a statement; `command` may be None."""

    versions: dict[str, str]
    backend: str
    device: str
    precision: str
    seed: int
    git_commit: str | None
    determinism: str
    command: str | None


class Facts(TypedDict):
    """Facts of a run for its model card.

    Attributes:
        folder: the run folder as a user would type it, once it has its final name.
        config: `config.yaml`, model settings complete under `set`.
        data: `data.json`.
        metrics: `metrics.json`.
        environment: `environment.json`.
        groups: number of groups in each split; None without groups.
    """

    folder: str
    config: dict[str, Any]
    data: DataFacts
    metrics: MetricFacts
    environment: EnvironmentFacts
    groups: dict[str, int] | None


_NEEDED: dict[Any, tuple[str, ...]] = {
    DataFacts: ("data", "task", "kind", "class_names", "parts"),
    MetricFacts: ("task", "headline", "test", "kept", "epochs"),
    EnvironmentFacts: ("versions", "backend", "device"),
}


def gather(folder: Path, final: Path | None = None) -> Facts:
    """Read the facts from a run folder's files.

    Args:
        folder: where `config.yaml`, `data.json`, `metrics.json`, `environment.json` and
            `split.json` stand now.
        final: where they will, if the folder is still to be renamed.

    Raises:
        DataError: a file is missing or damaged.
        UsageError: the run has no scores, since it was made without data.
    """
    config = files.read_mapping(folder / "config.yaml", ("model", "data"))
    if not config["data"]:
        raise UsageError(
            f"{folder} was made of given weights without data, so there are no scores to report; "
            f"score it with `mlzoo evaluate {folder} DATA`"
        )
    split = files.read_mapping(folder / "split.json", ("parts",))["parts"]
    grouped = all("groups" in part for part in split.values())
    return {
        "folder": str(final or folder),
        "config": config,
        "data": _of(DataFacts, folder / "data.json"),
        "metrics": _of(MetricFacts, folder / "metrics.json"),
        "environment": _of(EnvironmentFacts, folder / "environment.json"),
        "groups": {name: len(p["groups"]) for name, p in split.items()} if grouped else None,
    }


def _of(kind: Any, path: Path) -> Any:
    """Return a file's content; raise DataError if a key that a card needs is missing."""
    return files.read_mapping(path, _NEEDED[kind])
