"""Spectra within a model, beside NumPy's Fourier transform."""

from __future__ import annotations

import numpy as np
import pytest

from mlzoo.layers.audio import HOP, WINDOW, LogMel, mel_corners, mel_filters

RATE = 16_000


@pytest.mark.backends
def test_energies_are_those_of_the_fourier_transform() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 1000, 1)).astype("float32")
    values = np.asarray(LogMel(RATE, [0.0] * 40, [1.0] * 40)(x))
    frames = np.stack([x[:, i : i + WINDOW, 0] for i in range(0, 1000 - WINDOW + 1, HOP)], axis=1)
    power = np.abs(np.fft.rfft(frames * np.hanning(WINDOW + 1)[:-1], 512)) ** 2
    expected = np.log(power @ mel_filters(RATE, 40) + 1e-6)
    assert values.shape == (2, 4, 40)
    np.testing.assert_allclose(values, expected, atol=2e-4)


@pytest.mark.backends
def test_frames_beyond_the_end_are_masked_and_change_nothing() -> None:
    rng = np.random.default_rng(0)
    layer = LogMel(RATE, [1.0] * 8, [2.0] * 8)
    x = np.full((2, 1200, 1), np.nan, "float32")
    x[0], x[1, :700] = rng.normal(size=(1200, 1)), rng.normal(size=(700, 1))
    values, mask = np.asarray(layer(x)), np.asarray(layer.compute_mask(x))
    assert mask.tolist() == [[True] * 6, [True] * 2 + [False] * 4]
    np.testing.assert_allclose(values[1, :2], np.asarray(layer(x[1:, :700]))[0], atol=1e-5)
    assert not values[1, 2:].any()


def test_filters_peak_at_frequencies_that_are_even_in_mel() -> None:
    corners = mel_corners(RATE, 40)
    assert corners[0] == 0 and corners[-1] == pytest.approx(8000)
    mel = 2595 * np.log10(1 + corners / 700)
    np.testing.assert_allclose(np.diff(mel), np.diff(mel)[0])
    # 1,000 Hz are about 1,000 mel.
    assert 2595 * np.log10(1 + 1000 / 700) == pytest.approx(1000, abs=0.5)
    wide = mel_filters(RATE, 8)
    assert wide.min() == 0 and (wide.max(axis=0) > 0.9).all()
