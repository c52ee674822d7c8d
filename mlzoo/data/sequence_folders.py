"""Folders of sequences: which files are sequences, and what the tables beside them say of each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.data.bad_files import groups_by, judge
from mlzoo.data.labels import Labels, classes
from mlzoo.data.layouts import PART_FOLDERS, TABLES, subfolders
from mlzoo.data.samples import Samples
from mlzoo.data.sequences import Sequences
from mlzoo.data.steps import fill, find_time, open_steps, read_steps
from mlzoo.data.tables import Table
from mlzoo.data.targets import find_target, target_labels
from mlzoo.errors import DataError, UsageError
from mlzoo.specs import IGNORED

LAYOUT = (
    "expected tables of one kind, a file a sequence, with a table that gives each its class or "
    "value, or one folder of files a class, or files with a column that gives each step its class"
)
_LABEL_WORDS = ("target", "label", "class")
_NUMBER = re.compile(r"(\d+)\D*$")


@dataclass
class Listing:
    """The files of sequences with what is known of each, in one order.

    `facts` holds what the tables, or the folders' names, say: (n,) text or numbers by column.
    """

    root: Path
    files: list[Path]
    tables: dict[Path, Table]
    facts: dict[str, np.ndarray] = field(default_factory=dict)
    parts: np.ndarray | None = None
    label_column: str | None = None
    notes: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)

    def name(self, index: int) -> str:
        """A file's path relative to the folder."""
        return self.files[index].relative_to(self.root).as_posix()


def load_folder(config: Any, progress: Any = None) -> Samples:
    """The samples of a folder; `config` is that of the source `sequences`.

    Raises:
        DataError: the folder has no such layout, or files or tables that do not fit.
    """
    listing = list_sequences(Path(config.data).expanduser(), progress)
    target = _target(config, listing)
    dense = target is None or target not in listing.facts
    own = _step_column(config, listing, target) if dense else None
    arrays, labels, kept, found = _read_all(config, listing, own)
    names = [listing.name(i) for i in kept]
    groups = _groups(config, listing, kept, names)
    common: dict[str, Any] = {
        "inputs": Sequences.of(arrays),
        "kind": "sequence",
        "names": names,
        "groups": groups,
        "given_parts": None if listing.parts is None else listing.parts[kept],
        "problems": tuple(listing.problems.items()),
        "warnings": tuple(found["warnings"]),
    }
    inputs = common["inputs"]
    common["hashes"] = inputs.digests()
    reader = {
        "kind": "sequence",
        "channels": found["channels"],
        "time": found["time"],
        "missing": config.missing,
        "dtype": "float32",
    }
    about = (
        f"sequences: {len(kept)} of {inputs.lengths.min()} to {inputs.longest} steps, "
        f"{len(found['channels'])} channels ({_few(found['channels'])}) (--drop)"
    )
    notes = [*listing.notes, about, *found["notes"]]
    if own is not None:
        class_names, targets, note = _step_labels(labels, own)
        return Samples(
            targets=targets,
            task="labelling",
            class_names=class_names,
            target_names=(own,),
            target_hashes=targets.digests(),
            reader={**reader, "target": {"column": own, "steps": True}},
            notes=(*notes, note),
            **common,
        )
    said, target_reader, target_notes = _labels(config, listing, target, kept)
    return Samples(
        targets=said.values,
        task=said.task,
        class_names=said.class_names,
        target_names=(str(target),),
        reader={**reader, "target": target_reader},
        notes=(*notes, *target_notes),
        **common,
    )


def list_sequences(root: Path, progress: Any = None) -> Listing:
    """The sequences of a folder and the facts about them.

    Raises:
        DataError: another layout.
    """
    folders = subfolders(root)
    by_part = {name: PART_FOLDERS[name.lower()] for name in folders if name.lower() in PART_FOLDERS}
    here = _tables_in(root)
    if "train" in by_part.values():
        found = [_list_flat(root / name, progress) for name in by_part]
        return _joined(root, found, list(by_part.values()))
    if not here and folders:
        return _list_classes(root, folders, progress)
    return _list_flat(root, progress)


def _list_flat(folder: Path, progress: Any) -> Listing:
    """Files of one folder: the largest set that shares its columns are the sequences."""
    files = _tables_in(folder)
    if not files:
        inner = [name for name in subfolders(folder) if _tables_in(folder / name)]
        if inner:
            return _list_classes(folder, inner, progress)
        raise DataError(f"{folder} holds no tables ({', '.join(TABLES)}); {LAYOUT}")
    tables, problems = _open_all(files, folder, progress)
    kinds = Counter(tuple(table.columns) for table in tables.values())
    if not kinds:
        raise DataError(f"{folder}: none of {len(files)} files can be read; {LAYOUT}")
    columns, count = kinds.most_common(1)[0]
    if count < 2 or (len(kinds) > 1 and count == kinds.most_common(2)[1][1]):
        raise DataError(
            f"{folder}: no {2 if count < 2 else 'one'} kind of files is there most; {LAYOUT}"
        )
    own = [path for path in files if path in tables and tuple(tables[path].columns) == columns]
    listing = Listing(folder, own, {path: tables[path] for path in own}, problems=problems)
    others = [path for path in files if path in tables and path not in listing.tables]
    for path in others:
        _add_facts(listing, path, tables[path])
    return listing


