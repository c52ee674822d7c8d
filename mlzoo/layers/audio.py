"""Log-mel spectrogram within a model, so that it takes waveforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

WINDOW, HOP = 400, 160
"""Samples of a window and from one to the next: 25 and 10 ms at 16 kHz."""
_FFT = 512
_FLOOR = 1e-6


def mel_corners(rate: int, bins: int) -> np.ndarray:
    """Return frequencies (bins + 2,) in Hz, evenly spaced in mel from 0 to half the rate.

    mel(f) = 2595 log10(1 + f / 700) (O'Shaughnessy 1987).

    Args:
        rate: samples a second.
        bins: number of filters, which peak at those between the first and the last.
    """
    top = 2595 * np.log10(1 + rate / 2 / 700)
    return 700 * (10 ** (np.linspace(0, top, bins + 2) / 2595) - 1)


def mel_filters(rate: int, bins: int) -> np.ndarray:
    """Return triangular filters (frequencies, bins) between `mel_corners`, with peaks of 1."""
    corners = mel_corners(rate, bins)
    frequencies = np.linspace(0, rate / 2, _FFT // 2 + 1)[:, None]
    left, peak, right = corners[:-2], corners[1:-1], corners[2:]
    rising, falling = (frequencies - left) / (peak - left), (right - frequencies) / (right - peak)
    return np.clip(np.minimum(rising, falling), 0, None).astype("float32")


def _waves() -> np.ndarray:
    """Return cosines and sines under a Hann window, as convolution kernels (window, 1, 2 x 257)."""
    samples = np.arange(WINDOW)[:, None]
    angles = 2 * np.pi * samples * np.arange(_FFT // 2 + 1) / _FFT
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * samples / WINDOW)
    waves = np.concatenate([hann * np.cos(angles), hann * np.sin(angles)], axis=1)
    return waves[:, None].astype("float32")


@keras.saving.register_keras_serializable(package="mlzoo")
class LogMel(keras.layers.Layer):
    """Standardized log-mel spectrogram (batch, frames, bins) of waveforms (batch, steps, 1).

    The spectrum is a convolution with cosines and sines, which every backend and export knows. A
    waveform may end in NaN; frames that reach beyond its end are 0 and masked.

    Args:
        rate: samples a second.
        mean: of each bin, a natural logarithm.
        std: the same; no zeros.
    """

    def __init__(
        self, rate: int, mean: Sequence[float], std: Sequence[float], **kwargs: Any
    ) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.rate = int(rate)
        self.mean, self.std = ([float(value) for value in row] for row in (mean, std))
        self.supports_masking = True
        self._waves, self._filters = _waves(), mel_filters(self.rate, len(self.mean))

    @property
    def frequencies(self) -> np.ndarray:
        """Return the peak of each bin, (bins,) in Hz."""
        return mel_corners(self.rate, len(self.mean))[1:-1]

    def features(self, x: Any) -> Any:
        """Return log-mel energies (batch, frames, bins), NaN where a frame is not whole."""
        x = ops.cast(x, "float32")
        known = ops.where(ops.isnan(x), 0.0, x)
        spectrum = ops.conv(known, ops.convert_to_tensor(self._waves), HOP, "valid")
        cosines, sines = ops.split(spectrum, 2, axis=-1)
        power = ops.square(cosines) + ops.square(sines)
        energies = ops.log(ops.matmul(power, ops.convert_to_tensor(self._filters)) + _FLOOR)
        return ops.where(self._whole(x)[..., None], energies, float("nan"))

    def _whole(self, x: Any) -> Any:
        """Return (batch, frames): whether the last sample of a frame is known."""
        return ops.logical_not(ops.isnan(x[:, WINDOW - 1 :: HOP, 0]))

    def call(self, x: Any) -> Any:
        """Return the standardized spectrogram of x (batch, steps, 1)."""
        values = (self.features(x) - ops.convert_to_tensor(self.mean)) / ops.convert_to_tensor(
            self.std
        )
        return ops.where(ops.isnan(values), 0.0, values)

    def compute_mask(self, inputs: Any, previous: Any = None) -> Any:
        """Return (batch, frames): true for frames that are whole."""
        return self._whole(inputs)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, frames, bins)."""
        steps = input_shape[1]
        frames = None if steps is None else (steps - WINDOW) // HOP + 1
        return (input_shape[0], frames, len(self.mean))

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "rate": self.rate, "mean": self.mean, "std": self.std}
