"""Samples that a file leaves out (`--exclude`) or gives other classes (`--relabel`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo.core.files import read_rows, unquoted
from mlzoo.core.messages import few
from mlzoo.data.samples import Samples


def correct(samples: Samples, exclude: str | None, relabel: str | None) -> Samples:
    """Return samples without those of one file, and with the classes that another one suggests.

    Args:
        samples: as a source gives them.
        exclude: a CSV file with a column `name` of samples that are left out.
        relabel: one with `name` and `suggested`, the class that each sample gets.

    Raises:
        UsageError: a file can't be read, names samples that do not exist, or classes that do not.
    """
    notes: list[str] = []
    if relabel is not None:
        samples, changed = _relabeled(samples, Path(relabel))
        notes.append(f"labels: {changed} changed (--relabel {relabel})")
    if exclude is not None:
        [names] = _columns(Path(exclude), "--exclude", ("name",))
        left_out = _positions(samples, names, f"--exclude {exclude}")
        samples = samples.only(np.setdiff1d(np.arange(len(samples)), left_out))
        notes.append(f"samples: {len(np.unique(left_out))} left out (--exclude {exclude})")
    return replace(samples, notes=(*samples.notes, *notes))


def _relabeled(samples: Samples, path: Path) -> tuple[Samples, int]:
    """Return samples with other classes, and how many changed."""
    flag = f"--relabel {path}"
    if not samples.target.sample_class:
        raise UsageError(
            f"{flag}: has no effect on {samples.task}: it is for one class a sample; leave it out"
        )
    names, suggested = _columns(path, "--relabel", ("name", "suggested"))
    positions = _positions(samples, names, flag)
    wrong = [name for name in dict.fromkeys(suggested) if name not in samples.class_names]
    if wrong:
        raise UsageError(
            [f"{flag}: {registry.unknown('class', name, samples.class_names)}" for name in wrong]
        )
    labels = samples.labels.copy()
    labels[positions] = [samples.class_names.index(name) for name in suggested]
    return replace(samples, targets=labels), int((labels != samples.labels).sum())


def _columns(path: Path, flag: str, wanted: Sequence[str]) -> list[list[str]]:
    """Return columns of a CSV file.

    Raises:
        UsageError: it is missing, or lacks one of them.
        DataError: it is damaged.
    """
    path = path.expanduser()
    if not path.is_file():
        raise UsageError(f"{flag}: there is no file {path}")
    header, rows = read_rows(path, by_hand=True)
    if missing := [name for name in wanted if name not in header]:
        raise UsageError(
            f"{flag}: {path} lacks the column {missing[0]!r} (its header: {few(header)}); "
            "`mlzoo data audit RUN` writes such a file"
        )
    return [[unquoted(row[header.index(name)]) for row in rows] for name in wanted]


def _positions(samples: Samples, names: Sequence[str], flag: str) -> np.ndarray:
    """Return the positions of named samples.

    Raises:
        UsageError: some do not exist, or a name is that of several samples.
    """
    positions: dict[str, int] = {}
    twice = set()
    for index in range(len(samples)):
        name = samples.name_of(index)
        if positions.setdefault(name, index) != index:
            twice.add(name)
    unknown = [name for name in names if name not in positions]
    if unknown:
        raise UsageError(
            f"{flag}: {len(unknown)} of its {len(names)} names are of no sample: {few(unknown)}; "
            f"samples are called as in predictions.csv, {samples.name_of(0)!r} for example"
        )
    if ambiguous := [name for name in names if name in twice]:
        raise UsageError(f"{flag}: several samples have the name {ambiguous[0]!r}")
    return np.array([positions[name] for name in names], dtype="int64")
