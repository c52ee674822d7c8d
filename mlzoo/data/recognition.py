"""From what stands on the command line to a source and its settings; no data are read here."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig, Settings
from mlzoo.core.errors import UsageError
from mlzoo.core.files import expand, is_there, real_path, refuse_special
from mlzoo.core.messages import sentences
from mlzoo.data.objects.store import PREFIX, describe, sources_of
from mlzoo.data.specs import target_of

DATA_FIELDS = (
    "file_column",
    "with_columns",
    "target",
    "task",
    "class_order",
    "drop",
    "raw_columns",
    "size",
    "color",
    "group_by",
    "weight_column",
    "on_bad",
    "max_bad",
    "window",
    "horizon",
    "stride",
    "cache",
    "cache_size",
)
"""Fields of RunConfig that a source reads only if its `Config` has them."""
_SHARED = ("data", "seed", *DATA_FIELDS)
_LOOKED_AT = 100_000
"""Bytes of a file that are looked at for what it holds."""
EXPECTED = (
    "expected a table (.csv, .tsv, .txt, .parquet, .jsonl, .feather, .xlsx, .arff, .db), a text "
    "(.txt), arrays (.npz, .npy, .h5, .mat), a folder with one folder of images a class, with "
    "images and a table that names them, with images and masks, with tables, with sounds "
    "(.wav) or with shards (.tar), or the name of a data set"
)


def recognize(path: str) -> str:
    """The name of the source that reads `path`.

    Raises:
        UsageError: nothing is there, or no source or more than one recognizes it.
        DataError: it is a pipe or a device.
    """
    if path.startswith(PREFIX):
        return _of_object(path)
    location = expand(path)
    refuse_special(location)
    # Sources that read paths recognize only what is there.
    there = is_there(location)
    recognizes = _recognizes if there else _knows
    candidates = [name for name in registry.names("source") if recognizes(name, path)]
    if not there and not any(path_free(name) for name in candidates):
        raise UsageError(_missing(path, location))
    if not candidates:
        raise UsageError(f"{path!r} is nothing that a source reads; {EXPECTED}")
    if len(candidates) > 1:
        named = next((name for name in candidates if path_free(name)), None)
        advice = f"write ./{path} for the file or folder, or --source {named}"
        if named is None:
            advice = " or ".join(f"--source {name}" for name in candidates)
        raise UsageError(f"{path!r} could be read as {' or '.join(candidates)}; {advice}")
    return candidates[0]


def _of_object(reference: str, source: str | None = None) -> str:
    """Return the source that reads an object of Python code.

    Raises:
        UsageError: there is no such kind of object, or the source that was chosen reads others.
    """
    sources = sources_of(reference)
    if not sources:
        raise UsageError(f"{reference!r} refers to no object that Python code can hand over")
    if source is not None and source not in sources:
        raise UsageError(
            f"source {source} can't read {describe(reference)}; leave it out, or choose "
            f"{' or '.join(sources)}"
        )
    return source or sources[0]


def holds_map(path: str) -> bool:
    """Return whether a .yaml file holds the map of a grid world: a line begins with `map:`."""
    location = expand(path)
    if location.suffix.lower() not in (".yaml", ".yml") or not location.is_file():
        return False
    with location.open("rb") as file:
        return any(line.startswith(b"map:") for line in file.read(_LOOKED_AT).splitlines())


def _recognizes(source: str, path: str) -> bool:
    return bool(_load(source).recognizes(path))


def _knows(source: str, name: str) -> bool:
    """Return whether a source has a data set of that name."""
    return name.replace("_", "-") in _names(source)


def names_a_set(path: str) -> bool:
    """Return whether a source has a data set of that name."""
    return any(_knows(source, path) for source in registry.names("source"))


def path_free(source: str) -> bool:
    """Return whether a source knows its data by name rather than by path."""
    return bool(_names(source))


def _names(source: str) -> tuple[str, ...]:
    """Return the names of a source's data sets, without importing it; none for one of paths."""
    return tuple(registry.constants("source", source).get("NAMES", ()))


def check_source(values: dict[str, Any], given: set[str]) -> list[tuple[str, str]]:
    """Return the mistakes in the source and its settings as (field, message).

    Args:
        values: all fields of the run's configuration, merged, as plain values.
        given: the fields that were set explicitly.
    """
    try:
        source = values.get("source") or recognize(str(values["data"]))
        module = _load(source)
    except UsageError as error:
        field = "source" if values.get("source") else "data"
        return [(field, problem) for problem in error.problems]
    problems = [] if not values.get("source") else _check_exists(source, str(values["data"]))
    fields = module.Config.model_fields
    problems += [
        (name, f"has no effect with source {source}" + _series_hint(name, source))
        for name in DATA_FIELDS
        if name in given and name not in fields and name != "max_bad"
        if name != "task" or not _chooses(str(values.get("model")), str(values.get("task")))
    ]
    if "max_bad" in given and "max_bad" not in fields and values.get("on_bad") == "skip":
        problems.append(("max_bad", f"has no effect with source {source}"))
    problems += _check_follow(source, values)
    source_settings, mistakes = _own_settings(source, module, values.get("source_set") or {})
    return problems + mistakes + _invalid(module, values, source_settings)


