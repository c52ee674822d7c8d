"""Flags and a YAML file become one `RunConfig`; every mistake is told in one pass, a line each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from mlzoo.core import files, registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import MlzooError, UsageError
from mlzoo.core.files import expand, refuse_special
from mlzoo.core.messages import sentences
from mlzoo.core.settings import SHARED, own_settings
from mlzoo.core.validation.consistency import inert
from mlzoo.core.validation.values import LISTS, named_plugins
from mlzoo.data.policies import adds_generated, generator_of
from mlzoo.data.recognition import check_source
from mlzoo.data.tables.formats import SQLITE, split_query

_NO_EFFECT = "has no effect"
_ACCEPTS = "(--allow-unused accepts it)"
REPEATS = "# Repeats this run"
NESTED = {
    "set": "--set",
    **{f"{kind}_set": f"--{kind}-set" for kind in ("source", "optimizer", "schedule", "loss")},
}


@dataclass
class Given:
    """Settings that a user gave: values by field, and where each came from, for messages."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[tuple[str, ...], str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    complete: bool = True
    """True: all of it could be read; if not, what is missing may stand in the rest."""
    needs_data: bool = True
    """False: of a finished run, whose data may be gone or elsewhere."""

    def where(self, *keys: str) -> str:
        """`config.yaml:12` or `--epochs`, for a field or an entry of a nested one."""
        fallback = _flag(keys[0]) + (f" {keys[1]}" if len(keys) > 1 else "")
        return self.origins.get(keys, self.origins.get(keys[:1], fallback))

    def add(self, text: str, *keys: str) -> None:
        """Add a mistake in a field or in an entry of a nested one."""
        place = self.where(*keys)
        named = place.startswith("--") or place in ("MODEL", "DATA")
        self.problems.append(f"{place}: {text}" if named else f"{place}: {' '.join(keys)}: {text}")


@dataclass(frozen=True)
class Merged:
    """A valid configuration, the fields that the user gave, and warnings about unused ones.

    `allow_unused` says whether what only the data show to be unused is a warning too.
    """

    config: RunConfig
    given: frozenset[str]
    warnings: tuple[str, ...] = ()
    allow_unused: bool = False


def merge(
    flags: Mapping[str, Any],
    file: Path | None = None,
    *,
    allow_unused: bool = False,
    problems: Iterable[str] = (),
    complete: bool = True,
    trust: bool = False,
    needs_data: bool = True,
) -> Merged:
    """Merge a configuration file and flags (which win) into a checked configuration.

    Python files that flags name as plug-ins are trusted; those that the file names, or the run of
    `augment: generated:RUN`, only with `trust`.

    `flags` holds given fields only; `set`, `optimizer_set` and their like are mappings or lists
    of `name=value`. `problems` are mistakes that the caller has found already; where they may hide
    the model or the data, `complete` is False, and that these lack is no further mistake. Without
    `needs_data` it is no mistake that the data are not there.

    Raises:
        UsageError: with every mistake, one line each.
    """
    given = Given(problems=list(problems), complete=complete, needs_data=needs_data)
    if file is not None:
        read_file(file, given)
    if trust:
        _trust(given.values)
    _trust(flags)
    _add_flags(flags, given)
    if trust:
        _trust_generator(given.values)
    _take_query(given)
    config, wrong = _validate(given)
    usable = config.model_dump() if config else _usable(given.values, wrong)
    _check_plugins(usable, given)
    right = set(given.values) - wrong
    unread = inert(usable, right, wrong) | unread_by_source(usable, right)
    unused = [f"{given.where(name)}: {name} {reason}" for name, reason in sorted(unread.items())]
    if not allow_unused:
        given.problems += [f"{line} {_ACCEPTS}" for line in unused]
    if given.problems or config is None:
        raise UsageError(_in_order(given.problems, file))
    warnings = tuple(unused) if allow_unused else ()
    return Merged(config, frozenset(given.values), warnings, allow_unused)


