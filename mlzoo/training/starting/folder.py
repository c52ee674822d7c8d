"""A run folder before its training starts, and the trainings in it that are done."""

from __future__ import annotations

import hashlib
import shlex
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mlzoo.core import files, registry
from mlzoo.core.backbones import placed
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError
from mlzoo.core.files import expand, real_path
from mlzoo.core.progress import Listener
from mlzoo.core.settings import SHARED, all_settings
from mlzoo.core.validation.values import SEVERAL, named_plugins
from mlzoo.data.objects.store import PREFIX, kind_of
from mlzoo.data.policies import adds_generated, parse
from mlzoo.runs import devices, run_folder
from mlzoo.runs.config_loading import Merged, unread_by_source
from mlzoo.runs.contents.resolved_config import absolute_fields, resolved_yaml
from mlzoo.runs.run_folder import REPEATS, RunFolder
from mlzoo.training.distributed.group import sharing
from mlzoo.training.starting.generated_samples import recorded_generator

if TYPE_CHECKING:
    from mlzoo.data.samples import Data
    from mlzoo.runs.contents.metrics import TrainingRecord

_FIRST = (
    *("model.keras", "networks/*.keras", "layers.json", "history.csv", "predictions.csv"),
    *("members.csv", "out_of_fold.*", "calibration.json", "decision.json", "novelty.npz"),
    "operating_point.json",
)
"""Files that the first training writes, and that no later one changes."""
STARTED = "environment.json"
"""The last file that is written before training starts."""


def default_name(config: RunConfig) -> str:
    """Return the default name of a run."""
    model = registry.stem(config.model)
    if config.data.startswith(PREFIX):
        return f"{model}-{kind_of(config.data)}"
    path = real_path(expand(config.data))
    if "*" in path.name and not path.exists():  # a pattern
        path = path.parent
    return f"{model}-{path.stem if path.is_file() else path.name}"


def free_place(config: RunConfig) -> Path:
    """Return where a run would be written.

    Raises:
        UsageError: the name that was given is taken.
    """
    root, name = expand(config.out), config.name
    run_folder.check_root(root)
    if name:
        run_folder.check_free(root, name, False)
        return root / name
    return run_folder.free(root, default_name(config))


def config_text(merged: Merged, unread: Collection[str] = ()) -> str:
    """Return config.yaml: all that was read, with complete model settings and absolute paths."""
    config = merged.config
    values = config.model_dump()
    settings = registry.load("model", config.model).Config(**config.set).model_dump(mode="json")
    if "backbone" in settings or "weights" in settings:
        settings = placed(settings)
    read: dict[str, object] = {"set": settings, "learning_rate": config.rate}
    read |= absolute_fields(config)
    if adds_generated(config.augment):
        read["augment"] = recorded_generator(str(config.augment))
    elif steps := parse(config.augment).steps:
        read["augment"] = list(steps)  # what stands in a file, so that the run needs none
    read |= {f"{kind}_set": all_settings(config, kind) for kind in SHARED}
    omit = set(unread_by_source(values, set(values))) | {"name"}
    omit |= {name for name in ("metrics", "log", "callback") if not getattr(config, name)}
    return resolved_yaml(merged, read, omit | {*unread})


def files_read(config: RunConfig) -> dict[str, str]:
    """Return digests of files beside the data that decide the weights: a plug-in, a backbone's."""
    named = [registry.own_file(name) for _, name in named_plugins(config.model_dump())]
    given = (*named, config.class_weights, config.cost, config.equation)
    paths = [expand(str(path)) for path in given if path is not None]
    if {"backbone", "weights"} & set(config.set):
        from mlzoo.core.backbones import files_of

        paths += files_of(config.set)
    return {
        str(files.original(path.resolve())): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.suffix and path.is_file()
    }


def seal(text: str) -> str:
    """Return the text of a configuration file with its checksum as the last line."""
    text = files.SEALED + text.removeprefix(files.SEALED)
    return f"{text}{files.SEAL}{hashlib.sha256(text.encode()).hexdigest()}\n"


def write_start(folder: RunFolder, config: RunConfig, data: Data) -> None:
    """Write what must stand in the folder, beside its configuration, before training starts.

    `environment.json` is the last file: where it exists, the run can be resumed.
    """
    from mlzoo.data.record import data_record, split_record

    folder.write_json("data.json", data_record(data, config))
    folder.write_json("split.json", split_record(data, config))
    if data.policy.steps:
        folder.write_text("augmentation.yaml", data.policy.text(f"augmentation {data.policy.name}"))
    if data.samples.problems:
        rows = [{"file": name, "reason": reason} for name, reason in data.samples.problems]
        folder.write_text("bad_files.csv", files.csv_text(rows))
    for kind, name in named_plugins(config.model_dump()):
        if (plugin_file := registry.own_file(name)) is not None:
            copy = f"{kind}-{plugin_file.name}" if kind in SEVERAL else f"{kind}.py"
            files.write_bytes(folder.path / copy, plugin_file.read_bytes())
    command = shlex.join(["mlzoo", *sys.argv[1:]]) if sys.argv[0].endswith("mlzoo") else None
    environment = devices.environment(config.seed, config.precision, config.devices)
    facts = {**environment, "command": command, "files": files_read(config)}
    if sharing().world > 1:
        facts["processes"] = sharing().world
    folder.write_json(STARTED, facts)


def write_finished(folder: Path, records: list[TrainingRecord]) -> None:
    """Write `repeats.json`: the records of trainings, and checksums of the first one's files."""
    digests = {str(path.relative_to(folder)): files.sha256_of(path) for path in _files(folder)}
    files.write_sealed(folder / REPEATS, {"trainings": records, "files": digests})


def read_finished(folder: Path, listener: Listener) -> list[TrainingRecord]:
    """Return the records of the trainings that are done; none where a file of theirs is damaged."""
    if not (folder / REPEATS).exists():
        return []
    try:
        content = files.read_sealed(folder / REPEATS)
        if isinstance(content, list):  # of earlier versions
            return content
        for name, digest in content["files"].items():
            path = folder / name
            if not path.is_file() or files.sha256_of(path) != digest:
                raise files.damaged(path, "is missing or damaged: it does not match its checksum")
    except DataError as error:
        listener.warn(f"{error}: what it held is trained again")
        return []
    records: list[TrainingRecord] = content["trainings"]
    return records


def _files(folder: Path) -> Iterator[Path]:
    return (path for pattern in _FIRST for path in sorted(folder.glob(pattern)))
