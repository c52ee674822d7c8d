"""Flags and a YAML file become one `RunConfig`; every mistake is told in one pass, a line each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from mlzoo import registry
from mlzoo.configs import RunConfig, inert
from mlzoo.data.recognition import check_source
from mlzoo.errors import UsageError

_NO_EFFECT = "has no effect"
_NESTED = {"set": "--set", "source_set": "--source-set"}


@dataclass
class Given:
    """Settings that a user gave: values by field, and where each came from, for messages."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[tuple[str, ...], str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def where(self, *keys: str) -> str:
        """`config.yaml:12` or `--epochs`, for a field or an entry of a nested one."""
        fallback = _flag(keys[0]) + (f" {keys[1]}" if len(keys) > 1 else "")
        return self.origins.get(keys, self.origins.get(keys[:1], fallback))


@dataclass(frozen=True)
class Merged:
    """A valid configuration, the fields that the user gave, and warnings about unused ones."""

    config: RunConfig
    given: frozenset[str]
    warnings: tuple[str, ...] = ()


def merge(
    flags: Mapping[str, Any],
    file: Path | None = None,
    *,
    allow_unused: bool = False,
    problems: Iterable[str] = (),
) -> Merged:
    """Merge a configuration file and flags (which win) into a checked configuration.

    `flags` holds given fields only; `set` and `source_set` are mappings or lists of
    `name=value`. `problems` are mistakes that the caller has found already.

    Raises:
        UsageError: with every mistake, one line each.
    """
    given = Given(problems=list(problems))
    if file is not None:
        read_file(file, given)
    _add_flags(flags, given)
    config = _validate(RunConfig, given)
    usable = config.model_dump() if config else _usable(given.values)
    _check_plugins(usable, given)
    unread = inert(usable, set(given.values)) | unread_by_source(usable, set(given.values))
    unused = [f"{given.where(name)}: {name} {reason}" for name, reason in sorted(unread.items())]
    if not allow_unused:
        given.problems += [f"{line} (--allow-unused accepts it)" for line in unused]
    if given.problems or config is None:
        raise UsageError(given.problems)
    return Merged(config, frozenset(given.values), tuple(unused) if allow_unused else ())


