"""Errors of reconstructed samples, and how unusual they are among those of normal samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.statistics.scorers import Array, Scorer, ratio

FALSE_ALARMS = 0.05
"""Share of normal samples that may be flagged as anomalous."""


def p_values(errors: Array, normal: Array) -> Array:
    """Return conformal p-values (n,): (1 + normal errors at least as large) / (k + 1).

    Of normal samples on which nothing was chosen at most a share p has p-values up to p (Vovk,
    Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005).

    Args:
        errors: (n,) those of the samples.
        normal: (k,) those of normal samples that were not trained on.
    """
    smaller = np.searchsorted(np.sort(normal), errors, side="left")
    return (1 + len(normal) - smaller) / (len(normal) + 1)


@dataclass(frozen=True)
class Reconstructions:
    """Errors of n reconstructed samples.

    Attributes:
        sums: (n, 3) number of values, sums of squared and of absolute errors.
        anomalous: (n,) whether a sample is known to be anomalous; None: nothing is known.
        p_values: (n,) how unusual its error is among normal samples; None where there were none.
    """

    sums: Array
    anomalous: Array | None = None
    p_values: Array | None = None

    def errors(self) -> Array:
        """Return the mean squared error (n,) of each sample."""
        return self.sums[:, 1] / self.sums[:, 0]

    def mean_error(self, error: Callable[[Array], Array]) -> Scorer:
        """Return the mean over normal samples of `np.square` or `np.abs` of the differences."""
        columns: dict[Any, int] = {np.square: 1, np.abs: 2}
        sums = self.sums if self.anomalous is None else self.sums * ~self.anomalous[:, None]
        return lambda weights: ratio(weights @ sums[:, columns[error]], weights @ sums[:, 0])

    # As those of a classifier whose second class is what is anomalous.

    @property
    def y_true(self) -> Array:
        """Return 1 for anomalous samples, (n,)."""
        return np.zeros(len(self.sums)) if self.anomalous is None else self.anomalous.astype(int)

    @property
    def y_pred(self) -> Array:
        """Return how normal and how anomalous a sample looks, (n, 2); (n, 1) if none is known."""
        errors = self.errors()[:, None]
        return errors if self.anomalous is None else np.concatenate([-errors, errors], axis=1)

    @property
    def positive(self) -> int:
        """Return the position of what is anomalous."""
        return 1

    def flagged(self, anomalous: bool) -> Scorer | None:
        """Return the share of anomalous or of normal samples that are flagged.

        None where it is not known which are anomalous, or without p-values.
        """
        if self.anomalous is None or self.p_values is None:
            return None
        wanted = (self.anomalous == anomalous).astype("float64")
        alarms = wanted * (self.p_values <= FALSE_ALARMS)
        return lambda weights: ratio(weights @ alarms, weights @ wanted)
