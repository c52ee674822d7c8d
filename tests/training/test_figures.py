"""What is chosen to be shown of a finished training."""

from __future__ import annotations

import numpy as np
import pytest

from mlzoo.training.figures.cases import chosen_cases


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.3], [("best", 0)]),
        ([0.3, 0.9], [("best", 1), ("worst", 0)]),
        ([0.3, 0.9, 0.5], [("best", 1), ("median", 2), ("worst", 0)]),
        ([-4.0, -1.0, -2.0, -3.0], [("best", 1), ("median", 3), ("worst", 0)]),
        ([1.0, 1.0], [("best", 0), ("worst", 1)]),
    ],
)
def test_the_worst_case_is_never_left_out(
    scores: list[float], expected: list[tuple[str, int]]
) -> None:
    assert chosen_cases(np.array(scores)) == expected
