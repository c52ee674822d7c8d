"""Gaussian process regression with a length scale for each feature."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlzoo.baselines._samples import Estimator, fit_samples
from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data

TARGETS = ("numbers per sample",)
LEARNS = True
FAST = False
ROWS = 500
"""Training samples that it is fitted on, at most: the time grows with their third power."""
COLUMNS = 30
"""Columns of numbers beyond which, and with categories, there is one length scale for all."""


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the posterior mean of a process with a squared exponential kernel, and white noise.

    Length scales, amplitude and noise maximize the marginal likelihood from one start. Rasmussen
    and Williams, Gaussian processes for machine learning, 2006.
    """
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    columns = data.samples.columns
    own_scales = len(columns) <= COLUMNS and not any(column.categories for column in columns)
    width = len(columns) if columns and own_scales else 1
    # The distance of standardized rows grows with the root of their columns.
    scales = RBF(np.full(width, max(len(columns), 1) ** 0.5), (0.05, 1e4))
    kernel = ConstantKernel(1.0, (1e-2, 1e3)) * scales + WhiteKernel(0.1, (1e-4, 1e1))

    def note(fitted: Any) -> str:
        kernel = fitted[-1].kernel_
        return f"noise {kernel.k2.noise_level:.2g} of the targets' variance"

    def make() -> Estimator:
        process = GaussianProcessRegressor(kernel, normalize_y=True, random_state=seed)
        return Estimator(process, note)

    return fit_samples(data, seed, ROWS, make)
