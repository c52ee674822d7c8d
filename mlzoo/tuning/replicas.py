"""Fits that share what was compiled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.configs import RunConfig
from mlzoo.data.samples import Data


class Replicas:
    """Stub."""

    def suits(self, config: RunConfig, data: Data) -> bool:
        """No."""
        return False

    def fit(self, config: RunConfig, data: Data, seed: int, **more: Any) -> tuple[np.ndarray, int]:
        """Never."""
        raise NotImplementedError(Path)
