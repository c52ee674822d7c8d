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
from mlzoo.statistics.metrics import values
from mlzoo.statistics.scorers import EPSILON, ratio
from mlzoo.tasks._steps import StepTask, step_outputs
from mlzoo.tasks._tallies import Tally


class Task(StepTask):
    """Text; scored by bits per character, given the context of the window alone."""

    target = Target("classes", "token")
    headline = Headline("bits", "min")
    unit = "windows"
    samples = "windows"
    blocks = "blocks of text"

    def count(
        self, predict: Predict | None, data: Data, rows: Part, baselines: Mapping[str, Baseline]
    ) -> dict[str, Tally]:
        """Return bits and correct characters of each window for the model and each baseline."""
        tallies: dict[str, Tally] = {}
        if predict is not None:
            tallies[""] = _tally(rows, step_outputs(predict, rows))
        for name, each in baselines.items():
            probabilities = (each.predict(rows.image(i)) for i in range(len(rows)))
            tallies[name] = _tally(rows, probabilities)
        return tallies

    def block_labels(self, rows: Part) -> np.ndarray | None:
        """Return labels of overlapping windows; neighbors share one."""
        return _blocks(rows)


@dataclass(frozen=True)
class TextTally:
    """Summed bits, number of correct and number of scored characters of each window."""

    bits: np.ndarray
    right: np.ndarray
    count: np.ndarray

    def scorers(self) -> dict[str, Scorer]:
        """Return bits per character, perplexity 2^bits and accuracy as functions of weights."""

        def bits(weights: np.ndarray) -> np.ndarray:
            return ratio(weights @ self.bits, weights @ self.count)

        return {
            "bits": bits,
            "perplexity": lambda weights: 2 ** bits(weights),
            "accuracy": lambda weights: ratio(weights @ self.right, weights @ self.count),
        }

    def metrics(self) -> dict[str, Any]:
        """Return the scalar metrics."""
        return dict(values(self.scorers(), len(self.count)))

    def scores(self) -> np.ndarray:
        """Return the negative bits per character of each window."""
        return -ratio(self.bits, self.count)

    def columns(self) -> dict[str, list[Any]]:
        """Return the sums of each window."""
        return {
            "values": self.count.tolist(),
            "bits": self.bits.tolist(),
            "right": self.right.tolist(),
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


def _tally(rows: Part, outputs: Any) -> TextTally:
    bits, right, count = [], [], []
    for position, probabilities in enumerate(outputs):
        y_true = rows.target(position)
        known = y_true != IGNORED
        probabilities = np.broadcast_to(probabilities, (len(y_true), probabilities.shape[-1]))[
            known
        ]
        likelihoods = probabilities[np.arange(len(probabilities)), y_true[known]].astype("float64")
        bits.append(float(-np.log2(np.clip(likelihoods, EPSILON, 1)).sum()))
        right.append(int((probabilities.argmax(axis=-1) == y_true[known]).sum()))
        count.append(int(known.sum()))
    return TextTally(*(np.array(each, dtype="float64") for each in (bits, right, count)))
