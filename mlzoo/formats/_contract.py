"""Types that the export formats and the exporting code share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

Predict = Callable[["np.ndarray"], "np.ndarray"]
"""From raw inputs (n, *shape) to outputs (n, ...)."""


@dataclass(frozen=True)
class SampleShape:
    """Shape of one sample; `fixed` is the shape that fixed-size formats are written for."""

    fixed: tuple[int, ...]
