"""Which epoch is best so far, when to stop, when to lower the rate: data, so it can be saved."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class Watch:
    """Follows one metric over epochs.

    Attributes:
        metric: a column of the history.
        mode: `max` or `min`; follows from the metric.
        patience: epochs without improvement before `stop` is true; 0: never.
        best: the best value so far and `best_epoch` its epoch (from 1; 0: none yet).
        waited: epochs since then.
        plateau_waited: epochs since the best value or the last drop of the rate.
    """

    metric: str
    mode: str
    patience: int = 0
    best: float | None = None
    best_epoch: int = 0
    waited: int = 0
    plateau_waited: int = 0

    def see(self, epoch: int, value: float) -> bool:
        """Take the value of an epoch; true where it is the best so far (strictly)."""
        if math.isfinite(value) and (self.best is None or self._better(value, self.best)):
            self.best, self.best_epoch = value, epoch
            self.waited = self.plateau_waited = 0
            return True
        self.waited += 1
        self.plateau_waited += 1
        return False

    def _better(self, value: float, best: float) -> bool:
        return value > best if self.mode == "max" else value < best

    @property
    def stop(self) -> bool:
        """Return whether the metric has not improved for `patience` epochs."""
        return bool(self.patience) and self.waited >= self.patience

    def plateau(self, patience: int) -> bool:
        """Return whether the rate should drop now; starts counting again where it should."""
        if self.plateau_waited < patience:
            return False
        self.plateau_waited = 0
        return True

    def state(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return asdict(self)
