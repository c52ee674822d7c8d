"""The albumentations library, imported in one way."""

from __future__ import annotations

import os
from functools import cache
from types import ModuleType


@cache
def albumentations() -> ModuleType:
    """Return the library; its look for a newer version over the network is off."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations

    return albumentations
