"""Pairs of texts: a source and the target that it is turned into, as codes of characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.files import expand
from mlzoo.data.new_samples import NewInputs
from mlzoo.data.quality.digests import row_digests
from mlzoo.data.samples import Samples
from mlzoo.data.specs import IGNORED
from mlzoo.data.tables.columns import numbers
from mlzoo.data.tables.formats import is_table
from mlzoo.data.tables.tables import Table, decode, read_table
from mlzoo.data.text.characters import alphabet_of, shown
from mlzoo.data.text.reader import PairReader

TASK = "translation"
END = "end"
"""Name of the symbol that ends a target."""
LONGEST = 200
"""Symbols of a target; a decoder takes each of them as a step of its own."""
MOST = IGNORED - 2
"""Different symbols of targets, whose codes are bytes."""
_DISTINCT = 0.9
_FEWEST = 20


def are_pairs(table: Table) -> bool:
    """Return whether a table looks like pairs: two columns of text, hardly one that comes twice."""
    if len(table.columns) != 2 or len(table) < _FEWEST:
        return False
    return all(
        values.dtype == object
        and all(isinstance(value, str) for value in values)
        and len({*values}) >= _DISTINCT * len(values)
        and numbers(table, name) is None
        for name, values in table.columns.items()
    )


def table_samples(
    table: Table,
    target: str | None,
    delimiter: str | None,
    header: Literal["auto", "yes", "no"],
) -> Samples:
    """Return the pairs of a table.

    Args:
        table: of two columns of text.
        target: name of the column of targets; by default the last.
        delimiter: as which the table was read; None: recognized.
        header: whether it was read with a header.

    Raises:
        DataError: it has other columns, or empty cells.
        UsageError: there is no such column.
    """
    names = list(table.columns)
    if len(names) != 2 or any(values.dtype != object for values in table.columns.values()):
        raise DataError(
            f"--task {TASK} needs a table of two columns of text, sources and targets; this has "
            f"{', '.join(names)}; leave others out with --drop"
        )
    if target is not None and target not in names:
        raise UsageError(
            f"--target: there is no column {target!r}; there are {' and '.join(names)}"
        )
    target = target or names[1]
    source = next(name for name in names if name != target)
    for name in (source, target):
        empty = [i for i, value in enumerate(table.columns[name]) if not value]
        if empty:
            raise DataError(f"column {name!r} is empty in {table.where(empty[0])}; remove the row")
    sources, targets = ([str(value) for value in table.columns[n]] for n in (source, target))
    samples = pair_samples(sources, targets, (source, target), table.row_names())
    update = {"delimiter": delimiter, "header": header}
    return replace(samples, reader=samples.reader.model_copy(update=update))


def pair_samples(
    sources: Sequence[str],
    targets: Sequence[str],
    columns: tuple[str, str],
    names: Sequence[str],
) -> Samples:
    """Return pairs of texts as samples.

    Args:
        sources: n texts.
        targets: n texts.
        columns: what sources and targets are called.
        names: of the pairs.

    Raises:
        DataError: a target is longer than a decoder takes, or has too many characters.
    """
    source_alphabet, _ = alphabet_of("".join(sources))
    alphabet, longest = target_alphabet(targets)
    reader = PairReader(
        columns=columns,
        source_alphabet=tuple(source_alphabet),
        alphabet=alphabet,
        longest=longest,
    )
    inputs, codes = encode_sources(sources, reader), encode_targets(targets, reader)
    return Samples(
        inputs=inputs,
        targets=codes,
        task=TASK,
        kind="sequence",
        class_names=(*map(shown, alphabet), END),
        target_names=(columns[1],),
        names=names,
        hashes=row_digests(inputs),
        target_hashes=row_digests(codes),
        reader=reader,
        notes=(
            f"pairs: {columns[0]!r} of up to {inputs.shape[1]} characters, "
            f"{len(source_alphabet)} different ones, to {columns[1]!r} of up to {longest - 1}, "
            f"{len(alphabet)} different ones (--task, --target)",
        ),
    )


def target_alphabet(
    targets: Sequence[Sequence[str]], unit: str = "characters"
) -> tuple[tuple[str, ...], int]:
    """Return the symbols of texts that are to be written, and how many the longest takes.

    Args:
        targets: n texts, or their symbols.
        unit: what symbols are, in the plural.

    Raises:
        DataError: a text is longer than a decoder takes, or has too many symbols.
    """
    alphabet = sorted({symbol for target in targets for symbol in target})
    longest = max(map(len, targets)) + 1
    if longest > LONGEST or len(alphabet) > MOST:
        raise DataError(
            f"targets have up to {longest - 1} {unit}, {len(alphabet)} different ones; a "
            f"decoder takes at most {LONGEST - 1} and {MOST}"
        )
    return tuple(alphabet), longest


def encode_sources(texts: Sequence[str], reader: PairReader) -> np.ndarray:
    """Return codes (n, steps, 1) float32, NaN beyond the end; unknown characters are left out."""
    place = {character: code for code, character in enumerate(reader.source_alphabet)}
    codes = [[place[character] for character in text if character in place] for text in texts]
    rows = np.full((len(texts), max([1, *map(len, codes)]), 1), np.nan, np.float32)
    for row, known in zip(rows, codes, strict=True):
        row[: len(known), 0] = known
    return rows


def source_text(codes: np.ndarray, reader: PairReader) -> str:
    """Return the text of codes (steps, 1) as `encode_sources` gives them."""
    known = codes[~np.isnan(codes)].astype(int)
    return "".join(reader.source_alphabet[code] for code in known)


def encode_targets(texts: Sequence[str], reader: PairReader) -> np.ndarray:
    """Return codes (n, longest) uint8; see `encode_symbols`."""
    return encode_symbols(texts, reader.alphabet, reader.longest)


def encode_symbols(
    texts: Sequence[Sequence[str]],
    alphabet: Sequence[str],
    longest: int,
    unit: str = "characters",
) -> np.ndarray:
    """Return codes (n, longest) uint8: the symbols, the end, then `IGNORED`.

    Args:
        texts: n texts, or their symbols.
        alphabet: symbols; a code is a position in it.
        longest: symbols of the longest text, its end included.
        unit: what symbols are, in the plural.

    Raises:
        DataError: a text is longer than the longest, or has a symbol that the alphabet lacks.
    """
    place = {symbol: code for code, symbol in enumerate(alphabet)}
    rows = np.full((len(texts), longest), IGNORED, np.uint8)
    for row, text in zip(rows, texts, strict=True):
        unknown = sorted({symbol.strip() or symbol for symbol in {*text} - {*place}})
        if unknown or len(text) >= longest:
            odd = f"the {unit} {' '.join(unknown)}" if unknown else f"{len(text)} {unit}"
            raise DataError(
                f"the target {''.join(text)[:40]!r} has {odd}, which the model can't give: its "
                f"targets have up to {longest - 1}"
            )
        row[: len(text) + 1] = [*(place[symbol] for symbol in text), len(place)]
    return rows


def target_text(codes: np.ndarray, alphabet: Sequence[str]) -> str:
    """Return the text of codes (symbols,) up to the first end, which follows the alphabet."""
    kept = []
    for code in codes.tolist():
        if code >= len(alphabet):
            break
        kept.append(alphabet[code])
    return "".join(kept)


def read_sources(given: str, reader: PairReader) -> NewInputs:
    """Read new sources: the column of a table, the lines of a text file, or the text itself.

    Raises:
        DataError: a table lacks the column; there is no text, or none of known characters.
    """
    texts, names = _texts(given, reader)
    rows = encode_sources(texts, reader)
    lost = [text for text, row in zip(texts, rows, strict=True) if np.isnan(row).all()]
    if not texts or lost:
        what = f"{lost[0][:40]!r} holds" if lost else f"{given!r} is empty:"
        raise DataError(f"{what} no character that the model knows")
    unknown = sorted({*"".join(texts)} - {*reader.source_alphabet})
    warnings = []
    if unknown:
        warnings.append(
            f"{' '.join(map(shown, unknown))}: left out, since the training data have no such "
            "character"
        )
    return NewInputs(rows, names, tuple(warnings))


def _texts(given: str, reader: PairReader) -> tuple[list[str], list[str]]:
    path = expand(given) if "\n" not in given and len(given) < 256 else None
    if path is None or not path.is_file():
        return [given], [given]
    if is_table(given) and path.suffix.lower() != ".txt":
        table = _table(path, reader, [reader.columns[0]])
        return [str(value) for value in table.columns[reader.columns[0]]], table.row_names()
    lines = [line for line in decode(path)[0].splitlines() if line.strip()]
    return lines, [f"line {number}" for number in range(1, len(lines) + 1)]


def read_labeled_pairs(path: Path, reader: PairReader) -> Samples:
    """Read new pairs from a table.

    Raises:
        DataError: it lacks a column, or holds a target that the model can't give.
    """
    table = _table(path, reader, reader.columns)
    sources, targets = ([str(v) for v in table.columns[name]] for name in reader.columns)
    inputs, codes = encode_sources(sources, reader), encode_targets(targets, reader)
    return Samples(
        inputs=inputs,
        targets=codes,
        task=reader.task,
        kind="sequence",
        class_names=reader.class_names,
        target_names=reader.target_names,
        names=table.row_names(),
        hashes=row_digests(inputs),
        target_hashes=row_digests(codes),
        reader=reader,
    )


def _table(path: Path, reader: PairReader, wanted: Sequence[str]) -> Table:
    table = read_table(path, reader.delimiter, reader.header, list(wanted))
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        raise DataError(
            f"{path} has no column {missing[0]!r}; it has {', '.join(map(repr, table.columns))}"
        )
    return table
