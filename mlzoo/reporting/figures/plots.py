"""Plots of training and scores; each writes its numbers as CSV beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mlzoo.core.files import rows_of
from mlzoo.data.samples import Part
from mlzoo.data.tables.label_sets import joined
from mlzoo.drawing.canvas import BLUE, GRAY, ORANGE, RED, label, new_figure, save, tidy, write_csv
from mlzoo.drawing.pictures import captioned_images

History = Sequence[Mapping[str, Any]]
COUNTS_WRITTEN, SHARES_WRITTEN = 20, 12
_MOST_SHOWN = 16
"""Images whose label sets are wrong, at most."""
_MOST_POINTS = 20_000
"""Points of a scatter plot, at most; more are drawn at random."""
_RELIABILITY = ("count", "confidence", "accuracy", "low", "high")
_NO_CURVES = ("epoch", "seconds", "time", "step", "steps", "steps_per_second")


def learning_curves(
    folder: Path,
    history: History,
    kept_epoch: int | None = None,
    scales: Mapping[str, str] | None = None,
) -> Path:
    """Draw each metric of training and validation over the epochs.

    Args:
        folder: where `learning_curves.png` and `.csv` are written.
        history: one row per epoch: `epoch` (from 1), and numbers by name; `val_` marks those of
            validation. A learning rate is drawn only if it changes.
        kept_epoch: the epoch whose weights were kept, marked by a line.
        scales: {metric: unit}, for the titles.
    """
    header = list(dict.fromkeys(name for row in history for name in row))
    write_csv(folder / "learning_curves.csv", header, [[r.get(n) for n in header] for r in history])
    names = _curves(history, header)
    columns = min(3, len(names))
    rows = math.ceil(len(names) / max(columns, 1))
    figure = new_figure(max(4.2 * columns, 4.8), 3.2 * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for name, axes in zip(names, grid.flat, strict=False):
        draw_curve(axes, history, name, kept_epoch, (scales or {}).get(name, ""))
    for axes in list(grid.flat)[len(names) :]:
        axes.set_visible(False)
    return save(figure, folder / "learning_curves.png")


def confusion_matrix(
    folder: Path, confusion: Sequence[Sequence[int]], class_names: Sequence[str]
) -> Path:
    """Draw the confusion matrix; color is the share of the true class (row).

    Up to 20 classes have their counts (up to 12 also the shares) written into the cells; more get
    a color bar.

    Args:
        folder: where `confusion_matrix.png` and `.csv` are written.
        confusion: (classes, classes) counts; rows are true classes.
        class_names: names of the classes.
    """
    counts = np.asarray(confusion)
    samples = counts.sum(axis=1)
    axes = "true", "predicted", "share of the true class"
    path = folder / "confusion_matrix.png"
    return _matrix(path, counts, samples, class_names, axes, f"{counts.sum():,} samples")


def label_cooccurrence(
    folder: Path, together: Sequence[Sequence[int]], names: Sequence[str]
) -> Path:
    """Draw how many samples have both of two labels; color is the share of those with the first.

    Args:
        folder: where `label_cooccurrence.png` and `.csv` are written.
        together: (labels, labels) counts; the diagonal counts the samples with a label.
        names: names of the labels.
    """
    counts = np.asarray(together)
    axes = "of the samples with", "so many have", "share of the samples with the label"
    path = folder / "label_cooccurrence.png"
    return _matrix(path, counts, counts.diagonal(), names, axes, "labels that occur together")


def _matrix(
    path: Path,
    counts: np.ndarray,
    samples: np.ndarray,
    names: Sequence[str],
    titles: tuple[str, str, str],
    title: str,
) -> Path:
    """Draw counts (k, k) as a heat map of their shares of the samples (k,) of each row.

    Args:
        path: the picture; a table of the same name is written beside it.
        counts: (k, k).
        samples: (k,) what the counts of a row are shares of.
        names: k names.
        titles: of the rows, the columns and the color.
        title: of the figure.
    """
    classes = len(counts)
    rows = [[name, *row] for name, row in zip(names, counts.tolist(), strict=True)]
    write_csv(path.with_suffix(".csv"), [f"{titles[0]} / {titles[1]}", *names], rows)
    side = float(np.clip(0.62 * classes, 2.2, 12))
    room = 0.075 * max(map(len, _short(names)))  # inches that the longest name takes
    turned = room > 0.9 * side / classes
    bar_room = 1.5 if classes > SHARES_WRITTEN else 0
    figure = new_figure(side + room + 0.6 + bar_room, side + (room if turned else 0.2) + 0.4)
    axes = figure.subplots()
    draw_shares(axes, counts, samples, names, titles, turned)
    axes.set_title(title, fontsize=9)
    return save(figure, path)


def draw_shares(
    axes: Axes,
    counts: np.ndarray,
    samples: np.ndarray,
    names: Sequence[str],
    titles: tuple[str, str, str],
    turned: bool,
) -> None:
    """Draw counts (k, k) as a heat map of their shares of the samples (k,) of each row.

    Args:
        axes: to draw on.
        counts: (k, k).
        samples: (k,) what the counts of a row are shares of.
        names: k names.
        titles: of the rows, the columns and the color.
        turned: the names of the columns are written upwards.
    """
    shares = counts / np.maximum(samples[:, None], 1)
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    _class_ticks(axes, _short(names), turned, titles)
    _cell_texts(axes, counts, shares)
    if len(counts) > SHARES_WRITTEN:
        # Also axes that are given belong to a figure.
        bar = axes.get_figure(root=True).colorbar(  # type: ignore[union-attr]
            picture, ax=axes, shrink=0.6, format=lambda v, _: f"{v:.0%}"
        )
        bar.ax.tick_params(labelsize=8)
        bar.set_label(titles[2], fontsize=8)


def _short(names: Sequence[str]) -> list[str]:
    return [label(name, 20 if len(names) <= 30 else 14) for name in names]


def gradient_lags(folder: Path, norms: np.ndarray) -> Path:
    """Draw the norm of the loss's gradient by steps before the end, on a log scale.

    Args:
        folder: where `gradient_lags.png` and `.csv` are written.
        norms: (steps,) from the last step backwards, as of `gradient_flow.lag_gradients`.
    """
    known = [(lag, float(value)) for lag, value in enumerate(norms) if np.isfinite(value)]
    write_csv(folder / "gradient_lags.csv", ["lag", "gradient norm"], known)
    figure = new_figure(6, 3.2)
    axes = figure.subplots()
    drawn = [(lag, value) for lag, value in known if value > 0]
    if drawn:
        axes.plot(*zip(*drawn, strict=True), color=BLUE, linewidth=1.5)
        axes.set_yscale("log")
    tidy(axes, "how far back the loss's gradient reaches", "steps before the end", "gradient norm")
    return save(figure, folder / "gradient_lags.png")


def residuals(
    folder: Path,
    targets: np.ndarray,
    predictions: np.ndarray,
    target_names: Sequence[str] = ("target",),
) -> Path:
    """Draw predicted against true values, and the residuals (true minus predicted).

    Args:
        folder: where `residuals.png` and `.csv` are written.
        targets: (n,) or (n, k) true values; the first four targets are drawn.
        predictions: the same shape.
        target_names: k names, with units if known.
    """
    y_true = np.asarray(targets, "float64").reshape(len(targets), -1)
    y_pred = np.asarray(predictions, "float64").reshape(y_true.shape)
    _residuals_csv(folder / "residuals.csv", y_true, y_pred, target_names)
    rows = min(y_true.shape[1], 4)
    figure = new_figure(8.4, 3.6 * rows)
    grid = figure.subplots(rows, 2, squeeze=False)
    for i in range(rows):
        draw_against_truth(grid[i][0], y_true[:, i], y_pred[:, i], target_names[i])
        _residual_histogram(grid[i][1], y_true[:, i] - y_pred[:, i], target_names[i])
    return save(figure, folder / "residuals.png")


def _curves(history: History, header: Sequence[str]) -> list[str]:
    """Return the names to draw: the loss first, the learning rate last."""
    names = list(dict.fromkeys(n.removeprefix("val_") for n in header if n not in _NO_CURVES))
    drawn = [n for n in names if n != "learning_rate" and _points(history, n, f"val_{n}")]
    if len({row.get("learning_rate") for row in history}) > 1:
        drawn.append("learning_rate")
    return sorted(drawn, key=lambda name: name != "loss")


def _points(history: History, *names: str) -> list[tuple[float, float]]:
    return [
        (row["epoch"], row[name])
        for name in names
        for row in history
        if isinstance(row.get(name), int | float) and math.isfinite(row[name])
    ]


def draw_curve(
    axes: Axes, history: History, name: str, kept_epoch: int | None, scale: str = ""
) -> None:
    """Draw one metric of training and validation over the epochs.

    Args:
        axes: to draw on.
        history: as of `learning_curves`.
        name: of the metric, without `val_`.
        kept_epoch: the epoch whose weights were kept, marked by a line.
        scale: unit, for the title.
    """
    what = "rate" if name == "learning_rate" else "training"
    styles = {name: (what, BLUE, "o"), f"val_{name}": ("validation", ORANGE, "s")}
    for column, (text, color, marker) in styles.items():
        points = _points(history, column)
        if points:
            size = 3.5 if len(points) <= 30 else 0
            x, y = zip(*points, strict=True)
            axes.plot(x, y, label=text, color=color, marker=marker, markersize=size, linewidth=1.5)
    values = [value for _, value in _points(history, name, f"val_{name}")]
    if name in ("loss", "learning_rate") and min(values) > 0 and max(values) / min(values) > 100:
        axes.set_yscale("log")
    title = label(name.replace("_", " "))
    tidy(axes, f"{title} ({scale})" if scale else title, "epoch")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    if kept_epoch is not None:
        axes.axvline(kept_epoch, color=GRAY, linestyle="--", linewidth=1, label="kept")
    axes.legend(fontsize=8, frameon=False)


def _class_ticks(
    axes: Axes, texts: Sequence[str], turned: bool, titles: tuple[str, str, str]
) -> None:
    size = float(np.clip(620 / len(texts), 6.5, 9))
    axes.set_xticks(range(len(texts)), texts, fontsize=size, rotation=90 if turned else 0)
    axes.set_yticks(range(len(texts)), texts, fontsize=size)
    axes.set_xlabel(titles[1], fontsize=9)
    axes.set_ylabel(titles[0], fontsize=9)
    axes.tick_params(length=0)


def _cell_texts(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    classes = len(counts)
    if classes > COUNTS_WRITTEN:
        return
    for i, j in np.argwhere(counts > 0):
        text = f"{counts[i, j]}" + (f"\n{shares[i, j]:.0%}" if classes <= SHARES_WRITTEN else "")
        color = "white" if shares[i, j] > 0.5 else "black"
        axes.text(j, i, text, ha="center", va="center", color=color, fontsize=8)


def _residuals_csv(
    path: Path, y_true: np.ndarray, y_pred: np.ndarray, target_names: Sequence[str]
) -> None:
    blocks = [(name, y_true[:, i], y_pred[:, i]) for i, name in enumerate(target_names)]
    header = [f"{name} {what}" for name in target_names for what in ("true", "predicted")]
    columns = [column for _, *pair in blocks for column in pair]
    write_csv(path, header, rows_of(columns))


def draw_against_truth(axes: Axes, y_true: np.ndarray, y_pred: np.ndarray, name: str) -> None:
    """Draw predicted against true numbers (n,) of a target called `name`, or some of many."""
    ends = min(y_true.min(), y_pred.min()), max(y_true.max(), y_pred.max())
    many, count = len(y_true) > 1000, f"{len(y_true)} samples"
    if len(y_true) > _MOST_POINTS:
        shown = np.random.default_rng(0).choice(len(y_true), _MOST_POINTS, replace=False)
        y_true, y_pred, count = y_true[shown], y_pred[shown], f"{_MOST_POINTS} of {count}"
    axes.plot(ends, ends, color=GRAY, linestyle="--", linewidth=1, label="predicted = true")
    axes.scatter(
        y_true, y_pred, s=6 if many else 14, alpha=0.35 if many else 0.7, color=BLUE, linewidths=0
    )
    tidy(axes, count, f"{label(name)}, true", f"{label(name)}, predicted")
    axes.legend(fontsize=8, frameon=False, loc="upper left")


def _residual_histogram(axes: Axes, left: np.ndarray, name: str) -> None:
    axes.hist(left, bins=int(np.clip(len(left) ** 0.5 * 1.5, 5, 60)), color=BLUE)
    axes.axvline(0, color=GRAY, linestyle="--", linewidth=1)
    axes.axvline(left.mean(), color=RED, linewidth=1.2, label=f"mean {left.mean():.3g}")
    tidy(axes, "residuals", f"{label(name)}, true minus predicted", "samples")
    axes.legend(fontsize=8, frameon=False)


def reliability_diagram(
    folder: Path, rows: Sequence[Mapping[str, Any]], error: float | None
) -> Path:
    """Draw accuracy against confidence, with the line of a perfectly calibrated model.

    Args:
        folder: where `reliability.png` and `.csv` are written.
        rows: those of `mlzoo.statistics.calibration.bins.reliability`.
        error: the expected calibration error, for the title; None where it is undefined.
    """
    write_csv(
        folder / "reliability.csv", _RELIABILITY, [[row[n] for n in _RELIABILITY] for row in rows]
    )
    count, confidence, accuracy, low, high = (np.array([r[n] for r in rows]) for n in _RELIABILITY)
    figure = new_figure(4.6, 4.4)
    axes = figure.subplots()
    axes.plot((0, 1), (0, 1), color=GRAY, linestyle="--", linewidth=1, label="calibrated")
    ends = np.maximum([accuracy - low, high - accuracy], 0)
    axes.errorbar(
        confidence,
        accuracy,
        yerr=ends,
        color=BLUE,
        marker="o",
        markersize=5,
        linewidth=1.2,
        elinewidth=1,
        capsize=2,
        label="model, 95 % interval",
    )
    start = max(0.0, min(confidence.min(), low.min()) - 0.05)
    axes.set_xlim(start, 1.02)
    axes.set_ylim(start, 1.02)
    shown = "" if error is None else f"expected calibration error {error:.3f}\n"
    bins = f"{len(rows)} bins of about {round(count.mean()):,}" if len(rows) > 1 else "one bin"
    tidy(axes, f"{shown}{count.sum():,} predictions, {bins}", "confidence", "accuracy")
    axes.legend(fontsize=8, frameon=False, loc="upper left")
    return save(figure, folder / "reliability.png")


def label_mistakes(folder: Path, part: Part, y_true: np.ndarray, y_pred: np.ndarray) -> Path | None:
    """Draw the images whose labels are wrong, those with the largest errors of probabilities first.

    Args:
        folder: where `mistakes.csv` (also for inputs that are not images) and `mistakes.png` go.
        part: the split.
        y_true: (n, k) zeros and ones.
        y_pred: (n, 2, k) probabilities and decisions.

    Returns:
        The picture's path; None without mistakes or images.
    """
    samples = part.samples
    probabilities, chosen = y_pred[:, 0], y_pred[:, 1]
    wrong = np.flatnonzero((chosen != y_true).any(axis=1))
    errors = ((probabilities - y_true) ** 2).sum(axis=1)
    worst = wrong[np.argsort(-errors[wrong], kind="stable")][:_MOST_SHOWN]
    names = samples.names_of(part.indices)
    true = joined(y_true[worst], samples.class_names)
    missed = joined((y_true > chosen)[worst], samples.class_names)
    added = joined((chosen > y_true)[worst], samples.class_names)
    rows = [
        [names[i], *pair, float(errors[i])]
        for i, *pair in zip(worst, true, missed, added, strict=True)
    ]
    header = ["sample", "true", "missed", "wrongly predicted", "squared error"]
    write_csv(folder / "mistakes.csv", header, rows)
    if samples.kind != "image" or not rows:
        return None
    texts = [
        f"missed: {label(less or 'none', 20)}\nwrong: {label(more or 'none', 20)}"
        for less, more in zip(missed, added, strict=True)
    ]
    title = "wrong label sets, the largest errors first"
    images = part.inputs(worst)
    return captioned_images(folder / "mistakes.png", images, texts, samples.maximum, title)