def _list_classes(root: Path, folders: list[str], progress: Any) -> Listing:
    """One folder of files a class."""
    files: list[Path] = []
    names: list[str] = []
    for name in folders:
        inside = _tables_in(root / name)
        files += inside
        names += [name] * len(inside)
    if not files:
        raise DataError(f"{root} holds no tables ({', '.join(TABLES)}); {LAYOUT}")
    tables, problems = _open_all(files, root, progress)
    kept = [i for i, path in enumerate(files) if path in tables]
    facts = {"class": np.array([names[i] for i in kept], dtype=object)}
    return Listing(
        root,
        [files[i] for i in kept],
        tables,
        facts,
        label_column="class",
        notes=["classes by folder name"],
        problems=problems,
    )


def _joined(root: Path, found: list[Listing], parts: list[str]) -> Listing:
    """The listings of part folders as one."""
    shared = set.intersection(*(set(listing.facts) for listing in found))
    return Listing(
        root,
        [path for listing in found for path in listing.files],
        {path: table for listing in found for path, table in listing.tables.items()},
        {name: np.concatenate([listing.facts[name] for listing in found]) for name in shared},
        np.repeat(parts, [len(listing.files) for listing in found]),
        found[0].label_column if found[0].label_column in shared else None,
        found[0].notes,
        {k: why for listing in found for k, why in listing.problems.items()},
    )


def _tables_in(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in TABLES and path.is_file() and path.name[0] != "."
    )


def _open_all(
    files: Sequence[Path], root: Path, progress: Any
) -> tuple[dict[Path, Table], dict[str, str]]:
    tables: dict[Path, Table] = {}
    problems: dict[str, str] = {}
    for number, path in enumerate(files):
        try:
            tables[path] = open_steps(path)
        except DataError as error:
            problems[path.relative_to(root).as_posix()] = str(error)
        if progress is not None:
            progress(number + 1, len(files), "reading sequences")
    return tables, problems


# -- Tables that say something of each sequence


def keys_of(files: Sequence[Path]) -> list[list[str]]:
    """What a table may call each file: its name, its stem, and the number that ends it."""
    numbers = [
        match[1].lstrip("0") or "0" if (match := _NUMBER.search(f.stem)) else "" for f in files
    ]
    unique = all(numbers) and len(set(numbers)) == len(numbers)
    own = [[path.name for path in files], [path.stem for path in files]]
    return [*own, numbers] if unique else own


def _add_facts(listing: Listing, path: Path, table: Table) -> None:
    """Take over a table's columns where one of them names the sequences."""
    for column, values in table.columns.items():
        called = [_key(value) for value in values]
        place = {key: row for row, key in enumerate(called)}
        for keys in keys_of(listing.files):
            matched = sum(key in place for key in keys)
            if matched * 2 <= len(keys):
                continue
            if len(place) < len(called):
                twice = next(key for key, count in Counter(called).items() if count > 1)
                raise DataError(f"{path} has more than one row for {column} {twice}")
            _take(listing, path, table, column, [place.get(key, -1) for key in keys])
            return
    listing.notes.append(
        f"ignored: {path.name}, whose columns are not those of the sequences and name none of them"
    )


def _take(listing: Listing, path: Path, table: Table, key: str, rows: list[int]) -> None:
    taken = [name for name in table.columns if name != key]
    for name in taken:
        values = table.columns[name]
        nothing = None if values.dtype == object else np.nan
        found = [values[row] if row >= 0 else nothing for row in rows]
        unique = name if name not in listing.facts else f"{path.stem}.{name}"
        listing.facts[unique] = np.array(found, dtype=values.dtype)
        words = f"{path.stem} {name}".lower()
        if any(word in words for word in _LABEL_WORDS) and listing.label_column is None:
            listing.label_column = unique
    listing.notes.append(f"table: {path.name} gives each sequence {', '.join(taken)}, by {key}")


