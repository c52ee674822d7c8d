"""Pictures of dense predictions: masks over their images, errors pixel by pixel, and fields.

Every panel is first brought to the size at which it is drawn and then pasted pixel by pixel, so
that one-pixel outlines stay crisp and a large image's thin structures are kept on purpose, not by
the luck of resampling.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import MaxNLocator

from mlzoo.reporting.canvas import DPI, label, save, write_csv
from mlzoo.reporting.palette import IGNORED_COLOUR, area_mean, overlay, shrink_mask
from mlzoo.reporting.pictures import as_picture
from mlzoo.specs import IGNORED

MOST_CASES, MOST_SAMPLES, MOST_FIELDS, MOST_NAMES = 6, 16, 3, 20
SIDE, SMALL_SIDE = 360, 256
"""Pixels a side of a square panel in a row of four, and where there are more or smaller ones."""
_MARGIN, _GAP, _ROW_GAP, _LINE, _BASELINE, _SQUARE, _NARROWEST = 14, 12, 20, 18, 11, 11, 130
_POINTS = 9

Key = list[tuple[np.ndarray | None, str]]
"""What colours mean: a small square, which a heading has none of, and its text."""
Legend = list[tuple[int, int, np.ndarray | None, str]]
"""A key's entries with their places: pixels from the left, and the line."""

RIGHT, FOUND, MISSED, INVENTED, WRONG, UNCOUNTED = range(6)
"""What `error_kinds` says of a pixel; RIGHT and FOUND are a right background and foreground."""
_ERROR_COLOURS = np.array(
    [(0, 0, 0), (120, 220, 165), (255, 165, 0), (60, 145, 255), (226, 61, 168), IGNORED_COLOUR]
)
_FOUND_TINT, _FAINTEST_ERROR = 0.35, 0.45


