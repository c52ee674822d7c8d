"""Figures of landscapes show what can be compared."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mlzoo.checking.landscapes.page import progress
from mlzoo.reporting.pages.diagrams import Axis, parallel_chart


def _path(*values: float) -> Any:
    return SimpleNamespace(values=np.array(values), optimizer="sgd")


def test_what_diverges_does_not_flatten_the_others() -> None:
    figure = progress([_path(20.0, 5.0, 0.0), _path(20.0, 1e9, 1e30)], "f")
    assert figure.layout.yaxis.range == pytest.approx((-1, 21))
    assert progress([_path(3.0, 3.0)], "f").layout.yaxis.range is None


def test_labels_of_the_first_axis_have_their_room() -> None:
    axes = [Axis("l2", 0, 1, {1.0: "0.000316228"}), Axis("score", 0, 1, {})]
    chart = str(parallel_chart("trials", axes, [((0.5, 0.5), 1.0, "trial 0")]))
    assert 'x1="91' in chart, "14 and 7 units a character"
