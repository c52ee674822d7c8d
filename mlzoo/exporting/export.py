"""From a run to a folder that other programs can load: written, scored, and only then named."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from mlzoo import __version__
from mlzoo.core import files, registry
from mlzoo.core.errors import MlzooError, UsageError, raise_disk_full
from mlzoo.core.files import expand
from mlzoo.core.progress import Listener
from mlzoo.runs.contents.folders import refuse_links
from mlzoo.runs.predicting.decisions import decision_record, mask_record

if TYPE_CHECKING:
    from mlzoo.data.tables.reader import Column
    from mlzoo.exporting.scoring import Score, ScoreRecord
    from mlzoo.formats._contract import SampleShape
    from mlzoo.runs.contents.metrics import DecisionRule, MaskRuleRecord
    from mlzoo.runs.opened import OpenedRun

SAMPLES = 200
"""Number of test samples that an export is scored on."""
SEVERAL_INPUTS = ("onnx", "keras", "saved_model")
"""Formats of models of images with columns beside them."""
CALIBRATION = 100
"""Number of training samples that int8 ranges are calibrated on."""


class InputSpecification(TypedDict):
    """The raw input of an export: name, shape, type, and the meaning of its columns.

    A value of a category is fed as its position among the categories, -1 where it is none.
    """

    name: str
    shape: list[int | None]
    dtype: str
    kind: str
    columns: NotRequired[list[Any]]
    channels: NotRequired[int]
    maximum: NotRequired[float]
    window: NotRequired[int]
    padding: NotRequired[str]
    resized_to: NotRequired[list[int]]
    second: NotRequired[SecondInput]


class SecondInput(TypedDict):
    """The columns of a table that an export takes beside images."""

    name: str
    shape: list[int | None]
    dtype: str
    columns: list[dict[str, object]]


class OutputSpecification(TypedDict):
    """The outputs of an export: task, their number, and the names of classes or targets.

    They are probabilities; `decision` is the operating point of a run that has one, and
    `operating_point` that of masks.
    """

    task: str
    units: int
    class_names: list[str]
    target_names: list[str]
    decision: NotRequired[DecisionRule]
    operating_point: NotRequired[MaskRuleRecord]


class ExportRecord(TypedDict):
    """Content of `export.json`; `folder` is where it lies."""

    format: str
    int8: bool
    file: str
    bytes: int
    input: InputSpecification
    output: OutputSpecification
    score: ScoreRecord
    versions: dict[str, str]
    folder: NotRequired[str]


def check(format: str, int8: bool = False, resize: bool = False) -> None:
    """Raise UsageError if a format does not exist, lacks its libraries, or can't do as asked.

    Nothing heavy is imported.

    Args:
        format: name of the format.
        int8: with 8-bit integers.
        resize: with images of any size.
    """
    known = registry.names("format")
    registry.trust(format)
    if not format.endswith(".py") and format not in known:
        wrong = registry.unknown("format", format, known)
        raise UsageError(f"--format: {wrong}; choose {', '.join(known)}")
    plugin = registry.load("format", format)
    if int8 and "int8" not in plugin.Config.model_fields:
        raise UsageError(f"--int8: has no effect on --format {format}; it is for litert")
    if resize and "resize" not in plugin.Config.model_fields:
        raise UsageError(f"--resize: has no effect on --format {format}; it is for onnx")
    missing = [
        package for module, package in getattr(plugin, "NEEDS", ()) if not _installed(module)
    ]
    if missing:
        raise UsageError(
            f"--format {format} needs {' and '.join(missing)}: pip install 'mlzoo-keras[export]'"
        )


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def export(
    run: OpenedRun | str | Path,
    format: str,
    *,
    output: str | Path | None = None,
    int8: bool = False,
    resize: bool = False,
    overwrite: bool = False,
    trust: bool = False,
    listener: Listener | None = None,
) -> ExportRecord:
    """Write a run's model in a format, and score it on real samples against the original.

    Args:
        run: a finished run, or its folder.
        format: `keras`, `saved_model`, `onnx`, `litert` or `openvino`.
        output: the folder to write; by default `exports/FORMAT` in the run folder.
        int8: litert: 8-bit integers, ranges from samples of the training split.
        resize: onnx: 8-bit images of any size go in, and are resized in the graph.
        overwrite: replace an export that is there.
        trust: run Python code that the run folder holds or names; without it none is run.
        listener: progress callback.

    Returns:
        What `export.json` beside the file holds.

    Raises:
        UsageError: a wrong format, a missing library, or something stands at `output`.
        DataError: the run's data have changed or are gone, so that nothing can be scored.
        MlzooError: the format can't hold this model, or its outputs differ; nothing is left.
    """
    check(format, int8, resize)
    from mlzoo.runs.opened import open_run

    opened = open_run(run, trust=trust) if isinstance(run, str | Path) else run
    opened.require_predictions("export")
    if resize:
        _check_resizing(opened)
    if _columns_beside(opened) and registry.stem(format) not in SEVERAL_INPUTS:
        raise UsageError(
            f"--format {format}: is for models of one input, and {opened.path.name} takes images "
            f"and columns; choose {' or '.join(SEVERAL_INPUTS)}"
        )
    name = f"{registry.stem(format)}-int8" if int8 else registry.stem(format)
    final = expand(output) if output else opened.path / "exports" / name
    refuse_links(opened.path, final)
    _check_free(final, overwrite)
    _check_backend(format)
    partial = final.with_name(final.name + ".partial")
    chosen = {"int8": int8, "resize": resize}
    shutil.rmtree(partial, ignore_errors=True)
    with files.disk_errors(final):
        partial.mkdir(parents=True)
    try:
        wanted = {name: True for name, is_wanted in chosen.items() if is_wanted}
        record = _write(opened, format, wanted, partial, listener or Listener())
        files.write_json(partial / "export.json", record)
        if final.exists():
            shutil.rmtree(final)
        partial.rename(final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if not output and not any(final.parent.iterdir()):
            final.parent.rmdir()
    return {**record, "folder": str(final)}


def _check_free(final: Path, overwrite: bool) -> None:
    if not final.exists():
        return
    if not overwrite:
        raise UsageError(
            f"{final} exists already; choose another --output, or replace it with --overwrite"
        )
    if not (final / "export.json").is_file():
        raise UsageError(f"{final} is no export, so --overwrite leaves it alone")


def _check_resizing(run: OpenedRun) -> None:
    """Raise UsageError unless the run takes whole 8-bit images of one size."""
    from mlzoo.data.images.reader import ImageReader

    reader = run.reader
    alone = isinstance(reader, ImageReader) and not reader.beside
    if not alone or run.target.dense or reader.dtype != "uint8":  # type: ignore[attr-defined]
        raise UsageError(
            f"--resize: is for runs on 8-bit images that are predicted as a whole, and "
            f"{run.path.name} is of {run.record['kind']}s ({run.record['task']}); leave it out"
        )


def _columns_beside(run: OpenedRun) -> tuple[Column, ...]:
    """Return the columns that a run's model takes beside images; none of others."""
    from mlzoo.data.images.reader import ImageReader

    return run.reader.beside if isinstance(run.reader, ImageReader) else ()


