"""What stands under a map on the page."""

from __future__ import annotations

import numpy as np

from mlzoo.explaining.explain import Explanation
from mlzoo.explaining.pages.folders import file_stems, row
from mlzoo.explaining.pages.page import caption, score_table


def explanation(method: str, values: float = 1.0, **scores: float) -> Explanation:
    maps = np.full((2, 2), values, "float32")
    return Explanation(
        "a.png", method, np.zeros((2, 2, 1)), maps, "cat", "cat 90.0%", scores=scores
    )


def test_a_map_s_scores_stand_beside_those_of_the_controls() -> None:
    controls = [explanation("random", gain=0.1), explanation("edges", gain=0.3)]
    text, beats = caption(explanation("gradcam", gain=0.2, road=0.5), controls)
    assert text == "gain 0.20 (random 0.10, edges 0.30); road 0.50" and beats
    assert not caption(explanation("gradcam", gain=0.05), controls)[1]
    assert caption(explanation("gradcam"), ()) == ("", True)


def test_the_table_begins_with_the_best_rank() -> None:
    methods = {name: {"gain": {"mean": 0.5, "interval": None}} for name in ("a", "b", "random")}
    ranking = [{"method": "b", "rank": 1}, {"method": "a", "rank": 1}]
    header, rows = score_table(methods, ranking)
    assert header == ["method", "rank", "gain"]
    assert [line[:2] for line in rows] == [["b", "1"], ["a", "1"], ["random", ""]]


def test_maps_that_are_not_finite_have_no_ends() -> None:
    assert row(explanation("gradcam", np.nan))["largest"] is None
    assert row(explanation("gradcam", 2.0))["largest"] == 2


def test_files_are_named_by_sample_and_class() -> None:
    names = ["images/a.png (cat)", "images/a.png (dog)", "images/a.jpg", "images/a.bmp", "v 1.5 x"]
    assert list(file_stems(names).values()) == [
        "images-a-cat", "images-a-dog", "images-a", "images-a-2", "v-1.5-x",
    ]  # fmt: skip
