"""The content of files that may be compressed."""

from __future__ import annotations

from pathlib import Path

import psutil
import pyarrow

from mlzoo.core.errors import DataError
from mlzoo.core.files import refuse_special

_CODECS = {".gz": "gzip", ".zst": "zstd"}
_CHUNK = 16 * 2**20


def read_bytes(path: Path) -> bytes:
    """Return a file's content, decompressed where its name ends in `.gz` or `.zst`.

    Raises:
        DataError: it is no such archive, or unpacks to more than half of the free memory.
    """
    refuse_special(path)
    codec = _CODECS.get(path.suffix.lower())
    if codec is None:
        return path.read_bytes()
    limit = psutil.virtual_memory().available // 2
    unpacked = bytearray()
    try:
        with pyarrow.input_stream(str(path), compression=codec) as stream:
            while chunk := stream.read(_CHUNK):
                unpacked += chunk
                if len(unpacked) > limit:
                    raise DataError(
                        f"{path} unpacks to more than {limit / 2**30:.1f} GiB, half of the memory "
                        "that is free"
                    )
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"{path} can't be unpacked as {codec}: {error}") from None
    return bytes(unpacked)
