"""Figures of a model without labels: reconstructions, errors, codes, and restored images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.ticker import FuncFormatter, LogLocator

from mlzoo.drawing.canvas import BLUE, COLORS, GRAY, RED, label, new_figure, save, tidy, write_csv
from mlzoo.drawing.palette import class_colors
from mlzoo.drawing.pictures import as_picture

MOST_FEATURES = 30
"""Features of a table that are drawn, at most: those with the largest errors."""
_BINS = 40
_SIDE = 1.9
"""Inches of a picture's side."""
_WIDE, _TITLE = 2.4, 0.25
"""Inches of a restored picture's side, and of the line above a row."""


@dataclass(frozen=True)
class ReconstructionCase:
    """A scaled sample and its reconstruction of the same shape, or map; `score` is the error."""

    title: str
    name: str
    scaled: np.ndarray
    restored: np.ndarray
    score: float


def reconstruction_cases(
    folder: Path, cases: Sequence[ReconstructionCase], maps: bool = False
) -> Path:
    """Draw one column a case: an image, its reconstruction, and the squared error of each pixel.

    Args:
        folder: where `reconstructions.png` and `reconstructions.csv` are written.
        cases: images (height, width, channels), a few.
        maps: what was predicted are anomaly maps (height, width, 1), and there is no
            reconstruction.
    """
    measure = "score" if maps else "MSE"
    rows = [[case.title, case.name, case.score] for case in cases]
    write_csv(folder / "reconstructions.csv", ["title", "name", measure.lower()], rows)
    errors = [
        case.restored[..., 0] if maps else ((case.restored - case.scaled) ** 2).mean(axis=-1)
        for case in cases
    ]
    colors = ScalarMappable(Normalize(0, max(float(each.max()) for each in errors)), "magma")
    height, width = cases[0].scaled.shape[:2]
    side = _SIDE * min(1.5, height / width)
    count = 2 if maps else 3
    figure = new_figure(_SIDE * len(cases) + 1.1, count * side + 0.8)
    axes = figure.subplots(count, len(cases), squeeze=False)
    for column, (case, error) in enumerate(zip(cases, errors, strict=True)):
        bounds = 1.0 if 0 <= case.scaled.min() and case.scaled.max() <= 1 else None
        pictures = [as_picture(case.scaled, bounds), error]
        if not maps:
            pictures.insert(1, as_picture(case.restored, bounds))
        for row, picture in enumerate(pictures):
            mapped = {"cmap": "magma", "norm": colors.norm} if row == count - 1 else {}
            axes[row, column].imshow(picture, interpolation="nearest", **mapped)
            axes[row, column].set(xticks=[], yticks=[])
        title = f"{case.title}\n{label(case.name, 20)}\n{measure} {case.score:.3g}"
        axes[0, column].set_title(title, fontsize=9)
    texts = ("input", "anomaly map") if maps else ("input", "reconstruction", "squared error")
    for row, text in enumerate(texts):
        axes[row, 0].set_ylabel(text, fontsize=9)
    bar = figure.colorbar(colors, ax=axes[-1, :].tolist(), shrink=0.9)
    bar.ax.tick_params(labelsize=8)
    return save(figure, folder / "reconstructions.png")


def feature_errors(
    folder: Path, names: Sequence[str], errors: np.ndarray, of_mean: np.ndarray
) -> Path:
    """Draw the mean squared error of each feature of a table, the largest first.

    Args:
        folder: where `feature_errors.png` and `feature_errors.csv` are written.
        names: k names of the scaled features.
        errors: (k,) of the model on the test split.
        of_mean: (k,) of the mean of the training split, which is restored from no number.
    """
    order = np.argsort(-errors, kind="stable")
    rows = [[names[i], float(errors[i]), float(of_mean[i])] for i in order]
    write_csv(folder / "feature_errors.csv", ["feature", "mse", "mse of the mean"], rows)
    shown = order[:MOST_FEATURES][::-1]
    figure = new_figure(7, 1 + 0.25 * len(shown))
    axes = figure.subplots()
    axes.barh(range(len(shown)), of_mean[shown], color="#DDDDDD", label="mean, without a code")
    axes.barh(range(len(shown)), errors[shown], height=0.5, color=BLUE, label="model")
    axes.set_yticks(range(len(shown)), [label(names[i]) for i in shown])
    few = f", the {len(shown)} largest of {len(names)}" if len(shown) < len(names) else ""
    tidy(axes, f"Errors of scaled features{few}", "mean squared error")
    axes.legend(fontsize=8, loc="lower right")
    return save(figure, folder / "feature_errors.png")


