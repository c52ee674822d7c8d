"""The target of the training source that is most alike: the one that shares most of its trigrams.

By the cosine of counts of all runs of one to three characters, weighted by their rarity.
"""

from __future__ import annotations

import numpy as np

from mlzoo.baselines._nearest_targets import Nearest, fit_nearest
from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data
from mlzoo.data.text.pairs import source_text
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

    reader = data.samples.reader
    if not isinstance(reader, PairReader):
        return None

    def index(sources: np.ndarray) -> Nearest:
        vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), lowercase=False)
        known = vectorizer.fit_transform([source_text(codes, reader) for codes in sources])
        return lambda texts: np.asarray((vectorizer.transform(texts) @ known.T).argmax(1)).ravel()

    return fit_nearest(data, seed, reader, index, ROWS, _CHUNK, "pairs")
