"""Which files of a folder are sequences, and what tables and folders say of each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.core.files import as_text
from mlzoo.data.images.layouts import BESIDE_DATA, PART_FOLDERS, SEQUENCES, subfolders
from mlzoo.data.quality.bad_files import listed
from mlzoo.data.sequences.steps import open_steps
from mlzoo.data.tables.tables import Table

LAYOUT = (
    "expected tables or sounds of one kind, a file a sequence, with a table that gives each its "
    "class or value, or one folder of files a class, or files with a column that gives each step "
    "its class"
)
LABEL_WORDS = ("target", "label", "class")
FOLDER = "class"
"""Name of the fact that folders' names give."""
_NUMBER = re.compile(r"(\d+)\D*$")
_WHOLE = re.compile(r"\d+(\.0*)?")


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
    by_folder: bool = False
    notes: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)

    def name(self, index: int) -> str:
        """A file's path relative to the folder."""
        return as_text(self.files[index].relative_to(self.root).as_posix())


def list_sequences(
    root: Path, progress: Any = None, channels: Collection[str] | None = None
) -> Listing:
    """The sequences of a folder and the facts about them.

    Args:
        root: the folder.
        progress: called as files are read.
        channels: columns that sequences have; by default files that share theirs are sequences.

    Raises:
        DataError: another layout.
    """
    reading = _Reading(root, progress, channels)
    folders = subfolders(root)
    by_part = {name: PART_FOLDERS[name.lower()] for name in folders if name.lower() in PART_FOLDERS}
    if "train" not in by_part.values():
        return _some(_list_folder(root, reading))
    others = [name for name in folders if name not in by_part and _tables_in(root / name)]
    if others:
        raise DataError(
            f"{root} has the split folders {', '.join(by_part)} and beside them "
            f"{', '.join(others)}; {LAYOUT}, within train, valid and test"
        )
    listings = [_list_folder(root / name, reading) for name in by_part]
    listing = _joined(root, listings, list(by_part.values()))
    tables, problems = reading.all(_tables_in(root))
    for path, table in tables.items():
        _add_facts(listing, path, table)
    listing.problems |= problems
    return _some(listing)


def _some(listing: Listing) -> Listing:
    if not listing.files:
        count = f"{listing.root}: none of {len(listing.problems)} files can be read"
        raise DataError(f"{count}:\n{listed(listing.problems)}")
    return listing


@dataclass
class _Reading:
    """Files to read, and their kind."""

    root: Path
    progress: Any
    channels: Collection[str] | None
    done: int = 0

    def all(self, files: Sequence[Path]) -> tuple[dict[Path, Table], dict[str, str]]:
        """The tables that can be read, and the reasons for the others."""
        tables: dict[Path, Table] = {}
        problems: dict[str, str] = {}
        total = self.done + len(files)
        for path in files:
            try:
                tables[path] = open_steps(path)
            except DataError as error:
                why = str(error).removeprefix(str(path)).lstrip(": ")
                problems[as_text(path.relative_to(self.root).as_posix())] = why
            self.done += 1
            if self.progress is not None:
                self.progress(self.done, total, "reading sequences")
        return tables, problems


def _list_folder(folder: Path, reading: _Reading) -> Listing:
    """The files of one kind in a folder; where there are none, its folders of files a class."""
    inner = [name for name in subfolders(folder) if _tables_in(folder / name)]
    files = _tables_in(folder)
    if not files and not inner:
        raise DataError(
            f"{folder} holds no tables, sounds or arrays ({', '.join(SEQUENCES)}); {LAYOUT}"
        )
    tables, problems = reading.all(files)
    sequences = _of_one_kind(folder, tables, reading.channels, bool(inner)) if tables else []
    if inner and not sequences:
        listing = _list_classes(folder, inner, reading)
    else:
        listing = Listing(folder, sequences, {path: tables[path] for path in sequences})
        if inner:
            listing.notes.append(f"ignored: the folders {', '.join(inner)} beside the sequences")
    listing.problems |= problems
    for path in tables:
        if path not in listing.tables:
            _add_facts(listing, path, tables[path])
    return listing


def _of_one_kind(
    folder: Path, tables: dict[Path, Table], channels: Collection[str] | None, folders: bool
) -> list[Path]:
    """The files that are sequences: those with the channels, or the most that share columns."""
    if channels is not None:
        sequences = [path for path in tables if set(channels) <= set(tables[path].columns)]
        if not sequences and not folders:
            raise DataError(f"{folder} holds no sequences with the channels {', '.join(channels)}")
        return sequences
    kinds = Counter(tuple(table.columns) for table in tables.values()).most_common(2)
    columns, count = kinds[0]
    if count < 2 and folders:
        return []
    if count < 2:
        raise DataError(
            f"{folder} holds {len(tables)} tables, no two of which have the same columns; {LAYOUT}"
        )
    if len(kinds) > 1 and kinds[1][1] == count:
        raise DataError(
            f"{folder} holds {count} tables with the columns {', '.join(columns)} and as many with "
            f"{', '.join(kinds[1][0])}, so either could be the sequences; {LAYOUT}"
        )
    return [path for path in tables if tuple(tables[path].columns) == columns]


