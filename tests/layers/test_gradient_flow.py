"""How far back gradients reach, and gates that remember from the start."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mlzoo.layers.gradient_flow import lag_gradients
from mlzoo.layers.recurrent import GateMemory, recurrent
from mlzoo.layers.scaling import SequenceScaling
from mlzoo.models import rnn


def powers(weight: float) -> keras.Model:
    """h_t = weight * h_(t-1) + x_t, whose last state is the output."""
    start = keras.Input((None, 1))
    scaled = SequenceScaling([0.0], [1.0])(start)
    layer = keras.layers.SimpleRNN(1, activation="linear", use_bias=False)
    model = keras.Model(start, layer(scaled))
    layer.set_weights([np.ones((1, 1)), np.full((1, 1), weight)])
    model.compile("sgd", keras.losses.MeanSquaredError())
    return model


@pytest.mark.parametrize("weight", [0.5, 1.2])
def test_gradients_vanish_and_explode_as_powers_do(weight: float) -> None:
    model = powers(weight)
    x = np.random.default_rng(0).normal(size=(4, 6, 1)).astype("float32")
    x[1, 4:] = np.nan
    y = np.full((4, 1), 3.0, "float32")
    norms = lag_gradients(model, x, y)
    spread = np.nanstd(x)
    said = np.asarray(model(x))[:, 0]
    slopes = 2 * np.abs(said - 3) * spread
    assert norms[0] == pytest.approx(slopes.mean(), rel=1e-4)
    np.testing.assert_allclose(norms[1:4] / norms[:3], weight, rtol=1e-4)
    whole = slopes[[0, 2, 3]].mean()  # the second sequence does not reach as far back
    np.testing.assert_allclose(norms[4:], whole * weight ** np.array([4, 5]), rtol=1e-4)


def test_weights_and_state_stay_as_they_were() -> None:
    model = powers(0.9)
    before = [w.copy() for w in model.get_weights()]
    lag_gradients(model, np.ones((2, 5, 1), "float32"), np.zeros((2, 1), "float32"))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_biases_of_gates_that_remember() -> None:
    log = np.log(np.linspace(1, 50, 4))
    lstm = np.asarray(GateMemory(50)((16,)))
    np.testing.assert_allclose(lstm, [*-log, *log, *np.zeros(8)], atol=1e-6)
    gru = np.asarray(GateMemory(50)((2, 12)))
    np.testing.assert_allclose(gru, [[*log, *np.zeros(8)], np.zeros(12)], atol=1e-6)
    config = rnn.Config(cell="gru", units=4, memory=50)
    layer = recurrent("gru", 4, False, config, "rnn1")
    layer.build((None, None, 2))
    np.testing.assert_allclose(layer.cell.bias, gru, atol=1e-6)
    again = keras.layers.GRU.from_config(layer.get_config())
    assert again.cell.bias_initializer.steps == 50


def test_a_simple_cell_has_no_gates() -> None:
    with pytest.raises(ValueError, match="memory has no effect on cell simple"):
        rnn.Config(cell="simple", memory=5)
