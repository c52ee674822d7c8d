"""Run folders of given weights alone, which predict but have no scores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlzoo.core import registry
from mlzoo.core.files import expand
from mlzoo.runs import devices, run_folder
from mlzoo.runs.given_weights.file import MODEL, read_weights, settings_of
from mlzoo.runs.opened import OpenedRun


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
    from mlzoo.layers.portable import save_model

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
        save_model(model, folder.path / "model.keras")
        return OpenedRun(folder.finish())
    except BaseException:
        folder.discard()
        raise
    finally:
        folder.release()


def _record(task: str, classes: list[str], columns: list[Any], units: int) -> dict[str, Any]:
    """Return the content of `data.json`: a table with these columns and no samples."""
    from mlzoo.data.record import write_reader
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


def _yaml(values: Mapping[str, object]) -> str:
    import yaml

    return str(yaml.safe_dump(values, sort_keys=False, default_flow_style=None))
