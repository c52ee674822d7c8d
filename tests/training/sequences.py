"""Small sequences and windows for training tests, made by hand."""

from __future__ import annotations

import numpy as np

from mlzoo.data.contracts import task
from mlzoo.data.samples import Data, Part, Samples
from mlzoo.data.sequences.reader import SequenceReader
from mlzoo.data.sequences.sequences import Sequences
from mlzoo.data.sequences.windows import Windows
from mlzoo.data.specs import IGNORED
from mlzoo.layers.input_scaling import input_spec


def samples(lengths: list[int] | np.ndarray, task: str = "classification") -> Samples:
    """Sequences of two channels; the class is that of the larger one, of all steps or of each."""
    random = np.random.default_rng(0)
    inputs = [random.normal(size=(length, 2)).astype("float32") for length in lengths]
    common = {"kind": "sequence", "class_names": ("first", "second")}
    if task == "labeling":
        targets = [(x[:, 0] < x[:, 1]).astype("uint8") for x in inputs]
        targets[0][:1] = IGNORED
        return Samples(Sequences.of(inputs), Sequences.of(targets), task, **common)
    found = np.array([x[:, 0].sum() < x[:, 1].sum() for x in inputs]).astype("int32")
    return Samples(Sequences.of(inputs), found, task, **common)


def data(made: Samples, shares: tuple[float, float] = (0.6, 0.2)) -> Data:
    """In three parts, in order."""
    n = len(made)
    cuts = [int(n * shares[0]), int(n * sum(shares))]
    parts = [Part(made, p) for p in np.split(np.arange(n), cuts)]
    return Data(made, *parts, input_spec(parts[0]), task(made.task).output_spec(parts[0]), "made")


def windows(
    steps: int, window: int, horizon: int, stride: int, breaks: tuple[int, ...] = ()
) -> Samples:
    """Windows of a wave with a second channel, none across a break."""
    t = np.arange(steps)
    random = np.random.default_rng(0)
    wave = np.sin(t / 3) + 0.1 * random.normal(size=steps)
    values = np.stack([wave, np.cos(t / 7)], axis=1).astype("float32")
    pieces = np.split(t, list(breaks))
    starts = np.concatenate([np.arange(p[0], p[-1] + 2 - window - horizon, stride) for p in pieces])
    count = np.ones(len(starts), int)
    span = np.stack([starts, starts + window + horizon], axis=1)
    return Samples(
        Sequences(values, starts, window * count),
        Sequences(np.ascontiguousarray(values[:, :1]), starts + window, horizon * count),
        "forecasting",
        kind="sequence",
        target_names=("wave",),
        windows=Windows(span, starts + window, 1, t.astype(str)),
        reader=SequenceReader(channels=("wave", "other")),
    )
