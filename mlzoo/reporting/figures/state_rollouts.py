"""Rollouts of states: their rows, and a picture of the states and of how the energy drifts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.core.files import csv_text, write_text
from mlzoo.drawing.canvas import BLUE, RED, label, new_figure, save, tidy
from mlzoo.reporting.rollout_export import TABLE
from mlzoo.runs.predicting.rollouts.states import StateRollout


def state_rows(
    rolled: Mapping[str, Sequence[StateRollout]], columns: Sequence[str]
) -> list[dict[str, Any]]:
    """Return a row for each step of each start of each run.

    Args:
        rolled: the rollouts by the run's name.
        columns: of the states.
    """
    rows: list[dict[str, Any]] = []
    for run, rollouts in rolled.items():
        for each in rollouts:
            for step, state in enumerate(each.states.tolist()):
                row: dict[str, Any] = {"run": run} if len(rolled) > 1 else {}
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
    rows: Sequence[dict[str, Any]],
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
