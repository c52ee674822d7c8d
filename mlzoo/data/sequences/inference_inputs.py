"""New sequences for a trained model: a table file, a folder of them, arrays, or a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.core.files import as_text
from mlzoo.core.messages import few
from mlzoo.data.arrays import (
    check_samples,
    choose_pair,
    is_array_file,
    open_archive,
    open_inputs,
)
from mlzoo.data.images.layouts import SEQUENCES
from mlzoo.data.new_samples import NewInputs, finite_targets, positions_of
from mlzoo.data.quality.bad_files import listed
from mlzoo.data.samples import Samples
from mlzoo.data.sequences.arrays import following_values, ragged
from mlzoo.data.sequences.folders import as_steps, facts_table, read_tables, step_values
from mlzoo.data.sequences.inference_series import last_windows, read_windows
from mlzoo.data.sequences.listing import Listing, list_sequences
from mlzoo.data.sequences.reader import SequenceReader, SeriesReader
from mlzoo.data.sequences.sequences import Sequences
from mlzoo.data.sequences.steps import open_steps
from mlzoo.data.specs import IGNORED
from mlzoo.data.tables.columns import numbers
from mlzoo.data.tables.label_sets import encode_as
from mlzoo.data.tables.labels import class_name
from mlzoo.data.tables.reader import TargetColumn
from mlzoo.data.tables.tables import Table
from mlzoo.data.tables.targets import cells_of, compare
from mlzoo.data.text.characters import cut_text, read_text
from mlzoo.data.text.reader import TextReader


def read_sequences(location: Path, reader: SequenceReader | TextReader) -> NewInputs:
    """Return sequences without targets.

    Raises:
        DataError: files that can't be read, or lack a channel.
    """
    if isinstance(reader, TextReader):
        text = cut_text(read_text(location), reader)
        return NewInputs(text.inputs, list(text.names))
    if is_array_file(location):
        rows = _arrays(location, reader)
        return NewInputs(rows, [f"sample {i}" for i in range(len(rows))])
    if isinstance(reader, SeriesReader):
        last_inputs = last_windows(location, reader)
        return NewInputs(last_inputs.windows, last_inputs.names, last_inputs.warnings)
    files, warnings = sequence_files(location, reader)
    root = location.parent if location.is_file() else location
    tables = {as_text(path.relative_to(root).as_posix()): open_steps(path) for path in files}
    inputs, odd = _read(tables, reader)
    return NewInputs(inputs, list(tables), (*warnings, *odd))


def sequence_files(location: Path, reader: SequenceReader) -> tuple[list[Path], tuple[str, ...]]:
    """A table file, or those in a folder that have the model's channels; a warning of the others.

    Raises:
        DataError: a folder without such files, or one with files that can't be read.
    """
    if location.is_file():
        return [location], ()
    files = sorted(
        p
        for p in location.rglob("*")
        if p.suffix.lower() in SEQUENCES and p.is_file() and p.name[0] != "."
    )
    sequences = [path for path in files if set(reader.channels) <= set(open_steps(path).columns)]
    if not sequences:
        raise DataError(
            f"{location} holds no sequences with the channels {', '.join(reader.channels)}"
        )
    left = [
        as_text(path.relative_to(location).as_posix()) for path in files if path not in sequences
    ]
    if not left:
        return sequences, ()
    return sequences, (
        f"{len(left)} of {len(files)} files lack a channel of the model and are left out: "
        f"{few(left, _FEW)}",
    )


def read_labelled_sequences(location: Path, reader: SequenceReader | TextReader) -> Samples:
    """Return sequences with targets, laid out as those that were trained on.

    Raises:
        DataError: no targets, or a class that the model does not know.
    """
    if isinstance(reader, TextReader):
        return cut_text(read_text(location), reader)
    if is_array_file(location):
        return _labelled_arrays(location, reader)
    if isinstance(reader, SeriesReader):
        return read_windows(location, reader)
    return _labelled_files(location, reader)


# -- Files


def _labelled_files(location: Path, reader: SequenceReader) -> Samples:
    target = reader.target
    if target is None:
        raise DataError(f"{location} holds no targets; give an .npz file with x and y")
    if location.is_file() and target.steps:
        listing = Listing(location.parent, [location], {location: open_steps(location)})
    elif location.is_file():
        raise DataError(
            f"{location} is one sequence, of which nothing gives the {target.column}; give a "
            "folder of sequences as that which was trained on"
        )
    else:
        listing = list_sequences(location, channels=reader.channels)
    if listing.problems:
        total = len(listing.files) + len(listing.problems)
        count = f"{len(listing.problems)} of {total} files can't be used"
        raise DataError(f"{count}:\n{listed(listing.problems)}")
    names = [listing.name(i) for i in range(len(listing.files))]
    inputs, odd = _read(
        {name: listing.tables[path] for name, path in zip(names, listing.files, strict=True)},
        reader,
    )
    if target.steps:
        targets = _step_targets(listing, names, target, reader)
        return replace(_samples(inputs, targets, names, reader), warnings=odd)
    if target.column not in listing.facts:
        known = ", ".join(listing.facts) or "nothing"
        raise DataError(
            f"{location} does not give each sequence its {target.column}, which predictions are "
            f"compared with; it gives {known}"
        )
    table = facts_table(listing, target.column, list(range(len(names))))
    facts = _fact_targets(table, target, reader, location)
    return replace(_samples(inputs, facts, names, reader), warnings=odd)


def _fact_targets(
    table: Table, target: TargetColumn, reader: SequenceReader, location: Path
) -> np.ndarray:
    text = table.columns[target.column]
    if reader.target_kind.is_label_set:
        return encode_as(cells_of(table, target), reader.class_names, location)
    raw = text if reader.by_folder else numbers(table, target.column)
    raw = text if raw is None else raw
    if target.comparison:
        return compare(raw, target, text=raw.dtype == object).astype(np.int32)
    if reader.target_kind.sample_numbers:
        return finite_targets(raw, location)
    return positions_of([class_name(value) for value in raw], reader, location)


def _step_targets(
    listing: Listing, names: list[str], target: TargetColumn, reader: SequenceReader
) -> Sequences:
    lacking = [
        name
        for name, path in zip(names, listing.files, strict=True)
        if target.column not in listing.tables[path].columns
    ]
    if lacking:
        raise DataError(
            f"{len(lacking)} of {len(names)} sequences lack the column {target.column!r}, which "
            f"predictions are compared with: {', '.join(lacking[:_FEW])}"
        )
    labels = [listing.tables[path].columns[target.column] for path in listing.files]
    raw, known = step_values(labels)
    if target.comparison:
        codes = compare(raw[known], target, text=raw.dtype.kind != "f")
    else:
        codes = positions_of([class_name(v) for v in raw[known]], reader, listing.root)
    return as_steps(codes, known, labels)


def _read(tables: dict[str, Table], reader: SequenceReader) -> tuple[Sequences, tuple[str, ...]]:
    """All of some sequences, read as those that were trained on; warnings of irregular times."""
    timed = any(reader.time in table.columns for table in tables.values())
    table_reader = reader if timed else reader.model_copy(update={"time": None})
    arrays, problems, warnings = read_tables(tables, table_reader, trained=True)
    if problems:
        count = f"{len(problems)} of {len(tables)} sequences can't be used"
        raise DataError(f"{count}:\n{listed(problems)}")
    return Sequences.of(arrays), tuple(warnings)


# -- Arrays


def _arrays(location: Path, reader: SequenceReader) -> np.ndarray:
    x = np.asarray(open_inputs(location))
    alone = x.ndim == 2 and len(reader.channels) > 1  # one sequence (steps, channels)
    return as_sequences(x[None] if alone else x, reader.channels, str(location))


def as_sequences(x: np.ndarray, channels: Sequence[str], what: str) -> np.ndarray:
    """Return an array (n, steps, channels) for a model; sequences may end in steps of NaN.

    Args:
        x: the array; the last axis may lack where there is one channel.
        channels: names of those that the model takes.
        what: how messages call the array.

    Raises:
        DataError: another shape, or missing values within a sequence.
    """
    if x.ndim == 2 and len(channels) == 1:
        x = x[..., None]
    if x.ndim != 3 or x.shape[2] != len(channels) or x.dtype.kind not in "biuf":
        raise DataError(
            f"{what}: shape {x.shape} {x.dtype}, but the model takes sequences (n, steps, "
            f"{len(channels)}) of {', '.join(channels)}"
        )
    x = x.astype(np.float32)
    if len(x):
        ragged(x, what)
    return x


def _labelled_arrays(location: Path, reader: SequenceReader) -> Samples:
    if location.suffix.lower() == ".npy":
        raise DataError(f"{location} holds no targets; give an .npz file with x and y")
    arrays = open_archive(location)
    first, second = choose_pair(arrays, location)
    x, y = arrays[first], arrays[second]
    check_samples(x, y, str(location))
    names = [f"sample {i}" for i in range(len(x))]
    inputs = ragged(as_sequences(x, reader.channels, str(location)), str(location))
    target = reader.target_kind
    if target.ahead:
        units = len(reader.target_names)
        ahead = following_values(y, reader.horizon, units, str(location))
        return _samples(inputs, ahead, names, reader)
    if target.step_class:
        return _samples(inputs, _array_steps(y, inputs, reader, location), names, reader)
    if target.sample_numbers:
        values = finite_targets(y, location)
        units = len(reader.target_names)
        if values.size != len(values) * units:
            raise DataError(
                f"{location}: targets are {y.shape}, but the model predicts {units} numbers each"
            )
        return _samples(inputs, values, names, reader)
    if target.is_label_set:
        return _samples(inputs, encode_as(y, reader.class_names, location), names, reader)
    if y.ndim == 2 and y.shape[1] == len(reader.class_names) > 1:
        y = y.argmax(axis=1)
    if y.size != len(y):
        raise DataError(f"{location}: targets are {y.shape}; a class each is needed, ({len(y)},)")
    values = positions_of([class_name(value) for value in y.reshape(-1)], reader, location)
    return _samples(inputs, values, names, reader)


def _array_steps(
    y: np.ndarray, inputs: Sequences, reader: SequenceReader, location: Path
) -> Sequences:
    if y.shape != inputs.shape[:2] or y.dtype.kind not in "biuf":
        raise DataError(
            f"{location}: targets are {y.shape} {y.dtype}; a class at every step is needed, whole "
            f"numbers {inputs.shape[:2]}"
        )
    known = (np.arange(y.shape[1]) < inputs.lengths[:, None]) & (y >= 0)
    codes = np.full(y.shape, IGNORED, dtype=np.uint8)
    codes[known] = positions_of([class_name(value) for value in y[known]], reader, location)
    return Sequences.of([row[:n] for row, n in zip(codes, inputs.lengths, strict=True)])


def _samples(inputs: Sequences, targets: Any, names: list[str], reader: SequenceReader) -> Samples:
    return Samples(
        inputs=inputs,
        targets=targets,
        task=reader.task,
        kind="sequence",
        class_names=reader.class_names,
        target_names=reader.target_names,
        names=names,
        hashes=inputs.digests(),
        target_hashes=targets.digests() if isinstance(targets, Sequences) else None,
        reader=reader,
    )


_FEW = 5
