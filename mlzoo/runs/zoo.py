"""The zoo: small trained models of ours, each a run folder that one command made."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TypedDict

from mlzoo.core import files, registry
from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.files import disk_errors, expand

_HERE = Path(__file__).parents[1]
_PLACES = (_HERE / "zoo_models", _HERE.parent / "saved_models" / "zoo")
"""Within an installed package, and in a clone of the repository."""


def folder() -> Path:
    """The folder that holds the zoo's runs.

    Raises:
        DataError: this installation came without them.
    """
    for place in _PLACES:
        if place.is_dir():
            return place
    raise DataError(
        "this installation holds no zoo; install mlzoo from its wheel, or take the folder "
        "saved_models/zoo of its repository"
    )


def names() -> list[str]:
    """The names of the zoo's models, sorted."""
    return sorted(path.parent.name for path in folder().glob("*/metrics.json"))


def find(name: str) -> Path:
    """The run folder of a model of the zoo. Raises UsageError for a wrong name."""
    known = names()
    if name not in known:
        raise UsageError(
            registry.unknown("zoo model", name, known) + "; `mlzoo zoo` lists them all"
        )
    return folder() / name


class ZooModel(TypedDict):
    """Facts on a model of the zoo; `seeds` is the spread of its score over seeds."""

    name: str
    model: str
    task: str
    data: str
    samples: int
    classes: list[str]
    parameters: int
    metric: str
    value: float
    seeds: dict[str, float] | None
    baselines: dict[str, float | None]
    bytes: int
    command: str


def describe(name: str) -> ZooModel:
    """Return the facts on a model of the zoo: task, data, score and command."""
    place = find(name)
    metrics = files.read_json(place / "metrics.json")
    data = files.read_json(place / "data.json")
    environment = files.read_json(place / "environment.json")
    headline = metrics["headline"]["name"]
    repeats = metrics["repeats"] or {}
    return {
        "name": name,
        "model": name.partition("-")[0],
        "task": metrics["task"],
        "data": data["data"],
        "samples": data["samples"],
        "classes": data["class_names"],
        "parameters": metrics["parameters"],
        "metric": headline,
        "value": metrics["headline"]["value"],
        "seeds": repeats.get("summary", {}).get(headline),
        "baselines": {
            each: scores.get(headline) for each, scores in metrics["test"]["baselines"].items()
        },
        "bytes": sum(path.stat().st_size for path in place.rglob("*") if path.is_file()),
        "command": environment["command"],
    }


def pull(name: str, out: str | Path = "saved_models") -> Path:
    """Copy a model of the zoo to `out/name`, a run folder like any other.

    Raises:
        UsageError: a wrong name, or something of that name is there.
    """
    place, final = find(name), expand(out) / name
    if final.exists():
        raise UsageError(f"{final} exists already; choose another --out")
    partial = final.with_name(f".{name}.writing")
    with disk_errors(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        try:
            shutil.copytree(place, partial)
            partial.rename(final)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return final
