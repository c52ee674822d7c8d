"""The target of the training source that is most alike: the one that shares most of its trigrams.

By the cosine of counts of all runs of one to three characters, weighted by their rarity.
"""

from __future__ import annotations

import numpy as np

from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data
from mlzoo.data.text.pairs import source_text, target_text
from mlzoo.data.text.reader import PairReader

TARGETS = ("classes per symbol",)
LEARNS = True
FAST = True
ROWS = 20_000
"""Training pairs that are searched, at most."""
_CHUNK = 1000


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the target of the nearest training pair; None without a training split."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    reader, train = data.samples.reader, data.train
    if not len(train) or not isinstance(reader, PairReader):
        return None
    kept = np.arange(len(train))
    if len(kept) > ROWS:
        kept = np.sort(np.random.default_rng(seed).choice(kept, ROWS, replace=False))
    targets = [target_text(codes, reader.alphabet) for codes in train.targets_at(kept)]
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), lowercase=False)
    known = vectorizer.fit_transform([source_text(codes, reader) for codes in train.inputs(kept)])

    def predict(texts: np.ndarray) -> np.ndarray:
        nearest: list[int] = []
        for start in range(0, len(texts), _CHUNK):
            alike = vectorizer.transform(texts[start : start + _CHUNK]) @ known.T
            nearest += np.asarray(alike.argmax(axis=1)).ravel().tolist()
        return np.array([targets[i] for i in nearest], dtype=object)

    note = "" if len(kept) == len(train) else f"searched {len(kept):,} of {len(train):,} pairs"
    return Baseline(predict, note)