def _take_query(given: Given) -> None:
    """Take `sqlite:///file.db?query=...` for the file and a setting of its source."""
    data, settings = given.values.get("data"), given.values.get("source_set", {})
    if isinstance(data, str) and data.startswith(SQLITE) and isinstance(settings, Mapping):
        given.values["data"], query = split_query(data)
        if query is not None:
            given.values["source_set"] = {**settings, "query": query}


def _trust(values: Mapping[str, Any]) -> None:
    registry.trust(*(name for _, name in named_plugins(values)))


def _trust_generator(values: Mapping[str, Any]) -> None:
    """Trust what the configuration of the run of `augment: generated:RUN` names."""
    if adds_generated(augment := values.get("augment", "")):
        path, _ = generator_of(augment)
        with suppress(MlzooError):  # Told when it is opened.
            _trust(files.read_mapping(expand(path) / "config.yaml"))


def read_config(run: Path, trust: bool = False) -> RunConfig:
    """Return the configuration of a run folder; code that it names may run with `trust`.

    Its data may be gone: who reads them is told.

    Raises:
        DataError: `config.yaml` is missing or damaged.
        UsageError: it holds what no configuration may hold.
    """
    files.read_mapping(run / "config.yaml", ("model", "data"))
    file = run / "config.yaml"
    return merge({}, file, allow_unused=True, trust=trust, needs_data=False).config


def check_unread(merged: Merged, unread: Mapping[str, str]) -> list[str]:
    """Warnings of fields that were given and that the data leave without effect.

    Raises:
        UsageError: there are such fields, and unused ones are not allowed.
    """
    lines = [
        f"{_flag(name)}: {name} {reason}" for name, reason in unread.items() if name in merged.given
    ]
    if lines and not merged.allow_unused:
        raise UsageError([f"{line} {_ACCEPTS}" for line in lines])
    return lines


def _in_order(problems: list[str], file: Path | None) -> list[str]:
    """The file's mistakes first, by line."""

    def line(problem: str) -> float:
        number = problem.removeprefix(f"{file}:").partition(":")[0]
        return int(number) if number.isdigit() and problem.startswith(f"{file}:") else float("inf")

    return sorted(problems, key=line)


def read_file(path: Path, given: Given) -> None:
    """Add the settings of a YAML file, with their lines."""
    before = len(given.problems)
    node, values = _parse(path, given)
    given.complete = given.complete and len(given.problems) == before
    if node is None:
        return
    if not isinstance(node, yaml.MappingNode):
        given.problems.append(f"{path}:1: a configuration is a list of `name: value` lines")
        given.complete = False
        return
    _add_lines(path, node, given)
    for name, value in values.items():
        if name in RunConfig.model_fields:
            # A key without a value says nothing, unless the field may be empty.
            given.values[name] = {} if value is None and name in NESTED else value
        else:
            line = given.where(str(name))
            given.problems.append(f"{line}: {registry.unknown('key', str(name), _fields())}")


def _parse(path: Path, given: Given) -> tuple[yaml.Node | None, Any]:
    """The file's lines and values; (None, None) where it can't be read."""
    try:
        real = expand(path)
        refuse_special(real, UsageError)
        text = real.read_text(encoding="utf-8-sig")
        alias = next((t for t in yaml.scan(text) if isinstance(t, yaml.AliasToken)), None)
        if alias is not None:
            # A few aliases of aliases stand for more values than memory holds.
            place = f"{path}:{alias.start_mark.line + 1}"
            given.problems.append(f"{place}: write the value out; aliases are not read")
            return None, None
        node, values = yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
        if REPEATS in text and isinstance(values, dict):
            # A run from before there were recipes, temperatures or conformal scores.
            values = {"preset": "none", "calibrate": "none", "conformal": 0, **values}
        return node, values
    except UsageError as error:
        given.problems.append(f"--config: {error}")
    except OSError as error:
        given.problems.append(f"--config: can't read {path}: {error.strerror}")
    except UnicodeDecodeError:
        given.problems.append(f"--config: {path} is no text file")
    except RecursionError:
        given.problems.append(f"--config: {path} is nested too deeply")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        given.problems.append(f"{place}: {getattr(error, 'problem', None) or error}")
    return None, None


