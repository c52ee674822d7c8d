"""What is special to the temporal convolutional network; the contract holds the rest."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.core.errors import UsageError
from tests.contracts import FORECAST, LABELS, NUMBERS, TEXT, ModelCase, outcome


def case(**settings: Any) -> ModelCase:
    return ModelCase("tcn", {"filters": 4, "blocks": 2, **settings}, ((11, 2), (9, 3)), "sequence")


def seen(model: keras.Model, steps: int, changed: int) -> np.ndarray:
    """At which steps the output hangs on one step of the input."""
    x = np.random.default_rng(0).normal(size=(1, steps, 2)).astype("float32")
    other = x.copy()
    other[:, changed] += 3
    return np.abs(outcome(model, x) - outcome(model, other)).max(axis=-1)[0] > 1e-7


@pytest.mark.parametrize(("kernel_size", "blocks"), [(3, 1), (3, 2), (3, 3), (2, 3), (4, 2)])
def test_the_reach_is_what_the_help_says(kernel_size: int, blocks: int) -> None:
    settings = {"kernel_size": kernel_size, "blocks": blocks, "activation": "tanh"}
    model = case(**settings, layer_normalization=False).build(LABELS)
    reach = 1 + 2 * (kernel_size - 1) * (2**blocks - 1)
    if kernel_size == 3:
        assert reach == 2 ** (blocks + 2) - 3
    steps, changed = reach + 10, 4
    assert np.flatnonzero(seen(model, steps, changed)).tolist() == list(range(4, 4 + reach))


@pytest.mark.parametrize("causal", [True, False])
def test_a_causal_network_sees_no_later_step(causal: bool) -> None:
    found = seen(case(causal=causal).build(LABELS), 12, 6)
    assert found[6:8].all()
    assert found[:6].any() != causal


@pytest.mark.slow
@pytest.mark.parametrize("causal", [pytest.param(True, marks=pytest.mark.backends), False])
@pytest.mark.parametrize(
    ("outputs", "pooling"),
    [(NUMBERS, "mean"), (NUMBERS, "last"), (NUMBERS, "attention"), (NUMBERS, "concat"),
     (LABELS, "mean"), (FORECAST, "mean")],
)  # fmt: skip
def test_padding_changes_no_output(causal: bool, outputs: Any, pooling: str) -> None:
    model = case(causal=causal, pooling=pooling).build(outputs)
    # Biases away from 0, which would hide what padding says.
    noise = np.random.default_rng(1)
    model.set_weights([w + 0.3 * noise.normal(size=w.shape) for w in model.get_weights()])
    x = case().samples(4, outputs)
    for row, said in zip(x, outcome(model, x), strict=True):
        own = row[~np.isnan(row[:, 0])]
        alone = outcome(model, own[None])[0]
        np.testing.assert_allclose(said[: len(alone)], alone, atol=1e-5)


def test_a_forecast_sees_the_last_step_first() -> None:
    model = case(blocks=1, layer_normalization=False).build(FORECAST)
    x = np.random.default_rng(0).normal(size=(1, 11, 2)).astype("float32")
    said = outcome(model, x)
    beyond, within = x.copy(), x.copy()
    beyond[:, :6] += 1  # the reach of one block is 5 steps
    within[:, 6] += 1
    np.testing.assert_array_equal(outcome(model, beyond), said)
    assert np.abs(outcome(model, within) - said).max() > 1e-6


@pytest.mark.parametrize(
    ("settings", "outputs", "message"),
    [
        ({"causal": False}, TEXT, "causal=false would see the characters"),
        ({"pooling": "attention"}, FORECAST, "pooling has no effect on forecasting"),
        ({"pooling": "last"}, LABELS, "pooling has no effect on labeling"),
        ({"skip_last": False}, NUMBERS, "skip_last has no effect on regression"),
    ],
)
def test_settings_that_do_not_fit_the_task(
    settings: dict[str, Any], outputs: Any, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        case(**settings).build(outputs)


def test_what_is_no_sequence_is_refused() -> None:
    with pytest.raises(UsageError, match="tcn needs sequences"):
        ModelCase("tcn").build(NUMBERS)