def _key(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


# -- Targets and groups


def _target(config: Any, listing: Listing) -> str | None:
    """The fact to predict; None where the target is a column of the sequences."""
    first = next(iter(listing.tables.values()))
    if config.target is not None:
        facts = Table(listing.facts, np.arange(len(listing.files)), np.arange(len(listing.files)))
        if config.target in first.columns and config.target not in listing.facts:
            return None
        known = {**listing.facts, **dict.fromkeys(first.columns, facts.lines)}
        return find_target(config.target, Table(known, facts.lines, facts.rows)).column
    if listing.label_column is not None:
        return listing.label_column
    if len(listing.facts) == 1:
        return next(iter(listing.facts))
    if listing.facts:
        raise UsageError(
            f"the tables give each sequence {', '.join(listing.facts)}; say with --target which "
            "of them is to be predicted"
        )
    return None


def _step_column(config: Any, listing: Listing, target: str | None) -> str:
    """The column of the sequences that gives each step its class."""
    names = list(next(iter(listing.tables.values())).columns)
    wanted = target or config.target
    if wanted is not None:
        return str(wanted)
    found = [name for name in names if name.lower() in _LABEL_WORDS]
    if len(found) == 1:
        return found[0]
    raise DataError(
        f"{listing.root}: nothing says what to predict of the sequences, which have "
        f"{', '.join(names)}; {LAYOUT} (--target)"
    )


def _labels(
    config: Any, listing: Listing, target: str | None, kept: list[int]
) -> tuple[Labels, dict[str, Any], list[str]]:
    """The target of each sequence, how new data's are read, and notes."""
    facts = {name: values[kept] for name, values in listing.facts.items()}
    rows = np.arange(1, len(kept) + 1)
    table = Table(facts, rows, rows)
    found = find_target(config.target or target, table)
    values = facts[found.column]
    missing = [i for i, value in enumerate(values) if value is None or value != value]
    if missing:
        names = [listing.name(kept[i]) for i in missing]
        raise DataError(
            f"no {found.column} is given for {len(missing)} of {len(kept)} sequences: "
            f"{_few(names)}; add them to the table, or remove the files"
        )
    said = target_labels(table, found, config.task)
    why = f"target: {found.column!r} (--target)" if config.target is None else ""
    record = {"column": found.column, "comparison": found.comparison, "value": found.value}
    return said, {**record, "steps": False}, [note for note in (why, said.note) if note]


def _step_labels(labels: list[np.ndarray], column: str) -> tuple[tuple[str, ...], Sequences, str]:
    """Class positions of every step; a step without a class does not count."""
    raw = np.concatenate(labels)
    text = raw.dtype == object
    known = np.array([v is not None for v in raw]) if text else ~np.isnan(raw)
    names, positions = classes(raw[known].astype(str) if text else raw[known], f"column {column!r}")
    if len(names) >= IGNORED:
        raise DataError(f"column {column!r} has {len(names)} classes; at most {IGNORED - 1} fit")
    steps = np.full(len(raw), IGNORED, dtype=np.uint8)
    steps[known] = positions
    lengths = np.array([len(part) for part in labels])
    left = f"; {int((~known).sum())} steps without one don't count" if not known.all() else ""
    note = (
        f"target: {column!r} of every step, {len(names)} classes ({_few(names)}){left} (--target)"
    )
    return names, Sequences(steps, np.cumsum(lengths) - lengths, lengths), note


def _groups(config: Any, listing: Listing, kept: list[int], names: list[str]) -> Any:
    if config.group_by is None:
        return None
    if config.group_by in listing.facts:
        return np.array([_key(value) for value in listing.facts[config.group_by][kept]])
    if re.fullmatch(r"[\w .-]+", config.group_by):
        known = ", ".join(listing.facts) or "none"
        raise DataError(
            f"--group-by {config.group_by}: no such column in the tables ({known}), and no regular "
            "expression with a group, such as '(\\d+)'"
        )
    return groups_by(config.group_by, names, names, "the folder")


# -- Reading


def _read_all(
    config: Any, listing: Listing, own: str | None
) -> tuple[list[np.ndarray], list[np.ndarray], list[int], dict[str, Any]]:
    """Steps of every good file, labels of the steps, positions of those files, and the facts."""
    first = next(iter(listing.tables.values()))
    wrong = [name for name in config.drop if name not in first.columns]
    if wrong:
        raise DataError(f"--drop: no column {wrong[0]!r}; there are {', '.join(first.columns)}")
    time = find_time(first, config.time)
    left_out = {*config.drop, *([own] if own else [])}
    channels = [name for name in first.columns if name != time and name not in left_out]
    arrays, labels, kept = [], [], []
    warnings: list[str] = []
    total = len(listing.files) + len(listing.problems)
    for index, path in enumerate(listing.files):
        name = listing.name(index)
        try:
            steps = read_steps(listing.tables[path], name, time, channels)
            arrays.append(fill(steps.values, config.missing, channels))
        except DataError as error:
            listing.problems[name] = str(error).removeprefix(f"{name}: ")
            continue
        if steps.times is not None:
            warnings += steps.times.warnings
        if own is not None:
            labels.append(listing.tables[path].columns[own])
        kept.append(index)
    warnings = judge(
        listing.problems, total, config.on_bad, config.max_bad, what="sequences"
    ) + _first_few(warnings)
    notes = [f"time: column {time!r}, which is no channel (--source-set time=)"] if time else []
    return (
        arrays,
        labels,
        kept,
        {
            "channels": channels,
            "time": time,
            "warnings": warnings,
            "notes": notes,
        },
    )


def _first_few(texts: list[str], most: int = 3) -> list[str]:
    more = [f"and {len(texts) - most} more sequences with irregular times"]
    return texts if len(texts) <= most else texts[:most] + more


def _few(names: Sequence[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more