def error_histogram(
    folder: Path,
    errors: np.ndarray,
    anomalous: np.ndarray | None,
    threshold: float | None,
    error: str = "mean squared error",
) -> Path:
    """Draw how large the errors of samples are, those of anomalous ones apart.

    Args:
        folder: where `errors.png` and `errors.csv` are written.
        errors: (n,) of the samples of the test split.
        anomalous: (n,) whether each is known to be anomalous; None: nothing is known.
        threshold: the error above which samples are flagged; None: there is none.
        error: what the errors are.
    """
    known = np.zeros(len(errors), bool) if anomalous is None else anomalous
    edges = np.geomspace(max(errors.min(), 1e-12), max(errors.max(), 2e-12), _BINS + 1)
    counts = [np.histogram(errors[known == which], edges)[0] for which in (False, True)]
    rows = zip(edges[:-1], edges[1:], *counts, strict=True)
    header = ["from", "to", "normal" if known.any() else "samples", "anomalous"]
    write_csv(folder / "errors.csv", header, [[float(cell) for cell in row] for row in rows])
    figure = new_figure(7, 3)
    axes = figure.subplots()
    for count, color, text in zip(counts, (BLUE, RED), header[2:], strict=True):
        if count.any():
            axes.stairs(count, edges, fill=True, alpha=0.55, color=color, label=text)
    if threshold is not None:
        axes.axvline(threshold, color=GRAY, linestyle="--", label="flagged above (5 % of normal)")
    axes.set_xscale("log")
    # Within less than a decade every tick would get a number, and those overlap.
    axes.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    for side in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        side(FuncFormatter(lambda value, _: f"{value:g}"))
    tidy(axes, "Errors of the test split", f"{error} of a sample", "samples")
    axes.tick_params(
        axis="x", which="minor", labelsize=axes.xaxis.get_ticklabels()[0].get_fontsize()
    )
    axes.legend(fontsize=8)
    return save(figure, folder / "errors.png")


def codes(
    folder: Path, places: np.ndarray, classes: np.ndarray | None, class_names: Sequence[str]
) -> Path:
    """Draw codes of two numbers, colored by the classes that are known.

    Args:
        folder: where `codes.png` and `codes.csv` are written.
        places: (n, 2) codes of the test split.
        classes: (n,) positions in `class_names`, or None.
        class_names: names of the classes, which the model has not learned from.
    """
    named = ["" for _ in places] if classes is None else [class_names[k] for k in classes]
    rows = [[*place, name] for place, name in zip(places.tolist(), named, strict=True)]
    write_csv(folder / "codes.csv", ["code 1", "code 2", "class"], rows)
    figure = new_figure(6.4, 5)
    axes: Axes = figure.subplots()
    if classes is None:
        axes.scatter(places[:, 0], places[:, 1], s=9, color=COLORS[0], linewidths=0)
    else:
        palette = class_colors((), len(class_names) + 1)[1:] / 255
        for position, name in enumerate(class_names):
            members = places[classes == position]
            axes.scatter(
                members[:, 0],
                members[:, 1],
                s=9,
                color=palette[position],
                linewidths=0,
                label=label(name),
            )
        axes.legend(fontsize=8, markerscale=2, loc="center left", bbox_to_anchor=(1, 0.5))
    tidy(axes, "Codes of the test split", "code 1", "code 2")
    return save(figure, folder / "codes.png")


@dataclass(frozen=True)
class RestorationCase:
    """Three images (height, width, channels) from 0 to 1; `score` is the PSNR in dB."""

    title: str
    name: str
    degraded: np.ndarray
    restored: np.ndarray
    truth: np.ndarray
    score: float


def restoration_cases(folder: Path, cases: Sequence[RestorationCase]) -> Path:
    """Draw one row a case: input, restored image and truth, values beyond 0 and 1 cut off.

    Args:
        folder: where `restorations.png` and `restorations.csv` (RMSE and PSNR) are written.
        cases: a few; images of any size.
    """
    rows = [
        [case.title, case.name, _rmse(case.degraded, case), _rmse(case.restored, case), case.score]
        for case in cases
    ]
    header = ["title", "name", "rmse of the input", "rmse", "psnr"]
    write_csv(folder / "restorations.csv", header, rows)
    heights = [
        min(1.5, case.truth.shape[0] / case.truth.shape[1]) + _TITLE / _WIDE for case in cases
    ]
    figure = new_figure(3 * _WIDE, _WIDE * sum(heights) + _TITLE)
    axes = figure.subplots(len(cases), 3, squeeze=False, height_ratios=heights)
    for row, case in zip(axes, cases, strict=True):
        title = f"{case.title}: {label(case.name, 24)}, input"
        score = f"restored, PSNR {case.score:.2f} dB"
        pictures = {title: case.degraded, score: case.restored, "truth": case.truth}
        for each, (text, picture) in zip(row, pictures.items(), strict=True):
            each.imshow(as_picture(picture, 1.0), interpolation="nearest")
            each.set(xticks=[], yticks=[])
            each.set_title(text, fontsize=8)
    return save(figure, folder / "restorations.png")


def _rmse(image: np.ndarray, case: RestorationCase) -> float:
    return float(np.sqrt(np.mean((image - case.truth) ** 2)))
