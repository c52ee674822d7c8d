"""The settings of a plug-in as a table, from its `Config`; needs neither Keras nor NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlzoo.core import fields


def setting_table(path: str, config: Any) -> list[dict[str, Any]]:
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


def _type(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in _present(schema))
    if "$ref" in schema:  # settings within a setting
        return "mapping"
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    return {"string": "choice" if "enum" in schema else "text"}.get(
        schema.get("type", ""), schema.get("type", "")
    )


def _present(schema: dict[str, Any]) -> list[dict[str, object]]:
    """Return the types that a setting may have, besides None."""
    return [one for one in schema["anyOf"] if one.get("type") != "null"]


def _range(schema: dict[str, Any]) -> str:
    """The values that a setting may have: `1 <= x <= 9`, or the choices; empty: any."""
    if "anyOf" in schema:
        return next((text for one in _present(schema) if (text := _range(one))), "")
    schema = schema.get("items", schema)
    if "enum" in schema:
        return ", ".join(schema["enum"])
    low = _bound(schema, "minimum", "exclusiveMinimum", "{} <= x", "{} < x")
    high = _bound(schema, "maximum", "exclusiveMaximum", "x <= {}", "x < {}")
    if low and high:
        return low.removesuffix("x") + high
    return low or high


def _bound(schema: dict[str, Any], name: str, strict_name: str, text: str, strict: str) -> str:
    if name in schema:
        return text.format(_short(schema[name]))
    return strict.format(_short(schema[strict_name])) if strict_name in schema else ""


def _short(number: float) -> float:
    """1.0 as 1: some versions of pydantic keep bounds as floats."""
    return int(number) if number == int(number) else number


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
