"""Scores of models that predict each next character, beside counts of characters and pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.core.specs import IGNORED
from mlzoo.data.samples import Data, Part
from mlzoo.statistics.metrics import number
from mlzoo.statistics.scorers import EPSILON, Scorer, ratio
from mlzoo.tasks.labeling import step_outputs
from mlzoo.tasks.segmentation import DenseOutcome, Predict, Tally, summary


@dataclass(frozen=True)
class TextTally:
    """Of each window: `bits` in sum, how many characters are `right`, and how many count."""

    bits: np.ndarray
    right: np.ndarray
    count: np.ndarray

    def scorers(self) -> dict[str, Scorer]:
        """Bits per character, perplexity 2^bits and accuracy as functions of weights."""

        def bits(weights: np.ndarray) -> np.ndarray:
            return ratio(weights @ self.bits, weights @ self.count)

        return {
            "bits": bits,
            "perplexity": lambda weights: 2 ** bits(weights),
            "accuracy": lambda weights: ratio(weights @ self.right, weights @ self.count),
        }

    def metrics(self) -> dict[str, Any]:
        """The scalars."""
        ones = np.ones((1, len(self.count)))
        return {name: number(scorer(ones)[0]) for name, scorer in self.scorers().items()}

    def scores(self) -> np.ndarray:
        """How few bits a character takes in each window."""
        return -ratio(self.bits, self.count)

    def columns(self) -> dict[str, list[Any]]:
        """Sums of each window."""
        return {
            "values": self.count.tolist(),
            "bits": self.bits.tolist(),
            "right": self.right.tolist(),
        }


def evaluate_text(
    predict: Predict, data: Data, part: str, seed: int, with_baselines: bool
) -> tuple[dict[str, Any], DenseOutcome]:
    """What `evaluate.evaluate` says of a model of text; bits are of a window's characters alone."""
    rows = data.parts()[part]
    tallies: dict[str, Tally] = {"": _tally(rows, step_outputs(predict, rows))}
    notes = {}
    if with_baselines:
        single, pairs = counted(data)
        tallies["unigram"] = _tally(rows, (single[None] for _ in range(len(rows))))
        last = (rows.image(i)[:, 0] for i in range(len(rows)))
        tallies["bigram"] = _tally(
            rows, (pairs[np.nan_to_num(codes, nan=0).astype(int)] for codes in last)
        )
        notes = {
            "unigram": "how often each character occurs in the training part",
            "bigram": "how often each follows the last one, each pair counted once more",
        }
    return summary(data, part, tallies, notes, seed, _blocks(rows))


def _blocks(rows: Part) -> np.ndarray | None:
    """A label a window where windows overlap: neighbours share one."""
    reader = rows.samples.reader
    if rows.samples.windows is None or reader["stride"] >= reader["window"]:
        return None
    first = rows.samples.windows.spans[rows.indices, 0]
    return np.char.mod("%d", first // (2 * reader["window"]))


def counted(data: Data) -> tuple[np.ndarray, np.ndarray]:
    """Shares of characters (k,), and of what follows each (k, k), in the training part."""
    classes = len(data.samples.class_names)
    pairs = np.ones((classes, classes))
    for i in range(len(data.train)):
        before, after = data.train.image(i)[:, 0], data.train.target(i)
        known = ~np.isnan(before) & (after != IGNORED)
        np.add.at(pairs, (before[known].astype(int), after[known]), 1)
    single = pairs.sum(axis=0)
    return single / single.sum(), pairs / pairs.sum(axis=1, keepdims=True)


def _tally(rows: Part, outputs: Any) -> TextTally:
    bits, right, count = [], [], []
    for position, chances in enumerate(outputs):
        truth = rows.target(position)
        known = truth != IGNORED
        chances = np.broadcast_to(chances, (len(truth), chances.shape[-1]))[known]
        own = chances[np.arange(len(chances)), truth[known]].astype("float64")
        bits.append(float(-np.log2(np.clip(own, EPSILON, 1)).sum()))
        right.append(int((chances.argmax(axis=-1) == truth[known]).sum()))
        count.append(int(known.sum()))
    return TextTally(*(np.array(each, dtype="float64") for each in (bits, right, count)))
