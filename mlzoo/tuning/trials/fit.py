"""One fit of a candidate: what it is trained on, and from where it continues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlzoo.core.configs import RunConfig
from mlzoo.data.samples import Data


@dataclass(frozen=True)
class Fit:
    """One fit of a candidate.

    Attributes:
        config: of the candidate.
        folds: the data of all folds.
        fold: which of them it is on.
        seed: decides first weights and order.
        before: a folder that `keep` was, to go on from.
        keep: where to keep the state.
        part: the fold's data with some of its training part only.
    """

    config: RunConfig
    folds: Sequence[Data]
    fold: int
    seed: int
    before: Path | None = None
    keep: Path | None = None
    part: Data | None = None

    @property
    def data(self) -> Data:
        """What is trained and predicted."""
        return self.part or self.folds[self.fold]