@dataclass(frozen=True)
class Case:
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

    The truth is NaN where a pixel doesn't count.
    """

    title: str
    name: str
    image: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    score: float


def segmentation_cases(
    folder: Path,
    cases: Sequence[Case],
    class_names: Sequence[str],
    colours: np.ndarray,
    maximum: float | None = None,
) -> Path:
    """Draw a row a case: the image, its true mask, the predicted one, and what was wrong.

    Args:
        folder: where `segmentation.png` and `segmentation.csv` are written. In the CSV's pixels,
            `right` counts the background too: the five numbers sum to the image's pixels.
        cases: 1 to 6; images of any size.
        class_names: names of the masks' values; the first is the background.
        colours: (classes, 3) uint8, as of `palette`.
        maximum: the largest value that an image can hold; its own range by default.
    """
    cases = list(cases)[:MOST_CASES]
    _errors_csv(folder / "segmentation.csv", cases)
    sizes = [_drawn_size(case.truth.shape, SIDE) for case in cases]
    column = max([_NARROWEST, *(width for _, width in sizes)]) + _GAP
    width = 2 * _MARGIN + 4 * column - _GAP
    ignored = any((case.truth == IGNORED).any() for case in cases)
    keys = [_error_key(class_names, ignored), _class_key(class_names, colours)]
    legends = [_flowed(key, width - 2 * _MARGIN) for key in keys]
    rows = sum(2 * _LINE + height + _ROW_GAP for height, _ in sizes)
    figure = _blank(width, 2 * _MARGIN + rows + sum(map(_legend_height, legends)))
    y = _MARGIN
    for case, size in zip(cases, sizes, strict=True):
        _write_title(figure, y, case, "mean IoU")
        for i, (heading, panel) in enumerate(_panels(case, size, colours, maximum).items()):
            _write(figure, _MARGIN + i * column, y + _LINE, heading)
            _paste(figure, _MARGIN + i * column, y + 2 * _LINE, panel)
        y += 2 * _LINE + size[0] + _ROW_GAP
    for legend in legends:
        _draw_legend(figure, y, legend)
        y += _legend_height(legend)
    return save(figure, folder / "segmentation.png")


def mask_grid(
    folder: Path,
    inputs: np.ndarray,
    targets: np.ndarray,
    names: Sequence[str],
    class_names: Sequence[str],
    colours: np.ndarray,
    maximum: float | None = None,
) -> Path:
    """Draw up to 16 images of a training batch as the network was fed them, under their masks.

    Args:
        folder: where `samples.png` and `samples.csv` (each class's share of the pixels) go.
        inputs: (n, height, width, channels).
        targets: (n, height, width) positions of classes, 255 where a pixel is ignored.
        names: what to call each sample.
        class_names: names of the masks' values; the first is the background.
        colours: (classes, 3) uint8, as of `palette`.
        maximum: the largest value that an image can hold; its own range by default.
    """
    count = min(len(inputs), MOST_SAMPLES)
    masks = np.asarray(targets[:count]).astype("uint8").reshape(count, *inputs.shape[1:3])
    _shares_csv(folder / "samples.csv", masks, names, class_names)
    columns = min(count, 4)
    size = _drawn_size(masks.shape[1:], SMALL_SIDE)
    across, down = max(_NARROWEST, size[1]) + _GAP, size[0] + _LINE + _GAP
    width = 2 * _MARGIN + columns * across - _GAP
    legend = _flowed(_class_key(class_names, colours), width - 2 * _MARGIN)
    rows = math.ceil(count / columns)
    figure = _blank(width, 2 * _MARGIN + rows * down + _legend_height(legend))
    for i in range(count):
        row, column = divmod(i, columns)
        x, y = _MARGIN + column * across, _MARGIN + row * down
        picture = _shrunk_picture(inputs[i], size, maximum)
        _write(figure, x, y, _fitted(names[i], across - _GAP))
        _paste(figure, x, y + _LINE, _masked(picture, masks[i], colours))
    _draw_legend(figure, _MARGIN + rows * down, legend)
    return save(figure, folder / "samples.png")


def field_cases(folder: Path, cases: Sequence[FieldCase], field_names: Sequence[str]) -> Path:
    """Draw true and predicted values of each pixel on one scale, and their difference.

    Args:
        folder: where `fields.png` and `fields.csv` (errors of each case's every field) go.
        cases: 1 to 6; images of any size. The first column shows an image's first channel; up to
            three fields have a row each.
        field_names: names of the fields, with units where they have them.
    """
    cases = list(cases)[:MOST_CASES]
    _fields_csv(folder / "fields.csv", cases, field_names)
    sizes = [_drawn_size(case.image.shape[:2], SMALL_SIDE) for case in cases]
    panel, bar = max([_NARROWEST, *(width for _, width in sizes)]) + _GAP, 90
    xs = [_MARGIN + i * panel + (i > 2) * bar for i in range(4)]
    drawn = min(len(field_names), MOST_FIELDS)
    rows = sum(2 * _LINE + drawn * (_LINE + height + _GAP) for height, _ in sizes)
    figure = _blank(xs[-1] + panel + bar + _MARGIN, 2 * _MARGIN + rows - _LINE)
    y = _MARGIN
    for case, size in zip(cases, sizes, strict=True):
        _write_title(figure, y, case, "score")
        y += _LINE
        _write(figure, xs[0], y, "input")
        _paste(figure, xs[0], y + _LINE, _shrunk_picture(case.image[..., :1], size))
        for i in range(drawn):
            _write(figure, xs[1], y, _fitted(field_names[i], panel - _GAP, after=", true"))
            _write(figure, xs[2], y, "predicted")
            _write(figure, xs[3], y, "true minus predicted")
            fields = _shrunk_fields(case.truth[..., i], case.predicted[..., i], size)
            _field_row(figure, xs[1:], y + _LINE, panel, *fields)
            y += _LINE + size[0] + _GAP
        y += _LINE
    return save(figure, folder / "fields.png")


def error_kinds(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """What each pixel (height, width) is, as uint8.

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


def _errors_csv(path: Path, cases: Sequence[Case]) -> None:
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
        [name, *found[: len(class_names)].tolist(), float(found[IGNORED])]
        for name, found in zip(names, shares, strict=False)
    ]
    write_csv(path, ["name", *class_names, "ignored"], rows)


def _fields_csv(path: Path, cases: Sequence[FieldCase], field_names: Sequence[str]) -> None:
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
    write_csv(path, ["title", "name", "score", "field", "pixels", *errors_of], rows)


def _panels(
    case: Case, size: tuple[int, int], colours: np.ndarray, maximum: float | None
) -> dict[str, np.ndarray]:
    """Pictures of `size` by what is written above them."""
    picture = _shrunk_picture(case.image, size, maximum)
    return {
        "image": picture,
        "truth": _masked(picture, case.truth, colours),
        "prediction": _masked(picture, case.predicted, colours),
        "errors": _error_picture(picture, error_kinds(case.truth, case.predicted)),
    }


def _masked(picture: np.ndarray, mask: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """A mask of any size laid over a picture of the size that is drawn."""
    small = shrink_mask(mask, picture.shape[:2])
    return _hatched(overlay(picture, small, colours), small == IGNORED)


def _error_picture(picture: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Errors over the darkened gray picture.

    A drawn pixel with any error has the colour of the most frequent one, so that thin errors are
    never lost; it is the fainter, the smaller the share of its pixels that are wrong.
    """
    shares = np.stack([area_mean(kinds == kind, picture.shape[:2]) for kind in range(6)], axis=-1)
    wrong = shares[..., MISSED : WRONG + 1]
    share, kind = wrong.sum(axis=-1, keepdims=True), MISSED + wrong.argmax(axis=-1)
    found = _FOUND_TINT * (shares[..., FOUND, None] > 0)
    strength = np.where(share > 0, _FAINTEST_ERROR + (1 - _FAINTEST_ERROR) * np.sqrt(share), 0)
    gray = 0.55 * picture.mean(axis=-1, keepdims=True)
    mixed = (1 - found) * gray + found * _ERROR_COLOURS[FOUND]
    mixed = (1 - strength) * mixed + strength * _ERROR_COLOURS[kind]
    return _hatched(mixed, (shares[..., UNCOUNTED] > 0.5) & (share[..., 0] == 0))


def _hatched(picture: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Diagonal lines in two grays over the pixels that don't count."""
    rows, columns = np.indices(where.shape)
    lines = (rows + columns) % 8 < 3
    grays = np.where(lines, 175, 105)[..., None]
    return np.rint(np.where(where[..., None], grays, picture)).astype("uint8")


def _drawn_size(shape: Sequence[int], side: int) -> tuple[int, int]:
    """Height and width in the figure: about side x side pixels, at most 1.5 sides long.

    Small images are enlarged by whole factors, so that their pixels stay equal squares.
    """
    height, width = shape[:2]
    factor = min(side / math.sqrt(height * width), 1.5 * side / max(height, width))
    factor = math.floor(factor) if factor >= 1 else factor
    return max(24, round(height * factor)), max(24, round(width * factor))


def _shrunk_picture(
    image: np.ndarray, size: tuple[int, int], maximum: float | None = None
) -> np.ndarray:
    channels = image[..., : 3 if image.shape[-1] >= 3 else 1]
    channels = np.nan_to_num(channels, posinf=0, neginf=0)
    small = np.stack([area_mean(channel, size) for channel in np.moveaxis(channels, -1, 0)], -1)
    return np.rint(255 * as_picture(small, maximum)).astype("uint8")


def _counts(mask: np.ndarray) -> np.ndarray:
    return np.bincount(mask.ravel(), minlength=256)


def _shrunk_fields(
    truth: np.ndarray, predicted: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, prediction and their difference, the mean of the numbers on each drawn pixel.

    NaN where there is none. The difference is that of the pixels, not of their means.
    """
    fields = []
    for values in (truth, predicted, truth.astype("float64") - predicted):
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
    """Three fields at `xs`; the first two share a scale, the third's is symmetric about 0."""
    both = np.concatenate([true[np.isfinite(true)], predicted[np.isfinite(predicted)]])
    low, high = (both.min(), both.max()) if both.size else (0.0, 1.0)
    if low == high:
        low, high = low - (abs(low) / 10 or 1), high + (abs(high) / 10 or 1)
    furthest = float(np.nanmax(abs(difference), initial=0)) or 1.0
    values = ScalarMappable(Normalize(low, high), "viridis")
    errors = ScalarMappable(Normalize(-furthest, furthest), "RdBu_r")
    _paste(figure, xs[0], y, _coloured(true, values))
    _paste(figure, xs[1], y, _coloured(predicted, values))
    _paste(figure, xs[2], y, _coloured(difference, errors))
    _colour_bar(figure, xs[1] + panel, y, len(true), values)
    _colour_bar(figure, xs[2] + panel, y, len(true), errors)


def _coloured(values: np.ndarray, colours: ScalarMappable) -> np.ndarray:
    """RGB of a field; NaN is gray."""
    picture = np.asarray(colours.to_rgba(np.nan_to_num(values), bytes=True))[..., :3]
    return np.where(np.isnan(values)[..., None], IGNORED_COLOUR, picture).astype("uint8")


def _colour_bar(figure: Figure, x: int, y: int, height: int, colours: ScalarMappable) -> None:
    across, down = _extent(figure)
    axes = figure.add_axes((x / across, 1 - (y + height) / down, 12 / across, height / down))
    bar = figure.colorbar(colours, cax=axes, format=lambda value, _: f"{value:.6g}")
    bar.locator = MaxNLocator(int(np.clip(height / 40, 2, 6)))
    bar.ax.tick_params(labelsize=8)


def _error_key(class_names: Sequence[str], ignored: bool) -> Key:
    """What the colours of errors mean, in the words of the classes."""
    first = label(class_names[0], 20)
    other = label(class_names[1], 20) if len(class_names) == 2 else "a class"
    texts = {
        MISSED: f"missed: {other} taken for {first}",
        INVENTED: f"invented: {first} taken for {other}",
        WRONG: "wrong class: taken for another",
    }
    if len(class_names) <= 2:
        del texts[WRONG]
    found = _FOUND_TINT * _ERROR_COLOURS[FOUND] + (1 - _FOUND_TINT) * 70
    key: Key = [(None, "errors:"), (_square(found), "found")]
    key += [(_square(_ERROR_COLOURS[kind]), text) for kind, text in texts.items()]
    square = _hatched(_square(IGNORED_COLOUR), np.ones((_SQUARE, _SQUARE), bool))
    return [*key, (square, "doesn't count")] if ignored else key


def _class_key(class_names: Sequence[str], colours: np.ndarray) -> Key:
    """Names of up to 20 classes and their colours; the first, which is not tinted, has none."""
    shown = list(zip(class_names, colours, strict=False))[1:MOST_NAMES]
    key: Key = [(None, "classes:")]
    key += [(_square(colour), label(name, 20)) for name, colour in shown]
    if len(class_names) > MOST_NAMES:
        key.append((None, f"and {len(class_names) - MOST_NAMES} more"))
    return [*key, (None, f"(not tinted: {label(class_names[0], 20)})")]


def _square(colour: Sequence[float] | np.ndarray) -> np.ndarray:
    return np.full((_SQUARE, _SQUARE, 3), np.rint(colour), "uint8")


def _flowed(key: Key, room: int) -> Legend:
    """Places for a key's entries, one after the other in lines of `room` pixels."""
    placed: Legend = []
    x = line = 0
    for square, text in key:
        width = (0 if square is None else _SQUARE + 5) + _text_width(text)
        if x > 0 and x + width > room:
            x, line = 0, line + 1
        placed.append((x, line, square, text))
        x += width + 16
    return placed


def _legend_height(legend: Legend) -> int:
    return (legend[-1][1] + 1) * _LINE


def _draw_legend(figure: Figure, y: int, legend: Legend) -> None:
    for x, line, square, text in legend:
        left, top = _MARGIN + x, y + line * _LINE
        if square is not None:
            _paste(figure, left, top + 1, square)
            left += _SQUARE + 5
        _write(figure, left, top, text)


def _blank(width: int, height: int) -> Figure:
    """A figure of so many pixels; the hundredth keeps rounding from losing the last one."""
    return Figure(figsize=((width + 0.01) / DPI, (height + 0.01) / DPI), dpi=DPI)


def _extent(figure: Figure) -> tuple[int, int]:
    return int(figure.bbox.width), int(figure.bbox.height)


def _paste(figure: Figure, x: int, y: int, picture: np.ndarray) -> None:
    """Copy an RGB picture to x pixels from the left and y from the top."""
    figure.figimage(picture, x, _extent(figure)[1] - y - picture.shape[0], origin="upper")


def _write_title(figure: Figure, y: int, case: Case | FieldCase, metric: str) -> None:
    """A case's title, name and score in one bold line."""
    before = f"{label(case.title, 30)}: "
    after = f", {metric} {'not defined' if math.isnan(case.score) else f'{case.score:.4g}'}"
    room = _extent(figure)[0] - 2 * _MARGIN
    _write(figure, _MARGIN, y, _fitted(case.name, room, before, after, "bold"), "bold")


def _write(figure: Figure, x: int, y: int, text: str, weight: str = "normal") -> None:
    """A line of text whose upper left corner is at (x, y)."""
    across, down = _extent(figure)
    figure.text(x / across, 1 - (y + _BASELINE) / down, text, fontsize=_POINTS, weight=weight)


def _fitted(
    name: object, room: int, before: str = "", after: str = "", weight: str = "normal"
) -> str:
    """A name, shortened in its middle until it and what stands around it take `room` pixels."""
    for most in range(40, 3, -1):
        text = before + label(name, most) + after
        if _text_width(text, weight) <= room:
            break
    return text


def _text_width(text: str, weight: str = "normal") -> int:
    """Pixels that a text takes when drawn."""
    font = FontProperties(size=_POINTS, weight=weight)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        width, _, _ = _renderer().get_text_width_height_descent(text, font, ismath=False)
    return math.ceil(width)


@cache
def _renderer() -> RendererAgg:
    """What measures a text as it is drawn: with letters placed on whole pixels."""
    return RendererAgg(1, 1, DPI)