def _add_lines(path: Path, node: yaml.MappingNode, given: Given) -> None:
    for key, value in node.value:
        _add_line(path, key, (key.value,), given)
        if key.value in NESTED and isinstance(value, yaml.MappingNode):
            for inner, _ in value.value:
                _add_line(path, inner, (key.value, inner.value), given)


def _add_line(path: Path, key: yaml.Node, keys: tuple[str, ...], given: Given) -> None:
    place = f"{path}:{key.start_mark.line + 1}"
    if keys in given.origins:
        given.problems.append(f"{place}: key {keys[-1]!r} stands twice")
    given.origins[keys] = place


def _add_flags(flags: Mapping[str, Any], given: Given) -> None:
    for name, value in flags.items():
        if name not in RunConfig.model_fields:
            given.problems.append(registry.unknown("setting", name, _fields()))
        elif name in NESTED:
            entries = value if isinstance(value, Mapping) else _pairs(name, value, given)
            before = given.values.setdefault(name, {})
            if isinstance(before, Mapping):
                given.values[name] = {**before, **entries}
            given.origins.update({(name, key): f"{NESTED[name]} {key}" for key in entries})
        else:
            given.values[name] = value
            given.origins[(name,)] = _flag(name)


def _pairs(name: str, lines: Iterable[str], given: Given) -> dict[str, object]:
    pairs = {}
    for line in lines:
        key, equals, text = line.partition("=")
        if not equals or not key:
            given.problems.append(f"{NESTED[name]} {line}: write name=value")
            continue
        if key.strip() in pairs:
            given.problems.append(f"{NESTED[name]} {key.strip()}: given twice")
        try:
            pairs[key.strip()] = yaml.safe_load(text)
        except yaml.YAMLError:
            pairs[key.strip()] = text
    return pairs


def _validate(given: Given) -> tuple[RunConfig | None, set[str]]:
    """The configuration, or None and the fields with a wrong value."""
    known = {k: v for k, v in given.values.items() if k in RunConfig.model_fields}
    try:
        return RunConfig(**known), set()
    except ValidationError as error:
        missing = {str(e["loc"][0]) for e in error.errors() if e["type"] == "missing"}
        texts = sentences(error)
    for name in texts:
        if name in missing:
            if given.complete:
                given.problems.append(f"{name}: is needed, as in `mlzoo train MODEL DATA`")
        elif name:
            given.add(texts[name], name)
        else:
            given.problems.append(f"configuration: {texts['']}")
    wrong = {name for name in texts if name}
    if wrong - missing:
        # What is wrong with the others together shows only without those that failed.
        rest = {name: value for name, value in known.items() if name not in wrong}
        _validate_together({**dict.fromkeys(missing, "-"), **rest}, given)
    return None, wrong


def _validate_together(values: dict[str, Any], given: Given) -> None:
    try:
        RunConfig(**values)
    except ValidationError as error:
        given.problems += [f"configuration: {t}" for n, t in sentences(error).items() if not n]


def _check_plugins(values: Mapping[str, Any], given: Given) -> None:
    """Check names and settings of the model and the source; needs neither Keras nor NumPy."""
    if name := values.get("model"):
        settings = values.get("set") or {}
        try:
            # The defaults of our own models are valid: no need to import one to check them.
            if settings or registry.own_file(name) is not None:
                check_settings("model", name, settings, given)
            else:
                registry.check_name("model", name)
        except UsageError as error:
            given.problems += [f"{_prefix(given, 'model')}{line}" for line in error.problems]
    for kind in SHARED:
        _check_training_plugins(kind, values, given)
    fields = {kind: field for field, kind in LISTS.items()}
    for kind, name in named_plugins(values):
        called = kind != "callback" or given.needs_data  # a finished run calls none any more
        if kind in fields and called and registry.own_file(name):
            try:
                registry.load(kind, name)
            except UsageError as error:
                prefix = _prefix(given, fields[kind])
                given.problems += [f"{prefix}{line}" for line in error.problems]
    if values.get("augment") not in (None, "none"):
        from mlzoo.data.policies import parse

        try:
            parse(values["augment"])
        except UsageError as error:
            given.problems += [f"{_prefix(given, 'augment')}{line}" for line in error.problems]
    if values.get("data"):
        for name, text in check_source(dict(values), set(given.values)):
            if not text.startswith(_NO_EFFECT) and (given.needs_data or name != "data"):
                given.add(text, name)


