"""Types that the export formats and the exporting code share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

Predict = Callable[[Any], "np.ndarray"]
"""From raw inputs (n, *shape), or of several inputs such arrays by name, to outputs (n, ...)."""


@dataclass(frozen=True)
class SampleShape:
    """Shape of one sample; `fixed` is the shape that fixed-size formats are written for."""

    fixed: tuple[int, ...]
