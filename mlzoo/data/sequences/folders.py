"""Folders of sequences as samples: targets of each or of each step, groups, and the steps."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.files import expand
from mlzoo.core.messages import few
from mlzoo.data.decoders.wav import RATE, is_audio
from mlzoo.data.quality.bad_files import groups_by, judge
from mlzoo.data.samples import Samples
from mlzoo.data.sequences.listing import (
    FOLDER,
    LABEL_WORDS,
    LAYOUT,
    Listing,
    key_text,
    list_sequences,
)
from mlzoo.data.sequences.reader import SequenceReader, SequenceTarget
from mlzoo.data.sequences.sequences import Sequences
from mlzoo.data.sequences.steps import fill, find_time, read_steps, with_time
from mlzoo.data.specs import IGNORED, target_of
from mlzoo.data.tables.label_sets import SEPARATOR
from mlzoo.data.tables.labels import CLASSES, Labels, classes, label
from mlzoo.data.tables.reader import TargetColumn
from mlzoo.data.tables.tables import Table
from mlzoo.data.tables.targets import compare, compared_names, find_target, target_labels


def load_folder(config: Any, progress: Any = None) -> Samples:
    """The samples of a folder; `config` is that of the source `sequences`.

    Raises:
        DataError: the folder has no such layout, or files or tables that do not fit.
    """
    listing = list_sequences(expand(config.data), progress)
    target = _target(config, listing)
    steps_target = _step_target(config, listing) if target is None else None
    steps_column = None if steps_target is None else steps_target.column
    reader, arrays, labels, kept, warnings = _read_all(config, listing, steps_column)
    names = [listing.name(i) for i in kept]
    groups = _groups(config, listing, kept, names)
    inputs = Sequences.of(arrays)
    with_targets = partial(
        Samples,
        inputs=inputs,
        kind="sequence",
        names=names,
        groups=groups,
        given_parts=None if listing.parts is None else listing.parts[kept],
        problems=tuple(listing.problems.items()),
        warnings=tuple(warnings),
        hashes=inputs.digests(),
    )
    about = (
        f"sequences: {len(kept)} of {inputs.lengths.min()} to {inputs.longest} steps, "
        f"{len(reader.channels)} channels ({few(reader.channels, 8)}) (--drop)"
    )
    if reader.rate:
        shortest, longest = inputs.lengths.min() / reader.rate, inputs.longest / reader.rate
        about = (
            f"sounds: {len(kept)} of {shortest:.3g} to {longest:.3g} s, read at {reader.rate:,} "
            "samples a second; models see their log-mel spectrum"
        )
    notes = [*listing.notes, about]
    if reader.time:
        notes.append(f"time: column {reader.time!r}, which is no channel (--source-set time=)")
    if steps_target is not None:
        class_names, targets, note = _step_labels(labels, steps_target)
        return with_targets(
            targets=targets,
            task="labeling",
            class_names=class_names,
            target_names=(steps_target.column,),
            target_hashes=targets.digests(),
            reader=reader.model_copy(update={"target": _of_sequences(steps_target, steps=True)}),
            notes=(*notes, note),
        )
    assert target is not None
    encoded, column, target_notes = _labels(config, listing, target, kept)
    by_folder = listing.by_folder and target == FOLDER and target_of(encoded.task).is_class
    return with_targets(
        targets=encoded.values,
        task=encoded.task,
        class_names=encoded.class_names,
        target_names=(target,),
        reader=reader.model_copy(update={"target": column, "by_folder": by_folder}),
        notes=(*notes, *target_notes),
    )


# -- Targets and groups


def _target(config: Any, listing: Listing) -> str | None:
    """The fact to predict; None where the target is a column of the sequences."""
    columns = next(iter(listing.tables.values())).columns
    if config.target is not None:
        rows = np.arange(len(listing.files))
        known = {**dict.fromkeys(columns, rows), **listing.facts}
        match = find_target(config.target, Table(known, rows, rows))
        if match.others:
            raise UsageError(
                f"--target {config.target}: of sequences one column can be predicted; name one of "
                f"{', '.join(match.columns)}, or one of labels such as dog{SEPARATOR}cat"
            )
        column = match.column
        return column if column in listing.facts else None
    facts = [name for name in listing.facts if name != config.group_by]
    if listing.label_column in facts:
        return listing.label_column
    if len(facts) > 1:
        raise UsageError(
            f"the tables give each sequence {', '.join(facts)}; say with --target which of them is "
            "to be predicted"
        )
    return facts[0] if facts else None


def _step_target(config: Any, listing: Listing) -> TargetColumn:
    """The column of the sequences that gives each step its class."""
    table = next(iter(listing.tables.values()))
    if config.task is not None and target_of(config.task).sample_numbers:
        raise UsageError(
            "--task regression: a value at every step can't be predicted, only a class; give each "
            "sequence a value in a table, or forecast (--source series)"
        )
    if config.target is not None:
        return find_target(config.target, table)
    candidates = [name for name in table.columns if name.lower() in LABEL_WORDS]
    if len(candidates) == 1:
        return TargetColumn(candidates[0])
    raise DataError(
        f"{listing.root}: nothing says what to predict of the sequences, which have the columns "
        f"{', '.join(table.columns)}; {LAYOUT} (--target)"
    )


def _labels(
    config: Any, listing: Listing, column: str, kept: list[int]
) -> tuple[Labels, SequenceTarget, list[str]]:
    """The target of each sequence, the column that holds it, and notes."""
    table = facts_table(listing, column, kept)
    target = find_target(config.target or column, table)
    task = config.task
    numbers = task is not None and target_of(task).sample_numbers
    if listing.by_folder and column == FOLDER and not target.comparison and not numbers:
        encoded = label(
            table.columns[column].astype(str),
            task or CLASSES,
            "class by folder",
            config.class_order,
        )
    else:
        encoded = target_labels(table, target, task, config.class_order)
    why = f"target: {column!r} (--target)" if config.target is None else ""
    notes = [note for note in (why, encoded.note) if note]
    return encoded, _of_sequences(target, steps=False), notes


def _of_sequences(target: TargetColumn, steps: bool) -> SequenceTarget:
    return SequenceTarget(target.column, target.comparison, target.value, steps=steps)


def facts_table(listing: Listing, column: str, kept: list[int]) -> Table:
    """A fact of the files at some positions, which all must have it."""
    values = listing.facts[column][kept]
    missing = [i for i, value in enumerate(values) if value is None or value != value]
    if missing:
        names = [listing.name(kept[i]) for i in missing]
        raise DataError(
            f"no {column} is given for {len(missing)} of {len(kept)} sequences: "
            f"{few(names, 8)}; add them to the table, or remove the files"
        )
    rows = np.arange(1, len(kept) + 1)
    return Table({column: values}, rows, rows)


def step_values(labels: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return a column of all sequences, as numbers or as text, and its positions."""
    raw = np.concatenate([np.asarray(part, dtype=object) for part in labels])
    known = np.array([value is not None and value == value for value in raw])
    parsed = pd.to_numeric(pd.Series(raw), errors="coerce").to_numpy(float)
    if np.isnan(parsed[known]).any():
        return np.where(known, raw, "").astype(str), known
    return parsed, known


