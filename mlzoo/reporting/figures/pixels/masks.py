"""Pictures of dense predictions: mask overlays, errors per pixel, and fields.

Every panel is first brought to the size at which it is drawn and then pasted pixel by pixel, so
that one-pixel outlines stay crisp and thin structures of large images survive the resizing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mlzoo.data.specs import IGNORED
from mlzoo.drawing.canvas import label, save, write_csv
from mlzoo.drawing.palette import IGNORED_COLOR, area_mean, overlay, shrink_mask
from mlzoo.drawing.panels import (
    LINE,
    MARGIN,
    SQUARE,
    Key,
    blank,
    draw_legend,
    extent,
    fitted,
    flowed,
    legend_height,
    paste,
    square,
    write,
)
from mlzoo.drawing.pictures import as_picture

MOST_CASES, MOST_SAMPLES, MOST_FIELDS, MOST_NAMES = 6, 16, 3, 20
SIDE, SMALL_SIDE = 360, 256
"""Side in pixels of a square panel in a row of four, and in denser grids."""
_GAP, _ROW_GAP, _NARROWEST = 12, 20, 130

RIGHT, FOUND, MISSED, INVENTED, WRONG, UNCOUNTED = range(6)
"""Values of `error_kinds`; RIGHT and FOUND are correct background and foreground."""
_ERROR_COLORS = np.array(
    [(0, 0, 0), (120, 220, 165), (255, 165, 0), (60, 145, 255), (226, 61, 168), IGNORED_COLOR]
)
_FOUND_TINT, _FAINTEST_ERROR = 0.35, 0.45


@dataclass(frozen=True)
class MaskCase:
    """An image (height, width, channels) with its true and predicted mask (height, width).

    `title` says why it is shown (worst, median, best), `score` is its mean IoU.
    """

    title: str
    name: str
    image: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    score: float


@dataclass(frozen=True)
class FieldCase:
    """An image (height, width, channels) with true and predicted values (height, width, fields).

    The truth is NaN where a pixel is ignored; `score` is the RMSE over all others.
    """

    title: str
    name: str
    image: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    score: float


def segmentation_cases(
    folder: Path,
    cases: Sequence[MaskCase],
    class_names: Sequence[str],
    colors: np.ndarray,
    maximum: float | None = None,
) -> Path:
    """Draw one row per case: the image, its true and predicted mask, and the errors.

    Args:
        folder: where `segmentation.png` and `segmentation.csv` are written. In the CSV's pixels,
            `right` counts the background too: the five numbers sum to the image's pixels.
        cases: 1 to 6; images of any size.
        class_names: names of the masks' values; the first is the background.
        colors: (classes, 3) uint8, as of `palette`.
        maximum: the largest value that an image can hold; its own range by default.
    """
    cases = list(cases)[:MOST_CASES]
    _errors_csv(folder / "segmentation.csv", cases)
    sizes = [drawn_size(case.truth.shape, SIDE) for case in cases]
    column = max([_NARROWEST, *(width for _, width in sizes)]) + _GAP
    width = 2 * MARGIN + 4 * column - _GAP
    ignored = any((case.truth == IGNORED).any() for case in cases)
    keys = [_error_key(class_names, ignored), _class_key(class_names, colors)]
    legends = [flowed(key, width - 2 * MARGIN) for key in keys]
    rows = sum(2 * LINE + height + _ROW_GAP for height, _ in sizes)
    figure = blank(width, 2 * MARGIN + rows + sum(map(legend_height, legends)))
    y = MARGIN
    for case, size in zip(cases, sizes, strict=True):
        _write_title(figure, y, case, "mean IoU")
        for i, (heading, panel) in enumerate(_panels(case, size, colors, maximum).items()):
            write(figure, MARGIN + i * column, y + LINE, heading)
            paste(figure, MARGIN + i * column, y + 2 * LINE, panel)
        y += 2 * LINE + size[0] + _ROW_GAP
    for legend in legends:
        draw_legend(figure, y, legend)
        y += legend_height(legend)
    return save(figure, folder / "segmentation.png")


def mask_grid(
    folder: Path,
    inputs: np.ndarray,
    targets: np.ndarray,
    names: Sequence[str],
    class_names: Sequence[str],
    colors: np.ndarray,
    maximum: float | None = None,
) -> Path:
    """Draw up to 16 images of a training batch as the network received them, with masks.

    Args:
        folder: where `samples.png` and `samples.csv` (each class's share of the pixels) go.
        inputs: (n, height, width, channels).
        targets: (n, height, width) positions of classes, 255 where a pixel is ignored.
        names: names of the samples.
        class_names: names of the masks' values; the first is the background.
        colors: (classes, 3) uint8, as of `palette`.
        maximum: the largest value that an image can hold; its own range by default.
    """
    count = min(len(inputs), MOST_SAMPLES)
    masks = np.asarray(targets[:count]).astype("uint8").reshape(count, *inputs.shape[1:3])
    _shares_csv(folder / "samples.csv", masks, names, class_names)
    columns = min(count, 4)
    size = drawn_size(masks.shape[1:], SMALL_SIDE)
    across, down = max(_NARROWEST, size[1]) + _GAP, size[0] + LINE + _GAP
    width = 2 * MARGIN + columns * across - _GAP
    legend = flowed(_class_key(class_names, colors), width - 2 * MARGIN)
    rows = math.ceil(count / columns)
    figure = blank(width, 2 * MARGIN + rows * down + legend_height(legend))
    for i in range(count):
        row, column = divmod(i, columns)
        x, y = MARGIN + column * across, MARGIN + row * down
        picture = shrunk_picture(inputs[i], size, maximum)
        write(figure, x, y, fitted(names[i], across - _GAP))
        paste(figure, x, y + LINE, masked(picture, masks[i], colors))
    draw_legend(figure, MARGIN + rows * down, legend)
    return save(figure, folder / "samples.png")


def field_cases(folder: Path, cases: Sequence[FieldCase], field_names: Sequence[str]) -> Path:
    """Draw true and predicted values of each pixel on one scale, and their difference.

    Pixels without a truth are gray and don't stretch the scale, whatever is predicted there.

    Args:
        folder: where `fields.png` and `fields.csv` (errors of each case's every field) go.
        cases: 1 to 6; images of any size. The first column shows an image's first channel; up to
            three fields get a row each.
        field_names: names of the fields, with units where they have them.
    """
    cases = list(cases)[:MOST_CASES]
    fields_csv(folder / "fields.csv", cases, field_names)
    sizes = [drawn_size(case.image.shape[:2], SMALL_SIDE) for case in cases]
    panel, bar = max([_NARROWEST, *(width for _, width in sizes)]) + _GAP, 90
    xs = [MARGIN + i * panel + (i > 2) * bar for i in range(4)]
    drawn = min(len(field_names), MOST_FIELDS)
    rows = sum(2 * LINE + drawn * (LINE + height + _GAP) for height, _ in sizes)
    figure = blank(xs[-1] + panel + bar + MARGIN, 2 * MARGIN + rows - LINE)
    y = MARGIN
    for case, size in zip(cases, sizes, strict=True):
        _write_title(figure, y, case, "RMSE")
        y += LINE
        write(figure, xs[0], y, "input")
        paste(figure, xs[0], y + LINE, shrunk_picture(case.image[..., :1], size))
        for i in range(drawn):
            write(figure, xs[1], y, fitted(field_names[i], panel - _GAP, after=", true"))
            write(figure, xs[2], y, "predicted")
            write(figure, xs[3], y, "true minus predicted")
            fields = _shrunk_fields(case.truth[..., i], case.predicted[..., i], size)
            _field_row(figure, xs[1:], y + LINE, panel, *fields)
            y += LINE + size[0] + _GAP
        y += LINE
    return save(figure, folder / "fields.png")


def error_kinds(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Classify the errors of each pixel, (height, width) uint8.

    RIGHT (background), FOUND (foreground of the right class), MISSED (taken for background),
    INVENTED (background taken for a class), WRONG (one foreground class taken for another) or
    UNCOUNTED (ignored in the truth).
    """
    kinds = np.full(truth.shape, RIGHT, "uint8")
    same = truth == predicted
    kinds[same & (truth != 0)] = FOUND
    kinds[~same] = WRONG
    kinds[~same & (predicted == 0)] = MISSED
    kinds[~same & (truth == 0)] = INVENTED
    kinds[truth == IGNORED] = UNCOUNTED
    return kinds


def _errors_csv(path: Path, cases: Sequence[MaskCase]) -> None:
    rows = []
    for case in cases:
        counts = np.bincount(error_kinds(case.truth, case.predicted).ravel(), minlength=6).tolist()
        right = counts[RIGHT] + counts[FOUND]
        rows.append([case.title, case.name, case.score, right, *counts[MISSED:]])
    kinds = ["right", "missed", "invented", "wrong class", "ignored"]
    write_csv(path, ["title", "name", "score", *kinds], rows)


def _shares_csv(
    path: Path, masks: np.ndarray, names: Sequence[str], class_names: Sequence[str]
) -> None:
    shares = [_counts(mask) / mask.size for mask in masks]
    rows = [
        [name, *share[: len(class_names)].tolist(), float(share[IGNORED])]
        for name, share in zip(names, shares, strict=False)
    ]
    write_csv(path, ["name", *class_names, "ignored"], rows)


def fields_csv(path: Path, cases: Sequence[FieldCase], field_names: Sequence[str]) -> None:
    """Write the errors of each case's every field."""
    rows = []
    for case in cases:
        for i, name in enumerate(field_names):
            left = case.truth[..., i].astype("float64") - case.predicted[..., i]
            left = left[~np.isnan(case.truth[..., i])]
            errors: list[float | None] = [None] * 3
            if left.size:
                means = abs(left).mean(), (left**2).mean() ** 0.5, left.mean()
                errors = [float(mean) for mean in means]
            rows.append([case.title, case.name, case.score, name, left.size, *errors])
    errors_of = ["mean absolute error", "root mean squared error", "mean of true minus predicted"]
    write_csv(path, ["title", "name", "rmse", "field", "pixels", *errors_of], rows)


def _panels(
    case: MaskCase, size: tuple[int, int], colors: np.ndarray, maximum: float | None
) -> dict[str, np.ndarray]:
    """Return pictures of `size` by heading."""
    picture = shrunk_picture(case.image, size, maximum)
    return {
        "image": picture,
        "truth": masked(picture, case.truth, colors),
        "prediction": masked(picture, case.predicted, colors),
        "errors": _error_picture(picture, error_kinds(case.truth, case.predicted)),
    }


def masked(picture: np.ndarray, mask: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Overlay a mask of any size on a picture of the drawn size.

    Args:
        picture: (height, width, 3) uint8.
        mask: class positions, resized to the picture.
        colors: (classes, 3) uint8.
    """
    small = shrink_mask(mask, picture.shape[:2])
    return _hatched(overlay(picture, small, colors), small == IGNORED)


def _error_picture(picture: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Draw errors over the darkened gray picture.

    A drawn pixel with any error gets the color of the most frequent kind, so that thin errors stay
    visible; the smaller the share of wrong pixels, the fainter the color.
    """
    shares = np.stack([area_mean(kinds == kind, picture.shape[:2]) for kind in range(6)], axis=-1)
    wrong = shares[..., MISSED : WRONG + 1]
    share, kind = wrong.sum(axis=-1, keepdims=True), MISSED + wrong.argmax(axis=-1)
    tint = _FOUND_TINT * (shares[..., FOUND, None] > 0)
    strength = np.where(share > 0, _FAINTEST_ERROR + (1 - _FAINTEST_ERROR) * np.sqrt(share), 0)
    gray = 0.55 * picture.mean(axis=-1, keepdims=True)
    mixed = (1 - tint) * gray + tint * _ERROR_COLORS[FOUND]
    mixed = (1 - strength) * mixed + strength * _ERROR_COLORS[kind]
    return _hatched(mixed, (shares[..., UNCOUNTED] > 0.5) & (share[..., 0] == 0))


def _hatched(picture: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Draw diagonal gray lines over ignored pixels."""
    rows, columns = np.indices(where.shape)
    lines = (rows + columns) % 8 < 3
    grays = np.where(lines, 175, 105)[..., None]
    return np.rint(np.where(where[..., None], grays, picture)).astype("uint8")


def drawn_size(shape: Sequence[int], side: int) -> tuple[int, int]:
    """Return height and width in the figure: about side x side pixels, at most 1.5 sides long.

    Small images are enlarged by integer factors, so that their pixels stay equal squares.
    """
    height, width = shape[:2]
    factor = min(side / math.sqrt(height * width), 1.5 * side / max(height, width))
    factor = math.floor(factor) if factor >= 1 else factor
    return max(24, round(height * factor)), max(24, round(width * factor))


def shrunk_picture(
    image: np.ndarray, size: tuple[int, int], maximum: float | None = None
) -> np.ndarray:
    """Resize an image to the drawn size, RGB uint8.

    Args:
        image: (height, width, channels).
        size: (height, width) in pixels.
        maximum: the largest value that an image can hold; its own range by default.
    """
    channels = image[..., : 3 if image.shape[-1] >= 3 else 1]
    channels = np.nan_to_num(channels, posinf=0, neginf=0)
    small = np.stack([area_mean(channel, size) for channel in np.moveaxis(channels, -1, 0)], -1)
    return np.rint(255 * as_picture(small, maximum)).astype("uint8")


def _counts(mask: np.ndarray) -> np.ndarray:
    return np.bincount(mask.ravel(), minlength=256)


def _shrunk_fields(
    truth: np.ndarray, predicted: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return truth, prediction and difference, averaged over each drawn pixel.

    NaN where the truth is unknown. Differences are taken before averaging.
    """
    fields = []
    compared = np.where(np.isnan(truth), np.nan, predicted)
    for values in (truth, compared, truth.astype("float64") - predicted):
        counted = np.isfinite(values)
        share, total = area_mean(counted, size), area_mean(np.where(counted, values, 0), size)
        fields.append(np.divide(total, share, out=np.full(size, np.nan), where=share > 0))
    return fields[0], fields[1], fields[2]


def _field_row(
    figure: Figure,
    xs: Sequence[int],
    y: int,
    panel: int,
    true: np.ndarray,
    predicted: np.ndarray,
    difference: np.ndarray,
) -> None:
    """Draw three fields at `xs`; the first two share a scale, the third's is symmetric about 0."""
    both = np.concatenate([true[np.isfinite(true)], predicted[np.isfinite(predicted)]])
    low, high = (both.min(), both.max()) if both.size else (0.0, 1.0)
    if low == high:
        low, high = low - (abs(low) / 10 or 1), high + (abs(high) / 10 or 1)
    furthest = float(np.nanmax(abs(difference), initial=0)) or 1.0
    values = ScalarMappable(Normalize(low, high), "viridis")
    errors = ScalarMappable(Normalize(-furthest, furthest), "RdBu_r")
    paste(figure, xs[0], y, _colored(true, values))
    paste(figure, xs[1], y, _colored(predicted, values))
    paste(figure, xs[2], y, _colored(difference, errors))
    _color_bar(figure, xs[1] + panel, y, len(true), values)
    _color_bar(figure, xs[2] + panel, y, len(true), errors)


def _colored(values: np.ndarray, colors: ScalarMappable) -> np.ndarray:
    """Return a field as RGB; NaN is gray."""
    picture = np.asarray(colors.to_rgba(np.nan_to_num(values), bytes=True))[..., :3]
    return np.where(np.isnan(values)[..., None], IGNORED_COLOR, picture).astype("uint8")


def _color_bar(figure: Figure, x: int, y: int, height: int, colors: ScalarMappable) -> None:
    across, down = extent(figure)
    axes = figure.add_axes((x / across, 1 - (y + height) / down, 12 / across, height / down))
    bar = figure.colorbar(colors, cax=axes, format=lambda value, _: f"{value:.6g}")
    bar.locator = MaxNLocator(int(np.clip(height / 40, 2, 6)))
    bar.ax.tick_params(labelsize=8)


def _error_key(class_names: Sequence[str], ignored: bool) -> Key:
    """Return the legend of errors, with the names of the classes."""
    first = label(class_names[0], 20)
    other = label(class_names[1], 20) if len(class_names) == 2 else "a class"
    texts = {
        MISSED: f"missed: {other} taken for {first}",
        INVENTED: f"invented: {first} taken for {other}",
        WRONG: "wrong class: taken for another",
    }
    if len(class_names) <= 2:
        del texts[WRONG]
    found_color = _FOUND_TINT * _ERROR_COLORS[FOUND] + (1 - _FOUND_TINT) * 70
    key: Key = [(None, "errors:"), (square(found_color), "found")]
    key += [(square(_ERROR_COLORS[kind]), text) for kind, text in texts.items()]
    hatched = _hatched(square(IGNORED_COLOR), np.ones((SQUARE, SQUARE), bool))
    return [*key, (hatched, "doesn't count")] if ignored else key


def _class_key(class_names: Sequence[str], colors: np.ndarray) -> Key:
    """Return the legend of up to 20 classes; the first is not tinted."""
    shown = list(zip(class_names, colors, strict=False))[1:MOST_NAMES]
    key: Key = [(None, "classes:")]
    key += [(square(color), label(name, 20)) for name, color in shown]
    if len(class_names) > MOST_NAMES:
        key.append((None, f"and {len(class_names) - MOST_NAMES} more"))
    return [*key, (None, f"(not tinted: {label(class_names[0], 20)})")]


def _write_title(figure: Figure, y: int, case: MaskCase | FieldCase, metric: str) -> None:
    """Write a case's title, name and score in one bold line."""
    before = f"{label(case.title, 30)}: "
    after = f", {metric} {'not defined' if math.isnan(case.score) else f'{case.score:.4g}'}"
    room = extent(figure)[0] - 2 * MARGIN
    write(figure, MARGIN, y, fitted(case.name, room, before, after, "bold"), "bold")
