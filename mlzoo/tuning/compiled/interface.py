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
        """Return the number of fits that one call runs at once."""
        ...

    def obstacle(self, fit: Fit) -> str | None:
        """Return why a fit can't share a program; None where it can."""
        ...

    def group(self, fit: Fit) -> str | None:
        """Return a key, equal for fits that can run at once; None for one that runs alone."""
        ...

    def fit(self, fits: Sequence[Fit]) -> list[tuple[np.ndarray, int] | DivergedError]:
        """Run the fits of one group.

        Returns:
            For each fit, the outputs (n, units) for the validation split and the number of epochs;
            or the error if its loss became NaN or infinite.
        """
        ...

    def check(self, fit: Fit) -> float:
        """Return how far a short fit differs from a plain one, in the outputs' spread."""
        ...

    def compile_ahead(self, fit: Fit) -> bool:
        """Compile the program of a coming fit in a thread; True if more may be compiled ahead."""
        ...

    def settle(self) -> None:
        """Wait for the thread that compiles."""
        ...

    def close(self) -> None:
        """Stop compiling ahead."""
        ...


def open_compiled_fits(space: Space, lanes: int) -> CompiledFits:
    """Return the compiled fits of this process.

    Args:
        space: of the search; narrow candidates share the programs of wide ones.
        lanes: fits that a vectorized program does at once; 1: none is vectorized.
    """
    from mlzoo.tuning.compiled.compiled_fits import SharedPrograms

    return SharedPrograms(space, lanes)
