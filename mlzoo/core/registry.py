"""Plug-ins by name: a plug-in is a file, and the file's name is its name.

Listing and describing plug-ins reads files as text, so it imports none of them. A package adds
plug-ins by entry points of the group `mlzoo.FOLDER` (`mlzoo.optimizers`), each of which names a
module; where one has the name of a plug-in of this package, that is the one that is used.

A plug-in may be a Python file of the user's own, given by its path. It runs only if it is trusted:
the user named it on the command line or in a call, or said `--trust` (`trust=True`). Configuration
files, run folders, model files and data name files too; those names trust nothing. `import_file`,
which all such code goes through, refuses what is not trusted.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import hashlib
import importlib
import importlib.machinery
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from mlzoo.core import fields
from mlzoo.core.errors import UsageError
from mlzoo.core.files import expand, original, real_path

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

AUTO_MODEL = "auto"
"""Name that `train` takes in place of a model's, to try several."""
_ROOT = Path(__file__).parents[1]
DEFAULT_TARGETS = ("classes per sample", "numbers per sample")
"""Kinds of target of a model that names none."""
_OLD_NAMES = {("task", "labelling"): "labeling"}
"""Names of plug-ins in files of earlier versions, and what they are called now."""


class Kind(NamedTuple):
    """Folder of the plug-ins of a kind, and the names that each of them exports."""

    folder: str
    exports: tuple[str, ...]


KINDS = {
    "task": Kind("tasks", ("Task",)),
    "source": Kind("sources", ("Config", "recognizes", "load")),
    "model": Kind("models", ("Config", "build")),
    "loss": Kind("losses", ("Config", "TARGETS", "build")),
    "optimizer": Kind("optimizers", ("Config", "build")),
    "schedule": Kind("schedules", ("Config", "build")),
    "metric": Kind("metrics", ("TARGETS", "DIRECTION", "score")),
    "transform": Kind("transforms", ("KINDS", "build")),
    "baseline": Kind("baselines", ("TARGETS", "LEARNS", "FAST", "fit")),
    "strategy": Kind("strategies", ("Config", "propose")),
    "explainer": Kind("explainers", ("Config", "explain")),
    "format": Kind("formats", ("Config", "write", "open_written")),
    "tracker": Kind("trackers", ("track",)),
}
OWN_ONLY = {"callback": ("callbacks",)}
"""Exports of kinds of plug-ins of which there are users' files alone."""
_loaded: dict[tuple[str, str], Path] = {}
"""Users' files that were loaded, by kind and by what results call them."""
_trusted: set[Path] = set()
"""Files that may run in this process, links followed."""


def names(kind: str) -> list[str]:
    """Return the names of all plug-ins of a kind (a key of `KINDS`), sorted."""
    return sorted({*own_names(kind), *_entry_points(kind)})


def own_names(kind: str) -> tuple[str, ...]:
    """Return the names of the plug-ins of a kind that are part of this package, sorted."""
    return tuple(_own_files(_ROOT, KINDS[kind].folder))


@functools.cache
def _own_files(root: Path, folder: str) -> dict[str, Path]:
    """Return the plug-ins of a folder of this package by name, sorted."""
    files = sorted((root / folder).glob("*.py"), key=lambda path: path.stem)
    return {path.stem: path for path in files if not path.stem.startswith("_")}


def exists(kind: str, name: str) -> bool:
    """Return whether a plug-in of that kind has that name."""
    return name in own_names(kind) or name in _entry_points(kind)


def summary(kind: str, name: str) -> str:
    """Return the first line of a plug-in's docstring, read without importing it."""
    file = source_file(kind, name)
    return fields.docstring(file).partition("\n")[0] if file else ""


def constants(kind: str, name: str) -> Mapping[str, Any]:
    """Return a plug-in's constants in capitals, such as TARGETS, read without importing it.

    Empty for a name that is unknown or not trusted.
    """
    file = source_file(kind, name)
    return fields.constants(file) if file else {}


def defining(kind: str, function: str) -> list[str]:
    """Return the names of the plug-ins of a kind that have a function, read without importing."""
    sources = {name: source_file(kind, name) for name in names(kind)}
    return [name for name, file in sources.items() if file and function in fields.functions(file)]


def settings(kind: str, name: str) -> list[str]:
    """Return the names of a plug-in's settings, read without importing it."""
    file = source_file(kind, name)
    return [setting.name for setting in fields.settings(file)] if file else []


def source_file(kind: str, name: str) -> Path | None:
    """Return the file of a plug-in; None where there is none, or where it is not trusted."""
    if (file := own_file(name)) is not None:
        place = _place(file)
        return place if place in _trusted and place.is_file() else None
    if file := _own_files(_ROOT, KINDS[kind].folder).get(name):
        return file
    if (loaded := _loaded.get((kind, name))) is not None:
        return loaded
    entry = _entry_points(kind).get(name)
    return _file_of(entry.module) if entry else None