def read_file(path: Path, given: Given) -> None:
    """Add the settings of a YAML file, with their lines."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        given.problems.append(f"--config: can't read {path}: {error.strerror}")
        return
    except UnicodeDecodeError:
        given.problems.append(f"--config: {path} is no text file")
        return
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        given.problems.append(f"{place}: {getattr(error, 'problem', None) or error}")
        return
    if node is None:
        return
    if not isinstance(node, yaml.MappingNode):
        given.problems.append(f"{path}:1: a configuration is a list of `name: value` lines")
        return
    _add_lines(path, node, given)
    for name, value in values.items():
        if name in RunConfig.model_fields:
            # A key without a value says nothing, unless the field may be empty.
            given.values[name] = {} if value is None and name in _NESTED else value
        else:
            line = given.where(str(name))
            given.problems.append(f"{line}: {registry.unknown('key', str(name), _fields())}")


def _add_lines(path: Path, node: yaml.MappingNode, given: Given) -> None:
    for key, value in node.value:
        place = f"{path}:{key.start_mark.line + 1}"
        if (key.value,) in given.origins:
            given.problems.append(f"{place}: key {key.value!r} stands twice")
        given.origins[(key.value,)] = place
        if key.value in _NESTED and isinstance(value, yaml.MappingNode):
            for inner, _ in value.value:
                given.origins[(key.value, inner.value)] = f"{path}:{inner.start_mark.line + 1}"


def _add_flags(flags: Mapping[str, Any], given: Given) -> None:
    for name, value in flags.items():
        if name not in RunConfig.model_fields:
            given.problems.append(registry.unknown("setting", name, _fields()))
        elif name in _NESTED:
            entries = value if isinstance(value, Mapping) else _pairs(name, value, given)
            given.values[name] = {**(given.values.get(name) or {}), **entries}
            given.origins.update({(name, key): f"{_NESTED[name]} {key}" for key in entries})
        else:
            given.values[name] = value
            given.origins[(name,)] = _flag(name)


def _pairs(name: str, lines: Iterable[str], given: Given) -> dict[str, Any]:
    pairs = {}
    for line in lines:
        key, equals, text = line.partition("=")
        if not equals or not key:
            given.problems.append(f"{_NESTED[name]} {line}: write name=value")
            continue
        try:
            pairs[key.strip()] = yaml.safe_load(text)
        except yaml.YAMLError:
            pairs[key.strip()] = text
    return pairs


def _validate(model: type[RunConfig], given: Given) -> RunConfig | None:
    known = {k: v for k, v in given.values.items() if k in model.model_fields}
    try:
        return model(**known)
    except ValidationError as error:
        for message, location in messages(error):
            if not location or message == "missing":
                place = f"{', '.join(location) or 'configuration'}"
                text = "is needed" if message == "missing" else message
                given.problems.append(f"{place}: {text}")
            else:
                given.problems.append(f"{given.where(*location[:1])}: {message}")
        # What else is wrong shows only without the fields that failed.
        bad = {location[0] for _, location in messages(error) if location}
        rest = {k: v for k, v in known.items() if k not in bad}
        if bad and not any(kind == "missing" for kind, _ in messages(error)):
            _validate_rest(model, rest, given)
        return None


def _validate_rest(model: type[RunConfig], values: dict[str, Any], given: Given) -> None:
    try:
        model(**values)
    except ValidationError as error:
        given.problems += [
            f"configuration: {message}" for message, location in messages(error) if not location
        ]


def messages(error: ValidationError) -> list[tuple[str, list[str]]]:
    """Each mistake of a pydantic error as a sentence, with the path of the field."""
    found: dict[str, tuple[str, list[str]]] = {}
    for item in error.errors():
        location = [str(part) for part in item["loc"]]
        text = item["msg"].removeprefix("Value error, ")
        text = text[0].lower() + text[1:]
        if item["type"] == "missing":
            text = "missing"
        elif location:
            received = item["input"]
            text = f"{location[0]}: {text} (got {received!r})"
        # A union reports once for each of its members; one line is enough.
        key = location[0] if location else text
        if key in found and found[key][0] != text:
            first = found[key][0].rpartition(" (got")[0]
            text = f"{first}; or {text.partition(': ')[2]}"
        found[key] = (text, location)
    return list(found.values())


def _check_plugins(values: Mapping[str, Any], given: Given) -> None:
    """Names and settings of the model and the source; needs neither Keras nor NumPy."""
    if values.get("model"):
        try:
            check_settings("model", values["model"], values.get("set") or {}, given)
        except UsageError as error:
            given.problems += [f"{_prefix(given, 'model')}{line}" for line in error.problems]
    if values.get("data"):
        given.problems += [
            text
            if given.origins.get((field,), "--").startswith("--") and field == "data"
            else f"{given.where(field)}: {text}"
            for field, text in check_source(dict(values), set(given.values))
            if not text.startswith(_NO_EFFECT)
        ]


def _prefix(given: Given, name: str) -> str:
    place = given.origins.get((name,), "")
    return f"{place}: " if ".y" in place else ""


def check_settings(
    kind: str, name: str, values: Mapping[str, Any], given: Given
) -> BaseModel | None:
    """A plug-in's `Config` from the settings given for it; mistakes go into `given.problems`."""
    config_class = registry.load(kind, name).Config
    try:
        return config_class(**values)
    except ValidationError as error:
        known = list(config_class.model_fields)
        for item in error.errors():
            key = str(item["loc"][0]) if item["loc"] else ""
            where = given.where("set", key) if key else "--set"
            if item["type"] == "extra_forbidden":
                text = registry.unknown(f"setting of {name}", key, known)
            else:
                text = item["msg"].removeprefix("Value error, ")
                text = f"{text[0].lower()}{text[1:]}" + (f" (got {item['input']!r})" if key else "")
            line = f"{where}: {text}"
            if not any(problem.startswith(f"{where}:") for problem in given.problems):
                given.problems.append(line)
        return None


def check_plugin_settings(kind: str, name: str, lines: Iterable[str]) -> dict[str, Any]:
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
    found = check_source(dict(values), names)
    return {field: text for field, text in found if text.startswith(_NO_EFFECT)}


def _usable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values where a configuration as a whole is invalid: defaults for what is not usable."""
    usable = {
        name: info.get_default(call_default_factory=True)
        for name, info in RunConfig.model_fields.items()
        if not info.is_required()
    }
    for name, value in values.items():
        if name in RunConfig.model_fields and isinstance(value, (str, dict, bool, int, float)):
            usable[name] = value
    return usable


def _fields() -> list[str]:
    return list(RunConfig.model_fields)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-") if name not in ("model", "data") else name.upper()


def resolved_yaml(merged: Merged, read: Mapping[str, Any], omit: set[str]) -> str:
    """The configuration as YAML: each field that is read, and whether it was given or a default.

    `read` holds what stands in place of a field (all settings of the model, an absolute path);
    `omit` names fields that the data or the model do not read.
    """
    config, given = merged.config, merged.given
    values = {**config.model_dump(mode="json"), **read}
    unread = set(inert(values, set(values))) | omit
    lines = [
        "# Repeats this run: mlzoo train --config <this file>",
        "# Every setting that was read; `default` marks those that nobody gave.",
    ]
    for name, value in values.items():
        if name not in unread and (name in given or value is not None):
            text = yaml.safe_dump({name: value}, sort_keys=False, allow_unicode=True).rstrip()
            head, newline, rest = text.partition("\n")
            mark = "" if name in given else "  # default"
            lines.append(f"{head}{mark}{newline}{rest}")
    return "\n".join(lines) + "\n"
