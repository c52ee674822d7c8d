"""Rollouts in time: their rows, files, and a picture of how the error grows."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.core.files import csv_text, disk_errors, write_bytes, write_text
from mlzoo.drawing.canvas import BLUE, GRAY, RED, label, new_figure, save, tidy
from mlzoo.runs.predicting.rollouts.fields import Rollout
from mlzoo.runs.predicting.rollouts.states import StateRollout

TABLE = "rollout.csv"
Row = dict[str, Any]
"""Values of a step, by column."""


def step_rows(rolled: Sequence[Rollout], names: Sequence[str]) -> list[Row]:
    """Return a row for each step of each start: means of the fields, and errors where known.

    Args:
        rolled: the rollouts.
        names: of the fields.
    """
    rows: list[Row] = []
    for each in rolled:
        means = each.values.mean(axis=(1, 2))
        for step, fields in enumerate(means, 1):
            row: Row = {"name": each.name, "step": step}
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


def write_rollouts(folder: Path, rolled: Sequence[Rollout], rows: Sequence[Row]) -> None:
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


def state_rows(rolled: Mapping[str, Sequence[StateRollout]], columns: Sequence[str]) -> list[Row]:
    """Return a row for each step of each start of each run.

    Args:
        rolled: the rollouts by the run's name.
        columns: of the states.
    """
    rows: list[Row] = []
    for run, rollouts in rolled.items():
        for each in rollouts:
            for step, state in enumerate(each.states.tolist()):
                row: Row = {"run": run} if len(rolled) > 1 else {}
                row |= {"name": each.name, "step": step, "time": round(float(each.times[step]), 9)}
                row |= dict(zip(columns, (round(value, 6) for value in state), strict=True))
                if each.energies is not None:
                    row["energy"] = round(float(each.energies[step]), 6)
                rows.append(row)
    return rows


def drift_sentences(rolled: Mapping[str, Sequence[StateRollout]]) -> list[str]:
    """Return how the energy drifts in the rollouts of each run; none where it is not known."""
    sentences = []
    for run, rollouts in rolled.items():
        drifts = [each.drift for each in rollouts if each.drift is not None]
        if not drifts:
            continue
        first = np.median([abs(e.energies[0]) for e in rollouts if e.energies is not None])
        share = f" ({np.median(drifts) / first:.2%} of the starts')" if first else ""
        sentences.append(
            f"{run}: median energy drift {np.median(drifts):.3g}{share}, largest "
            f"{max(drifts):.3g}, by time {rollouts[0].times[-1]:g}"
        )
    return sentences


def write_states(
    folder: Path,
    rolled: Mapping[str, Sequence[StateRollout]],
    rows: Sequence[Row],
    columns: Sequence[str],
) -> None:
    """Write rollout.csv and rollout.png: the first start in the plane of two columns, the energies.

    Args:
        folder: it is made if missing.
        rolled: the rollouts by the run's name; of at most two runs.
        rows: of the table, as `state_rows` returned them.
        columns: of the states.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / TABLE, csv_text(rows))
    known = any(each.energies is not None for rollouts in rolled.values() for each in rollouts)
    figure = new_figure(8.8 if known else 4.6, 3.6)
    axes = figure.subplots(1, 1 + known, squeeze=False)[0]
    across, up = 0, len(columns) // 2
    for color, (run, rollouts) in zip((BLUE, RED), rolled.items(), strict=False):
        path = rollouts[0].states
        upward = path[:, up] if up else path[:, 0]
        along = path[:, across] if up else rollouts[0].times
        axes[0].plot(along, upward, color=color, linewidth=0.9, alpha=0.8, label=label(run))
        for number, each in enumerate(rollouts if known else ()):
            assert each.energies is not None
            name = label(run) if not number else None
            change = each.energies - each.energies[0]
            axes[1].plot(each.times, change, color=color, linewidth=0.8, alpha=0.7, label=name)
    names = (columns[across], columns[up]) if up else ("time", columns[0])
    tidy(axes[0], label(f"from {next(iter(rolled.values()))[0].name}"), *map(label, names))
    if known:
        tidy(axes[1], "energy minus that of the start", "time", "energy")
    if len(rolled) > 1:
        axes[0].legend(fontsize=8, frameon=False)
    save(figure, folder / "rollout.png")
