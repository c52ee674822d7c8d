"""Networks whose output repeats itself along a coordinate."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mlzoo.layers.periodic import PeriodicCoordinates


@pytest.mark.backends
def test_both_ends_of_a_periodic_coordinate_are_one_point_with_all_slopes() -> None:
    layer = PeriodicCoordinates([0])
    x = np.array([[-1.0, 0.3], [1.0, 0.3], [0.5, 0.3], [0.5, 0.4]], "float32")
    y = keras.ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(y[0], y[1], atol=1e-6)
    np.testing.assert_allclose(y[2], [0.3, 0, 1], atol=1e-6)
    assert y[3, 0] == np.float32(0.4) and layer.compute_output_shape((None, 2)) == (None, 3)


@pytest.mark.backends
def test_the_precision_of_the_input_is_kept() -> None:
    from mlzoo.runs import devices

    devices.set_precision("float64")
    try:
        x = keras.ops.convert_to_tensor(np.array([[1 / 3]]))
        y = keras.ops.convert_to_numpy(PeriodicCoordinates([0])(x))
        np.testing.assert_allclose(y, [[0.5, np.sqrt(0.75)]], rtol=1e-15)
    finally:
        devices.set_precision("float32")