def _entry_points(kind: str) -> Mapping[str, EntryPoint]:
    """Return the entry points for a kind by name, those with a name of ours left out."""
    builtin_names = own_names(kind)
    installed = _installed(f"mlzoo.{KINDS[kind].folder}", tuple(sys.path))
    return {name: entry for name, entry in installed.items() if name not in builtin_names}


@functools.cache
def _installed(group: str, path: tuple[str, ...]) -> dict[str, EntryPoint]:
    """Return the entry points of a group; `path` is where packages are looked for."""
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in entry_points(group=group)}


def _file_of(module: str) -> Path | None:
    """Return the file of a module without importing it or the packages that it lies in."""
    places: list[str] | None = None
    file: str | None = None
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        spec = importlib.machinery.PathFinder.find_spec(".".join(parts[:count]), places)
        if spec is None:
            return None
        file, locations = spec.origin, spec.submodule_search_locations
        places = list(locations) if locations is not None else []
    return Path(file) if file else None


def load(kind: str, name: str) -> ModuleType:
    """Import a plug-in by name, or by path where `name` ends in `.py`.

    A model may be `FILE.py:FUNCTION` too: a keras-tuner build function, see
    `mlzoo.models._keras_tuner`.

    Raises:
        UsageError: no plug-in has that name, or the file is not trusted, is missing or exports too
            little.
    """
    name = _OLD_NAMES.get((kind, name), name)
    if kind == "model" and (build := build_function(name)):
        module: ModuleType = importlib.import_module("mlzoo.models._keras_tuner").plugin(*build)
        return module
    if name.endswith(".py"):
        return _load_file(kind, Path(name))
    check_name(kind, name)
    if name in own_names(kind):
        return importlib.import_module(f"mlzoo.{KINDS[kind].folder}.{name}")
    return _load_installed(kind, _entry_points(kind)[name])


def _load_installed(kind: str, entry: EntryPoint) -> ModuleType:
    """Import the plug-in of another package."""
    place = f"{entry.name} ({entry.value})"
    try:
        plugin: ModuleType = entry.load()
    except Exception as error:
        raise UsageError(
            f"the {kind} plug-in {place} fails when it is imported: {error!r}"
        ) from error
    _check_exports(kind, place, plugin)
    return plugin


def build_function(model: str) -> tuple[Path, str] | None:
    """File and function where a model's name is `FILE.py:FUNCTION`, else None."""
    file, colon, function = model.rpartition(":")
    return (Path(file), function) if colon and file.endswith(".py") else None


def own_file(model: str) -> Path | None:
    """The user's file that a model's name stands for; None for a plug-in of ours."""
    if build := build_function(model):
        return build[0]
    return Path(model) if model.endswith(".py") else None


def absolute(model: str) -> str:
    """A model's name that means the same in every folder."""
    if build := build_function(model):
        return f"{original(_place(build[0]))}:{build[1]}"
    return str(original(_place(Path(model)))) if model.endswith(".py") else model


def stem(model: str) -> str:
    """A model's name as a part of a folder's name."""
    file = own_file(model)
    return model if file is None else file.stem


def accepts(model: str, task: str) -> bool:
    """Return whether a model plug-in is for a task: its `TARGETS` name the kind of target.

    A user's file may have `TASKS` in their place, names of tasks.
    """
    plugin = load("model", model)
    given = getattr(plugin, "TASKS", None)
    if given is not None:
        return task in given
    entries = getattr(plugin, "TARGETS", DEFAULT_TARGETS)
    accepted: bool = load("task", task).Task.target.accepted_by(entries)
    return accepted


def usual_task(model: str) -> str:
    """Return the task that a model is described and checked with: of its first target."""
    plugin = load("model", model)
    given: tuple[str, ...] = getattr(plugin, "TASKS", ())
    entry = getattr(plugin, "TARGETS", DEFAULT_TARGETS)[0]
    targets = {name: str(load("task", name).Task.target) for name in names("task")}
    return given[0] if given else next(name for name, kind in targets.items() if kind == entry)


def trust(*names: Any) -> None:
    """Let the files run that names of plug-ins stand for; other names change nothing.

    Only for names that the user typed or passed, or after `--trust`.
    """
    for name in names:
        if isinstance(name, str) and (file := own_file(name)) is not None:
            with contextlib.suppress(UsageError):  # Told when it is loaded.
                _trusted.add(_place(file))


def trusted(names: Iterable[str]) -> list[str]:
    """Return those names of plug-ins that stand for files which may run."""
    files = {name: own_file(name) for name in names}
    return [name for name, file in files.items() if file is not None and _place(file) in _trusted]


