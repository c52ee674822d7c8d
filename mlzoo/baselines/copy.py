"""The source itself as its own target, where texts are turned into others."""

from __future__ import annotations

from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data
from mlzoo.data.text.reader import PairReader

TARGETS = ("classes per symbol",)
LEARNS = False
FAST = True


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the sources as they are; None where they are no texts."""
    if not isinstance(data.samples.reader, PairReader):
        return None
    return Baseline(lambda texts: texts)
