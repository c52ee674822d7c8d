"""Files of weights that are given by hand, and run folders made of them without any data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mlzoo.core import files, registry
from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.files import expand
from mlzoo.core.messages import sentences
from mlzoo.runs import devices, run_folder
from mlzoo.runs.opened import OpenedRun

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


def _content(file: Path) -> dict[str, Any]:
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


def settings_of(content: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the model that a file of weights gives."""
    return {name: content[name] for name in ("layers", "classes") if name in content}


def write_run(path: str | Path, out: str = "saved_models", name: str | None = None) -> OpenedRun:
    """Write a run folder of a file of weights alone, which predicts but has no scores.

    Args:
        path: of the file.
        out: where run folders lie.
        name: of the folder; by default that of the file.

    Raises:
        UsageError: the file is wrong, or the name is taken.
    """
    content = read_weights(path)
    devices.prepare()
    from mlzoo.data.specs import Inputs, Outputs
    from mlzoo.layers.description import layer_graph

    plugin = registry.load("model", MODEL)
    config = plugin.Config(**settings_of(content))
    count, inputs = config.class_count, len(config.layers[0].weights[0])
    task = "classification" if count else "regression"
    units = (1 if count == 2 else count) or len(config.layers[-1].weights)
    model = plugin.build(config, Inputs((inputs,), "table"), Outputs(task, units))
    folder = run_folder.create(Path(out), name, f"{MODEL}-{expand(path).stem}")
    try:
        classes = list(config.classes) or [str(number) for number in range(count)]
        columns = content.get("columns") or [f"x{number + 1}" for number in range(inputs)]
        folder.write_json("data.json", _record(task, classes, columns, units))
        folder.write_json("layers.json", layer_graph(model))
        folder.write_json("environment.json", devices.environment(0, "float32"))
        parts: dict[str, dict[str, list[str]]] = {
            name: {"indices": [], "names": []} for name in ("train", "valid", "test")
        }
        folder.write_json("split.json", {"parts": parts})
        settings = {"model": MODEL, "data": "", "calibrate": "none"}
        folder.write_text("config.yaml", _yaml({**settings, "set": config.model_dump(mode="json")}))
        model.save(folder.path / "model.keras")
        return OpenedRun(folder.finish())
    except BaseException:
        folder.discard()
        raise
    finally:
        folder.release()


def _record(task: str, classes: list[str], columns: list[Any], units: int) -> dict[str, Any]:
    """Return the content of `data.json`: a table with these columns and no samples."""
    from mlzoo.data.reader_record import write_reader
    from mlzoo.data.tables.reader import Column, TableReader, TargetColumn

    names = [str(column) for column in columns]
    targets = ["class"] if classes else ["y", *(f"y{number}" for number in range(2, units + 1))]
    reader = TableReader(
        task=task,
        class_names=tuple(classes),
        target_names=tuple(targets),
        columns=tuple(Column(name) for name in names),
        target=TargetColumn(targets[0]) if len(targets) == 1 else None,
        delimiter=None,
        header="auto",
    )
    return {
        "data": "",
        "task": task,
        "kind": "table",
        "class_names": classes,
        "target_names": targets,
        "columns": [{"name": name, "categories": []} for name in names],
        "input_shape": [len(names)],
        "input_dtype": "float32",
        "units": units,
        "reader": write_reader(reader),
        "fingerprint": "",
        "samples": 0,
        "parts": {},
    }


def _yaml(values: dict[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(values, sort_keys=False, default_flow_style=None))