@contextlib.contextmanager
def trust_anew() -> Iterator[None]:
    """Begin with no file trusted; afterwards those are that were before."""
    before = set(_trusted)
    _trusted.clear()
    try:
        yield
    finally:
        _trusted.clear()
        _trusted.update(before)


def trust_flag(*names: Any) -> str:
    """` --trust` where one of the names is a file, for commands that are suggested; else empty."""
    return " --trust" if any(isinstance(n, str) and own_file(n) for n in names) else ""


def _trusted_place(file: Path) -> Path:
    """Where a file lies. Raises UsageError unless it is trusted."""
    place = _place(file)
    if place not in _trusted:
        raise UsageError(
            f"{str(file)!r} is Python code that a file names, not you, and was not run; read it, "
            "and if you trust it repeat the command with --trust (in Python: trust=True)"
        )
    return place


def _place(file: Path) -> Path:
    return real_path(expand(file))


def check_name(kind: str, name: str) -> None:
    """Raise UsageError unless a plug-in of that kind and name, or that trusted file, exists."""
    file = own_file(name)
    if file is not None and (kind == "model" or not build_function(name)):
        place = _trusted_place(file)
        if not place.is_file():
            raise UsageError(f"no file {str(file)!r} (looked at {place})")
    elif not exists(kind, name):
        folder = KINDS[kind].folder
        raise UsageError(unknown(kind, name, names(kind)) + f"; `mlzoo {folder}` lists them all")


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """One line for a wrong name, with the closest right one where there is one."""
    close = closest(name, known)
    hint = f" (did you mean {close!r}?)" if close else ""
    return f"unknown {what} {name!r}{hint}"


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None; of two alike the one that begins as it does."""
    by_lower = {k.lower(): k for k in known}
    name = name.lower()
    matches = difflib.get_close_matches(name, by_lower, n=3, cutoff=0.6)
    if not matches:
        return None
    likeness = {near: difflib.SequenceMatcher(None, near, name).ratio() for near in matches}
    return by_lower[max(matches, key=lambda near: (likeness[near], near[:1] == name[:1]))]


def _load_file(kind: str, path: Path) -> ModuleType:
    check_name(kind, str(path))
    module = import_file(path)
    try:
        _check_exports(kind, str(path), module)
    except UsageError:
        del sys.modules[module.__name__]
        raise
    _loaded[kind, path.stem] = _place(path)
    return module


_OLD_EXPORTS = {"recognises": "recognizes"}
"""Exports of users' plug-ins for earlier versions, and their present names."""


_SEVERAL_NETWORKS = ("Config", "networks", "MAIN", "objectives")
"""Exports of a model of several networks; see `mlzoo.layers.networks`."""


def _check_exports(kind: str, place: str, module: ModuleType) -> None:
    """Raise UsageError where a plug-in lacks something that its kind exports."""
    several = kind == "model" and hasattr(module, "networks")
    exports = OWN_ONLY[kind] if kind in OWN_ONLY else KINDS[kind].exports
    exports = _SEVERAL_NETWORKS if several else exports
    for old, new in _OLD_EXPORTS.items():
        if new in exports and hasattr(module, old) and not hasattr(module, new):
            setattr(module, new, getattr(module, old))
    missing = [name for name in exports if not hasattr(module, name)]
    if missing:
        article = "an" if kind[0] in "aeiou" else "a"
        raise UsageError(
            f"{place} is no {kind} plug-in: it lacks {' and '.join(map(repr, missing))}; "
            f"{article} {kind} exports {', '.join(exports)}"
        )


_RENAMED = {
    **{f"mlzoo.{name}": f"mlzoo.core.{name}" for name in ("configs", "errors")},
    **{f"mlzoo.{place}specs": "mlzoo.data.specs" for place in ("", "core.")},
}
"""Modules that users' files written for earlier versions import, and where they are now."""


def import_file(path: Path) -> ModuleType:
    """Run a trusted file as a module of its own, once for each place and content.

    Raises:
        UsageError: it is not trusted, or fails.
    """
    place = _trusted_place(path)
    # Place and content are part of the module's name: two files called model.py, or one that has
    # moved, must not be one module.
    content = place.read_bytes()
    digest = hashlib.sha256(str(place).encode() + b"\0" + content).hexdigest()[:12]
    module_name = f"mlzoo_user_{path.stem}_{digest}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    # Compiled from what was just read: Python's own cache knows a file by its second and its size,
    # and would be written beside the user's file.
    module = ModuleType(module_name)
    module.__file__ = str(place)
    sys.modules[module_name] = module
    for old, new in _RENAMED.items():
        sys.modules.setdefault(old, importlib.import_module(new))
    try:
        exec(compile(content, str(path), "exec", dont_inherit=True), module.__dict__)
    except Exception as error:
        del sys.modules[module_name]
        raise UsageError(f"{path} fails when it is imported: {error!r}") from error
    return module