def _check_backend(format: str) -> None:
    from mlzoo.runs import devices

    devices.prepare()
    import keras

    backend = keras.backend.backend()
    if format != "keras" and backend != "tensorflow":
        raise UsageError(
            f"--format {format} goes through TensorFlow, but Keras runs on {backend}; unset "
            "KERAS_BACKEND: a model trained on another backend is exported all the same"
        )


def _write(
    run: OpenedRun, format: str, chosen: dict[str, bool], folder: Path, listener: Listener
) -> ExportRecord:
    """Write with the chosen settings and score; returns what export.json holds."""
    from mlzoo.exporting import samples
    from mlzoo.formats._graphs import in_float32, single
    from mlzoo.runs.devices import quiet_stderr, versions

    plugin = registry.load("format", format)
    fixed, int8 = getattr(plugin, "FIXED", False), chosen.get("int8", False)
    dense = run.target.dense
    model = single(run.model if format == "keras" else in_float32(run.model))
    data = run.own_data(listener)
    if data.inputs.beside is not None:
        from mlzoo.layers.joined import with_two_inputs

        model = with_two_inputs(model, data.inputs.beside)
    tested = data.test if len(data.test) else data.train  # without a test split
    sample_shape = samples.sample_shape_of(tested, dense)
    calibration = samples.drawn(data.train, CALIBRATION, sample_shape, dense, fixed) if int8 else []
    listener.note(f"writing {format}{' in int8' if int8 else ''}")
    config = plugin.Config(**chosen)
    specified = _input(run, model, sample_shape, fixed)
    if (beside := _columns_beside(run)) and data.inputs.beside is not None:
        height, width, channels = data.inputs.beside.height, *data.inputs.shape[1:]
        specified |= {"name": "image", "shape": [None, height, width, channels]}
        specified["second"] = {
            "name": "columns",
            "shape": [None, len(beside)],
            "dtype": "float32",
            "columns": [{"name": c.name, "categories": list(c.categories)} for c in beside],
        }
    if chosen.get("resize"):
        specified["resized_to"] = list(sample_shape.fixed[:2])
        specified["shape"] = [None, None, None, sample_shape.fixed[2]]
    facts = _facts(run, specified)
    try:
        with quiet_stderr():
            path = plugin.write(config, model, folder, sample_shape, calibration)
            if hasattr(plugin, "annotate"):
                plugin.annotate(path, facts)
            predict = plugin.open_written(path)
    except Exception as error:
        raise_disk_full(error)
        raise MlzooError(_cannot(format, run, error)) from error
    batches: list[Any] = samples.drawn(tested, SAMPLES, sample_shape, dense, fixed)
    if data.inputs.beside is not None:
        batches = [samples.taken_apart(batch, data.inputs.beside) for batch in batches]
    score = _scored(run, format, int8, predict, model, batches)
    listener.note(describe(score))
    return {
        "format": format,
        "int8": int8,
        "file": path.name,
        "bytes": _size(folder),
        "input": specified,
        "output": _output(run),
        "score": score.record(),
        "versions": versions(),
    }


