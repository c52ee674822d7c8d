"""Fixed convolution kernels of sequences, and the ridge regression on their features."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mlzoo.baselines import _convolution_kernels, minirocket
from mlzoo.baselines._convolution_kernels import KERNELS, ConvolutionKernels, fit_kernels
from mlzoo.baselines._ridge_features import PENALTIES, fit_ridge
from mlzoo.data.sequences.sequences import Sequences
from tests.evaluating.made import make_data


def uneven(count: int, steps: int, channels: int, seed: int = 0) -> np.ndarray:
    """Return noise (count, steps, channels) of different lengths, NaN beyond their ends."""
    rng = np.random.default_rng(seed)
    x = rng.normal(3, 2, (count, steps, channels))
    for row, length in zip(x, rng.integers(steps // 2, steps + 1, count), strict=True):
        row[length:] = np.nan
    return x


def by_hand(kernels: ConvolutionKernels, sequence: np.ndarray) -> list[float]:
    """Return the features of one sequence (steps, channels) without padding."""
    features = []
    scaled = (sequence - kernels.mean) / kernels.scale
    for each in kernels.convolved:
        weights = np.full(9, -1.0)
        weights[list(KERNELS[each.kernel])] = 2
        reach = 4 * each.dilation
        signal = np.pad(scaled[:, each.channels].sum(axis=1), reach)
        response = np.array(
            [weights @ signal[at : at + 2 * reach + 1 : each.dilation] for at in range(len(scaled))]
        )
        if not each.padded and len(scaled) > 2 * reach:
            response = response[reach:-reach]
        features += [float((response > bias).mean()) for bias in each.biases]
    return features


def test_features_are_shares_of_responses_above_biases(monkeypatch: pytest.MonkeyPatch) -> None:
    x = uneven(5, 40, 3)
    kernels = fit_kernels(x, 84 * 12, np.random.default_rng(0))
    assert {each.dilation for each in kernels.convolved} == {1, 2, 3, 4}
    features = kernels.features(x)
    assert features.shape == (5, 84 * 12)
    for row, sequence in zip(features, x, strict=True):
        length = int(np.isfinite(sequence[:, 0]).sum())
        # A response that is a bias itself may be rounded to either side.
        expected = np.array(by_hand(kernels, sequence[:length]))
        assert (np.abs(row - expected) < 1e-6).mean() > 0.97
    longer = np.pad(x, ((0, 0), (0, 7), (0, 0)), constant_values=np.nan)
    np.testing.assert_array_equal(kernels.features(longer), features)
    monkeypatch.setattr(_convolution_kernels, "CELLS", 2 * 9 * 40 * 3)  # two sequences at once
    np.testing.assert_array_equal(kernels.features(x), features)


@pytest.mark.parametrize("classes", [0, 3])
def test_the_penalty_has_the_least_leave_one_out_error(classes: int) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(12, 30))
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    y = rng.integers(3, size=12) if classes else 5 + 3 * x[:, :1] + rng.normal(size=(12, 1))
    wanted = np.eye(3)[y] if classes else y
    usual, errors, weights = wanted.std(axis=0), [], []
    for penalty in PENALTIES * 30:
        total = 0.0
        for left in range(12):
            kept = np.arange(12) != left
            center = x[kept].mean(axis=0)
            z, mean = x[kept] - center, wanted[kept].mean(axis=0)
            solved = np.linalg.solve(z.T @ z + penalty * np.eye(30), z.T @ (wanted[kept] - mean))
            total += np.square((wanted[left] - mean - (x[left] - center) @ solved) / usual).mean()
        errors.append(total)
        weights.append(
            np.linalg.solve(x.T @ x + penalty * np.eye(30), x.T @ (wanted - wanted.mean(axis=0)))
        )
    ridge = fit_ridge(x, y, classes)
    np.testing.assert_allclose(ridge.weights, weights[int(np.argmin(errors))], atol=1e-8)
    if classes:
        np.testing.assert_allclose(ridge.predict(x).sum(axis=1), 1)


def test_a_shape_is_recognized_wherever_it_is() -> None:
    rng = np.random.default_rng(2)
    shapes = [np.sin(np.linspace(0, 2 * np.pi, 12)), -np.sin(np.linspace(0, 2 * np.pi, 12))]
    targets, rows = rng.integers(2, size=150), []
    for target in targets:
        row = rng.normal(0, 0.3, (int(rng.integers(30, 50)), 2)).astype("float32")
        begin = rng.integers(len(row) - 12)
        row[begin : begin + 12, 0] += shapes[target]
        rows.append(row)
    data = make_data(Sequences.of(rows), targets, kind="sequence")
    fitted, again = minirocket.fit(data, 0), minirocket.fit(data, 0)
    assert fitted is not None and again is not None and fitted.note == ""
    probabilities = fitted.predict(data.test.inputs())
    assert (probabilities.argmax(axis=1) == data.test.targets).mean() >= 0.95
    np.testing.assert_array_equal(again.predict(data.test.inputs()), probabilities)

    heights = np.array([row[:, 0].max() for row in rows], "float32")
    numbers = make_data(Sequences.of(rows), heights, kind="sequence")
    regression = minirocket.fit(numbers, 0)
    assert regression is not None
    error = regression.predict(numbers.test.inputs())[:, 0] - numbers.test.targets
    assert np.square(error).mean() < 0.8 * numbers.test.targets.var()


def test_other_samples_have_no_such_baseline() -> None:
    data = make_data(np.zeros((20, 3), "float32"), np.arange(20) % 2)
    assert minirocket.fit(data, 0) is None
    one = make_data(np.zeros((20, 9, 1), "float32"), np.zeros(20, int), kind="sequence")
    assert minirocket.fit(one, 0) is None
    assert minirocket.fit(replace(one, train=replace(one.train, indices=np.arange(0))), 0) is None