def _list_classes(root: Path, folders: list[str], reading: _Reading) -> Listing:
    """One folder of files a class."""
    files = [path for name in folders for path in _tables_in(root / name)]
    tables, problems = reading.all(files)
    kept = [path for path in files if path in tables]
    return Listing(
        root,
        kept,
        tables,
        {FOLDER: np.array([as_text(path.parent.name) for path in kept], dtype=object)},
        label_column=FOLDER,
        by_folder=True,
        notes=["classes by folder name"],
        problems=problems,
    )


def _joined(root: Path, listings: list[Listing], parts: list[str]) -> Listing:
    """The listings of split folders as one."""
    shared = [
        name for name in listings[0].facts if all(name in listing.facts for listing in listings)
    ]
    return Listing(
        root,
        [path for listing in listings for path in listing.files],
        {path: table for listing in listings for path, table in listing.tables.items()},
        {name: np.concatenate([listing.facts[name] for listing in listings]) for name in shared},
        np.repeat(parts, [len(listing.files) for listing in listings]),
        listings[0].label_column if listings[0].label_column in shared else None,
        all(listing.by_folder for listing in listings),
        list(dict.fromkeys(note for listing in listings for note in listing.notes)),
        {k: why for listing in listings for k, why in listing.problems.items()},
    )


def _tables_in(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SEQUENCES
        and path.is_file()
        and path.name[0] != "."
        and path.name.lower() not in BESIDE_DATA
    )


# -- Tables that say something of each sequence


def keys_of(files: Sequence[Path], root: Path) -> list[list[str]]:
    """Return the names by which a table may call each file: path, name, stem, or final number.

    Only what tells all files apart is a key.
    """
    numbers = [_whole(match[1]) if (match := _NUMBER.search(f.stem)) else "" for f in files]
    paths = [as_text(path.relative_to(root).as_posix()) for path in files]
    kinds = [paths, [f.name for f in files], [f.stem for f in files], numbers]
    return [keys for keys in kinds if all(keys) and len(set(keys)) == len(keys)]


def _add_facts(listing: Listing, path: Path, table: Table) -> None:
    """Take over a table's columns where one of them names the sequences."""
    for keys in keys_of(listing.files, listing.root):
        wanted = set(keys)
        called = {
            column: [_key(value, wanted) for value in values]
            for column, values in table.columns.items()
        }
        matched = {column: len(wanted.intersection(names)) for column, names in called.items()}
        naming = [column for column, count in matched.items() if count * 2 > len(keys)]
        once = [
            column
            for column in naming
            if max(Counter(name for name in called[column] if name in wanted).values()) == 1
        ]
        if naming and not once:
            twice = Counter(called[naming[0]]).most_common(1)[0][0]
            rows = [row for row, name in enumerate(called[naming[0]]) if name == twice]
            raise DataError(
                f"{path} has more than one row for {naming[0]} {twice}: "
                f"{', '.join(table.where(row) for row in rows[:3])}; leave one of them"
            )
        if once:
            column = max(once, key=lambda name: matched[name])
            _take(listing, path, table, column, keys, called[column])
            return
    listing.notes.append(
        f"ignored: {path.relative_to(listing.root)}, whose columns are not those of the sequences "
        "and name none of them"
    )


def _take(
    listing: Listing, path: Path, table: Table, key: str, keys: list[str], called: list[str]
) -> None:
    place = {name: row for row, name in enumerate(called)}
    rows = [place.get(name, -1) for name in keys]
    taken = [name for name in table.columns if name != key]
    for name in taken:
        values = table.columns[name]
        nothing = None if values.dtype == object else np.nan
        aligned = [values[row] if row >= 0 else nothing for row in rows]
        unique = name if name not in listing.facts else f"{path.stem}.{name}"
        listing.facts[unique] = np.array(aligned, dtype=values.dtype)
        is_label = any(word in name.lower() for word in LABEL_WORDS) or (
            len(taken) == 1 and any(word in path.stem.lower() for word in LABEL_WORDS)
        )
        if is_label and listing.label_column is None:
            listing.label_column = unique
    strange = len(set(called) - set(keys))
    more = f"; {strange} of its rows name no sequence that can be read" if strange else ""
    listing.notes.append(
        f"table: {path.name} gives each sequence {', '.join(taken)}, by {key}{more}"
    )


def _key(value: Any, keys: Collection[str]) -> str:
    """Return a table's key of a sequence; numbers without leading zeros and decimals."""
    text = key_text(value)
    return _whole(text) if text not in keys and _WHOLE.fullmatch(text) else text


def key_text(value: Any) -> str:
    """A cell as text, whole numbers without a decimal point."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _whole(text: str) -> str:
    return text.partition(".")[0].lstrip("0") or "0"
