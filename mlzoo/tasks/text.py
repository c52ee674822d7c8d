"""The next character of a text at every character."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.data.contracts import Baseline, Headline, Predict, Scorer
from mlzoo.data.samples import Data, Part
from mlzoo.data.specs import IGNORED, Target
from mlzoo.data.text.reader import TextReader
from mlzoo.statistics.scorers import EPSILON, ratio
from mlzoo.tasks._steps import StepTask, step_outputs
from mlzoo.tasks._tallies import Counting, Tally


class Task(StepTask):
    """Text; scored by bits per character, given the context of the window alone."""

    target = Target("classes", "token")
    headline = Headline("bits", "min")
    metrics = ("bits", "perplexity", "accuracy")
    unit = "windows"
    samples = "windows"
    blocks = "blocks of text"

    def count(
        self,
        predict: Predict | None,
        data: Data,
        rows: Part,
        baselines: Mapping[str, Baseline],
        counting: Counting,
    ) -> dict[str, Tally]:
        """Return bits and correct characters of each window for the model and each baseline."""
        tallies: dict[str, Tally] = {}
        if predict is not None:
            tallies[""] = _tally(rows, step_outputs(predict, rows), "", counting)
        for name, each in baselines.items():
            probabilities = (each.predict(rows.image(i)) for i in range(len(rows)))
            tallies[name] = _tally(rows, probabilities, name, counting)
        return tallies

    def block_labels(self, rows: Part) -> np.ndarray | None:
        """Return labels of overlapping windows; neighbors share one."""
        return _blocks(rows)


@dataclass(frozen=True)
class TextTally:
    """Counts of each window.

    Attributes:
        bits: (n,) bits of the scored characters.
        right: (n, 1) how many of them are right.
        count: (n,) how many there are.
    """

    bits: np.ndarray
    right: np.ndarray
    count: np.ndarray

    @property
    def counts(self) -> TextTally:
        """Return these counts, as metrics take them."""
        return self

    def mean(self, values: np.ndarray) -> Scorer:
        """Return the mean over characters of sums of values (n,), one a window."""
        return lambda weights: ratio(weights @ values, weights @ self.count)

    def tables(self) -> dict[str, object]:
        """Return nothing beside the metrics."""
        return {}

    def scores(self) -> np.ndarray:
        """Return the negative bits per character of each window."""
        return -ratio(self.bits, self.count)

    def columns(self) -> dict[str, list[Any]]:
        """Return the sums of each window."""
        return {
            "values": self.count.tolist(),
            "bits": self.bits.tolist(),
            "right": self.right[:, 0].tolist(),
        }


def _blocks(rows: Part) -> np.ndarray | None:
    """Return labels of overlapping windows; neighbors share one."""
    reader = rows.samples.reader
    if rows.samples.windows is None or not isinstance(reader, TextReader):
        return None
    if reader.stride >= reader.window:
        return None
    first = rows.samples.windows.spans[rows.indices, 0]
    return np.char.mod("%d", first // (2 * reader.window))


def _tally(rows: Part, outputs: Any, name: str, counting: Counting) -> TextTally:
    bits, right, count = [], [], []
    for position, probabilities in enumerate(outputs):
        y_true = rows.target(position)
        known = y_true != IGNORED
        probabilities = np.broadcast_to(probabilities, (len(y_true), probabilities.shape[-1]))[
            known
        ]
        likelihoods = probabilities[np.arange(len(probabilities)), y_true[known]].astype("float64")
        bits.append(float(-np.log2(np.clip(likelihoods, EPSILON, 1)).sum()))
        counting.see(name, y_true[known], probabilities)
        right.append(int((probabilities.argmax(axis=-1) == y_true[known]).sum()))
        count.append(int(known.sum()))
    sums = (np.array(each, dtype="float64") for each in (bits, right, count))
    summed_bits, correct, scored = sums
    return TextTally(summed_bits, correct[:, None], scored)
