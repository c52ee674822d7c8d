"""The test samples that pictures show: the best, the median and the worst."""

from __future__ import annotations

import numpy as np


def chosen_cases(scores: np.ndarray) -> list[tuple[str, int]]:
    """The best, the median and the worst position, each once; of two there is no median."""
    order = np.argsort(-scores, kind="stable").tolist()
    titles = {0: "best"}
    for title, rank in (("worst", len(order) - 1), ("median", len(order) // 2)):
        titles.setdefault(rank, title)
    return [(titles[rank], order[rank]) for rank in sorted(titles)]
