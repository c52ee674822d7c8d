"""From a run to a folder that answers over HTTP: written, compared with the run, then named."""

from __future__ import annotations

import hashlib
import importlib.util
import platform
import re
import shutil
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from mlzoo.core import files
from mlzoo.core.errors import MlzooError, UsageError
from mlzoo.core.files import expand
from mlzoo.core.progress import Listener
from mlzoo.data.images.reader import ImageReader
from mlzoo.data.tables.reader import TableReader
from mlzoo.packing.settings import MAX_PIXELS
from mlzoo.runs.contents.folders import refuse_links, write_folder
from mlzoo.runs.predicting.decisions import decision_record

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.packing.served.model import ModelFacts
    from mlzoo.runs.opened import OpenedRun

TOLERANCE = 1e-5
"""Largest difference between an answer and `mlzoo predict`, relative where numbers exceed 1."""
_SERVED = "mlzoo.packing.served"
_HERE = Path(__file__).parent
_MEAN_OF = 100
"""Training samples that the example is a mean of."""
_NEEDS = ("onnx", "onnxruntime", "tf2onnx", "starlette", "uvicorn")


class PackRecord(TypedDict):
    """Folder of a packed model, its size in bytes, and the largest difference of its answers."""

    folder: str
    bytes: int
    largest: float
    requirements: list[str]


def check() -> None:
    """Raise UsageError where a library is missing; nothing heavy is imported."""
    missing = [name for name in _NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"pack needs {', '.join(missing)}: pip install 'mlzoo-keras[export,serve]'"
        )


def pack(
    run: OpenedRun | str | Path,
    *,
    output: str | Path | None = None,
    max_pixels: int = MAX_PIXELS,
    overwrite: bool = False,
    trust: bool = False,
    listener: Listener | None = None,
) -> PackRecord:
    """Write a folder that serves a run's model without mlzoo, Keras or a backend.

    Args:
        run: a finished run, or its folder; of images or tables with a class or numbers a sample.
        output: the folder to write; by default `exports/pack` in the run folder.
        max_pixels: images with more are refused by the server.
        overwrite: replace a packed model that is there.
        trust: run Python code that the run folder holds or names; without it none is run.
        listener: progress callback.

    Raises:
        UsageError: the run is of another kind, a library is missing, or something stands at
            `output`.
        DataError: the run's data have changed or are gone, so that nothing can be compared.
        MlzooError: ONNX can't hold the model, or the answers differ; nothing is left.
    """
    check()
    from mlzoo.runs.opened import open_run

    opened = open_run(run, trust=trust) if isinstance(run, str | Path) else run
    check_kind(opened)
    final = expand(output) if output else opened.path / "exports" / "pack"
    refuse_links(opened.path, final)
    if final.exists() and not overwrite:
        raise UsageError(
            f"{final} exists already; choose another --output, or replace it with --overwrite"
        )
    if final.exists() and not (final / "model.json").is_file():
        raise UsageError(f"{final} is no packed model, so --overwrite leaves it alone")
    listener, largest = listener or Listener(), [0.0]

    def fill(folder: Path) -> None:
        largest[0] = _write(opened, folder, final.name, max_pixels, listener)

    write_folder(final, fill)
    listener.note(f"its answers differ from `mlzoo predict` by {largest[0]:.2g} at most")
    return {
        "folder": str(final),
        "bytes": sum(path.stat().st_size for path in final.rglob("*") if path.is_file()),
        "largest": largest[0],
        "requirements": (final / "requirements.txt").read_text("utf-8").split("\n")[:-1],
    }


