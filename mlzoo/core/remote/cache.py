"""The folder of what can be made or downloaded again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_root() -> Path:
    """Return the folder: `MLZOO_CACHE`, or `mlzoo` in the user's cache."""
    given = os.environ.get("MLZOO_CACHE")
    root = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "mlzoo"
    return Path(given).expanduser() if given else root