def _scored(
    run: OpenedRun, format: str, int8: bool, predict: Any, model: Any, batches: list[Any]
) -> Score:
    from mlzoo.exporting.scoring import compare, problem

    try:
        y_export = [predict(batch) for batch in batches]
    except Exception as error:
        raise_disk_full(error)
        raise MlzooError(_cannot(format, run, error)) from error
    y_model = [model.predict_on_batch(batch) for batch in batches]
    try:
        score = compare(run.record["task"], y_model, y_export)
    except MlzooError as error:
        raise MlzooError(f"the {format} export is refused: {error}") from None
    wrong = problem(score, int8)
    if wrong:
        raise MlzooError(
            f"the {format} export is refused: {wrong} on {score.samples} samples; nothing is kept"
        )
    return score


def _cannot(format: str, run: OpenedRun, error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # OpenVINO says first where in its sources it gave up, and what it lacks in a list.
    listed = [line.removeprefix("-- ") for line in lines if line.startswith("-- ")]
    reason = (listed or lines or [repr(error)])[0][:160]
    others = " or ".join(other for other in ("onnx", "saved_model") if other != format)
    return f"{format} can't hold this model ({run.config.model}): {reason}; try --format {others}"


def describe(score: Score) -> str:
    """Return a score as a sentence."""
    text = f"on {score.samples} samples its outputs differ by {score.largest:.2g} at most"
    if score.agreement is None:
        return f"{text} (in spreads of the outputs)"
    return f"{text}; {score.agreement:.1%} of the classes are the same"


def _input(
    run: OpenedRun, model: Any, sample_shape: SampleShape, fixed: bool
) -> InputSpecification:
    """Return the specification of the raw input: shape, type, and the meaning of its columns."""
    shape = [1, *sample_shape.fixed] if fixed else list(model.input_shape)
    specification: InputSpecification = {
        "name": "input",
        "shape": shape,
        "dtype": run.record["input_dtype"],
        "kind": run.record["kind"],
    }
    if run.record["columns"]:
        # A categorical value is fed as its position among the categories, -1 where it is none.
        specification["columns"] = run.record["columns"]
    from mlzoo.data.record import write_reader

    described = write_reader(run.reader)
    for name in ("channels", "maximum", "window"):
        if name in described:
            specification[name] = described[name]  # type: ignore[typeddict-item]
    if run.record["kind"] == "sequence":
        specification["padding"] = "NaN"
    return specification


def _output(run: OpenedRun) -> OutputSpecification:
    output: OutputSpecification = {
        "task": run.record["task"],
        "units": run.record["units"],
        "class_names": run.record["class_names"],
        "target_names": run.record["target_names"],
    }
    if (decision := decision_record(run.path)) is not None:
        output["decision"] = decision
    if (masks := mask_record(run.path)) is not None:
        output["operating_point"] = masks
    return output


def _facts(run: OpenedRun, specified: InputSpecification) -> dict[str, str]:
    """Return what a file says of itself where its format has a place for it: JSON texts by name.

    `digest` is the SHA-256 of the run's `model.keras`, `data_fingerprint` that of its data, and
    `calibration` the temperature that is part of the model; {}: none was fitted. `decision` is the
    rule by which classes are decided; {}: the most probable one is.
    """
    path = run.path / "calibration.json"
    calibration = files.read_mapping(path) if path.is_file() else {}
    facts: dict[str, object] = {
        "producer": f"mlzoo {__version__}",
        "model": run.config.model,
        "task": run.record["task"],
        "classes": run.record["class_names"],
        "targets": run.record["target_names"],
        "columns": run.record["columns"],
        "units": run.record["units"],
        "input": {k: value for k, value in specified.items() if k != "columns"},
        "digest": hashlib.sha256((run.path / "model.keras").read_bytes()).hexdigest(),
        "data_fingerprint": run.record["fingerprint"],
        "calibration": calibration.get("temperature") or {},
        "decision": decision_record(run.path) or {},
    }
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in facts.items()
    }


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
