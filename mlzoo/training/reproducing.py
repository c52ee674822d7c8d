"""Train a finished run again, somewhere else, and compare what came of it."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict

from mlzoo.core import files
from mlzoo.core.progress import Listener
from mlzoo.data.reader_record import reader_of
from mlzoo.runs import run_folder
from mlzoo.runs.config_loading import merge, read_config
from mlzoo.training.signals import stopping
from mlzoo.training.starting.resume_checks import check_code

_NEEDED = {
    "data": ("fingerprint", "reader"),
    "metrics": ("headline", "test", "epochs", "kept", "weights_sha256"),
    "environment": (),
    "split": ("parts",),
}
"""Keys of each record that must be there, because they are read."""


class Check(TypedDict):
    """One comparison of a run with its repetition; only those that count decide."""

    what: str
    first: Any
    again: Any
    same: bool
    counts: bool


class Reproduction(TypedDict):
    """The comparison of a run with its repetition.

    Attributes:
        reproduced: it came out the same.
        determinism: what the run states.
        checks: a row each.
        scores: a row each test score (of the baselines those that differ) with `first`, `again`
            and `difference`.
        environment: what differs as {name: [first, again]}.
    """

    reproduced: bool
    determinism: str
    checks: list[Check]
    scores: list[dict[str, object]]
    environment: dict[str, list[Any]]


def reproduce(
    run: str | Path, listener: Listener | None = None, *, trust: bool = False
) -> Reproduction:
    """Train a run again with its own configuration, in a temporary place, and compare.

    What counts as the same follows the determinism that the run states in `environment.json`:
    where it is bitwise, weights and all scores, the baselines' too, must be equal; where it is
    seeded only, the score that the run is judged by must lie in the interval of the first one.

    Args:
        run: a finished run folder; it is not changed.
        listener: hears of progress.
        trust: run Python files that its `config.yaml` names; without it none is run.

    Returns:
        The comparison, JSON-able.

    Raises:
        UsageError: there is no finished run, its configuration names code and `trust` is not set,
            or its plug-in or another file it read has changed.
        MlzooError: it can't be trained again; see `mlzoo.training.train`.
    """
    from mlzoo.training.train import train_merged

    folder = run_folder.find(run)
    before = _facts(folder)
    read_config(folder, trust)  # which names a damaged file
    merged = merge({}, folder / "config.yaml", allow_unused=True, trust=trust)
    check_code(before["environment"].get("files", {}), merged.config)
    # What is trained here goes with its folder: there is nothing to resume.
    with stopping("training again"), tempfile.TemporaryDirectory(prefix="mlzoo-") as scratch:
        config = merged.config.model_copy(update={"out": scratch, "name": "again"})
        again = replace(merged, config=config)
        reader = reader_of(folder / "data.json", before["data"])
        path = train_merged(again, listener=listener, reader=reader).path
        facts = _facts(path)
    return compared(before, facts)


def compared(before: Mapping[str, Any], again: Mapping[str, Any]) -> Reproduction:
    """Return what two trainings have in common; see `reproduce`.

    Args:
        before: `data`, `metrics`, `environment` and `split` of the first, as its files hold them.
        again: the same of the second.
    """
    first, second = before["metrics"], again["metrics"]
    determinism = before["environment"].get("determinism", "seeded only")
    bitwise = determinism.startswith("bitwise")
    head = first["headline"]
    checks = [
        _check("data fingerprint", before["data"]["fingerprint"], again["data"]["fingerprint"]),
        _check("split", _indices(before["split"]), _indices(again["split"])),
        _check("epochs", first["epochs"], second["epochs"], bitwise),
        _check("kept epoch", first["kept"]["epoch"], second["kept"]["epoch"], bitwise),
        _check("weights sha256", _weights(first), _weights(second), bitwise),
    ]
    scores = list(_scores(first, second, _of_model))
    baselines = list(_scores(first, second, _of_baselines))
    checks.append(_check("baseline scores", *_values(baselines), bitwise))
    if bitwise:
        checks.append(_check("test scores", *_values(scores)))
    else:
        ends, value = head.get("interval"), second["headline"]["value"]
        within = ends is not None and value is not None and ends[0] <= value <= ends[1]
        row = _check(f"{head['name']} within its interval", ends, value)
        checks.append({**row, "same": within})
    return {
        "reproduced": all(check["same"] for check in checks if check["counts"]),
        "determinism": determinism,
        "checks": checks,
        "scores": scores + [row for row in baselines if row["difference"] != 0],
        "environment": _differing(before["environment"], again["environment"]),
    }


def _facts(folder: Path) -> dict[str, dict[str, Any]]:
    return {name: files.read_mapping(folder / f"{name}.json", n) for name, n in _NEEDED.items()}


def _check(what: str, first: Any, again: Any, counts: bool = True) -> Check:
    same = bool(first == again)
    return {"what": what, "first": first, "again": again, "same": same, "counts": counts}


def _indices(split: Mapping[str, Any]) -> str:
    """A split in few letters: how many are in each part, and a digest of which."""
    kept = split["parts"].values()
    on_disk = any("indices_sha256" in part for part in kept)
    content = "indices_sha256" if on_disk else "indices"
    parts = {name: part[content] for name, part in split["parts"].items()}
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:12]
    counts = (part["samples"] if on_disk else len(part["indices"]) for part in kept)
    return "/".join(map(str, counts)) + f" {digest}"


def _scores(
    first: Mapping[str, Any],
    second: Mapping[str, Any],
    read: Callable[[Mapping[str, Any]], Mapping[str, Any]],
) -> Iterator[dict[str, object]]:
    """The test scores of every seed: those that `read` takes from what stands of the test."""
    for place, (one, two) in enumerate(zip(_trainings(first), _trainings(second), strict=False)):
        second_scores = read(two["test"])
        for name, value in read(one["test"]).items():
            if isinstance(value, float):
                again = second_scores.get(name)
                gap = None if again is None else again - value
                title = name if not place else f"{name}, seed {one['seed']}"
                yield {"score": title, "first": value, "again": again, "difference": gap}


def _of_model(test: Mapping[str, Any]) -> Mapping[str, Any]:
    return test["metrics"]


def _of_baselines(test: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        f"{metric} of the {name} baseline": value
        for name, scores in (test.get("baselines") or {}).items()
        for metric, value in scores.items()
    }


def _weights(metrics: Mapping[str, Any]) -> str:
    """The digests of every seed's weights."""
    return " ".join(training["weights_sha256"] for training in _trainings(metrics))


def _trainings(metrics: Mapping[str, Any]) -> list[Any]:
    return (metrics.get("repeats") or {}).get("trainings") or [metrics]


def _values(scores: Sequence[Mapping[str, object]]) -> tuple[list[Any], list[Any]]:
    return [row["first"] for row in scores], [row["again"] for row in scores]


def _differing(first: Mapping[str, Any], again: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Names with two values: versions one by one."""
    one, two = ({**record, **record.get("versions", {})} for record in (first, again))
    names = dict.fromkeys([*one, *two])
    return {
        name: [one.get(name), two.get(name)]
        for name in names
        if name not in ("versions", "command") and one.get(name) != two.get(name)
    }
