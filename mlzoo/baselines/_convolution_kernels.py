"""Features of sequences by fixed convolution kernels, of which only biases come from data.

Dempster, Schmidt and Webb, "MiniRocket: A Very Fast (Almost) Deterministic Transform for Time
Series Classification" (2021), with several channels and lengths as in its authors' variant for
those: each kernel and dilation sums a few channels, drawn at random.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

TAPS = 9
"""Weights of a kernel: six are -1, three are 2."""
KERNELS = tuple(combinations(range(TAPS), 3))
"""Positions of the three weights of 2, of all 84 kernels."""
MOST_DILATIONS = 32
CELLS = 2**25
"""Numbers that the taps of a chunk of sequences see, at most."""
_GOLDEN = (5**0.5 + 1) / 2


@dataclass(frozen=True)
class Convolved:
    """A kernel at one dilation.

    Attributes:
        kernel: index into `KERNELS`.
        dilation: steps between its weights.
        padded: whether responses beyond which the sequence ends count, with zeros there.
        channels: (c,) positions of the channels that it sums.
        biases: (b,) thresholds; a feature is the share of responses above one.
    """

    kernel: int
    dilation: int
    padded: bool
    channels: np.ndarray
    biases: np.ndarray


@dataclass(frozen=True)
class ConvolutionKernels:
    """Fitted kernels.

    Attributes:
        mean: (channels,) of the training sequences.
        scale: (channels,) their standard deviation, over 0.
        convolved: all kernels at their dilations, sorted by dilation.
    """

    mean: np.ndarray
    scale: np.ndarray
    convolved: tuple[Convolved, ...]

    def features(self, sequences: np.ndarray) -> np.ndarray:
        """Return the shares (n, features) of responses above each bias.

        Args:
            sequences: (n, steps, channels), NaN beyond the end of each.
        """
        chunk = max(1, CELLS // (TAPS * int(np.prod(sequences.shape[1:]))))
        parts = range(0, len(sequences), chunk)
        return np.concatenate([self._features(sequences[i : i + chunk]) for i in parts])

    def _features(self, sequences: np.ndarray) -> np.ndarray:
        scaled, lengths = _scaled(sequences, self.mean, self.scale)
        columns = []
        for each, response in _responses(scaled, self.convolved):
            inside = _inside(lengths, scaled.shape[1], each)
            count = inside.sum(axis=1)
            response = np.where(inside, response, -np.inf)
            above = np.stack([(response > bias).sum(axis=1) for bias in each.biases], axis=1)
            columns.append(above / count[:, None])
        return np.concatenate(columns, axis=1).astype("float32")


def fit_kernels(
    sequences: np.ndarray, features: int, rng: np.random.Generator
) -> ConvolutionKernels:
    """Return kernels whose biases are quantiles of responses to training sequences.

    Args:
        sequences: (n, steps, channels), NaN beyond the end of each.
        features: how many to make, about; at least one a kernel.
        rng: draws channels, and the sequence that each kernel takes its biases from.
    """
    mean = np.nanmean(sequences, axis=(0, 1), dtype="float64")
    deviation = np.nanstd(sequences, axis=(0, 1), dtype="float64")
    scale = np.where(deviation > 0, deviation, 1.0)
    scaled, lengths = _scaled(sequences, mean, scale)
    dilations, counts = _dilations(int(np.median(lengths)), max(1, features // len(KERNELS)))
    # Quantiles of a low-discrepancy sequence spread evenly over all biases.
    quantiles = np.arange(1, len(KERNELS) * counts.sum() + 1) * _GOLDEN % 1
    drawn = [
        Convolved(kernel, int(dilation), (number + kernel) % 2 == 0, channels, np.zeros(count))
        for number, (dilation, count) in enumerate(zip(dilations, counts, strict=True))
        for kernel in range(len(KERNELS))
        for channels in (_channels(scaled.shape[2], rng),)
    ]
    fitted, begin = [], 0
    for each in drawn:
        row = int(rng.integers(len(scaled)))
        response = next(_responses(scaled[row : row + 1], (each,)))[1][0]
        inside = _inside(lengths[row : row + 1], len(response), each)[0]
        end = begin + len(each.biases)
        biases = np.quantile(response[inside], quantiles[begin:end])
        fitted.append(Convolved(each.kernel, each.dilation, each.padded, each.channels, biases))
        begin = end
    return ConvolutionKernels(mean, scale, tuple(fitted))


def _scaled(
    sequences: np.ndarray, mean: np.ndarray, scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return standardized sequences, 0 beyond their ends, and their lengths (n,)."""
    present = ~np.isnan(sequences).all(axis=-1)
    lengths = sequences.shape[1] - present[:, ::-1].argmax(axis=1)
    return np.nan_to_num((sequences - mean) / scale).astype("float32"), lengths


def _dilations(length: int, features: int) -> tuple[np.ndarray, np.ndarray]:
    """Return dilations, from 1 to where a kernel is as long as the sequence, and biases at each."""
    count = min(features, MOST_DILATIONS)
    most = np.log2(max(1.0, (length - 1) / (TAPS - 1)))
    spread = np.floor(np.logspace(0, most, count, base=2)).astype(int)
    dilations, shares = np.unique(spread, return_counts=True)
    counts = shares * (features // count)
    for number in range(features - int(counts.sum())):
        counts[number % len(counts)] += 1
    return dilations, counts


def _channels(channels: int, rng: np.random.Generator) -> np.ndarray:
    """Draw which channels a kernel sums: mostly few, at most as many as it has weights."""
    most = np.log2(min(channels, TAPS) + 1)
    return rng.choice(channels, int(2 ** rng.uniform(0, most)), replace=False)


def _responses(
    scaled: np.ndarray, convolved: tuple[Convolved, ...]
) -> Iterator[tuple[Convolved, np.ndarray]]:
    """Yield kernels with their responses (n, steps), where zeros surround each sequence."""
    dilation, shifted = 0, np.empty(0)
    for each in convolved:
        if each.dilation != dilation:
            dilation = each.dilation
            shifted = _shifted(scaled, dilation)
        of_channels = shifted[..., each.channels].sum(axis=-1)
        taps = of_channels[list(KERNELS[each.kernel])].sum(axis=0)
        yield each, 3 * taps - of_channels.sum(axis=0)


def _shifted(scaled: np.ndarray, dilation: int) -> np.ndarray:
    """Return (taps, n, steps, channels): what each tap of a centered kernel sees."""
    reach, steps = TAPS // 2 * dilation, scaled.shape[1]
    padded = np.pad(scaled, ((0, 0), (reach, reach), (0, 0)))
    return np.stack([padded[:, tap * dilation :][:, :steps] for tap in range(TAPS)])


def _inside(lengths: np.ndarray, steps: int, each: Convolved) -> np.ndarray:
    """Return (n, steps), where a response counts; all steps of a sequence that is too short."""
    reach = TAPS // 2 * each.dilation
    margin = np.where(each.padded | (lengths <= 2 * reach), 0, reach)[:, None]
    at = np.arange(steps)
    return np.asarray((at >= margin) & (at < lengths[:, None] - margin))
