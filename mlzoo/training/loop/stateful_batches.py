"""Windows in order of time, in parallel streams, for states carried from batch to batch."""

from __future__ import annotations

import numpy as np

from mlzoo.core.errors import UsageError
from mlzoo.data.samples import Part
from mlzoo.data.sequences.sequences import Sequences

STREAMS = 8
"""Streams where no batch size is given."""


class Streams:
    """The windows of a part in streams: each row of a batch goes on from that of the one before.

    The windows are cut into as many stretches as there are streams, of equal length; what is left
    over at the end is not fed. Every epoch begins at the start, with empty states.

    Args:
        part: windows in order of time, none of which overlap.
        streams: how many rows a batch has.

    Raises:
        UsageError: the samples are no windows of series, or windows overlap.
    """

    slow = alone = False
    augmenter = None

    def __init__(self, part: Part, streams: int) -> None:
        inputs = part.samples.inputs
        if part.samples.windows is None or not isinstance(inputs, Sequences):
            raise UsageError("carry_state is for series and text: there are no windows here")
        self._part, self._inputs = part, inputs.only(part.indices)
        starts = self._inputs.starts
        if len(starts) > 1 and (np.diff(starts) < self._inputs.longest).any():
            raise UsageError(
                f"carry_state needs windows that follow one another: set --stride "
                f"{self._inputs.longest}, as long as the window"
            )
        self.streams = min(streams, len(part))
        self._length = len(part) // self.streams
        self.samples = np.arange(self.streams * self._length)

    def order(self, epoch: int) -> np.ndarray:
        """Batch after batch; the same in every epoch."""
        return self.samples.reshape(self.streams, self._length).T.ravel()

    def batch(self, items: np.ndarray, epoch: int) -> tuple[np.ndarray, np.ndarray, None]:
        """Inputs (streams, steps, channels) and targets."""
        return self._inputs[items], self._part.targets_at(items), None

    def goes_on(self, step: int) -> np.ndarray:
        """(streams, 1): 1 where a stream's window begins where its last one ended."""
        items = self.order(0)[step * self.streams : (step + 1) * self.streams]
        if step == 0:
            return np.zeros((len(items), 1), dtype=np.float32)
        starts, ends = self._inputs.starts[items], self._inputs.starts[items - 1]
        return (starts == ends + self._inputs.longest).astype(np.float32)[:, None]