def check_kind(run: OpenedRun) -> None:
    """Raise UsageError where the folder could not read what the run takes."""
    run.require_predictions("pack")
    target, kind = run.target, run.record["kind"]
    wanted = kind in ("image", "table") and (target.sample_class or target.sample_numbers)
    if not wanted or run.reader.depth:
        shown = "volume" if run.reader.depth else kind
        raise UsageError(
            f"a run of {run.record['task']} on {shown}s can't be packed: only images and tables "
            "with a class or numbers a sample; use `mlzoo export --format onnx`"
        )
    if isinstance(run.reader, ImageReader) and run.reader.beside:
        raise UsageError(
            "a run of images with columns can't be packed: the packed reader takes images alone; "
            "use `mlzoo export --format onnx`"
        )
    if kind == "table" and run.reader_as(TableReader).table_columns != run.reader.input_names:
        raise UsageError(
            "a run of dates or texts can't be packed: the packed reader takes numbers and "
            "categories; train with --drop or --raw-columns, or use `mlzoo export --format onnx`"
        )
    if kind == "image" and run.reader_as(ImageReader).dtype == "uint16":
        raise UsageError(
            "a run of 16-bit images can't be packed: the packed reader takes 8 bits a channel; "
            "use `mlzoo export --format onnx`"
        )


def _write(run: OpenedRun, folder: Path, name: str, max_pixels: int, listener: Listener) -> float:
    """Fill a folder; returns the largest difference to the run's own predictions."""
    from mlzoo.exporting.export import export

    exported = folder / "onnx"
    export(run, "onnx", output=exported, listener=listener)
    (exported / "model.onnx").rename(folder / "model.onnx")
    shutil.rmtree(exported)
    facts = facts_of(run, folder / "model.onnx", max_pixels)
    files.write_json(folder / "model.json", facts)
    (folder / "served").mkdir()
    for path in sorted((_HERE / "served").glob("*.py")):
        text = path.read_text("utf-8").replace(_SERVED, "served")
        files.write_text(folder / "served" / path.name, text)
    mean = _mean(run, listener)
    (folder / "examples").mkdir()
    sample = _write_example(run, folder / "examples", mean)
    _write_documents(run, folder, facts, sample)
    return _compare(run, folder, mean)


def facts_of(run: OpenedRun, model: Path, max_pixels: int) -> ModelFacts:
    """Return the content of `model.json`.

    Args:
        run: the run.
        model: file of its model.
        max_pixels: images with more are refused.
    """
    record = run.record
    facts: ModelFacts = {
        "name": run.path.name,
        "model": run.config.model,
        "task": record["task"],
        "kind": record["kind"],
        "classes": record["class_names"],
        "targets": record["target_names"],
        "columns": record["columns"],
        "decision": decision_record(run.path),
        "digest": hashlib.sha256(model.read_bytes()).hexdigest(),
    }
    if record["kind"] == "table":
        return facts
    reader = run.reader_as(ImageReader)
    height, width = reader.size
    facts["image"] = {
        "height": height,
        "width": width,
        "channels": reader.channels,
        "dtype": reader.dtype,
        "maximum": reader.maximum,
        "max_pixels": min(max_pixels, reader.max_pixels),
    }
    return facts


# -- Examples, which hold no sample of the training data


def _mean(run: OpenedRun, listener: Listener) -> np.ndarray:
    """Return an input that resembles the training data: medians of columns, or the mean image."""
    import numpy as np

    train = run.own_data(listener).train
    places = np.unique(np.linspace(0, len(train) - 1, min(_MEAN_OF, len(train))).astype(int))
    inputs = np.asarray(train.inputs(places))
    if run.record["kind"] == "image":
        return inputs.mean(axis=0, dtype=np.float64)
    # An interpolated one would be no category.
    middle = np.nanquantile(inputs, 0.5, axis=0, method="lower")
    return np.asarray(middle, np.float32)


def _row(run: OpenedRun, values: Sequence[float]) -> dict[str, str | float | None]:
    """Return an input as a row by column."""
    row: dict[str, str | float | None] = {}
    for column, value in zip(run.record["columns"], values, strict=True):
        categories = column["categories"]
        if categories:
            row[column["name"]] = categories[int(value)] if value >= 0 else None
        else:
            row[column["name"]] = None if value != value else float(f"{value:.6g}")
    return row


def _write_example(run: OpenedRun, folder: Path, mean: np.ndarray) -> str:
    """Write the body of a request; returns its file name."""
    if run.record["kind"] == "table":
        files.write_json(folder / "sample.json", _row(run, mean.tolist()))
        return "sample.json"
    maximum = run.reader_as(ImageReader).maximum
    _write_png(folder / "sample.png", mean / maximum * 255)
    return "sample.png"


