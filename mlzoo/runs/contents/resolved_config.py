"""The configuration as a run keeps it: every setting that was read, paths that hold everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.files import expand, is_there, original, real_path, recorded
from mlzoo.core.validation.consistency import inert
from mlzoo.core.validation.values import (
    LISTS,
    SEVERAL,
    absolute_losses,
    named_plugins,
    trust_flag,
)
from mlzoo.runs.config_loading import NESTED, REPEATS, Merged

_PATHS = ("data", "class_weights", "cost", "equation", "exclude", "relabel")
"""Fields that may name a file or a folder."""


def absolute_fields(config: RunConfig) -> dict[str, object]:
    """Return the fields that name plug-ins or files, such that they mean the same in every folder.

    Of a field that may hold a path, such as `class_weights`, only where it holds one.
    """
    fields = _absolute_plugins(config.model_dump())
    for name in _PATHS:
        path = expand(getattr(config, name) or "")
        if is_there(path) if name == "data" else path.is_file():
            fields[name] = recorded(getattr(config, name))
    if (out := original(Path(config.out))) != Path(config.out):
        fields["out"] = str(out)
    if config.cache not in ("auto", "none"):
        fields["cache"] = str(real_path(expand(config.cache)))
    if config.augment != "none":
        from mlzoo.data.policies import located

        fields["augment"] = located(config.augment)
    return fields


def _absolute_plugins(values: Mapping[str, Any]) -> dict[str, object]:
    """Return the fields that name plug-ins, with absolute files."""
    named = [(kind, registry.absolute(name)) for kind, name in named_plugins(values)]
    fields: dict[str, object] = {kind: name for kind, name in named if kind not in SEVERAL}
    lists = {field: [name for each, name in named if each == kind] for field, kind in LISTS.items()}
    return {**fields, "loss": absolute_losses(values["loss"]), **lists}


def resolved_yaml(merged: Merged, read: Mapping[str, Any], omit: set[str]) -> str:
    """The configuration as YAML: each field that is read, and whether it was given or a default.

    `read` holds what stands in place of a field (all settings of the model, an absolute path);
    `omit` names fields that the data or the model do not read.
    """
    config, given = merged.config, merged.given
    values = {**config.model_dump(mode="json"), **read}
    unread = set(inert(values, set(values))) | omit
    lines = [
        f"{REPEATS}: mlzoo train --config <this file>" + trust_flag(values),
        "# Every setting that was read; `default` marks those that nobody gave.",
    ]
    for name, value in values.items():
        empty = value is None or (name in NESTED and not value)
        if name in unread or (name not in given and empty):
            continue
        if name in NESTED and value:
            given_settings = getattr(config, name)
            lines.append(f"{name}:")
            lines += [
                "  " + line
                for k, v in value.items()
                for line in _lines(k, v, _is_given(k, given_settings))
            ]
        else:
            lines += _lines(name, value, name in given)
    return "\n".join(lines) + "\n"


def _is_given(key: str, settings: Mapping[str, Any]) -> bool:
    """Return whether a setting was given, which `dice.smooth` is by `smooth` too."""
    return key in settings or key.rpartition(".")[2] in settings


def _lines(name: str, value: Any, given: bool) -> list[str]:
    """YAML lines of one setting; the first says where nobody gave it."""
    text = yaml.safe_dump({name: value}, sort_keys=False, allow_unicode=True).rstrip()
    first, *rest = text.split("\n")
    return [first + ("" if given else "  # default"), *rest]
