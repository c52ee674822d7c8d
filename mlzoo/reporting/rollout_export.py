"""Rollouts in time: their rows, files, and a picture of how the error grows."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.core.files import csv_text, disk_errors, write_bytes, write_text
from mlzoo.drawing.canvas import BLUE, GRAY, new_figure, save, tidy
from mlzoo.runs.predicting.rollouts.fields import Rollout

TABLE = "rollout.csv"


def step_rows(rolled: Sequence[Rollout], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row for each step of each start: means of the fields, and errors where known.

    Args:
        rolled: the rollouts.
        names: of the fields.
    """
    rows: list[dict[str, Any]] = []
    for each in rolled:
        means = each.values.mean(axis=(1, 2))
        for step, fields in enumerate(means, 1):
            row: dict[str, Any] = {"name": each.name, "step": step}
            pairs = zip(names, fields.tolist(), strict=True)
            row |= {f"mean_{name}": round(mean, 6) for name, mean in pairs}
            if each.errors is not None and each.kept is not None:
                row["relative_l2"] = round(float(each.errors[step - 1]), 6)
                row["start_kept"] = round(float(each.kept[step - 1]), 6)
            rows.append(row)
    return rows


def error_growth(rolled: Sequence[Rollout]) -> str | None:
    """Return how the median error grows from the first step to the last; None where unknown."""
    errors = [each.errors for each in rolled if each.errors is not None]
    if not errors:
        return None
    median = np.median(errors, axis=0)
    text = f"median relative L2 error {median[0]:.3g} after 1 step"
    if len(median) == 1:
        return text
    factor = (median[-1] / max(median[0], 1e-12)) ** (1 / (len(median) - 1))
    kept = np.median([each.kept for each in rolled if each.kept is not None], axis=0)[-1]
    return (
        f"{text}, {median[-1]:.3g} after {len(median)}: times {factor:.3g} a step; "
        f"{kept:.3g} if nothing changed"
    )


def write_rollouts(folder: Path, rolled: Sequence[Rollout], rows: Sequence[dict[str, Any]]) -> None:
    """Write rollouts/NAME.npy (steps, height, width, fields), rollout.csv and the picture.

    Args:
        folder: it is made if missing.
        rolled: the rollouts.
        rows: of the table, as `step_rows` returned them.
    """
    for each in rolled:
        path = folder / "rollouts" / f"{each.name.replace(' ', '-')}.npy"
        buffer = io.BytesIO()
        np.save(buffer, each.values, allow_pickle=False)
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, buffer.getvalue())
    write_text(folder / TABLE, csv_text(rows))
    errors = [each.errors for each in rolled if each.errors is not None]
    kept = [each.kept for each in rolled if each.kept is not None]
    if not errors:
        return
    steps = np.arange(1, len(errors[0]) + 1)
    figure = new_figure(5.4, 3.4)
    axes = figure.subplots()
    low, median, high = np.quantile(errors, (0.25, 0.5, 0.75), axis=0)
    axes.fill_between(steps, low, high, color=BLUE, alpha=0.25, linewidth=0)
    axes.semilogy(steps, median, color=BLUE, marker="o", markersize=3, label="rollout")
    axes.semilogy(steps, np.median(kept, axis=0), color=GRAY, label="if nothing changed")
    axes.legend(fontsize=8, frameon=False)
    tidy(axes, "growth of the error, median and quartiles", "step", "relative L2 error")
    save(figure, folder / "rollout.png")
