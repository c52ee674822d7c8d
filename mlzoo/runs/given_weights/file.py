"""Files of weights that are given by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mlzoo.core import files, registry
from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.files import expand
from mlzoo.core.messages import sentences

MODEL = "fixed"
"""The model that has them."""
_KEYS = ("layers", "classes", "columns")
_EXAMPLE = "layers: [{weights: [[2, 2]], biases: [-1], activation: sigmoid}]"


def read_weights(path: str | Path) -> dict[str, Any]:
    """Return what a YAML or JSON file of weights holds: `layers`, and perhaps more.

    A layer has `weights` (a row a unit, a number an input), `biases` and an `activation`; `classes`
    names the classes, and `columns` the inputs.

    Raises:
        UsageError: there is no such file, or it holds something else.
    """
    file = expand(path)
    if not file.is_file():
        raise UsageError(f"--weights: there is no file {path}")
    if file.suffix not in (".yaml", ".yml", ".json"):
        raise UsageError(f"--weights: {path} must end in .yaml or .json; write as in {_EXAMPLE}")
    content = _content(file)
    for name in content:
        if name not in _KEYS:
            raise UsageError(f"{path}: {registry.unknown('name', str(name), _KEYS)}")
    if not content.get("layers"):
        raise UsageError(f"{path} has no layers; write as in {_EXAMPLE}")
    try:
        config = registry.load("model", MODEL).Config(**settings_of(content))
    except ValidationError as error:
        lines = sentences(error).items()
        raise UsageError([f"{path}: {f'{n}: ' if n else ''}{text}" for n, text in lines]) from None
    columns = content.get("columns")
    inputs = len(config.layers[0].weights[0])
    if columns is not None and (not isinstance(columns, list) or len(columns) != inputs):
        raise UsageError(f"{path}: columns must name the {inputs} inputs of layer 1")
    return content


def _content(file: Path) -> dict[str, object]:
    """Return the names and values of a YAML or JSON file."""
    import yaml

    try:
        text = files.read_text(file)
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise UsageError(f"{file}: write the value out; aliases are not read")
        content = yaml.safe_load(text)
    except DataError as error:
        raise UsageError(str(error)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"{file} is no YAML or JSON ({reason})") from None
    if not isinstance(content, dict):
        raise UsageError(f"{file} holds no names and values; write as in {_EXAMPLE}")
    return content


def settings_of(content: Mapping[str, object]) -> dict[str, Any]:
    """Return the settings of the model that a file of weights gives."""
    return {name: content[name] for name in ("layers", "classes") if name in content}
