"""Picture of an augmentation: originals with their augmented variants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from mlzoo.augmentation.variants import Variant, shown, variants
from mlzoo.data.policies import Policy
from mlzoo.data.volumes.slices import side_by_side
from mlzoo.drawing.canvas import COLORS, DPI, GRAY, label, new_figure, save, tidy, write_csv
from mlzoo.drawing.palette import class_colors
from mlzoo.drawing.panels import LINE, MARGIN, blank, fitted, paste, text_width, write
from mlzoo.drawing.pictures import class_label, heat_map, strips
from mlzoo.reporting.figures.pixels.masks import drawn_size, masked, shrunk_picture

if TYPE_CHECKING:
    from mlzoo.data.samples import Part

_SIDE, _GAP, _LINES = 190, 12, 4
"""Side of an image and gap between images in pixels, and lines of text above each."""


def draw(
    path: Path, part: Part, policy: Policy, seed: int, samples: int = 6, each: int = 5
) -> Path:
    """Draw one row per sample: the original, then its variants under the transforms' names.

    Images are drawn as pictures, under their masks if any, films as strips;
    sequences and rows of a table as curves over the original's.

    Args:
        path: the PNG to write; a CSV beside it lists what each transform drew.
        part: the training samples.
        policy: a resolved policy.
        seed: seed of the training.
        samples: number of rows.
        each: number of variants per sample.
    """
    of = part.samples
    rows = variants(part, policy, seed, samples, each)
    names = [of.name_of(int(part.indices[place])) for place in shown(part, samples)]
    labels = [[_target(variant.target, of.class_names) for variant in row] for row in rows]
    _write_csv(path.with_suffix(".csv"), rows, names, labels)
    title = f"augmentation {policy.name}"
    if rows[0][0].inputs.ndim == 4:
        rows = [[replace(v, inputs=strips(v.inputs[None])[0]) for v in row] for row in rows]
    if depth := of.reader.depth:
        masks = of.target.pixel_class
        rows = [
            [
                replace(
                    v,
                    inputs=side_by_side(v.inputs, depth),
                    target=side_by_side(v.target, depth) if masks else v.target,
                )
                for v in row
            ]
            for row in rows
        ]
    if rows[0][0].inputs.ndim == 3:
        dense = of.target.pixel_class
        colors = class_colors(of.reader.class_colors, len(of.class_names)) if dense else None
        return save(_images(rows, names, title, labels, colors, of.maximum), path)
    if rows[0][0].inputs.ndim == 2:
        return save(_curves(rows, names, title, labels), path)
    table = np.stack([variant.inputs for row in rows for variant in row])
    row_labels = [
        _brief(variant, name, text)
        for row, name, texts in zip(rows, names, labels, strict=True)
        for variant, text in zip(row, texts, strict=True)
    ]
    columns = [column.name for column in of.columns] or [
        f"input {i}" for i in range(table.shape[1])
    ]
    return save(heat_map(table, row_labels, columns, len(table)), path)


def _write_csv(
    path: Path,
    rows: Sequence[Sequence[Variant]],
    names: Sequence[str],
    labels: Sequence[Sequence[str]],
) -> None:
    """Write the transforms of every variant with their drawn parameters."""
    lines = [
        [name, number, text, "; ".join(variant.transforms or ())]
        for row, name, texts in zip(rows, names, labels, strict=True)
        for number, (variant, text) in enumerate(zip(row, texts, strict=True))
    ]
    write_csv(path, ["sample", "variant", "target", "transforms"], lines)


def _brief(variant: Variant, name: str, text: str) -> str:
    first = [name] if variant.transforms is None else _plain(variant)
    return ", ".join([*first, *filter(None, [text])])


def _target(target: np.ndarray, class_names: Sequence[str]) -> str:
    """Return a sample's target as text, if it fits a line."""
    if class_names and target.ndim <= 1 and target.shape in ((), (len(class_names),)):
        return class_label(target, class_names)
    return f"{float(target):.4g}" if target.ndim == 0 else ""


def _images(
    rows: Sequence[Sequence[Variant]],
    names: Sequence[str],
    title: str,
    labels: Sequence[Sequence[str]],
    colors: np.ndarray | None,
    maximum: float | None,
) -> Figure:
    size = drawn_size(rows[0][0].inputs.shape, _SIDE)
    across = max(size[1], _SIDE) + _GAP
    down = size[0] + _LINES * LINE + _GAP
    width = 2 * MARGIN + len(rows[0]) * across - _GAP
    figure = blank(width, 2 * MARGIN + LINE + len(rows) * down)
    write(figure, MARGIN, MARGIN, fitted(title, width - 2 * MARGIN, weight="bold"), "bold")
    for i, (row, name) in enumerate(zip(rows, names, strict=True)):
        for j, variant in enumerate(row):
            x, y = MARGIN + j * across, MARGIN + LINE + i * down
            room = across - _GAP
            lines = [name] if variant.transforms is None else _wrapped(_plain(variant), room)
            lines += filter(None, [labels[i][j]])
            for k, text in enumerate(lines):
                write(figure, x, y + (_LINES - len(lines) + k) * LINE, fitted(text, across - _GAP))
            drawn = shrunk_picture(variant.inputs, size, maximum)
            if colors is not None:
                drawn = masked(drawn, _classes(variant.target), colors)
            paste(figure, x, y + _LINES * LINE, drawn)
    return figure


def _plain(variant: Variant) -> list[str]:
    """Return the transforms' names without parameters."""
    return [text.partition(" ")[0] for text in variant.transforms or ()] or ["unchanged"]


def _wrapped(names: Sequence[str], room: int) -> list[str]:
    """Wrap names into lines of `room` pixels; names that do not fit are counted."""
    lines = [""]
    for place, name in enumerate(names):
        longer = f"{lines[-1]}, {name}" if lines[-1] else name
        if text_width(longer) <= room:
            lines[-1] = longer
        elif len(lines) < _LINES - 1:
            lines.append(name)
        else:
            lines[-1] += f" + {len(names) - place}"
            break
    return lines


def _classes(target: np.ndarray) -> np.ndarray:
    """Return a mask of class positions, also for class shares."""
    return target if target.ndim == 2 else target.argmax(axis=-1).astype("uint8")


def _curves(
    rows: Sequence[Sequence[Variant]],
    names: Sequence[str],
    title: str,
    labels: Sequence[Sequence[str]],
) -> Figure:
    figure = new_figure(2.6 * len(rows[0]), 1.7 * len(rows) + 0.4)
    grid = figure.subplots(len(rows), len(rows[0]), squeeze=False, sharey="row")
    figure.suptitle(label(title, 110), fontsize=10, fontweight="bold")
    for i, row in enumerate(rows):
        before = np.atleast_2d(row[0].inputs.T).T
        for j, variant in enumerate(row):
            axes = grid[i, j]
            changed = variant.transforms is not None
            texts = [", ".join(_plain(variant)) if changed else names[i], labels[i][j]]
            tidy(axes, "\n".join(label(text, 48) for text in texts if text))
            axes.title.set_fontsize(7)
            for k, now in enumerate(np.atleast_2d(variant.inputs.T)[:8]):
                if j:
                    axes.plot(before[:, k], color=GRAY, alpha=0.4, linewidth=0.7)
                axes.plot(now, color=COLORS[k % len(COLORS)], linewidth=0.9)
    figure.set_dpi(DPI)
    return figure
