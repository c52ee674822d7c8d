"""Predictions of tables that are larger than memory, in files of so many rows each."""

from __future__ import annotations

import csv
import hashlib
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlzoo.core import files
from mlzoo.core.errors import DataError, ResourceError, UsageError
from mlzoo.core.progress import Listener

if TYPE_CHECKING:
    from mlzoo.runs.opened import OpenedRun
    from mlzoo.runs.results import Predictions

_MANIFEST = "shards.json"


class ShardFolder:
    """Folder of numbered files, each of which is whole or not there, and what they were made from.

    A folder of the same origin gets the files that it lacks.

    Args:
        path: the folder; made where there is none.
        origin: all that decides the content of the files, JSON-able.
        overwrite: remove what the folder holds of another origin.

    Raises:
        UsageError: it holds other files, and is not to be overwritten.
    """

    def __init__(self, path: Path, origin: Mapping[str, Any], overwrite: bool = False) -> None:
        self.path, self.origin = path, dict(origin)
        if path.exists() and not path.is_dir():
            raise UsageError(f"{path} is a file; name a folder for --shards with -o")
        before, count = self._before()
        self.complete = before == self.origin and count is not None
        if before != self.origin:
            held = sorted(path.iterdir()) if path.exists() else []
            if held and not overwrite:
                raise UsageError(
                    f"{path} holds {'shards of something else' if before else 'other files'}: "
                    "choose another folder, or add --overwrite"
                )
            path.mkdir(parents=True, exist_ok=True)
            for name in [self.path / _MANIFEST, *self.path.glob("part-*.csv")]:
                name.unlink(missing_ok=True)
            self._write(None)

    @classmethod
    def shared(cls, path: Path, origin: Mapping[str, Any]) -> ShardFolder:
        """Return a folder that another process has made.

        Raises:
            ResourceError: it is not there: this machine does not see that process's disk.
        """
        if not (path / _MANIFEST).is_file():
            raise ResourceError(
                f"the worker on {socket.gethostname()} does not see {path}: name a folder with "
                "--output that lies on a disk which all workers share"
            )
        return cls(path, origin)

    @property
    def done(self) -> int:
        """Return the number of files that are there."""
        return len(self.numbers)

    @property
    def numbers(self) -> set[int]:
        """Return the numbers of the files that are there."""
        return {int(path.stem.removeprefix("part-")) for path in self.path.glob("part-*.csv")}

    def rows_in(self, numbers: set[int], rows: int, count: int) -> int:
        """Return how many rows some files hold.

        Args:
            numbers: of the files.
            rows: of each but the last, which is read.
            count: of all files.
        """
        last = count - 1
        if last not in numbers:
            return rows * len(numbers)
        with self.part(last).open(newline="", encoding="utf-8") as file:
            return rows * (len(numbers) - 1) + sum(1 for _ in csv.reader(file)) - 1

    def _before(self) -> tuple[dict[str, object] | None, int | None]:
        """Return the origin of what the folder holds, and the number of files once it is whole."""
        try:
            manifest = files.read_sealed(self.path / _MANIFEST)
        except DataError:
            return None, None
        return manifest["origin"], manifest["shards"]

    def part(self, number: int) -> Path:
        """Return the path of a file, counted from 0."""
        return self.path / f"part-{number:06d}.csv"

    def write(self, number: int, text: str) -> None:
        """Write a file, in one step."""
        files.write_text(self.part(number), text)

    def finish(self, count: int) -> None:
        """Write down that all files are there, so many.

        Raises:
            ResourceError: some are not.
        """
        missing = [number for number in range(count) if not self.part(number).exists()]
        if missing:
            raise ResourceError(
                f"{len(missing)} of {count} shards are not in {self.path} "
                f"({self.part(missing[0]).name} is the first); run the same command again, and "
                "with --engine ray name a folder on a disk which all workers share"
            )
        self.complete = True
        self._write(count)

    def _write(self, count: int | None) -> None:
        content = {"origin": self.origin, "shards": count}
        files.write_sealed(self.path / _MANIFEST, content)


def predict_shards(
    run: OpenedRun,
    data: str,
    folder: ShardFolder,
    rows: int,
    coverage: float | None,
    unlike: float,
    text_of: Callable[[Predictions], str],
    listener: Listener,
    share: tuple[int, int] = (0, 1),
) -> tuple[int, int]:
    """Predict the rows of a table that have no file yet; only one shard is held at a time.

    Args:
        run: of a table.
        data: path of the table.
        folder: that the files go into.
        rows: of a file.
        coverage: as `OpenedRun.predict` takes it.
        unlike: the same.
        text_of: content of a file.
        listener: hears of progress.
        share: place of this process among so many, which take turns.

    Returns:
        The number of rows that were predicted now, and that of all shards of the table.

    Raises:
        DataError: the table can't be read, or does not fit what the model was trained on.
    """
    from mlzoo.data.large_tables.chunks import numbered_chunks
    from mlzoo.data.new_samples import existing
    from mlzoo.data.tables.columns import encode_as
    from mlzoo.data.tables.reader import TableReader

    def missing(number: int) -> bool:
        return number % share[1] == share[0] and not folder.part(number).exists()

    reader, count, total = run.reader_as(TableReader), 0, 0
    seen: set[str] = set()
    for number, table in numbered_chunks(existing(data), reader, rows, missing):
        total = number + 1
        if table is None:
            continue
        inputs, warnings = encode_as(table, reader.columns)
        for warning in warnings:
            if warning not in seen:
                listener.warn(warning)
        seen.update(warnings)
        predicted = run.predict(inputs, coverage=coverage, unlike=unlike)
        folder.write(number, text_of(replace(predicted, names=table.row_names())))
        count += len(table)
    return count, total


def origin_of(
    run: OpenedRun, data: str, rows: int, options: Mapping[str, Any]
) -> dict[str, object]:
    """Return what decides the content of shards.

    Args:
        run: that predicts.
        data: path of the table, which is taken for the same by its size and time of change.
        rows: of a shard.
        options: of the predictions.
    """
    from mlzoo.data.new_samples import existing

    path = existing(data)
    facts = path.stat()
    return {
        "table": str(path.resolve()),
        "bytes": facts.st_size,
        "changed": facts.st_mtime_ns,
        "model": hashlib.sha256((run.path / "model.keras").read_bytes()).hexdigest(),
        "rows": rows,
        **options,
    }
