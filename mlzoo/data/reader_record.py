"""From what `data.json` keeps of a reader to its model; `record.py` writes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mlzoo.core.errors import UsageError
from mlzoo.core.files import damaged
from mlzoo.data.images.reader import ImageReader
from mlzoo.data.masks.reader import DenseReader
from mlzoo.data.reader import ArrayReader, Reader
from mlzoo.data.sequences.reader import SequenceReader, SeriesReader
from mlzoo.data.specs import target_of
from mlzoo.data.tables.reader import TableReader
from mlzoo.data.text.reader import CaptionReader, PairReader, TextReader

_KINDS: dict[str, type[Reader]] = {
    "image": ImageReader,
    "table": TableReader,
    "sequence": SequenceReader,
    "array": ArrayReader,
}
_SHARED = ("task", "kind", "class_names", "target_names")
"""Fields of a reader that `data.json` also has at its top."""


def parse_reader(values: Any) -> Reader:
    """Return the reader that JSON values describe.

    Args:
        values: what `record.write_reader` gave. The class of the model follows from their `kind`
            and from the kind of target that their `task` predicts.

    Raises:
        ValueError: they describe none; the message says why, without naming a file.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"it is {type(values).__name__}, not names and values")
    try:
        return _class_of(values).model_validate(values)
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ValueError("; ".join(problems)) from None


def reader_of(path: Path, record: Mapping[str, Any]) -> Reader:
    """Return the reader of a run.

    Args:
        path: of the run's `data.json`, for messages.
        record: what it holds.

    Raises:
        DataError: the file is damaged; it is named.
    """
    values = record["reader"]
    if isinstance(values, Mapping):
        shared = {name: record[name] for name in _SHARED if name in record}
        values = {**shared, **values}
    try:
        return parse_reader(values)
    except ValueError as error:
        raise damaged(path, f"is damaged: its reader can't be used ({error})") from None


def _class_of(values: Mapping[str, Any]) -> type[Reader]:
    """Return the model of a reader, by its kind of data and its kind of target."""
    if set(values) <= set(Reader.model_fields):
        return Reader  # of a source that does not say how new samples are read
    kind, task = values.get("kind", "array"), values.get("task", "")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError(f"kind: {kind!r} is none of {', '.join(_KINDS)}")
    try:
        target = target_of(task)
    except (UsageError, TypeError):
        raise ValueError(f"task: there is no task {task!r}") from None
    if target.dense:
        return DenseReader
    if target.translated and kind == "image":
        return CaptionReader
    if kind != "sequence":
        return _KINDS[kind]
    if target.causal:
        return TextReader
    if target.translated:
        return PairReader
    # Arrays of windows, which bring the values that follow, say nothing of series.
    return SeriesReader if target.ahead and "window" in values else SequenceReader
