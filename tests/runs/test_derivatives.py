"""Derivatives on request in `predict`."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from mlzoo.core.errors import UsageError
from mlzoo.data.specs import Target
from mlzoo.data.tables.reader import Column
from mlzoo.runs.derivatives import check_derivatives, derivative_columns


@pytest.fixture
def run() -> SimpleNamespace:
    x = keras.Input((2,))
    u = x[:, :1] ** 3 * x[:, 1:]
    v = x[:, :1] * x[:, 1:] ** 2
    return SimpleNamespace(
        model=keras.Model(x, keras.layers.Concatenate()([u, v])),
        target=Target("numbers", "point"),
        record={"target_names": ["u", "v"], "task": "equations"},
        reader_columns=(Column("x"), Column("t")),
    )


@pytest.mark.backends
def test_derivatives_of_each_unknown(run: SimpleNamespace) -> None:
    points = np.array([[1.0, 2.0], [0.5, -1.0]])
    columns = derivative_columns(run, points, ("u_xx", "u_tx", "v_t"))
    x, t = points.T
    np.testing.assert_allclose(columns["u_xx"], 6 * x * t, rtol=1e-5)
    np.testing.assert_allclose(columns["u_tx"], 3 * x**2, rtol=1e-5)
    np.testing.assert_allclose(columns["v_t"], 2 * x * t, rtol=1e-5)


def test_names_that_are_no_derivatives_are_refused(run: SimpleNamespace) -> None:
    with pytest.raises(UsageError, match="unknown derivative 'u_y'.*u_x, u_t, u_xx"):
        check_derivatives(run, ("u_y",))
    run.target, run.record = Target("numbers", "sample"), {"task": "regression"}
    with pytest.raises(UsageError, match="--derivatives: has no effect on regression"):
        check_derivatives(run, ("u_x",))
