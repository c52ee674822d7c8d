"""Error by frequency over the epochs of a regression of one number, for `--diagnose spectrum`.

Networks learn slow changes of a function before fast ones: Rahaman et al., "On the Spectral Bias of
Neural Networks" (2019). The amplitude at a frequency, in periods over the interval of the training
inputs, is that of the least-squares fit of constant, cosine and sine (Lomb-Scargle), so that the
points need not be evenly spaced.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import keras
import numpy as np
from matplotlib.figure import Figure

from mlzoo.core.errors import UsageError
from mlzoo.core.files import read_rows, write_text
from mlzoo.data.samples import Data
from mlzoo.drawing.canvas import BLUE, new_figure, save, tidy
from mlzoo.runs.models import outputs_of

FILE = "spectrum.csv"
_COLUMNS = ("epoch", "frequency", "target", "error")
_HIGHEST, _POINTS_EACH, _MOST = 32, 4, 2048
"""The highest frequency, points that each frequency needs at least, and points at most."""
_LEAST = 1e-3
"""Errors below this share of the largest amplitude of the target are drawn as this share."""


def amplitudes(x: np.ndarray, values: np.ndarray, highest: int) -> np.ndarray:
    """Return the amplitudes (highest,) of a function at 1, 2, ... periods over its interval.

    Args:
        x: (n,) where it is known, of at least two different numbers.
        values: (n,) of the function there.
        highest: number of frequencies.
    """
    phase = 2 * np.pi * (x - x.min()) / np.ptp(x)
    sizes = np.empty(highest)
    for number in range(1, highest + 1):
        waves = np.stack([np.ones_like(phase), np.cos(number * phase), np.sin(number * phase)])
        fitted = np.linalg.lstsq(waves.T, values, rcond=None)[0]
        sizes[number - 1] = np.hypot(*fitted[1:])
    return sizes


def record(folder: Path, epoch: int, model: keras.Model, data: Data) -> None:
    """Write the error by frequency, in place of that of this epoch and later ones.

    Args:
        folder: of the checkpoints of a training.
        epoch: that is done; 0: none, so that the weights are initial ones.
        model: from raw inputs to numbers.
        data: what it is trained on.

    Raises:
        UsageError: not one number is predicted from one number.
    """
    x, inputs, targets = _points(data)
    highest = min(_HIGHEST, len(x) // _POINTS_EACH)
    lines = []
    if (folder / FILE).exists():
        _, rows = read_rows(folder / FILE)
        lines = [row for row in rows if int(row[0]) < epoch]
    errors = outputs_of(model, inputs)[:, 0].astype(float) - targets
    pairs = zip(amplitudes(x, targets, highest), amplitudes(x, errors, highest), strict=True)
    for frequency, pair in enumerate(pairs, 1):
        lines.append([str(epoch), str(frequency), *(f"{number:.6g}" for number in pair)])
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / FILE, "\n".join(",".join(line) for line in [_COLUMNS, *lines]) + "\n")


def _points(data: Data) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return training points: the number (n,), the inputs (n, 1), and the target (n,)."""
    samples = data.samples
    numeric = samples.kind == "table" and not any(column.categories for column in samples.columns)
    if not (samples.target.sample_numbers and numeric and samples.inputs.shape[1:] == (1,)):
        raise UsageError(
            "--diagnose spectrum is for a number that is predicted from one number, but samples "
            f"are of kind {samples.kind} and shape {samples.inputs.shape[1:]} for {samples.task}; "
            "leave it out"
        )
    if data.outputs.units != 1:
        raise UsageError(
            f"--diagnose spectrum is for one target, and here are {data.outputs.units}; choose one "
            "with --target"
        )
    count = len(data.train)
    some = np.unique(np.linspace(0, count - 1, min(count, _MOST)).astype(int))
    inputs = data.train.inputs(some)
    targets = np.asarray(data.train.targets_at(some), float).reshape(-1)
    known = np.isfinite(inputs[:, 0])
    x = inputs[known, 0].astype(float)
    if len(x) < _POINTS_EACH or not np.ptp(x):
        raise UsageError(
            f"--diagnose spectrum needs at least {_POINTS_EACH} training samples with different "
            f"inputs, but there are {len(np.unique(x))}; leave it out"
        )
    return x, inputs[known], targets[known]


def finish(checkpoints: Path, folder: Path) -> bool:
    """Copy the table of a training to its run folder, and draw `plots/spectrum.png`.

    Args:
        checkpoints: folder of its checkpoints.
        folder: of the run.

    Returns:
        Whether there is a table.
    """
    if not (checkpoints / FILE).exists():
        return False
    shutil.copyfile(checkpoints / FILE, folder / FILE)
    _, rows = read_rows(folder / FILE)
    table = np.array(rows, dtype=float)
    save(_figure(table), folder / "plots" / "spectrum.png")
    return True


def _figure(table: np.ndarray) -> Figure:
    """Draw the error by epoch and frequency, and the target's amplitudes beside it."""
    epochs, frequencies = np.unique(table[:, 0]), np.unique(table[:, 1])
    target = table[: len(frequencies), 2]
    errors = table[:, 3].reshape(len(epochs), len(frequencies))
    largest = target.max() or 1.0
    figure = new_figure(8, 3.6)
    left, right = figure.subplots(1, 2, width_ratios=(3, 1), sharey=True)
    shown = left.pcolormesh(
        epochs,
        frequencies,
        np.log10(np.maximum(errors.T / largest, _LEAST)),
        shading="nearest",
        cmap="magma",
        vmin=np.log10(_LEAST),
        vmax=0,
    )
    figure.colorbar(shown, ax=left, label="log10 of the error's amplitude,\nlargest of target: 0")
    tidy(left, "error by frequency", "epoch", "periods over the training inputs")
    left.grid(False)
    right.barh(frequencies, target, color=BLUE)
    tidy(right, "target", "amplitude")
    return figure