def _chooses(model: str, task: str) -> bool:
    """Return whether a task is one of several that a model has for samples without labels."""
    try:
        targets = registry.constants("model", model).get("TARGETS", ())
        accepted = target_of(task).accepted_by(targets)
    except UsageError:  # Told where names are checked.
        return False
    return accepted and sum(entry.startswith("inputs") for entry in targets) > 1


def _series_hint(field: str, source: str) -> str:
    forecasts = source == "table" and field in ("window", "horizon", "stride")
    return "; to forecast from the rows in their order: --source series" if forecasts else ""


def _check_follow(source: str, values: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what keeps windows from following one another, where states are to be carried."""
    window, stride = values.get("window"), values.get("stride")
    if source != "series" or not (values.get("set") or {}).get("carry_state"):
        return []
    if isinstance(stride, int) and (not isinstance(window, int) or stride >= window):
        return []
    steps = window if isinstance(window, int) else 32
    shown = f"--stride {steps}" if isinstance(window, int) else f"--window {steps} --stride {steps}"
    received = "1 by default" if stride is None else stride
    return [
        (
            "stride",
            f"carry_state needs windows that follow one another, none of which overlap: set "
            f"{shown} (got {received})",
        )
    ]


def source_config(config: RunConfig) -> tuple[str, Settings]:
    """The source's name, and its `Config` from the run's fields and `source_set`.

    Raises:
        UsageError: a setting that the source does not have or take.
    """
    source = config.source or recognize(config.data)
    module = _load(source)
    values = config.model_dump()
    source_settings, mistakes = _own_settings(source, module, config.source_set)
    mistakes = mistakes or _invalid(module, values, source_settings)
    if mistakes:
        raise UsageError([f"{field}: {message}" for field, message in mistakes])
    return source, module.Config(**_shared(module, values), **source_settings)


def _load(name: str) -> ModuleType:
    return registry.load("source", name)


def _shared(module: ModuleType, values: Mapping[str, object]) -> dict[str, object]:
    """The run's fields that the source has too."""
    names = module.Config.model_fields
    return {k: values[k] for k in _SHARED if k in names and k in values}


def _own_settings(
    source: str, module: ModuleType, settings: Mapping[str, object]
) -> tuple[dict[str, object], list[tuple[str, str]]]:
    known = [name for name in module.Config.model_fields if name not in _SHARED]
    right, wrong = {}, []
    for name, value in settings.items():
        if name in known:
            right[name] = value
        elif name in _SHARED:
            wrong.append(("source_set", f"{name} is a setting of the run: --{_flag(name)}"))
        else:
            listed = f"; {source} has {', '.join(known)}" if known else f"; {source} has none"
            wrong.append(("source_set", registry.unknown("setting", name, known) + listed))
    return right, wrong


def _flag(name: str) -> str:
    return name.replace("_", "-")


def _invalid(
    module: ModuleType, values: Mapping[str, object], source_settings: Mapping[str, object]
) -> list[tuple[str, str]]:
    try:
        module.Config(**_shared(module, values), **source_settings)
    except ValidationError as error:
        # A wrong field of the run is reported where the run's configuration is checked.
        return [
            ("source_set", f"{name}: {text}" if name else text)
            for name, text in sentences(error).items()
            if not name or name in source_settings
        ]
    return []


def _check_exists(source: str, path: str) -> list[tuple[str, str]]:
    if path.startswith(PREFIX):
        try:
            _of_object(path, source)
        except UsageError as error:
            return [("source", str(error))]
        return []
    location = expand(path)
    refuse_special(location)
    if path_free(source):
        names = _names(source)
        if _load(source).recognizes(path):
            return []
        message = registry.unknown("data set", path, names)
        return [("data", f"{message}; {source} has {', '.join(names)}")]
    return [] if is_there(location) else [("data", _missing(path, location))]


def data_set_names() -> list[str]:
    """Every name that can stand for a data set in place of a path."""
    return [name for source in registry.names("source") for name in _names(source)]


def _missing(path: str, location: Path) -> str:
    resolved = real_path(location)
    parent = next(p for p in resolved.parents if p.is_dir())
    wanted = resolved.relative_to(parent).parts[0]
    near = difflib.get_close_matches(wanted, _listing(parent), n=3, cutoff=0.5)
    sets = difflib.get_close_matches(path.replace("_", "-"), data_set_names(), n=3, cutoff=0.6)
    message = f"{path!r} is not there (looked at {resolved}); the nearest folder is {parent}"
    if near:
        message += f", which has {', '.join(near)}"
    if sets:
        message += f"; data sets with such a name: {', '.join(sets)}"
    return f"{message}; {EXPECTED}"


def _listing(folder: Path) -> list[str]:
    def entries() -> Iterator[str]:
        for number, entry in enumerate(folder.iterdir()):
            if number > 10_000:
                return
            yield entry.name

    try:
        return list(entries())
    except OSError:
        return []
