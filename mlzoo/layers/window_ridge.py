"""Ridge regressions of what classic forecasts of windows leave, for all penalties at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlzoo.layers.season_profile import SeasonProfile

PENALTIES = (1e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
"""Ridge penalties, in mean squares of the features."""
_MOST_FEATURES = 512
_MOST_RESIDUALS = 500
"""Windows whose residuals a median is taken of."""


@dataclass(frozen=True)
class Candidates:
    """Parts that the candidates of one target share.

    Attributes:
        kernels: (kernels, window, horizon) classic forecasts.
        channel: of the target.
        log: whether the targets' channels are logarithms.
        context: channels whose values are features as they are, never changes.
    """

    kernels: np.ndarray
    channel: int
    log: bool
    context: tuple[int, ...] = ()


@dataclass(frozen=True)
class WindowRows:
    """Windows: `x` (n, window, channels), `y` (n, horizon), their first and last time."""

    x: np.ndarray
    y: np.ndarray
    begins: np.ndarray
    ends: np.ndarray

    def at(self, where: np.ndarray) -> WindowRows:
        """Return those at some positions."""
        return WindowRows(self.x[where], self.y[where], self.begins[where], self.ends[where])

    def __len__(self) -> int:
        return len(self.begins)


class WindowRidge:
    """Ridge regressions of what every kernel leaves, for all penalties at once.

    Args:
        rows: windows to fit on.
        candidates: kernels, channel and scale.
        relative: whether the features are changes from the last step, not values.
        profile: season that is taken away from windows and added to forecasts; None: none is.
        medians: whether the residuals of each regression have the median 0, not the mean: where
            values repeat, their median has a far lower absolute error.
    """

    def __init__(
        self,
        rows: WindowRows,
        candidates: Candidates,
        relative: bool,
        profile: SeasonProfile | None = None,
        medians: bool = False,
    ) -> None:
        self.candidates, self.relative, self.profile = candidates, relative, profile
        # A forecast far beyond all that was seen is an error of the extrapolation.
        self.most = 20 * float(rows.y.max())
        x, season = self._adjusted(rows.x)
        features = self._features(x)
        self.shift = features.mean(axis=0)
        self.factors = self._factors(features - self.shift, x.shape[2])
        scaled = (features - self.shift) * self.factors
        left, self.sizes, self.right = np.linalg.svd(scaled, full_matrices=False)
        self.scale = float((self.sizes**2).sum()) / max(1, features.shape[1])
        y = in_logarithms(rows.y) if candidates.log else rows.y
        rest = y - season - self._structural(x)
        self.intercept = rest.mean(axis=1)
        self.projected = left.T @ (rest - self.intercept[:, None])
        self.medians = np.zeros((len(PENALTIES), *self.intercept.shape))
        if medians:
            some = np.linspace(0, len(x) - 1, min(len(x), _MOST_RESIDUALS)).astype(int)
            for number, penalty in enumerate(PENALTIES):
                change = (left[some] * self.sizes * self._shrunk(penalty)) @ self.projected
                residual = rest[:, some] - self.intercept[:, None] - change
                self.medians[number] = np.median(residual, axis=1)

    def _factors(self, features: np.ndarray, channels: int) -> np.ndarray:
        """Return factors (features,) that give channels of context the size of the target's.

        Penalties are alike for all features, and units of context may be any.
        """
        factors = np.ones((features.shape[1] // channels, channels))
        if self.candidates.context:
            squares = np.square(features).mean(axis=0).reshape(factors.shape).mean(axis=0)
            for place in self.candidates.context:
                if squares[place] > 0 and squares[self.candidates.channel] > 0:
                    factors[:, place] = np.sqrt(squares[self.candidates.channel] / squares[place])
        return factors.ravel()

    def _adjusted(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray | float]:
        """Return windows without their season, and the season to add (n, horizon)."""
        if self.profile is None:
            return x, 0.0
        channel = self.candidates.channel
        phases = self.profile.phases(x[..., channel])
        x = x.copy()
        x[..., channel] -= phases @ self.profile.past
        return x, phases @ self.profile.future

    def _features(self, x: np.ndarray) -> np.ndarray:
        """Return (n, features); of long windows the last steps alone are not 0."""
        features = x - x[:, -1:] if self.relative else x.copy()
        context = list(self.candidates.context)
        features[..., context] = x[..., context]
        features[:, : max(0, x.shape[1] - max(1, _MOST_FEATURES // x.shape[2]))] = 0
        return features.reshape(len(x), -1)

    def _structural(self, x: np.ndarray) -> np.ndarray:
        """Return the kernels' own forecasts (kernels, n, horizon)."""
        return np.asarray(x[..., self.candidates.channel] @ self.candidates.kernels)

    def _shrunk(self, penalty: float) -> np.ndarray:
        """Return the factors (rank,) from projected targets to weights of singular vectors."""
        below = self.sizes**2 + penalty * self.scale
        return np.divide(self.sizes, below, out=np.zeros_like(below), where=below > 0)

    def forecasts(self, x: np.ndarray) -> Iterator[np.ndarray]:
        """Yield (kernels, n, horizon) for each penalty, and without a regression, transformed."""
        x, season = self._adjusted(x)
        base = self._structural(x) + season
        scores = ((self._features(x) - self.shift) * self.factors) @ self.right.T
        for number, penalty in enumerate(PENALTIES):
            change = (scores * self._shrunk(penalty)) @ self.projected
            yield base + (self.intercept + self.medians[number])[:, None] + change
        yield base

    def restored(self, forecasts: np.ndarray) -> np.ndarray:
        """Return forecasts in the values' own units."""
        if not self.candidates.log:
            return forecasts
        return np.asarray(np.exp(np.minimum(forecasts, np.log(self.most))))

    def weighted(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return kernel (features, horizon) and bias (horizon,) of the weighted regressions.

        Args:
            weights: (penalties + 1, kernels), as `forecasts` yields them.
        """
        shrunk = np.stack([self._shrunk(penalty) for penalty in PENALTIES])
        factors = weights[:-1].T @ shrunk
        kernel = self.right.T @ np.einsum("kr,krh->rh", factors, self.projected)
        kernel *= self.factors[:, None]
        bias = weights[:-1].sum(axis=0) @ self.intercept - self.shift @ kernel
        return kernel, bias + np.einsum("pk,pkh->h", weights[:-1], self.medians)

    def seasonal(self, weights: np.ndarray, kernel: np.ndarray) -> np.ndarray | float:
        """Return what the weighted candidates add in each phase, (season, horizon).

        Args:
            weights: (penalties + 1, kernels).
            kernel: (features, horizon) of the weighted regressions.
        """
        if self.profile is None:
            return 0.0
        season, window = self.profile.past.shape
        x = np.zeros((season, window, self.shift.size // window))
        x[..., self.candidates.channel] = self.profile.past
        left = self.profile.future - self._structural(x)
        return np.asarray(
            np.einsum("k,ksh->sh", weights.sum(axis=0), left) - self._features(x) @ kernel
        )


def in_logarithms(values: np.ndarray) -> np.ndarray:
    """Return logarithms; of what is not positive that of the smallest float."""
    return np.asarray(np.log(np.maximum(values, np.finfo("float32").tiny)))
