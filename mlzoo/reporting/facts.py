"""Facts for a model card, read from the files of a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

from mlzoo.core import files
from mlzoo.core.errors import UsageError
from mlzoo.runs.contents.environment import EnvironmentRecord
from mlzoo.runs.contents.metrics import RunMetrics


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
    metrics: RunMetrics
    environment: EnvironmentRecord
    groups: dict[str, int] | None


_NEEDED: dict[Any, tuple[str, ...]] = {
    DataFacts: ("data", "task", "kind", "class_names", "parts"),
    RunMetrics: ("task", "headline", "test", "kept", "epochs"),
    EnvironmentRecord: ("versions", "backend", "device"),
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
        "metrics": _of(RunMetrics, folder / "metrics.json"),
        "environment": _of(EnvironmentRecord, folder / "environment.json"),
        "groups": {name: len(p["groups"]) for name, p in split.items()} if grouped else None,
    }


def _of(kind: Any, path: Path) -> Any:
    """Return a file's content; raise DataError if a key that a card needs is missing."""
    return files.read_mapping(path, _NEEDED[kind])