def _write_png(path: Path, pixels: np.ndarray) -> None:
    import numpy as np
    from PIL import Image

    whole = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    Image.fromarray(whole[..., 0] if whole.shape[-1] == 1 else whole).save(path)


def _write_documents(run: OpenedRun, folder: Path, facts: ModelFacts, sample: str) -> None:
    import jinja2

    from mlzoo.packing.openapi import description
    from mlzoo.packing.requirements import pinned

    image = facts["kind"] == "image"
    example = None if image else files.read_json(folder / "examples" / sample)
    files.write_json(folder / "openapi.json", description(facts, example))
    try:
        packages = pinned(image)
    except PackageNotFoundError as error:
        raise UsageError(f"pack needs {error.name}: pip install {error.name}") from None
    files.write_text(folder / "requirements.txt", "\n".join([*packages, ""]))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    headline = run.metrics["headline"]
    values = {
        "facts": facts,
        "sample": sample,
        "image": re.sub(r"[^a-z0-9]+", "-", run.path.name.lower()).strip("-") or "model",
        "python": ".".join(platform.python_version_tuple()[:2]),
        "headline": f"{headline['name']} {headline['value']:.4g}" if headline["value"] else "",
    }
    for template, path in (
        ("Dockerfile", "Dockerfile"),
        ("README.md", "README.md"),
        ("predict.sh", "examples/predict.sh"),
        ("predict.py", "examples/predict.py"),
    ):
        text = environment.get_template(f"{template}.jinja").render(values)
        files.write_text(folder / path, text)
    shutil.copyfile(_HERE / "templates" / "dockerignore", folder / ".dockerignore")


# -- Comparison


def _compare(run: OpenedRun, folder: Path, mean: np.ndarray) -> float:
    """Return the largest difference of answers from the run's predictions on the same bytes.

    Raises:
        MlzooError: it is above `TOLERANCE`.
    """
    from mlzoo.packing.served.predictor import Predictor

    predictor = Predictor(folder)
    largest = 0.0
    with tempfile.TemporaryDirectory(prefix="mlzoo-") as name:
        for path, sample in _probes(run, Path(name), mean):
            y_run = _numbers(run, path)
            y_pack = predictor.outputs(predictor.read(sample)[0][None])[0].tolist()
            if len(y_run) > len(y_pack):  # two classes by one probability
                y_pack = [1 - y_pack[0], *y_pack]
            for a, b in zip(y_run, y_pack, strict=True):
                largest = max(largest, abs(a - b) / max(1.0, abs(a)))
    if not largest <= TOLERANCE:
        raise MlzooError(
            f"the packed model is refused: its answers differ from `mlzoo predict` by {largest:.3g}"
            f", more than {TOLERANCE:g}; nothing is kept"
        )
    return largest


def _numbers(run: OpenedRun, path: Path) -> list[float]:
    """Return the probabilities or numbers that the run predicts for the one sample of a file."""
    import numpy as np

    predicted = run.predict(path)
    values = predicted.labels if predicted.probabilities is None else predicted.probabilities
    return [float(value) for value in np.asarray(values, "float64")[0].reshape(-1)]


def _probes(run: OpenedRun, folder: Path, mean: np.ndarray) -> list[tuple[Path, Any]]:
    """Return files that the run reads, and the same as the body of a request.

    Images are noise of other sizes than the model's, so that resizing is compared too.
    """
    import numpy as np

    probes: list[tuple[Path, Any]] = []
    if run.record["kind"] == "table":
        row = _row(run, mean.tolist())
        # A line without any value is no row.
        sparse = {name: None if i % 2 else row[name] for i, name in enumerate(row)}
        for index, sample in enumerate((row, sparse)):
            path = folder / f"{index}.csv"
            files.write_text(path, files.csv_text([sample]))
            probes.append((path, sample))
        return probes
    height, width, channels = run.reader_as(ImageReader).shape
    rng = np.random.default_rng(0)
    for index, factor in enumerate((0.6, 1.0, 1.7)):
        path = folder / f"{index}.png"
        sides = (max(1, round(factor * height)), max(1, round(factor * width)))
        _write_png(path, rng.integers(0, 256, (*sides, channels)))
        probes.append((path, path.read_bytes()))
    return probes
