"""Pictures of attention: which characters of a source a decoder looks at for each symbol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlzoo.drawing.canvas import label, new_figure, save, tidy, write_csv

_CHARACTER = 0.17
"""Inches of a character."""
_WIDEST = 60


@dataclass(frozen=True)
class AttentionCase:
    """A pair of texts, what was predicted, and the attention (symbols, steps) at each symbol."""

    title: str
    source: str
    truth: str
    predicted: str
    weights: np.ndarray


def attention_cases(folder: Path, cases: Sequence[AttentionCase]) -> Path:
    """Draw the attention of each case: a row a predicted symbol, a column a character.

    Args:
        folder: where `attention.png` and `attention.csv` (the three texts of each case) go.
        cases: at least one; of a long source its first 60 characters are shown.
    """
    texts = [[case.title, case.source, case.truth, case.predicted] for case in cases]
    write_csv(folder / "attention.csv", ["title", "source", "target", "prediction"], texts)
    widest = max(min(len(case.source), _WIDEST) for case in cases)
    heights = [len(case.predicted) + 1 for case in cases]
    width = max(5.0, _CHARACTER * widest + 1)
    figure = new_figure(width, _CHARACTER * sum(heights) + 1.0 * len(cases))
    grid = figure.subplots(len(cases), 1, gridspec_kw={"height_ratios": heights}, squeeze=False)
    for axes, case in zip(grid[:, 0], cases, strict=True):
        shown = case.source[:_WIDEST]
        rows = [*case.predicted, "end"][: len(case.weights)]
        axes.imshow(
            case.weights[: len(rows), : len(shown)], cmap="Blues", vmin=0, vmax=1, aspect="auto"
        )
        axes.set_xticks(range(len(shown)), list(shown), family="monospace")
        axes.set_yticks(range(len(rows)), rows, family="monospace")
        axes.tick_params(length=0)
        wrong = "" if case.predicted == case.truth else f", not {label(case.truth, 30)}"
        tidy(axes, f"{case.title}: {label(case.predicted, 40)}{wrong}")
        axes.grid(False)
    return save(figure, folder / "attention.png")
