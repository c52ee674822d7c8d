"""WAV files as sequences: one channel, at one rate."""

from __future__ import annotations

import warnings
from math import gcd
from pathlib import Path

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.core.files import refuse_special
from mlzoo.data.tables.tables import Table

CHANNEL = "waveform"
"""Name of the one channel."""
ENDING = ".wav"
RATE = 16_000
"""Samples a second that all files are brought to, so that sounds up to 8 kHz are heard."""
LEAST = 400
"""Samples of the shortest sound: 25 ms, the window of the spectrum."""
_MOST = 60
"""Seconds of the longest one."""


def is_audio(path: Path) -> bool:
    """Return whether a file's name is that of a sound."""
    return path.suffix.lower() == ENDING


def read_wav(path: Path) -> Table:
    """Return a sound as a table of one column `waveform`, from -1 to 1, a row a sample.

    Channels are averaged, and other rates brought to `RATE` by a polyphase filter.

    Args:
        path: a WAV file of 8-, 16-, 24- or 32-bit integers or of floating-point numbers.

    Raises:
        DataError: it can't be read, is shorter than 25 ms or longer than 60 s.
    """
    from scipy.io import wavfile
    from scipy.signal import resample_poly

    refuse_special(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # chunks of other programs
            rate, values = wavfile.read(path)
    except Exception as error:
        raise DataError(f"{path} can't be read as WAV: {error}") from None
    seconds = len(values) / rate if rate else 0
    if not LEAST / RATE <= seconds <= _MOST:
        raise DataError(
            f"{path} is {seconds:.3g} s long; sounds of {LEAST / RATE:.3g} to {_MOST} s can be "
            "read: cut longer ones"
        )
    samples = _scaled(values)
    samples = samples.mean(axis=1) if samples.ndim > 1 else samples
    if rate != RATE:
        common = gcd(int(rate), RATE)
        samples = resample_poly(samples, RATE // common, int(rate) // common)
    lines = np.arange(1, len(samples) + 1)
    return Table({CHANNEL: samples}, lines, lines)


def _scaled(values: np.ndarray) -> np.ndarray:
    """Return samples from -1 to 1, float64; scipy gives 24 bits as the upper ones of 32."""
    if values.dtype.kind == "f":
        return values.astype("float64")
    if values.dtype == np.uint8:
        return (values.astype("float64") - 128) / 128
    return values / float(-np.iinfo(values.dtype).min)