def _check_training_plugins(kind: str, values: Mapping[str, Any], given: Given) -> None:
    """Names and settings of the optimizer, the schedule or the losses."""
    names = [name for plugin_kind, name in named_plugins(values) if plugin_kind == kind]
    settings = values.get(f"{kind}_set") or {}
    unknown = set(settings)
    try:
        for name in names:
            if not settings and registry.exists(kind, name):
                continue  # nothing to check, and nothing to import
            accepted = own_settings(kind, name, settings)
            shared = {key: values[key] for key in SHARED[kind] if key in values}
            check_settings(kind, name, accepted, given, f"{kind}_set", shared)
            unknown -= {key for key in settings if key.rpartition(".")[2] in accepted}
    except UsageError as error:
        given.problems += [f"{_prefix(given, kind)}{line}" for line in error.problems]
        return
    if kind == "loss" and names:
        known = [key for name in names for key in registry.load(kind, name).Config.model_fields]
        for key in sorted(unknown):
            text = registry.unknown(f"setting of {values['loss']}", key, known)
            given.add(text, "loss_set", key)


def _prefix(given: Given, name: str) -> str:
    place = given.origins.get((name,), "")
    return f"{place}: " if ".y" in place else ""


def check_settings(
    kind: str,
    name: str,
    values: Mapping[str, Any],
    given: Given,
    field: str = "set",
    shared: Mapping[str, Any] | None = None,
) -> BaseModel | None:
    """A plug-in's `Config` from the settings given for it; mistakes go into `given.problems`.

    Args:
        kind: of the plug-in.
        name: of the plug-in.
        values: settings.
        given: where they come from, and where mistakes are added.
        field: of the run, which holds them.
        shared: fields of the run that the plug-in reads if its `Config` declares them.
    """
    config_class = registry.load(kind, name).Config
    known = [key for key in config_class.model_fields if key not in (shared or {})]
    from_run = {k: v for k, v in (shared or {}).items() if k in config_class.model_fields}
    for key in set(values) & set(shared or {}):
        given.add(f"is a setting of the run: {_flag(key)}", field, key)
        return None
    try:
        return config_class(**values, **from_run)
    except ValidationError as error:
        unknown = {str(e["loc"][0]) for e in error.errors() if e["type"] == "extra_forbidden"}
        for key, text in sentences(error).items():
            if key in unknown:
                listed = "" if field == "set" else f"; {name} has {', '.join(known) or 'none'}"
                text = registry.unknown(f"setting of {name}", key, known) + listed
            given.add(text, *([key] if key in from_run else [field, key] if key else [field]))
        return None


def check_plugin_settings(kind: str, name: str, lines: Iterable[str]) -> dict[str, object]:
    """Settings of a plug-in from `name=value` lines, checked.

    Raises:
        UsageError: with every mistake, one line each.
    """
    given = Given()
    values = _pairs("set", lines, given)
    check_settings(kind, name, values, given)
    if given.problems:
        raise UsageError(given.problems)
    return values


def unread_by_source(values: Mapping[str, Any], names: set[str]) -> dict[str, str]:
    """Those of the fields that the source of the data does not read, each with the reason."""
    if not values.get("data"):
        return {}
    problems = check_source(dict(values), names)
    return {field: text for field, text in problems if text.startswith(_NO_EFFECT)}


def _usable(values: Mapping[str, Any], wrong: set[str]) -> dict[str, object]:
    """Values where the configuration as a whole is invalid: defaults in place of wrong ones."""
    defaults = {
        name: info.get_default(call_default_factory=True)
        for name, info in RunConfig.model_fields.items()
        if not info.is_required()
    }
    right = {n: v for n, v in values.items() if n in RunConfig.model_fields and n not in wrong}
    return defaults | right


def _fields() -> list[str]:
    return list(RunConfig.model_fields)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-") if name not in ("model", "data") else name.upper()
