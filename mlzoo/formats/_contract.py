"""What the formats and the work around them share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

Predict = Callable[["np.ndarray"], "np.ndarray"]
"""From raw inputs (n, *shape) to outputs (n, ...)."""


@dataclass(frozen=True)
class Form:
    """What one sample is: `fixed` is the shape that formats of one size are written for."""

    fixed: tuple[int, ...]