def _step_labels(
    labels: list[np.ndarray], target: TargetColumn
) -> tuple[tuple[str, ...], Sequences, str]:
    """Class positions of every step; a step without a class does not count."""
    raw, known = step_values(labels)
    column = target.column
    names: tuple[str, ...] = compared_names(target) if target.comparison else ()
    if target.comparison:
        positions = compare(raw[known], target, text=raw.dtype.kind != "f").astype(np.int32)
    else:
        names, positions = classes(raw[known], f"column {column!r}")
    if len(names) >= IGNORED:
        raise DataError(
            f"column {column!r} has {len(names)} classes, such as {names[0]} and {names[1]}; at "
            f"most {IGNORED - 1} can be told apart at every step: name another column with --target"
        )
    left = f"; {int((~known).sum())} steps without one don't count" if not known.all() else ""
    note = (
        f"target: {column!r} of every step, {len(names)} classes ({few(names, 8)}){left} (--target)"
    )
    return names, as_steps(positions, known, labels), note


def as_steps(positions: np.ndarray, known: np.ndarray, labels: list[np.ndarray]) -> Sequences:
    """Class positions of the steps that have one, as sequences as long as their labels."""
    steps = np.full(len(known), IGNORED, dtype=np.uint8)
    steps[known] = positions
    lengths = np.array([len(part) for part in labels])
    return Sequences(steps, np.cumsum(lengths) - lengths, lengths)


