"""Checksums of the records in a run folder, so that a damaged one is named.

`checksums.json` holds the SHA-256 of each. Runs of earlier versions have none, and are read as they
are.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from mlzoo.core.files import damaged, read_mapping, write_json

FILE = "checksums.json"
RECORDS = (
    *("data.json", "split.json", "metrics.json", "environment.json", "layers.json"),
    *("calibration.json", "decision.json"),
)


def write_checksums(folder: Path) -> None:
    """Write the checksums of the records that a run folder holds."""
    known = {name: _sha256(folder / name) for name in RECORDS if (folder / name).is_file()}
    if known:
        write_json(folder / FILE, known)


def check_records(folder: Path) -> None:
    """Raise DataError, naming it, if a record is not what the run wrote.

    What is missing, empty or no JSON is left to those who read it.
    """
    if not (folder / FILE).exists():
        return
    for name, checksum in read_mapping(folder / FILE).items():
        path = folder / name
        if name in RECORDS and path.is_file() and _sha256(path) != checksum and _is_json(path):
            raise damaged(
                path,
                f"is damaged: its content does not match its checksum (if the change was meant, "
                f"delete {FILE})",
            )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return False
    return True
