"""Pictures of attention: which characters or parts of an image a decoder looks at, by symbol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlzoo.drawing.canvas import label, new_figure, save, tidy, write_csv
from mlzoo.drawing.pictures import as_picture

_CHARACTER = 0.17
"""Inches of a character."""
_WIDEST = 60
_MOST_SYMBOLS = 9


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


@dataclass(frozen=True)
class CaptionCase:
    """An image with its caption.

    Attributes:
        title: of the case.
        image: (height, width, channels).
        truth: its true caption.
        symbols: those of the predicted caption.
        weights: attention (symbols, cells), cells row by row.
    """

    title: str
    image: np.ndarray
    truth: str
    symbols: Sequence[str]
    weights: np.ndarray


def caption_cases(folder: Path, cases: Sequence[CaptionCase], maximum: float | None) -> Path | None:
    """Draw each image, then where on it the decoder looks at each symbol, the brighter the more.

    Args:
        folder: where `attention.png` goes.
        cases: at least one; the first nine symbols of each are shown.
        maximum: value of a white pixel.

    Returns:
        The picture; None where the cells make up no map of the images' proportions.
    """
    height, width = cases[0].image.shape[:2]
    cells = cases[0].weights.shape[1]
    rows = max(1, round((cells * height / width) ** 0.5))
    if cells % rows:
        return None
    across = 1 + min(_MOST_SYMBOLS, max(len(case.symbols) for case in cases))
    figure = new_figure(1.15 * across, 1.65 * len(cases))
    panels = figure.subplots(len(cases), across, squeeze=False)
    for axes in panels.flat:
        axes.set_axis_off()
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    for row, case in zip(panels, cases, strict=True):
        picture = as_picture(case.image, maximum)
        row[0].imshow(picture)
        right = "".join(case.symbols) == case.truth
        row[0].set_title(f"{case.title}\n{'right' if right else 'wrong'}", fontsize=8)
        for axes, symbol, weights in zip(row[1:], case.symbols, case.weights, strict=False):
            light = weights.reshape(rows, -1) / max(float(weights.max()), 1e-9)
            axes.imshow(picture)
            shade = 0.6 * (1 - light)  # What is not looked at is dark.
            dark = np.zeros((*shade.shape, 4))
            dark[..., 3] = shade
            axes.imshow(dark, extent=extent, interpolation="bilinear")
            axes.set_title(label(symbol.strip() or "space", 14), fontsize=8)
    return save(figure, folder / "attention.png")