def _groups(config: Any, listing: Listing, kept: list[int], names: list[str]) -> Any:
    if config.group_by is None:
        return None
    if config.group_by in listing.facts:
        values = facts_table(listing, config.group_by, kept).columns[config.group_by]
        return np.array([key_text(value) for value in values])
    if re.fullmatch(r"[\w .-]+", config.group_by):
        known = ", ".join(listing.facts) or "none"
        raise DataError(
            f"--group-by {config.group_by}: no such column in the tables ({known}), and no regular "
            "expression with a group, such as '(\\d+)'"
        )
    return groups_by(config.group_by, names, names, "the folder")


# -- Reading


def _read_all(
    config: Any, listing: Listing, steps_column: str | None
) -> tuple[SequenceReader, list[np.ndarray], list[np.ndarray], list[int], list[str]]:
    """The reader, steps of every good file, their labels, positions of those files, warnings."""
    first = next(iter(listing.tables.values()))
    wrong = [name for name in config.drop if name not in first.columns]
    if wrong:
        raise DataError(f"--drop: no column {wrong[0]!r}; there are {', '.join(first.columns)}")
    time = None if config.time == "none" else find_time(first, config.time)
    first = with_time(first, time)
    if steps_column is not None and steps_column == time:
        raise DataError(f"--target: {steps_column!r} is the time; name a column of classes")
    left_out = {*config.drop, *([steps_column] if steps_column else [])}
    channels = tuple(name for name in first.columns if name != time and name not in left_out)
    total = len(listing.files) + len(listing.problems)
    tables = {listing.name(i): listing.tables[path] for i, path in enumerate(listing.files)}
    reader = SequenceReader(
        channels=channels,
        dtype="float32",
        time=time,
        missing=config.missing,
        rate=RATE if is_audio(listing.files[0]) else 0,
    )
    arrays, problems, warnings = read_tables(tables, reader, steps_column)
    listing.problems |= problems
    kept = [index for index, name in enumerate(tables) if name not in problems]
    labels = (
        []
        if steps_column is None
        else [listing.tables[listing.files[i]].columns[steps_column] for i in kept]
    )
    warnings = [
        *judge(listing.problems, total, config.on_bad, config.max_bad, what="sequences"),
        *warnings,
    ]
    if not kept:
        raise DataError(f"{config.data}: none of {total} sequences can be used")
    return reader, arrays, labels, kept, warnings


def read_tables(
    tables: dict[str, Table],
    reader: SequenceReader,
    steps_column: str | None = None,
    trained: bool = False,
) -> tuple[list[np.ndarray], dict[str, str], list[str]]:
    """The channels of sequences in tables, by the name of each.

    Args:
        tables: a sequence each.
        reader: of its fields `channels`, `missing` and `time`, a column of times to check.
        steps_column: a column that all must have, of the steps' classes.
        trained: whether they are read for a model that is trained already.

    Returns:
        Arrays (steps, channels) of those that can be used, the reasons for the others, and
        warnings of irregular times.
    """
    arrays, problems = [], {}
    warnings: list[str] = []
    for name, table in tables.items():
        try:
            if steps_column is not None and steps_column not in table.columns:
                raise DataError(f"it lacks the column {steps_column!r}, the target")
            steps = read_steps(table, name, reader.time, reader.channels)
            arrays.append(fill(steps.values, reader.missing, reader.channels, trained))
        except DataError as error:
            problems[name] = str(error).removeprefix(f"{name}: ")
            continue
        if steps.times is not None:
            warnings += steps.times.warnings
    return arrays, problems, _first_few(warnings)


def _first_few(texts: list[str], most: int = 3) -> list[str]:
    more = [f"and {len(texts) - most} more sequences with irregular times"]
    return texts if len(texts) <= most else texts[:most] + more
