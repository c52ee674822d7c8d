"""Folder of samples that a generative model drew, with a manifest and a contact sheet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.files import csv_text, read_mapping, write_json, write_text
from mlzoo.data.reader import Reader
from mlzoo.data.tables.reader import TableReader
from mlzoo.runs.contents.folders import write_files

MANIFEST = "manifest.json"


def write_samples(
    folder: Path,
    samples: np.ndarray,
    reader: Reader,
    facts: Mapping[str, object],
    overwrite: bool = False,
    across: int = 0,
) -> list[str]:
    """Write drawn samples and `manifest.json`: all of them, or none where anything fails.

    Images become PNG files of 8 bits, in which the largest value of the data is 255; rows of a
    table `samples.csv`, with the columns and categories of the training data; arrays of any other
    shape `samples.npy`. `sheet.png` shows them side by side.

    Args:
        folder: where they go; it is made.
        samples: (n, *shape) raw samples.
        reader: of the run.
        facts: what the manifest says beside the files.
        overwrite: write into a folder that holds files; those of an earlier call are replaced.
        across: images in a row of the sheet; 0: about as many as there are rows.

    Returns:
        The names of the files.

    Raises:
        UsageError: the folder holds files.
        ResourceError: the disk is full or can't be written to.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; choose a folder with --output")
    if folder.is_dir() and any(folder.glob("[!.]*")) and not overwrite:
        raise UsageError(f"{folder} holds files; choose another --output, or add --overwrite")
    files: list[str] = []

    def fill(place: Path) -> None:
        files.extend([*_write(place, samples, reader), _sheet(place, samples, reader, across)])
        write_json(place / MANIFEST, {**facts, "samples": len(samples), "files": files})

    write_files(folder, fill, _earlier(folder))
    return [*files, MANIFEST]


def _earlier(folder: Path) -> list[str]:
    """Return the names of the files of an earlier call, by its manifest."""
    if not (folder / MANIFEST).is_file():
        return []
    try:
        return [Path(name).name for name in read_mapping(folder / MANIFEST, ("files",))["files"]]
    except (DataError, TypeError):
        return []  # another tool's manifest


def _write(folder: Path, samples: np.ndarray, reader: Reader) -> list[str]:
    if samples.ndim == 4 and samples.shape[-1] in (1, 3) and reader.maximum:
        from PIL import Image

        pixels = (samples * (255 / reader.maximum)).round().astype("uint8")
        digits = len(str(len(samples) - 1))
        names = [f"{number:0{digits}d}.png" for number in range(len(samples))]
        for name, image in zip(names, pixels, strict=True):
            Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(folder / name)
        return names
    if samples.ndim == 2:
        write_text(folder / "samples.csv", csv_text(_rows(samples, reader)))
        return ["samples.csv"]
    np.save(folder / "samples.npy", samples, allow_pickle=False)
    return ["samples.npy"]


def _rows(samples: np.ndarray, reader: Reader) -> list[dict[str, object]]:
    """Return samples (n, columns) as rows of a table, six digits a number."""
    if not isinstance(reader, TableReader):
        names = [f"column{number}" for number in range(1, samples.shape[1] + 1)]
        return [dict(zip(names, map(_short, row), strict=True)) for row in samples]
    return [
        {
            column.name: column.categories[int(value)] if column.categories else _short(value)
            for column, value in zip(reader.columns, row, strict=True)
        }
        for row in samples
    ]


def _short(value: Any) -> float:
    return float(f"{value:.6g}")


def _sheet(folder: Path, samples: np.ndarray, reader: Reader, across: int) -> str:
    from mlzoo.drawing.sheets import contact_sheet

    contact_sheet(folder / "sheet.png", samples, reader.maximum, reader.input_names, across)
    return "sheet.png"
