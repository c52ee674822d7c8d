"""Tables that are predicted shard by shard."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlzoo.core.errors import DataError, ResourceError, UsageError
from mlzoo.data.inputs import read_inputs
from mlzoo.data.large_tables.chunks import numbered_chunks, table_chunks
from mlzoo.data.tables.columns import encode_as
from mlzoo.data.tables.reader import Column, TableReader
from mlzoo.runs.predicting.shards import ShardFolder

READER = TableReader(columns=(Column("a"), Column("b", ("red", "blue"))))


def table(folder: Path, ending: str, rows: int = 23) -> Path:
    """A table with a quoted line break, a missing number, an unknown class and a blank line."""
    frame = pd.DataFrame(
        {"b": ["red", "blue", 'gr\n"een'] * 8, "other": "x", "a": np.arange(24) / 8}
    )[:rows]
    frame.loc[4, "a"] = np.nan
    path = folder / f"table{ending}"
    if ending == ".parquet":
        frame.to_parquet(path, row_group_size=4)
    else:
        path.write_text(frame.to_csv(index=False, sep=";").replace("0.25", "\n0.25", 0) + "\n")
    return path


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
@pytest.mark.parametrize("size", [1, 5, 23, 50])
@pytest.mark.parametrize("skip", [0, 2])
def test_chunks_hold_the_rows_of_the_whole(
    tmp_path: Path, ending: str, size: int, skip: int
) -> None:
    path = table(tmp_path, ending)
    whole = read_inputs(str(path), READER)
    chunks = list(table_chunks(path, READER, size, skip))
    assert [len(chunk) for chunk in chunks[:-1]] == [size] * (len(chunks) - 1)
    names = [name for chunk in chunks for name in chunk.row_names()]
    assert names == list(whole.names)[skip * size :]
    if chunks:
        inputs = np.concatenate([encode_as(chunk, READER.columns)[0] for chunk in chunks])
        np.testing.assert_array_equal(inputs, np.asarray(whole.rows)[skip * size :])


def test_a_line_is_named_as_in_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1,red\n" * 20 + "oops,red\n" + "2,blue\n" * 12)
    chunks = table_chunks(path, READER, 15)
    next(chunks)
    with pytest.raises(DataError, match=r"row 21 \(line 22\): 'oops' stands"):
        encode_as(next(chunks), READER.columns)


def test_decimal_commas_of_a_chunk_are_those_of_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a;b\n" + "1,250;red\n" * 4 + "0,5;red\n")
    chunks = list(table_chunks(path, READER, 2, 1))
    assert [list(chunk.columns["a"]) for chunk in chunks] == [["1.250"] * 2, ["0.5"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "no cell|empty|no rows"), (b"a,b\n", "no rows"), (b"a,b\n\xff\xfe,red\n", "UTF-8")],
)
def test_what_holds_no_table_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(table_chunks(path, READER, 5))
    with pytest.raises(DataError, match=r"written|write it as one of \.csv"):
        list(table_chunks(tmp_path / "t.xlsx", READER, 5))


def test_memory_does_not_grow_with_the_table(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        path = tmp_path / f"{rows}.csv"
        path.write_text("a,b\n" + "1.5,red\n" * rows)
        tracemalloc.start()
        assert sum(map(len, table_chunks(path, READER, 500))) == rows
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(10_000) < 1.2 * peak(2_000)


def test_each_worker_reads_its_own_chunks(tmp_path: Path) -> None:
    for ending in (".csv", ".parquet"):
        path = table(tmp_path, ending)
        every = list(numbered_chunks(path, READER, 5, lambda number: True))
        second = list(numbered_chunks(path, READER, 5, lambda number: number % 2 == 1))
        assert (
            [number for number, _ in every] == [number for number, _ in second] == [0, 1, 2, 3, 4]
        )
        assert [number for number, chunk in second if chunk is not None] == [1, 3]
        for (_, chunk), (_, whole) in zip(second, every, strict=True):
            assert chunk is None or list(chunk.row_names()) == list(whole.row_names())
        assert not any(chunk for _, chunk in numbered_chunks(path, READER, 5, lambda number: False))


def test_a_folder_is_whole_only_with_all_its_shards(tmp_path: Path) -> None:
    path, origin = tmp_path / "out", {"table": "t"}
    folder = ShardFolder(path, origin)
    folder.write(0, "name,predicted\n1,a\n2,b\n")
    folder.write(2, 'name,predicted\n5,"a\nb"\n')
    with pytest.raises(ResourceError, match=r"1 of 3 shards .*part-000001.csv is the first"):
        folder.finish(3)
    assert not ShardFolder(path, origin).complete
    assert folder.rows_in({0, 2}, 2, 3) == 3 and folder.rows_in({0}, 2, 3) == 2


def test_a_worker_makes_no_folder_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="on a disk which all workers share"):
        ShardFolder.shared(tmp_path / "out", {"table": "t"})
    assert not (tmp_path / "out").exists()
    ShardFolder(tmp_path / "out", {"table": "t"})
    assert ShardFolder.shared(tmp_path / "out", {"table": "t"}).done == 0


def test_a_folder_gets_the_shards_that_it_lacks_and_keeps_others(tmp_path: Path) -> None:
    folder = ShardFolder(tmp_path / "out", {"table": "t"})
    folder.write(1, "two")
    again = ShardFolder(tmp_path / "out", {"table": "t"})
    assert (again.done, again.complete, again.part(0).exists()) == (1, False, False)
    again.write(0, "one")
    again.finish(2)
    whole = ShardFolder(tmp_path / "out", {"table": "t"})
    assert whole.complete and whole.part(1).read_text() == "two"
    with pytest.raises(UsageError, match="shards of something else"):
        ShardFolder(tmp_path / "out", {"table": "other"})
    new = ShardFolder(tmp_path / "out", {"table": "other"}, overwrite=True)
    assert (new.done, new.complete) == (0, False)
    assert [path.name for path in new.path.iterdir()] == ["shards.json"]
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="other files"):
        ShardFolder(tmp_path / "own", {"table": "t"})
