"""The settings of plug-ins: those that a run gives them, and as a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from mlzoo.core import fields, registry
from mlzoo.core.validation.values import loss_names

if TYPE_CHECKING:
    from mlzoo.core.configs import RunConfig

SHARED = {
    "optimizer": ("momentum", "weight_decay"),
    "schedule": ("warmup", "decay_every", "decay_factor", "plateau_patience"),
    "loss": ("focal_gamma", "tversky_beta", "top_share"),
}
"""Fields of `RunConfig` that a plug-in of a kind reads if its `Config` declares them."""


def plugin_config(config: RunConfig, kind: str, name: str) -> Any:
    """Return the `Config` of an optimizer, schedule or loss, from the run's configuration."""
    plugin = registry.load(kind, name).Config
    plugin_settings = own_settings(kind, name, getattr(config, f"{kind}_set"))
    shared = {n: getattr(config, n) for n in SHARED[kind] if n in plugin.model_fields}
    return plugin(**plugin_settings, **shared)


def all_settings(config: RunConfig, kind: str) -> dict[str, object]:
    """Return all settings of the plug-ins of a kind, as `optimizer_set` and its like hold them.

    Those that are fields of the run are left out; nothing is said of losses that the task chooses.
    """
    chosen = getattr(config, kind)
    names = loss_names(chosen) if kind == "loss" else [chosen]
    merged: dict[str, object] = {}
    for name in names:
        plugin_settings = plugin_config(config, kind, name).model_dump(mode="json")
        prefix = f"{registry.stem(name)}." if len(names) > 1 else ""
        merged |= {
            prefix + key: value for key, value in plugin_settings.items() if key not in SHARED[kind]
        }
    return merged


def own_settings(kind: str, name: str, settings: Mapping[str, Any]) -> dict[str, object]:
    """Return those of the settings given for plug-ins of a kind that one of them takes.

    Losses are several: `dice.smooth` is a setting of dice alone, and `smooth` one of each loss
    that has it.
    """
    if kind != "loss":
        return dict(settings)
    known = registry.load(kind, name).Config.model_fields
    accepted = {key: value for key, value in settings.items() if key in known}
    prefix = f"{registry.stem(name)}."
    return accepted | {
        key.removeprefix(prefix): value for key, value in settings.items() if key.startswith(prefix)
    }


class SettingRow(TypedDict):
    """A setting of a plug-in, as listings show it."""

    name: str
    type: str
    default: object
    range: str
    help: str
    value: object


class FlaggedRow(SettingRow):
    """The same with how it is given on the command line."""

    flag: str


def setting_table(path: str, config: Any) -> list[SettingRow]:
    """One row a setting: name, type, default, help, range, and the value that `config` has."""
    values = config.model_dump(mode="json")
    defaults = {
        name: None if field.is_required() else field.get_default(call_default_factory=True)
        for name, field in type(config).model_fields.items()
    }
    schema = type(config).model_json_schema()["properties"]
    return [
        {
            "name": setting.name,
            "type": _type(schema[setting.name]),
            "default": _plain(defaults[setting.name]),
            "range": _range(schema[setting.name]),
            "help": setting.help,
            "value": values[setting.name],
        }
        for setting in fields.settings(Path(path)) or _undocumented(config)
    ]


def _undocumented(config: Any) -> list[fields.Setting]:
    """The settings of a class that stands in no file: that of a keras-tuner build function."""
    model_fields = type(config).model_fields
    return [
        fields.Setting(name, "", None, field.description or "")
        for name, field in model_fields.items()
    ]


class _Schema(TypedDict, total=False):
    """JSON schema of a setting, as pydantic writes it."""

    type: str
    enum: list[str]
    items: _Schema
    anyOf: list[_Schema]
    minimum: float
    maximum: float
    exclusiveMinimum: float
    exclusiveMaximum: float


def _type(schema: _Schema) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in _present(schema))
    if "$ref" in schema:  # settings within a setting
        return "mapping"
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    return {"string": "choice" if "enum" in schema else "text"}.get(
        schema.get("type", ""), schema.get("type", "")
    )


def _present(schema: _Schema) -> list[_Schema]:
    """Return the types that a setting may have, besides None."""
    return [one for one in schema["anyOf"] if one.get("type") != "null"]


def _range(schema: _Schema) -> str:
    """The values that a setting may have: `1 <= x <= 9`, or the choices; empty: any."""
    if "anyOf" in schema:
        return next((text for one in _present(schema) if (text := _range(one))), "")
    schema = schema.get("items", schema)
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    low = _bound(schema.get("minimum"), schema.get("exclusiveMinimum"), "{} <= x", "{} < x")
    high = _bound(schema.get("maximum"), schema.get("exclusiveMaximum"), "x <= {}", "x < {}")
    if low and high:
        return low.removesuffix("x") + high
    return low or high


def _bound(bound: float | None, strict_bound: float | None, text: str, strict: str) -> str:
    if bound is not None:
        return text.format(_short(bound))
    return "" if strict_bound is None else strict.format(_short(strict_bound))


def _short(number: float) -> float:
    """1.0 as 1: some versions of pydantic keep bounds as floats."""
    return int(number) if number == int(number) else number


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
