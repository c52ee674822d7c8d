"""The interface of compiled fits: the one module of this folder that others import."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from mlzoo.core.errors import DivergedError
from mlzoo.core.spaces import Space
from mlzoo.tuning.trials.fit import Fit


class CompiledFits(Protocol):
    """Fits by programs that candidates of one architecture share."""

    @property
    def lanes(self) -> int:
        """Fits that one call does at once."""
        ...

    def obstacle(self, fit: Fit) -> str | None:
        """Return why a fit can't share a program; None where it can."""
        ...

    def group(self, fit: Fit) -> str | None:
        """Return a key, equal for fits that are done at once; None where a fit is done alone."""
        ...

    def fit(self, fits: Sequence[Fit]) -> list[tuple[np.ndarray, int] | DivergedError]:
        """Do the fits of one group.

        Returns:
            Of each fit the outputs (n, units) for the validation split and the epochs trained in
            all; or the error, where its loss became NaN or infinite.
        """
        ...

    def check(self, fit: Fit) -> float:
        """Return how far a short fit differs from a plain one, in the outputs' spread."""
        ...

    def compile_ahead(self, fit: Fit) -> bool:
        """Have a thread compile a coming fit's program; return whether there is room for more."""
        ...

    def settle(self) -> None:
        """Wait for the thread that compiles."""
        ...

    def close(self) -> None:
        """Compile nothing more."""
        ...


def open_compiled_fits(space: Space, lanes: int) -> CompiledFits:
    """Return the compiled fits of this process.

    Args:
        space: of the search; narrow candidates share the programs of wide ones.
        lanes: fits that a vectorized program does at once; 1: none is vectorized.
    """
    from mlzoo.tuning.compiled.compiled_fits import SharedPrograms

    return SharedPrograms(space, lanes)
