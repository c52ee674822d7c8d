"""Specification of one fit of a candidate: configuration, data, seed and training state."""

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
        fold: index of its fold, from 0.
        seed: decides initial weights and order of the samples.
        before: folder of the state to resume from; None: from initial weights.
        keep: folder to save the state in; None: it is not saved.
        part: data to use in place of the fold's, with a subset of its training split.
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
        """Return the data to train on and predict."""
        return self.part or self.folds[self.fold]
