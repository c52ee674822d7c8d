"""A text for each text or image: a date in numbers for one in words, a caption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.core.errors import DivergedError
from mlzoo.data.contracts import Baseline, Headline, Predict, Scorer
from mlzoo.data.samples import Data, Part
from mlzoo.data.specs import Outputs, Target
from mlzoo.data.text.pairs import source_text, target_text
from mlzoo.data.text.reader import CaptionReader, PairReader
from mlzoo.statistics.scorers import ratio
from mlzoo.statistics.steps import edit_distance
from mlzoo.tasks._tallies import Counting, Tally, TallyTask

_CHUNK = 1024


class Task(TallyTask):
    """Translation; judged by the share of targets that are right to the last character."""

    target = Target("classes", "symbol")
    losses = ("crossentropy",)
    headline = Headline("exact_match", "max")
    metrics = ("exact_match", "character_error_rate")
    followed = ("accuracy",)
    unit = "pairs"
    samples = "pairs"

    def output_spec(self, train: Part) -> Outputs:
        """Return one output for each character and the end, at each place of a target."""
        samples = train.samples
        length = int(samples.targets.shape[1])
        return Outputs(self.name, len(samples.class_names), shape=(length,))

    def count(
        self,
        predict: Predict | None,
        data: Data,
        rows: Part,
        baselines: Mapping[str, Baseline],
        counting: Counting,
    ) -> dict[str, Tally]:
        """Return right characters and edits of each pair for the model and each baseline."""
        reader, inputs = rows.samples.reader, rows.inputs()
        assert isinstance(reader, PairReader | CaptionReader)
        sources, beside = rows.names(), inputs
        if isinstance(reader, PairReader):
            sources = [source_text(codes, reader) for codes in inputs]
            beside = np.array(sources, dtype=object)
        truth = [target_text(codes, reader.alphabet) for codes in rows.targets]
        given: dict[str, Sequence[str]] = {}
        if predict is not None:
            given[""] = predicted_texts(predict, inputs, reader.alphabet)
        given |= {name: list(each.predict(beside)) for name, each in baselines.items()}
        return {name: tally(sources, truth, texts) for name, texts in given.items()}


@dataclass(frozen=True)
class TranslationTally:
    """Predicted texts of n pairs.

    Attributes:
        sources: n texts, of images their names.
        truth: n texts.
        predicted: n texts.
        edits: (n,) insertions, deletions and replacements from the predicted text to the true one.
        lengths: (n,) characters of the true text.
    """

    sources: Sequence[str]
    truth: Sequence[str]
    predicted: Sequence[str]
    edits: np.ndarray
    lengths: np.ndarray

    @property
    def counts(self) -> TranslationTally:
        """Return these counts, as metrics take them."""
        return self

    @property
    def exact(self) -> np.ndarray:
        """Return 1.0 where a text is right to the last character, (n,)."""
        return (self.edits == 0).astype("float64")

    @property
    def right(self) -> np.ndarray:
        """Return how many characters of each true text are predicted at their place, (n, 1)."""
        pairs = zip(self.truth, self.predicted, strict=True)
        counts = [sum(a == b for a, b in zip(*pair, strict=False)) for pair in pairs]
        return np.array(counts, "float64")[:, None]

    def mean(self, values: np.ndarray) -> Scorer:
        """Return the mean over characters of sums of values (n,), one a pair."""
        return lambda weights: ratio(weights @ values, weights @ self.lengths)

    def tables(self) -> dict[str, object]:
        """Return nothing beside the metrics."""
        return {}

    def scores(self) -> np.ndarray:
        """Return the negative error rate of each pair."""
        return -self.edits / np.maximum(self.lengths, 1)

    def columns(self) -> dict[str, list[Any]]:
        """Return source, true and predicted text of each pair, and what was counted."""
        return {
            "source": list(self.sources),
            "target": list(self.truth),
            "prediction": list(self.predicted),
            "edits": self.edits.astype(int).tolist(),
            "values": self.lengths.astype(int).tolist(),
        }


def tally(
    sources: Sequence[str], truth: Sequence[str], predicted: Sequence[str]
) -> TranslationTally:
    """Return the counts of predicted texts."""
    edits = [edit_distance(written, true) for written, true in zip(predicted, truth, strict=True)]
    lengths = [len(text) for text in truth]
    return TranslationTally(
        sources, truth, predicted, np.array(edits, "float64"), np.array(lengths, "float64")
    )


def predicted_texts(predict: Predict, inputs: np.ndarray, alphabet: Sequence[str]) -> list[str]:
    """Return what a model gives for sources (n, *shape), by its most likely symbols.

    Raises:
        DivergedError: the model's outputs hold NaN or infinity.
    """
    texts: list[str] = []
    for start in range(0, len(inputs), _CHUNK):
        outputs = np.asarray(predict(inputs[start : start + _CHUNK]))
        if not np.isfinite(outputs).all():
            raise DivergedError(
                "the model's outputs are NaN or infinite; train again with a smaller "
                "--learning-rate or --clip-norm 1"
            )
        texts += [target_text(codes, alphabet) for codes in outputs.argmax(axis=-1)]
    return texts
